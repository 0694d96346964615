#include "reports/words.h"

#include <math.h>

#include "lesion/colour.h"

static const struct {
    enum string title, advice;
    unsigned colour, tint;
} risks[RISK_COUNT] = {
    [RISK_URGENT] = {S_RISK_URGENT,  S_ADVICE_URGENT,  0x9b1c1f, 0xfbeaea},
    [RISK_REVIEW] = {S_RISK_REVIEW,  S_ADVICE_REVIEW,  0x7a4a00, 0xfdf3e0},
    [RISK_RETAKE] = {S_RISK_RETAKE,  S_ADVICE_RETAKE,  0x2b4576, 0xeaf0fa},
    [RISK_ROUTINE] = {S_RISK_ROUTINE, S_ADVICE_ROUTINE, 0x39434d, 0xf0f2f4},
};

static const struct {
    enum string name;
    bool is_malignant;
} classes[LESION_CLASSES] = {
    {S_NONE,        false},
    {S_CLASS_MEL,   true },
    {S_CLASS_NV,    false},
    {S_CLASS_BCC,   true },
    {S_CLASS_AKIEC, true },
    {S_CLASS_BKL,   false},
    {S_CLASS_DF,    false},
    {S_CLASS_VASC,  false},
};

struct word {
    const char *word;
    enum string text;
};

static const struct word whys[] = {
    {"malignant_high",   S_WHY_MALIGNANT_HIGH  },
    {"melanoma_high",    S_WHY_MELANOMA_HIGH   },
    {"malignant_raised", S_WHY_MALIGNANT_RAISED},
    {"bcc",              S_WHY_BCC             },
    {"no_lesion",        S_WHY_NO_LESION       },
    {"cut_off",          S_WHY_CUT_OFF         },
    {"several",          S_WHY_SEVERAL         },
    {"flat_scores",      S_WHY_FLAT_SCORES     },
    {"quality",          S_WHY_QUALITY         },
    {"duplicate",        S_WHY_DUPLICATE       },
    {"unusable",         S_WHY_UNUSABLE        },
    {"below_threshold",  S_WHY_BELOW           },
    {NULL,               S_WHY_OTHER           },
};

static const struct word qualities[] = {
    {"small",          S_QUALITY_SMALL         },
    {"blur",           S_QUALITY_BLUR          },
    {"dark",           S_QUALITY_DARK          },
    {"bright",         S_QUALITY_BRIGHT        },
    {"hair",           S_QUALITY_HAIR          },
    {"cut_off",        S_QUALITY_CUT_OFF       },
    {"vignette",       S_QUALITY_VIGNETTE      },
    {"not_dermoscopy", S_QUALITY_NOT_DERMOSCOPY},
    {"file_damage",    S_QUALITY_FILE_DAMAGE   },
    {NULL,             S_WHY_OTHER             },
};

const char *words_risk(enum language l, enum risk r)
{
    return string_of(l, risks[r].title);
}

const char *words_advice(enum language l, enum risk r)
{
    return string_of(l, risks[r].advice);
}

unsigned words_risk_colour(enum risk r)
{
    return risks[r].colour;
}

unsigned words_risk_tint(enum risk r)
{
    return risks[r].tint;
}

const char *words_class(enum language l, int class_id)
{
    return string_of(l, classes[class_id].name);
}

bool words_class_is_malignant(int class_id)
{
    return classes[class_id].is_malignant;
}

void words_percent(struct buf *out, double share)
{
    if (isnan(share))
        buf_add_text(out, "–");
    else if (share > 0.99 && share < 1)
        buf_add_text(out, "> 99\u00a0%");
    else if (share > 0 && share < 0.001)
        buf_add_text(out, "< 0.1\u00a0%");
    else
        buf_printf(out, "%.*f\u00a0%%", share < 0.0995 ? 1 : 0, share * 100);
}

void words_number(struct buf *out, double value, int decimals)
{
    if (isnan(value))
        buf_add_text(out, "–");
    else
        buf_printf(out, "%.*f", decimals, value);
}

/* `words` joined by '+', each through `table`; its last row takes what is not in it. */
static void add_words(struct buf *out, enum language l, const char *words, const struct word *table)
{
    for (const char *at = words; *at;) {
        size_t n = strcspn(at, "+");
        const struct word *row = table;
        char unknown[64];

        while (row->word && (strlen(row->word) != n || strncmp(row->word, at, n) != 0))
            row++;
        snprintf(unknown, sizeof(unknown), "%.*s", (int)n, at);
        if (at != words)
            buf_add_text(out, string_of(l, S_SEMICOLON));
        string_fill(out, l, row->text, 1, (const char *const[]){unknown});
        at += n + (at[n] == '+');
    }
}

void words_also_retake(struct buf *out, enum language l, const struct dossier *d)
{
    char retake[16], total[16];
    int n = 0;

    for (int i = 0; i < d->study.n_images; i++)
        n += d->findings[i].risk == RISK_RETAKE;
    if (!n || (d->risk == RISK_RETAKE && d->study.n_images == 1))
        return;
    snprintf(retake, sizeof(retake), "%d", n);
    snprintf(total, sizeof(total), "%d", d->study.n_images);
    string_fill(out, l, S_ADVICE_ALSO_RETAKE, 2, (const char *const[]){retake, total});
}

void words_why(struct buf *out, enum language l, const struct finding *f)
{
    if (f->status == RESULT_SET_ASIDE) {
        buf_add_text(out, string_of(l, S_WHY_SET_ASIDE));
        buf_add_text(out, string_of(l, S_COLON));
        buf_add_text(out, string_of_reason(l, f->reason));
    } else if (f->status == RESULT_CANCELLED) {
        buf_add_text(out, string_of(l, S_WHY_CANCELLED));
    } else {
        add_words(out, l, f->why, whys);
    }
}

void words_quality(struct buf *out, enum language l, const struct lesion_quality *q)
{
    struct buf why;

    if (q->verdict == QUALITY_OK) {
        buf_add_text(out, string_of(l, S_QUALITY_OK));
        return;
    }
    buf_init(&why, 4096);
    add_words(&why, l, q->why, qualities);
    if (!why.len)
        buf_add_text(&why, string_of(l, S_QUALITY_OTHER));
    string_fill(out, l, q->verdict == QUALITY_DEGRADED ? S_QUALITY_DEGRADED : S_QUALITY_UNUSABLE, 1,
                (const char *const[]){why.data});
    buf_release(&why);
}

/* Fill a text with numbers: each value is written with its decimals. */
struct figure {
    double value;
    int decimals;
};

static void fill_figures(struct buf *out, enum language l, enum string id, int n,
                         const struct figure *figures)
{
    char text[6][32];
    const char *values[6];

    for (int i = 0; i < n && i < 6; i++) {
        values[i] = text[i];
        if (isnan(figures[i].value))
            snprintf(text[i], sizeof(text[i]), "–");
        else
            snprintf(text[i], sizeof(text[i]), "%.*f", figures[i].decimals, figures[i].value);
    }
    string_fill(out, l, id, n, values);
}

void words_quality_figures(struct buf *out, enum language l, const struct lesion_quality *q)
{
    fill_figures(
        out, l, S_QUALITY_FIGURES, 4,
        (struct figure[]){
            {q->blur,                1},
            {q->exposure,            0},
            {q->hair_fraction * 100, 1},
            {q->vignette * 100,      1}
    });
}

void words_area(struct buf *out, enum language l, const struct lesion_measures *m)
{
    double part = m->area_fraction * 100;

    if (isnan(m->area_mm2))
        fill_figures(out, l, S_AREA_PART, 1,
                     (struct figure[]){
                         {part, 1}
        });
    else
        fill_figures(out, l, S_AREA_MM2, 2,
                     (struct figure[]){
                         {m->area_mm2, 1},
                         {part,        1}
        });
}

/* A share as text of its own, for string_fill. */
struct share_text {
    char text[32];
};

static struct share_text share_text(double share)
{
    struct share_text t;
    struct buf b;

    buf_init(&b, sizeof(t.text) - 1);
    words_percent(&b, share);
    snprintf(t.text, sizeof(t.text), "%s", b.data ? b.data : "–");
    buf_release(&b);
    return t;
}

void words_colours(struct buf *out, enum language l, unsigned colours)
{
    static const enum string names[COLOUR_COUNT] = {[COLOUR_WHITE] = S_COLOUR_WHITE,
                                                    [COLOUR_RED] = S_COLOUR_RED,
                                                    [COLOUR_LIGHT_BROWN] = S_COLOUR_LIGHT_BROWN,
                                                    [COLOUR_DARK_BROWN] = S_COLOUR_DARK_BROWN,
                                                    [COLOUR_BLUE_GREY] = S_COLOUR_BLUE_GREY,
                                                    [COLOUR_BLACK] = S_COLOUR_BLACK};
    size_t start = out->len;

    for (unsigned k = 0; k < COLOUR_COUNT; k++) {
        if (!(colours & 1u << k))
            continue;
        if (out->len > start)
            buf_add_text(out, string_of(l, S_COMMA));
        buf_add_text(out, string_of(l, names[k]));
    }
}

void words_thresholds(struct buf *out, enum language l, const struct policy_facts *p)
{
    if (!p) {
        buf_add_text(out, string_of(l, S_THRESHOLDS_NONE));
        return;
    }
    string_fill(out, l, S_THRESHOLDS, 3,
                (const char *const[]){share_text(p->review_malignant).text,
                                      share_text(p->urgent_malignant).text,
                                      share_text(p->urgent_melanoma).text});
}

/* Only where the scores decided: a doubt says nothing of how likely cancer is. */
static bool is_flagged_by_scores(const struct finding *f)
{
    return strstr(f->why, "malignant_") || strstr(f->why, "melanoma_high") || strstr(f->why, "bcc");
}

void words_ppv(struct buf *out, enum language l, const struct policy_facts *p,
               const struct finding *f)
{
    if (!p || f->risk > RISK_REVIEW || !is_flagged_by_scores(f))
        return;
    bool is_urgent = f->risk == RISK_URGENT;
    const double *ppv = is_urgent ? p->ppv_urgent : p->ppv_flagged;
    double one = ppv[0] * 100, seven = ppv[1] * 100;
    fill_figures(out, l, is_urgent ? S_PPV_URGENT : S_PPV_FLAGGED, 2,
                 (struct figure[]){
                     {one,   one < 0.95 ? 1 : 0  },
                     {seven, seven < 0.95 ? 1 : 0}
    });
}

static void policy_line(struct buf *out, enum language l, enum string id, double threshold,
                        const struct policy_rate *rate)
{
    string_fill(out, l, id, 4,
                (const char *const[]){share_text(threshold).text, share_text(rate->value).text,
                                      share_text(rate->low).text, share_text(rate->high).text});
}

void words_policy(struct buf *out, enum language l, const struct policy_facts *p)
{
    if (!p)
        return;
    policy_line(out, l, S_POLICY_URGENT, p->urgent_malignant, &p->specificity);
    buf_add_text(out, " ");
    policy_line(out, l, S_POLICY_REVIEW, p->review_malignant, &p->sensitivity);
    buf_add_text(out, " ");
    fill_figures(out, l, S_POLICY_SHARES, 4,
                 (struct figure[]){
                     {p->shares[RISK_URGENT] * 100,  1},
                     {p->shares[RISK_REVIEW] * 100,  1},
                     {p->shares[RISK_ROUTINE] * 100, 1},
                     {p->shares[RISK_RETAKE] * 100,  1}
    });
}

void words_abcd_field(struct buf *out, enum language l, const struct policy_facts *p)
{
    buf_add_text(out, string_of(l, S_ABCD_FIELD));
    if (!p || isnan(p->abcd_field_accuracy))
        return;
    buf_add_text(out, " ");
    fill_figures(out, l, S_ABCD_OURS, 1,
                 (struct figure[]){
                     {p->abcd_field_accuracy, 2}
    });
}

void words_model(struct buf *out, enum language l, const json_t *model)
{
    double coarse, fine;
    char size[48];

    if (!model) {
        buf_add_text(out, string_of(l, S_MODEL_NONE));
        return;
    }
    coarse = json_number_or(model, "coarse_size", 0);
    fine = json_number_or(model, "size", 0);
    if (coarse > 0)
        snprintf(size, sizeof(size), "%.0f/%.0f", coarse, fine);
    else
        snprintf(size, sizeof(size), "%.0f", fine);
    string_fill(out, l, S_MODEL_LINE, 6,
                (const char *const[]){
                    json_text_or(model, "name", "?"), json_text_or(model, "version", "?"), size,
                    json_text_or(model, "precision", "?"), json_text_or(model, "backend", "?"),
                    json_text_or(model, "sha256", "?")});
}

void words_lesion(struct buf *out, enum language l, const struct dossier *d,
                  const struct finding *f)
{
    char number[16], total[16];

    if (d->n_lesions <= 1) {
        buf_add_text(out, string_of(l, S_LESION));
        return;
    }
    snprintf(number, sizeof(number), "%d", f->lesion);
    snprintf(total, sizeof(total), "%d", d->n_lesions);
    string_fill(out, l, S_LESION_N_OF, 2, (const char *const[]){number, total});
}

void words_date(char out[32], const char *iso)
{
    if (strlen(iso) < 16)
        out[0] = 0;
    else
        snprintf(out, 32, "%.10s %.5s UTC", iso, iso + 11);
}

/* U+202A..U+202E and U+2066..U+2069 turn the direction of the text that follows: a name must not
 * rearrange the line it stands in. */
static size_t turn_length(const unsigned char *s)
{
    if (s[0] != 0xe2 || !s[1] || !s[2])
        return 0;
    bool embeds = s[1] == 0x80 && s[2] >= 0xaa && s[2] <= 0xae;
    bool isolates = s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9;
    return embeds || isolates ? 3 : 0;
}

void words_outside(struct buf *out, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;

    while (*s) {
        size_t skip = turn_length(s);
        if (skip)
            s += skip;
        else if (*s == '\n' || *s == '\r' || *s == '\t')
            buf_add(out, " ", 1), s++;
        else if (*s < 0x20 || *s == 0x7f)
            s++;
        else
            buf_add(out, s++, 1);
    }
}
