/* plate.h -- one image made ready to be shown: its entry, its display copy, what the manifest said.
 *
 * Made once for a page and used by both HTML and PDF. */
#ifndef REPORTS_PLATE_H
#define REPORTS_PLATE_H

#include "reports/dossier.h"
#include "reports/strings.h"

/* Pictures shown in full: a folder of 10,000 files is one patient's study, and a page with all of
 * them would be gigabytes. Every image stands in the list and in report.json. */
enum { PLATES_MAX = 40, DISPLAY_SIZE_MAX = 16 << 20 };

struct fact {
    char *label, *value; /* UTF-8, one line, not escaped */
};

struct plate {
    const struct finding *finding;   /* of the dossier */
    const struct study_image *image; /* of the dossier */
    struct image_entry entry;
    struct buf jpeg;    /* the display copy; empty when there is none */
    int jpeg_w, jpeg_h; /* px */
    struct fact *facts; /* body site, notes, unknown columns ... that were given */
    int n_facts;
};

/* The plate owns everything but the dossier it points into. A missing or broken display copy is no
 * error: the page says so. */
int plate_new(struct plate **out, const struct dossier *d, const struct finding *f, enum language l,
              struct err *err);
void plate_free(struct plate *v); /* NULL is fine */

/* False for a set-aside image and for an unusable picture: what the network said of it is kept in
 * report.json and shown to nobody (a guess is worse than a retake). */
bool plate_is_assessed(const struct plate *v);

/* Is there an outline to show, and what stands below the picture that would carry it. */
bool plate_has_outline(const struct plate *v);
enum string plate_outline_caption(const struct plate *v);

/* Contour in pixels of the display copy. */
struct contour_point plate_contour(const struct plate *v, int i);

/* Kind of lesion ids in falling order of their score. */
void plate_classes_sorted(const struct plate *v, int out[LESION_CLASSES - 1]);

/* Width and height from a JPEG's frame header, without decoding; -1 when it is none. */
int jpeg_frame_size(const unsigned char *bytes, size_t n, int *w, int *h);

#endif
