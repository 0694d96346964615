#include "common/classes.h"

#include <assert.h>
#include <string.h>

static const struct {
    const char *word;
    bool is_malignant;
    uint8_t colour[3];
} classes[CLASS_COUNT] = {
    {"background", false, {0, 0, 0}      },
    {"MEL",        true,  {213, 94, 0}   }, /* vermillion */
    {"NV",         false, {0, 158, 115}  }, /* bluish green */
    {"BCC",        true,  {204, 121, 167}}, /* reddish purple */
    {"AKIEC",      true,  {230, 159, 0}  }, /* orange */
    {"BKL",        false, {86, 180, 233} }, /* sky blue */
    {"DF",         false, {240, 228, 66} }, /* yellow */
    {"VASC",       false, {0, 114, 178}  }, /* blue */
};

const char *class_word(int class)
{
    assert(class >= 0 && class < CLASS_COUNT);
    return classes[class].word;
}

int class_of(const char *word)
{
    for (int k = 1; k < CLASS_COUNT; k++)
        if (!strcmp(word, classes[k].word))
            return k;
    return -1;
}

bool class_is_malignant(int class)
{
    assert(class >= 0 && class < CLASS_COUNT);
    return classes[class].is_malignant;
}

const uint8_t *class_colour(int class)
{
    assert(class >= 0 && class < CLASS_COUNT);
    return classes[class].colour;
}
