/* one_file.h -- the one file that a test program reads and writes; a step that fails fails the test. */
#ifndef TESTS_DATASET_ONE_FILE_H
#define TESTS_DATASET_ONE_FILE_H

extern char one_file_path[]; /* good between the two below */

/* cmocka setup and teardown of a group. */
int one_file_make(void **state);
int one_file_remove(void **state);

void one_file_put(const char *text); /* in place of what it held */

#endif
