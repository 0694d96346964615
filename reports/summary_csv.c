/* worklist.csv and set-aside.csv.
 *
 * UTF-8 without a byte order mark, a header line, LF. No mark, because the first reader is a
 * programme's import: one that does not know the mark finds no column "patient_id" and loses whose
 * row it is, while a spreadsheet opened without it shows a foreign site name garbled, which is seen
 * at once (its "import from text" asks for the character set). summary.html is the page for eyes.
 *
 * A cell that a spreadsheet would run as a formula gets an apostrophe in front (OWASP, "CSV
 * injection"); numbers of our own are written as they are. */
#include <math.h>

#include "reports/summary.h"
#include "reports/words.h"

static void add_cell(struct buf *out, const char *text, bool is_last)
{
    struct buf clean;

    buf_init(&clean, 1 << 16);
    words_outside(&clean, text);
    const char *s = clean.len ? clean.data : "";
    bool is_formula = s[0] && strchr("=+-@", s[0]);
    bool is_quoted = strpbrk(s, "\",;") || s[0] == ' ';
    if (is_quoted)
        buf_add_text(out, "\"");
    if (is_formula)
        buf_add_text(out, "'");
    for (; *s; s++) {
        if (*s == '"')
            buf_add_text(out, "\"");
        buf_add(out, s, 1);
    }
    if (is_quoted)
        buf_add_text(out, "\"");
    buf_add_text(out, is_last ? "\n" : ",");
    buf_release(&clean);
}

void summary_action(struct buf *out, enum language l, const struct summary_row *row)
{
    static const enum string actions[] = {[RISK_URGENT] = S_ACTION_URGENT,
                                          [RISK_REVIEW] = S_ACTION_REVIEW,
                                          [RISK_RETAKE] = S_ACTION_RETAKE,
                                          [RISK_ROUTINE] = S_ACTION_ROUTINE};
    char n[16];

    buf_add_text(out, string_of(l, actions[row->risk]));
    if (!row->n_retake || (row->risk == RISK_RETAKE && row->n_images == 1))
        return;
    snprintf(n, sizeof(n), "%d", row->n_retake);
    string_fill(out, l, S_ACTION_ALSO_RETAKE, 1, (const char *const[]){n});
}

static void add_work(struct buf *out, enum language l, const struct summary_row *row)
{
    char path[STUDY_NAME_SIZE + 32];
    struct buf action;

    add_cell(out, row->patient_id, false);
    add_cell(out, row->study_id, false);
    add_cell(out, row->site, false);
    add_cell(out, risk_word(row->risk), false);
    if (!isnan(row->malignant))
        buf_printf(out, "%.4f", row->malignant);
    buf_add_text(out, ",");
    add_cell(out, row->reason, false);
    buf_init(&action, 1024);
    summary_action(&action, l, row);
    add_cell(out, action.data ? action.data : "", false);
    buf_release(&action);
    snprintf(path, sizeof(path), "%s/report.%s", row->folder, row->has_page ? "html" : "json");
    add_cell(out, path, true);
}

int summary_worklist(const struct summary *s, enum language l, struct buf *out, struct err *err)
{
    buf_add_text(out, "patient_id,study_id,site,risk,malignant_probability,reason,action,report\n");
    for (int i = 0; i < s->n_rows; i++)
        add_work(out, l, &s->rows[i]);
    return buf_check(out, "worklist.csv", err);
}

int summary_set_aside(const struct summary *s, enum language l, struct buf *out, struct err *err)
{
    buf_add_text(out, "file,code,reason,patient_id,study_id,site\n");
    for (int i = 0; i < s->n_asides; i++) {
        const struct summary_aside *a = &s->asides[i];
        add_cell(out, a->file, false);
        add_cell(out, reason_word(a->reason), false);
        add_cell(out, string_of_reason(l, a->reason), false);
        add_cell(out, a->patient_id, false);
        add_cell(out, a->study_id, false);
        add_cell(out, a->site, true);
    }
    return buf_check(out, "set-aside.csv", err);
}
