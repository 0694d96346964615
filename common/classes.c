#include "common/classes.h"

#include <assert.h>
#include <string.h>

static const struct {
    const char *word;
    bool is_malignant;
} classes[CLASS_COUNT] = {
    {"background", false},
    {"MEL",        true },
    {"NV",         false},
    {"BCC",        true },
    {"AKIEC",      true },
    {"BKL",        false},
    {"DF",         false},
    {"VASC",       false},
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
