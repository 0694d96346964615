/* place.h -- where the other programs and the data files of this installation are.
 *
 * Programs: LENTIGO_LIBEXEC, else the folder of the running program. Data (models, fonts.conf):
 * LENTIGO_DATADIR, what is not in it from <program>/../share/lentigo (an installation, and the parts
 * that a build makes), else from the source tree when the program runs from a build folder inside it
 * (<program>/../../..). Modules opened at run time:
 * <program>/../lib/lentigo. What can be made again: LENTIGO_CACHEDIR, else XDG_CACHE_HOME/lentigo, else
 * HOME/.cache/lentigo. */
#ifndef COMMON_PLACE_H
#define COMMON_PLACE_H

#include "common/err.h"
#include "common/settings.h"

/* ERR_CONFIG when there is no such program or file, or LENTIGO_DATADIR is no folder: the text says
 * what to set, and `out` of a program or module still names the place. */
int place_program(char out[SETTINGS_PATH_SIZE], const char *name, struct err *err);
int place_module(char out[SETTINGS_PATH_SIZE], const char *name, struct err *err);
int place_data(char out[SETTINGS_PATH_SIZE], const char *name, struct err *err);

/* A folder for what can be made again, which need not exist. ERR_CONFIG: none of the three is set to an
 * absolute path. */
int place_cache(char out[SETTINGS_PATH_SIZE], const char *name, struct err *err);

#define PLACE_DEFAULT_MODEL "dermoscopy"

/* The model folder that `model` (a setting) means, as an absolute path: a path, a name below
 * models/, or "" for the one that comes with lentigo. */
int place_model(char out[SETTINGS_PATH_SIZE], const char *model, struct err *err);

#endif
