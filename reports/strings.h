/* strings.h -- the texts of the reports in each language, by name. */
#ifndef REPORTS_STRINGS_H
#define REPORTS_STRINGS_H

#include "common/buf.h"
#include "common/reason.h"
#include "reports/strings_map.h"

enum language { LANGUAGE_EN, LANGUAGE_ZH, LANGUAGE_COUNT };

enum string {
#define X(name, en, zh) S_##name,
    STRINGS_MAP(X)
#undef X
        S_COUNT
};

/* LANGUAGE_EN for a word that is neither "en" nor "zh": the settings table has checked it. */
enum language language_of(const char *word);

/* Static storage. */
const char *string_of(enum language l, enum string id);

/* Append the text with {1}, {2} ... replaced by `values` (`n` of them). */
void string_fill(struct buf *out, enum language l, enum string id, int n,
                 const char *const values[]);

/* What a clinic reads about a reason for setting aside (common/reason.h has the English). */
const char *string_of_reason(enum language l, enum reason r);

#endif
