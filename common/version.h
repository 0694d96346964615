/* version.h -- the version that every program prints. */
#ifndef COMMON_VERSION_H
#define COMMON_VERSION_H

#define LENTIGO_VERSION "0.1.0"

#endif
