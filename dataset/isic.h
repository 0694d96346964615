/* isic.h -- diagnoses from the tables of the ISIC archive and its challenges.
 *
 * Two forms. A ground truth names the picture in its first column (image) and has a column for each
 * diagnosis with 1 in one of them: MEL, NV, BCC, AKIEC (in 2019: AK, and SCC, which is counted with it
 * as in 2018), BKL, DF, VASC; UNK is nobody's. Metadata has a row for each picture with its id (isic_id,
 * image_id, image_name or image) and its diagnosis in words (dx or diagnosis); words that are no class
 * have to stand in a class map. patient_id and lesion_id are taken where they are. */
#ifndef DATASET_ISIC_H
#define DATASET_ISIC_H

#include "dataset/class_map.h"
#include "dataset/table.h"

struct isic_row {
    const char *id, *patient_id, *lesion_id; /* "" when not there; borrowed from the table */
    int class;                               /* 1..7, or CLASS_MAP_IGNORE: leave the picture out */
    int line;
};

struct isic {
    struct table table;
    struct isic_row *rows;
    int n;
};

/* ERR_CONFIG: no such file or table; ERR_INPUT: a diagnosis that is none, with file and line. */
int isic_read(struct isic *out, const char *path, const struct class_map *map, struct err *err);
void isic_release(struct isic *i); /* safe on a zeroed one */

#endif
