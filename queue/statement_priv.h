/* statement_priv.h -- statement.c (making), statement_chain.c (reading) and statement_verify.c among
 * themselves. */
#ifndef QUEUE_STATEMENT_PRIV_H
#define QUEUE_STATEMENT_PRIV_H

#include "queue/names.h"
#include "queue/statement.h"

enum { FACT_SIZE = 320 }; /* a line: the longest id, a status and a digest fit */

struct site {
    char name[STUDY_FIELD_SIZE];
    struct statement_counts counts;
};

struct sites {
    struct site *rows; /* owned */
    int n, cap;
};

/* The site's row, made when it is new; NULL: ERR_NOMEM. Valid until the next call. */
struct site *sites_at(struct sites *sites, const char *name, struct err *err);
void sites_release(struct sites *sites);

/* `left` of every row from the others. */
void sites_balance(struct sites *sites);
struct statement_counts sites_total(const struct sites *sites);
json_t *counts_to_json(const struct statement_counts *c);
struct statement_counts counts_from_json(const json_t *object);

int statement_path(const struct spool *s, const char *file, char out[SPOOL_PATH_SIZE],
                   struct err *err);

/* "2026-11-26.2.json" -> "2026-11-26.2.facts" */
void statement_facts_name(const char *file, char out[STATEMENT_FILE_SIZE]);

/* Names of the statements in the order of the chain. */
int statement_names(const struct spool *s, struct names *out, struct err *err);

/* The object of a statement (the caller's) and its head. */
int statement_read(const struct spool *s, const char *file, struct statement *out, json_t **text,
                   struct err *err);

/* Digest of a file: 1; 0: it is not there, or no file for us. ERR_AGAIN: the disk. */
int statement_digest(const char *path, char out[SHA256_HEX_SIZE], struct err *err);

/* Each line of a facts file, without its newline. ERR_AGAIN. */
int statement_each_fact(const struct spool *s, const char *file,
                        int (*visit)(void *ctx, const char *fact, struct err *err), void *ctx,
                        struct err *err);

#endif
