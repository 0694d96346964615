#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/classes.h"

static void words_of_lesions_come_back(void **state)
{
    (void)state;
    for (int k = 1; k < CLASS_COUNT; k++)
        assert_int_equal(class_of(class_word(k)), k);
}

static void other_words_are_no_lesion(void **state)
{
    static const char *const words[] = {"", "mel", "MELA", "background", "NV "};

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        assert_int_equal(class_of(words[i]), -1);
}

static void three_are_malignant(void **state)
{
    (void)state;
    for (int k = 0; k < CLASS_COUNT; k++) {
        const char *word = class_word(k);
        assert_int_equal(class_is_malignant(k),
                         !strcmp(word, "MEL") || !strcmp(word, "BCC") || !strcmp(word, "AKIEC"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_lesions_come_back),
        cmocka_unit_test(other_words_are_no_lesion),
        cmocka_unit_test(three_are_malignant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
