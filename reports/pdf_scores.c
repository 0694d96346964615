/* The two columns below the pictures: scores with thresholds, and ABCD. */
#include <math.h>

#include "reports/pdf_flow.h"
#include "reports/words.h"

#define BAR_H  6.5
#define ROW_H  11.5
#define NAME_W 146.0
#define BAR_W  64.0

static double clamp_share(double share)
{
    return isnan(share) ? 0 : fmin(fmax(share, 0), 1);
}

/* A threshold on a bar: a stroke that stands out of it. */
static void place_threshold(struct flow *f, double x, double w, double value)
{
    sheet_fill(f->sheet, (struct sheet_box){x + clamp_share(value) * w - 0.6, f->y - 3, 1.2, 16},
               PDF_INK);
}

/* The malignant probability over the whole column: what the risk hangs on. */
static void place_malignant(struct flow *f, double x, const struct plate *v)
{
    const struct policy_facts *p = f->report->policy;
    double w = PDF_COLUMN, value = v->entry.measures.malignant_probability;
    struct sheet_type number = pdf_bold;
    struct buf text;

    buf_init(&text, 64);
    words_percent(&text, value);
    number.align = SHEET_RIGHT;
    sheet_text(f->sheet, x, f->y, w, &number, text.data);
    buf_release(&text);
    flow_string(f, x, w - 50, &pdf_bold, S_MALIGNANT);
    f->y += 4;
    sheet_fill(f->sheet, (struct sheet_box){x, f->y, w, 10}, PDF_TRACK);
    sheet_fill(f->sheet, (struct sheet_box){x, f->y, w * clamp_share(value), 10},
               words_risk_colour(v->finding->risk));
    if (p) {
        place_threshold(f, x, w, p->review_malignant);
        place_threshold(f, x, w, p->urgent_malignant);
    }
    f->y += 15;
    buf_init(&text, 4096);
    words_thresholds(&text, f->language, p);
    flow_buf(f, x, w, &pdf_label, &text);
    f->y += 4;
}

static void place_class(struct flow *f, double x, const struct plate *v, int class_id)
{
    double score = v->entry.measures.classes[class_id];
    bool is_malignant = words_class_is_malignant(class_id);
    double bar = x + NAME_W + 2;
    struct sheet_type number = pdf_small;
    struct buf text;

    number.align = SHEET_RIGHT;
    if (is_malignant)
        sheet_text(f->sheet, x, f->y, 9, &pdf_label, "●");
    sheet_text(f->sheet, x + 9, f->y, NAME_W - 9, &pdf_small, words_class(f->language, class_id));
    sheet_fill(f->sheet, (struct sheet_box){bar, f->y + 1.5, BAR_W, BAR_H}, PDF_TRACK);
    sheet_fill(f->sheet, (struct sheet_box){bar, f->y + 1.5, BAR_W * clamp_share(score), BAR_H},
               is_malignant ? PDF_ALARM : PDF_GREY);
    if (class_id == CLASS_MELANOMA && f->report->policy) /* it can be urgent by itself */
        sheet_fill(f->sheet,
                   (struct sheet_box){bar + BAR_W * f->report->policy->urgent_melanoma - 0.5,
                                      f->y - 0.5, 1, BAR_H + 4},
                   PDF_INK);
    buf_init(&text, 64);
    words_percent(&text, score);
    sheet_text(f->sheet, bar + BAR_W, f->y, PDF_COLUMN - NAME_W - BAR_W - 2, &number, text.data);
    buf_release(&text);
    f->y += ROW_H;
}

void pdf_scores(struct flow *f, double x, const struct plate *v)
{
    int order[LESION_CLASSES - 1];
    struct buf text, value;

    flow_string(f, x, PDF_COLUMN, &pdf_heading, S_SCORES);
    flow_string(f, x, PDF_COLUMN, &pdf_label,
                v->entry.measures.is_found ? S_SCORES_SUM : S_SCORES_WHOLE);
    f->y += 3;
    place_malignant(f, x, v);
    plate_classes_sorted(v, order);
    for (int i = 0; i < LESION_CLASSES - 1; i++)
        place_class(f, x, v, order[i]);
    f->y += 2;
    buf_init(&text, 4096);
    buf_init(&value, 64);
    buf_add_text(&text, string_of(f->language, S_CLASS_MARK));
    buf_add_text(&text, " · ");
    words_number(&value, v->entry.measures.confidence, 2);
    string_fill(&text, f->language, S_CONFIDENCE, 1, (const char *const[]){value.data});
    buf_release(&value);
    flow_buf(f, x, PDF_COLUMN, &pdf_label, &text);
    buf_init(&text, 4096);
    words_ppv(&text, f->language, f->report->policy, v->finding);
    flow_buf(f, x, PDF_COLUMN, &pdf_small, &text);
}

static void place_row(struct flow *f, double x, enum string label, const char *value, bool is_bold)
{
    double high = sheet_text(f->sheet, x, f->y, 118, &pdf_small, string_of(f->language, label));
    double other = sheet_text(f->sheet, x + 122, f->y, PDF_COLUMN - 122,
                              is_bold ? &pdf_bold : &pdf_small, value);

    f->y += fmax(fmax(high, other), ROW_H - 0.5) + 0.5;
}

/* "3 of 6", with `detail` behind it where there is one. */
static void place_of(struct flow *f, double x, enum string label, double value, const char *of,
                     const char *detail)
{
    char number[16];
    struct buf text;

    snprintf(number, sizeof(number), "%.0f", value);
    buf_init(&text, 256);
    string_fill(&text, f->language, S_ABCD_OF, 2, (const char *const[]){number, of});
    if (detail && detail[0]) {
        buf_add_text(&text, string_of(f->language, S_COLON));
        buf_add_text(&text, detail);
    }
    place_row(f, x, label, text.data, true);
    buf_release(&text);
}

/* The doctor counts D and ticks it; the total for each count stands ready. */
static void place_totals(struct flow *f, double x, const struct lesion_measures *m)
{
    enum { STEPS = 5 };
    double w = (PDF_COLUMN - 60) / STEPS;
    int base = (int)(13 * m->asymmetry + m->border + 5 * m->colour);
    char text[32];
    struct sheet_type total = pdf_bold;

    total.align = SHEET_CENTRE;
    f->y += 2;
    sheet_text(f->sheet, x, f->y + 1, 60, &pdf_label, "D");
    sheet_text(f->sheet, x, f->y + 13, 60, &pdf_label, "TDS×10");
    for (int d = 1; d <= STEPS; d++) {
        double at = x + 60 + (d - 1) * w;
        snprintf(text, sizeof(text), "%d", d);
        flow_tick(f, at + w / 2 - 10, f->y, text);
        snprintf(text, sizeof(text), "%d", base + 5 * d);
        sheet_text(f->sheet, at, f->y + 12, w, &total, text);
        sheet_frame(f->sheet, (struct sheet_box){at, f->y - 1, w, 25}, 0.5, PDF_LINE);
    }
    f->y += 27;
}

void pdf_abcd(struct flow *f, double x, const struct plate *v)
{
    const struct lesion_measures *m = &v->entry.measures;
    struct buf text;

    flow_string(f, x, PDF_COLUMN, &pdf_heading, S_ABCD);
    f->y += 3;
    if (!m->is_found) {
        flow_string(f, x, PDF_COLUMN, &pdf_small, S_ABCD_NONE);
        return;
    }
    place_of(f, x, S_ABCD_A, m->asymmetry, "2", NULL);
    place_of(f, x, S_ABCD_B, m->border, "8", NULL);
    buf_init(&text, 512);
    words_colours(&text, f->language, m->colours);
    place_of(f, x, S_ABCD_C, m->colour, "6", text.data);
    buf_release(&text);
    place_row(f, x, S_ABCD_D, string_of(f->language, S_ABCD_D_OPEN), false);
    place_totals(f, x, m);
    buf_init(&text, 1024);
    buf_add_text(&text, string_of(f->language, S_ABCD_TDS));
    buf_add_text(&text, string_of(f->language, S_COLON));
    buf_add_text(&text, string_of(f->language, S_ABCD_BANDS));
    flow_buf(f, x, PDF_COLUMN, &pdf_label, &text);
    buf_init(&text, 1024);
    words_abcd_field(&text, f->language, f->report->policy);
    flow_buf(f, x, PDF_COLUMN, &pdf_label, &text);
    f->y += 3;
    buf_init(&text, 256);
    words_area(&text, f->language, m);
    place_row(f, x, S_AREA, text.data, false);
    buf_release(&text);
}
