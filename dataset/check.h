/* check.h -- has this labelled set been checked, and is it still the one that was?
 *
 * `lentigo dataset check` writes what it found to <set>/check.json with a digest of the set: of
 * labels.csv and of every picture and mask. Whoever trains asks here first. Any thread. */
#ifndef DATASET_CHECK_H
#define DATASET_CHECK_H

#include "common/err.h"
#include "common/sha256.h"

/* Digest of the whole set, which reads all of it. Missing files count as missing, so that a set with a
 * defect has a digest too. ERR_CONFIG: no labels.csv with a column id; ERR_AGAIN: I/O error. */
int check_manifest(char out[SHA256_HEX_SIZE], const char *dir, struct err *err);

/* 0: check passed and nothing has changed since. ERR_CONFIG says what to do: not checked, not passed,
 * or changed. `manifest` receives the digest, for a run's own record; NULL when not wanted. */
int dataset_check_passed(const char *dir, char manifest[SHA256_HEX_SIZE], struct err *err);

#endif
