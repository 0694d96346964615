/* reason.h -- why an image was set aside, and what a clinic can do about it.
 *
 * The one fixed list. A reason's word stands in results, set-aside.csv, reports and the dashboard;
 * its sentence is for the clinic. New reasons go at the end; words are never re-used. */
#ifndef COMMON_REASON_H
#define COMMON_REASON_H

/* clang-format off */
/* X(enum suffix, word, what a person reads and can do) */
#define REASON_MAP(X)                                                                              \
    X(NONE, "none", "")                                                                            \
    X(EMPTY, "empty", "The file is empty. Export or copy the picture again.")                      \
    X(UNREADABLE, "unreadable", "The file could not be read. Check its permissions and the disk.") \
    X(NOT_AN_IMAGE, "not_an_image", "The file is no picture. Send JPEG, PNG, TIFF, WebP or HEIC.") \
    X(UNSUPPORTED, "unsupported",                                                                  \
      "This kind of picture is not supported. Export it as JPEG or PNG.")                          \
    X(TRUNCATED, "truncated", "The file ends too early. Copy it from the camera again.")           \
    X(DAMAGED, "damaged", "The picture is damaged. Export it again or take a new one.")            \
    X(TOO_LARGE, "too_large", "The picture has too many pixels. Export it smaller.")               \
    X(TOO_SMALL, "too_small", "The picture has too few pixels. Take a new one.")                   \
    X(TOO_MANY_PAGES, "too_many_pages", "The file holds several pictures. Send one a file.")       \
    X(DECODE_TIMEOUT, "decode_timeout", "Opening the picture took too long. Export it as JPEG.")   \
    X(DECODE_MEMORY, "decode_memory",                                                              \
      "Opening the picture took too much memory. Export it as JPEG.")                              \
    X(DECODE_CRASH, "decode_crash", "Opening the picture failed three times. Export it as JPEG.")  \
    X(CRASH, "crash", "The program failed on this picture three times. Please report it.")         \
    X(UNEXPLAINED, "unexplained",                                                                  \
      "The program stopped ten times on this picture. Please report it.")                          \
    X(MISSING_FILE, "missing_file", "The manifest names a file that is not there. Send the file.") \
    X(SPECIAL_FILE, "special_file",                                                                \
      "Not a regular file (link, pipe or device); it was not opened.")                             \
    X(CHANGED, "changed", "The file changed after it was handed in. Hand it in again.")            \
    X(UNLISTED, "unlisted",                                                                        \
      "The manifest does not name this file. Add a row for it and hand it in.")                    \
    X(INTERNAL, "internal", "The program could not work on this picture. Please report it.")
/* clang-format on */

enum reason {
#define X(name, word, text) REASON_##name,
    REASON_MAP(X)
#undef X
        REASON_COUNT
};

const char *reason_word(enum reason r);
const char *reason_text(enum reason r);

/* REASON_INTERNAL for a word that is not in the list. */
enum reason reason_of(const char *word);

#endif
