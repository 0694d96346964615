/* entry.h -- the image entry of report.json, results and `predict`: one record, read and written
 * here only (design section 3). */
#ifndef LESION_ENTRY_H
#define LESION_ENTRY_H

#include "common/json.h"
#include "common/reason.h"
#include "lesion/measure.h"
#include "lesion/policy.h"

enum { ENTRY_NAME_SIZE = 1024 };

struct image_entry {
    char file[ENTRY_NAME_SIZE]; /* as in the manifest, bytes as text_add_name writes them */
    char stem[ENTRY_NAME_SIZE]; /* unique within the patient; names mask and overlay */
    char sha256[65];
    int width, height;  /* 0 when set aside before they were known */
    enum reason reason; /* NONE = done */
    char detail[240];   /* the error's text, for set-aside.csv */
    int network_size; /* px, longest side asked for in the pass that this comes from; 0: not known */
    struct lesion_measures measures; /* when done */
    struct risk_decision decision;   /* when done; retake otherwise */
};

/* An entry that names its picture and says nothing else yet. All texts are copied. */
void entry_begin(struct image_entry *out, const char *file, const char *stem, const char *sha256);

/* The picture cannot be used. */
void entry_set_aside(struct image_entry *e, enum reason reason, const char *detail);

/* A new object with the keys of the design in section 3, and "contour": [[x,y],...] rounded to 0.1,
 * "confidence", "risk_reason", "detail", "network_size" beside them. NULL when memory is gone. */
json_t *entry_to_json(const struct image_entry *e);

/* ERR_INPUT names the key; `*out` is then not to be used. Unknown keys are ignored; null numbers
 * become NAN. Writing what was read gives the same JSON. */
int entry_from_json(struct image_entry *out, const json_t *object, struct err *err);

#endif
