#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/sha256.h"

/* FIPS 180-2, appendix B, and the empty text. */
static void known_digests(void **state)
{
    char hex[SHA256_HEX_SIZE];
    char million[1000] = "";

    (void)state;
    sha256_hex(hex, "", 0);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256_hex(hex, "abc", 3);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    memset(million, 'a', sizeof(million));
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    assert_int_equal(write(fd[1], million, sizeof(million)), sizeof(million));
    close(fd[1]);
    struct err err = {0};
    size_t size = 0;
    assert_int_equal(sha256_hex_fd(hex, fd[0], &size, &err), 0);
    assert_int_equal(size, 1000);
    assert_string_equal(hex, "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3");
    close(fd[0]);
}

/* Longer than one chunk, and from where the descriptor stands. */
static void reads_on_from_the_offset(void **state)
{
    static char bytes[200000]; /* too much for a stack frame */
    char path[] = "/tmp/lentigo-test-sha-XXXXXX", whole[SHA256_HEX_SIZE], rest[SHA256_HEX_SIZE];
    struct err err = {0};
    size_t size = 0;
    int fd = mkstemp(path);

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 7);
    assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
    assert_int_equal(lseek(fd, 1, SEEK_SET), 1);
    assert_int_equal(sha256_hex_fd(rest, fd, &size, &err), 0);
    assert_int_equal(size, sizeof(bytes) - 1);
    sha256_hex(whole, bytes + 1, sizeof(bytes) - 1);
    assert_string_equal(whole, rest);
    assert_int_equal(sha256_hex_fd(rest, fd, NULL, &err), 0); /* at the end: the empty text */
    assert_memory_equal(rest, "e3b0c442", 8);
    close(fd);
    unlink(path);
}

static void a_folder_is_an_error(void **state)
{
    char hex[SHA256_HEX_SIZE];
    struct err err = {0};
    int fd = open("/tmp", O_RDONLY);

    (void)state;
    assert_int_equal(sha256_hex_fd(hex, fd, NULL, &err), -1);
    assert_int_equal(err.code, ERR_AGAIN);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests),
        cmocka_unit_test(reads_on_from_the_offset),
        cmocka_unit_test(a_folder_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
