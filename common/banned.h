/* banned.h -- calls that this project does not make; each has a safer sibling.
 *
 * Included in front of every file by the build (cmake/folders.cmake). The system headers come
 * first, so that their own declarations are not touched. */
#ifndef COMMON_BANNED_H
#define COMMON_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol atof gets
#pragma GCC poison localtime gmtime ctime asctime system tmpnam mktemp rand srand

#endif
