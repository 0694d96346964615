/* fake_nvjpeg.h -- nvJPEG played by libjpeg-turbo, as a library that a test's search path has in its
 * place. It upsamples chroma by copying, as nvJPEG can, and says nothing of spoilt data: the least that
 * may be relied on. A stream with anything in it but tables, frame and scan ends the process.
 * Pictures of some widths do more: */
#ifndef TESTS_PREPROCESS_FAKE_NVJPEG_H
#define TESTS_PREPROCESS_FAKE_NVJPEG_H

enum {
    FAKE_REFUSES = 333, /* the batch it is in is called bad */
    FAKE_DIES = 334,
    FAKE_HANGS = 335,
    FAKE_OPENS = 336, /* opens a file: refused, else the process ends */
    FAKE_RUNS = 337,  /* runs a program */
};

#endif
