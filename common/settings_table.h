/* settings_table.h -- the rows behind settings.h; only settings.c and settings_table.c see them. */
#ifndef COMMON_SETTINGS_TABLE_H
#define COMMON_SETTINGS_TABLE_H

#include "common/settings.h"

enum setting_type {
    SETTING_FLAG,
    SETTING_NUMBER,
    SETTING_REAL,
    SETTING_CHOICE,
    SETTING_WORD,
    SETTING_PATH
};

struct setting {
    const char *name; /* as a flag and as a key of the configuration file */
    char letter;      /* one-letter flag, or 0 */
    enum setting_type type;
    size_t offset;       /* of its field in struct settings */
    long min, max;       /* NUMBER, REAL: both within */
    const char *initial; /* default, as text; of a REAL as %.15g prints it */
    const char *choices; /* CHOICE: "a|b|c"; NUMBER: the word for SETTINGS_AUTO, or NULL */
    unsigned commands;   /* enum settings_command bits */
    const char *operand; /* what --help shows behind the flag */
    const char *help;
};

extern const struct setting settings_table[];
extern const size_t settings_table_length;

#endif
