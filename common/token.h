/* token.h -- the secret that a seat and who joins there have in common. */
#ifndef COMMON_TOKEN_H
#define COMMON_TOKEN_H

#include "common/err.h"

enum { TOKEN_SIZE = 257 };

/* The first line of a file that only its owner and its group may read, 16 to TOKEN_SIZE - 1 printable characters
 * without a space. ERR_CONFIG says what to do. */
int token_read(char out[TOKEN_SIZE], const char *path, struct err *err);

#endif
