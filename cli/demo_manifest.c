#include <stdio.h>
#include <string.h>

#include "cli/demo_upload.h"

/* Invented people. Names and ids are as awkward as real ones: accents, Chinese, quotes, a comma,
 * markup, a slash. */
static const struct {
    const char *id, *name, *birth_date, *sex, *site;
    int skin_type;
} people[DEMO_BLOCK] = {
    {"P-0001",      "Anne O'Brien",              "1958-03-07", "f", "Harbour Clinic",           2},
    {"P-0002",      "Zoë Müller-Łukasiewicz", "1971-11-30", "f", "Praxis Nord",              3},
    {"患者-0003", "张伟",                    "1949-06-18", "m", "社区卫生服务中心", 3},
    {"2026/17-A",   "José Ángel Núñez",      "1983-01-02", "m", "Centro de Salud Sur",      4},
    {"P-0005",      "Søren \"Sven\" Kjær",     "1966-09-12", "m", "Praxis Nord",              1},
    {"P-0006",      "Nguyễn Thị Hương",    "1990-12-25", "f", "Harbour Clinic",           4},
    {"<b>P-7</b>",  "Robin <Test> & Co",         "2001-02-28", "x", "Harbour Clinic",           2},
    {"P-0008",      "Oddný Þórsdóttir",      "1937-05-05", "f", "Praxis Nord",              1},
    {"患者-0009", "李娜",                    "1977-08-08", "f", "社区卫生服务中心", 2},
    {"P-0010",      "Adaeze Okonkwo",            "1962-04-19", "f", "Harbour Clinic",           6},
    {"P-0011",      "Ravi Krishnan, Dr.",        "1955-10-31", "m", "Centro de Salud Sur",      5},
    {"P-0012",      "王小明",                 "2008-07-14", "m", "社区卫生服务中心", 3},
};

static const char *const body_sites[] = {"back",    "left forearm", "right calf",
                                         "scalp",   "chest",        "left cheek",
                                         "abdomen", "右足底",       "neck"};
static const char *const notes[] = {"",
                                    "itching for 3 months",
                                    "grew since spring; bled once",
                                    "\"changed colour\", says patient",
                                    "半年内增大",
                                    "follow-up, see 2025",
                                    ""};

void demo_patient_id(char *out, size_t size, int patient)
{
    int block = patient / DEMO_BLOCK;

    if (block)
        snprintf(out, size, "%s.%d", people[patient % DEMO_BLOCK].id, block + 1);
    else
        snprintf(out, size, "%s", people[patient % DEMO_BLOCK].id);
}

int demo_patient_skin(int patient)
{
    return people[patient % DEMO_BLOCK].skin_type;
}

void demo_manifest_head(struct buf *out)
{
    buf_add_text(out, "patient_id,study_id,lesion_id,file,patient_name,birth_date,sex,body_site,"
                      "acquired_at,mm_per_px,notes,site,device\r\n");
}

/* One field as RFC 4180 has it. */
static void add_field(struct buf *out, const char *text)
{
    if (!strpbrk(text, ",;\"\r\n")) {
        buf_add_text(out, text);
        return;
    }
    buf_add_text(out, "\"");
    for (; *text; text++) {
        if (*text == '"')
            buf_add_text(out, "\"");
        buf_add(out, text, 1);
    }
    buf_add_text(out, "\"");
}

/* Millimetres a pixel, or 0 when no ruler tells. */
static double scale_of(const struct demo_item *item)
{
    if (!item->picture.h || !item->scene.has_ruler)
        return 0;
    return (double)item->scene.mm_per_unit * 450 / item->picture.h;
}

void demo_manifest_row(struct buf *out, const struct demo_item *item)
{
    const size_t n_sites = sizeof(body_sites) / sizeof(*body_sites);
    const size_t n_notes = sizeof(notes) / sizeof(*notes);
    int who = item->patient % DEMO_BLOCK, day = 2 + item->patient / 40 % 26;
    char id[64], scale[32] = "";

    demo_patient_id(id, sizeof(id), item->patient);
    if (scale_of(item) > 0)
        snprintf(scale, sizeof(scale), "%.5f", scale_of(item));
    add_field(out, id);
    buf_printf(out, ",S%d,L%d,", item->study, item->lesion);
    add_field(out, item->file);
    buf_add_text(out, ",");
    add_field(out, people[who].name);
    buf_printf(out, ",%s,%s,%s,2026-%02d-%02dT%02d:%02d:00Z,%s,", people[who].birth_date,
               people[who].sex, body_sites[(size_t)(item->patient + item->lesion) % n_sites],
               item->study == 1 ? 5 : 11, day, 8 + item->patient % 9, item->number * 7 % 60, scale);
    add_field(out, notes[(size_t)item->number % n_notes]);
    buf_add_text(out, ",");
    add_field(out, people[who].site);
    buf_printf(out, ",%s\r\n", item->number % 3 ? "DermaScope 4" : "手持皮肤镜 \xe2\x85\xa1");
}

static json_t *colour_words(unsigned bits)
{
    json_t *list = json_array();

    for (int c = 0; c < DEMO_COLOURS; c++)
        if (bits >> c & 1)
            json_add(&list, json_string(demo_colour_word((enum demo_colour)c)));
    return list;
}

/* What the picture shows, added to `o`. */
static int add_scene(json_t *o, const struct demo_item *item)
{
    const struct demo_picture *p = &item->picture;
    const struct demo_lesion *l = &item->scene.lesion;
    double n = (double)p->w * p->h;
    char mask[32];

    snprintf(mask, sizeof(mask), "masks/%04d.png", item->number);
    return json_object_update_new(
        o, json_pack(
               "{s:s,s:i,s:i,s:i,s:i,s:i,s:o,s:I,s:o,s:b,s:o,s:i,s:i,s:b,s:b,s:b,s:b,s:b,s:o}",
               "mask", mask, "width", p->w, "height", p->h, "skin_type", item->scene.skin_type,
               "asymmetry", l->asymmetry, "border", l->border, "colours",
               colour_words(demo_lesion_colours(l)), "area_px", (json_int_t)p->lesion_px,
               "area_fraction", json_rounded((double)p->lesion_px / n, 6), "touches_border",
               p->touches_border, "hair_fraction", json_rounded((double)p->hair_px / n, 6), "hairs",
               item->scene.hairs, "bubbles", item->scene.bubbles, "ruler", item->scene.has_ruler,
               "ink", item->scene.has_ink, "sticker", item->scene.has_sticker, "vignette",
               item->scene.has_vignette, "out_of_focus", item->kind == DEMO_BLURRED, "mm_per_px",
               scale_of(item) > 0 ? json_rounded(scale_of(item), 5) : json_null()));
}

json_t *demo_truth(const struct demo_item *item, const char *repeated)
{
    enum reason reason = demo_kind_reason(item->kind);
    char id[64];

    demo_patient_id(id, sizeof(id), item->patient);
    json_t *o = json_pack("{s:s,s:s,s:s,s:o,s:s*}", "file", item->file, "patient_id", id, "status",
                          reason ? "set_aside" : "done", "reason",
                          reason ? json_string(reason_word(reason)) : json_null(), "same_as",
                          item->kind == DEMO_REPEAT ? repeated : NULL);
    if (!o || json_object_set_new(o, "study", json_integer(item->study)) ||
        json_object_set_new(o, "lesion", json_integer(item->lesion)) ||
        (!reason && add_scene(o, item))) {
        json_decref(o);
        return NULL;
    }
    return o;
}
