#include "tests/dataset/one_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"

char one_file_path[] = "/tmp/lentigo-test-XXXXXX";

int one_file_make(void **state)
{
    int fd = mkstemp(one_file_path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

int one_file_remove(void **state)
{
    (void)state;
    return unlink(one_file_path);
}

void one_file_put(const char *text)
{
    struct err err = {0};

    assert_int_equal(file_write(one_file_path, text, strlen(text), &err), 0);
}
