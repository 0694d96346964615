/* The end of a PDF report: the doctor's decision and signature, use and limits. */
#include "reports/pdf_flow.h"
#include "reports/words.h"

static void place_line(struct flow *f, double x, double w, enum string id)
{
    const char *text = string_of(f->language, id);
    double used = sheet_text_width(f->sheet, &pdf_label, text) + 5;

    sheet_text(f->sheet, x, f->y, used, &pdf_label, text);
    sheet_fill(f->sheet, (struct sheet_box){x + used, f->y + 9.5, w - used, 0.6}, PDF_INK);
}

static void place_decision(struct flow *f)
{
    enum language l = f->language;
    const char *const steps[] = {string_of(l, S_DECIDE_NONE), string_of(l, S_DECIDE_FOLLOW),
                                 string_of(l, S_DECIDE_EXCISE), string_of(l, S_DECIDE_REFER),
                                 string_of(l, S_DECIDE_RETAKE)};
    int mark = sheet_mark(f->sheet);
    double start = f->y, x = PDF_LEFT + 10, w = PDF_WIDTH - 20;

    f->y += 5;
    flow_string(f, x, w, &pdf_heading, S_DECISION);
    f->y += 3;
    double agree = flow_tick(f, x, f->y, string_of(l, S_AGREE));
    double disagree = flow_tick(f, agree, f->y, string_of(l, S_DISAGREE));
    sheet_fill(f->sheet, (struct sheet_box){disagree - 8, f->y + 10, x + w - disagree + 8, 0.6},
               PDF_INK);
    f->y += 15;
    if (f->report->dossier->study.n_images == 1)
        flow_ticks(f, x, w, (int)(sizeof(steps) / sizeof(*steps)), steps);
    f->y += 12;
    place_line(f, x, w * 0.64, S_SIGNATURE);
    place_line(f, x + w * 0.68, w * 0.32, S_DATE);
    f->y += 19;
    sheet_frame(f->sheet, (struct sheet_box){PDF_LEFT, start, PDF_WIDTH, f->y - start}, 0.9,
                PDF_INK);
    f->y += 7;
    flow_keep(f, mark, start);
}

static void place_limits(struct flow *f)
{
    int mark = sheet_mark(f->sheet);
    double start = f->y;
    struct buf text;

    flow_string(f, PDF_LEFT, PDF_WIDTH, &pdf_heading, S_ABOUT);
    f->y += 1;
    flow_string(f, PDF_LEFT, PDF_WIDTH, &pdf_small, S_INTENDED);
    flow_string(f, PDF_LEFT, PDF_WIDTH, &pdf_small, S_LIMITS);
    flow_string(f, PDF_LEFT, PDF_WIDTH, &pdf_small, S_NOT_ASSESSED);
    buf_init(&text, 4096);
    words_policy(&text, f->language, f->report->policy);
    flow_buf(f, PDF_LEFT, PDF_WIDTH, &pdf_small, &text);
    flow_keep(f, mark, start);
}

void pdf_end(struct flow *f)
{
    place_decision(f);
    place_limits(f);
}
