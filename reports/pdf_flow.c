#include "reports/pdf_flow.h"

const struct sheet_type pdf_body = {8.5, false, PDF_INK, SHEET_LEFT};
const struct sheet_type pdf_bold = {8.5, true, PDF_INK, SHEET_LEFT};
const struct sheet_type pdf_small = {7.5, false, PDF_INK, SHEET_LEFT};
const struct sheet_type pdf_label = {7.5, false, PDF_GREY, SHEET_LEFT};
const struct sheet_type pdf_heading = {10, true, PDF_INK, SHEET_LEFT};

void flow_text(struct flow *f, double x, double w, const struct sheet_type *type, const char *text)
{
    if (text && text[0])
        f->y += sheet_text(f->sheet, x, f->y, w, type, text);
}

void flow_string(struct flow *f, double x, double w, const struct sheet_type *type, enum string id)
{
    flow_text(f, x, w, type, string_of(f->language, id));
}

void flow_buf(struct flow *f, double x, double w, const struct sheet_type *type, struct buf *text)
{
    flow_text(f, x, w, type, text->data);
    buf_release(text);
}

void flow_keep(struct flow *f, int mark, double start)
{
    if (f->y <= PDF_BOTTOM || start <= f->top)
        return;
    sheet_move(f->sheet, mark, f->top - start, sheet_page(f->sheet) + 1);
    f->y += f->top - start;
}

double flow_tick(struct flow *f, double x, double y, const char *text)
{
    double w = sheet_text_width(f->sheet, &pdf_body, text);

    sheet_frame(f->sheet, (struct sheet_box){x + 0.5, y + 1.5, 7.5, 7.5}, 0.7, PDF_INK);
    sheet_text(f->sheet, x + 12, y, w + 4, &pdf_body, text);
    return x + 12 + w + 10;
}

void flow_ticks(struct flow *f, double x, double w, int n, const char *const texts[])
{
    double at = x;

    for (int i = 0; i < n; i++) {
        double need = 12 + sheet_text_width(f->sheet, &pdf_body, texts[i]);
        if (at > x && at + need > x + w) {
            at = x;
            f->y += 14;
        }
        at = flow_tick(f, at, f->y, texts[i]);
    }
    f->y += 14;
}
