/* A whole synthetic upload: the same bytes for the same seed, a manifest that the queue reads, and
 * files that the real decoder accepts or refuses for the stated reason. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/demo_upload.h"
#include "common/file.h"
#include "common/sha256.h"
#include "preprocess/decode.h"
#include "queue/manifest.h"

static char root[] = "/tmp/lentigo-test-demo-XXXXXX"; /* made by setup, removed by teardown */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void write_upload(char path[100], const char *name, int patients, int seed)
{
    struct err err = {0};
    int n = 0;

    snprintf(path, 100, "%s/%s", root, name);
    if (demo_upload_write(path, patients, seed, &n, &err))
        fail_msg("%s", err.msg);
    assert_true(n >= patients);
}

/* nftw has no argument of its own: what the walk below adds up, one walk at a time. */
static char digest_of_all[SHA256_HEX_SIZE];

static int add_digest(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    char text[2 * SHA256_HEX_SIZE];
    int fd = kind == FTW_F ? open(path, O_RDONLY) : -1;
    struct err err = {0};

    (void)st;
    (void)at;
    if (fd < 0)
        return 0;
    memcpy(text, digest_of_all, SHA256_HEX_SIZE);
    sha256_hex_fd(text + SHA256_HEX_SIZE, fd, NULL, &err);
    close(fd);
    for (int i = 0; i < SHA256_HEX_SIZE - 1; i++) /* the order of the walk does not matter */
        digest_of_all[i] = (char)(digest_of_all[i] ^ text[SHA256_HEX_SIZE + i]);
    return err.code;
}

static void digest(const char *path, char out[SHA256_HEX_SIZE])
{
    memset(digest_of_all, 0, sizeof(digest_of_all));
    assert_int_equal(nftw(path, add_digest, 16, FTW_PHYS), 0);
    memcpy(out, digest_of_all, SHA256_HEX_SIZE);
}

static void a_seed_gives_the_same_bytes(void **state)
{
    char path[100], first[SHA256_HEX_SIZE], again[SHA256_HEX_SIZE], other[SHA256_HEX_SIZE];

    (void)state;
    write_upload(path, "a", 1, 5);
    digest(path, first);
    write_upload(path, "b", 1, 5);
    digest(path, again);
    assert_memory_equal(first, again, SHA256_HEX_SIZE);
    write_upload(path, "c", 1, 6);
    digest(path, other);
    assert_memory_not_equal(first, other, SHA256_HEX_SIZE);
}

static void another_upload_is_not_mixed_in(void **state)
{
    char path[100];
    struct err err = {0};
    int n;

    (void)state;
    write_upload(path, "a", 1, 5); /* the same as in the test before is fine */
    assert_int_equal(demo_upload_write(path, 2, 5, &n, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_int_equal(demo_upload_write(path, 1, 6, &n, &(struct err){0}), -1);
}

static const json_t *image_of(const json_t *truth, const char *file)
{
    const json_t *images = json_object_get(truth, "images");

    for (size_t i = 0; i < json_array_size(images); i++)
        if (!strcmp(json_text_or(json_array_get(images, i), "file", ""), file))
            return json_array_get(images, i);
    fail_msg("%s is not in truth.json", file);
    return NULL;
}

static void check_decoded(struct decoder *decoder, const char *upload, const char *file,
                          const json_t *truth)
{
    enum reason expected = reason_of(json_text_or(truth, "reason", "none"));
    char path[1024];
    struct decoded out = {0};
    struct err err = {0};

    snprintf(path, sizeof(path), "%s/upload/%s", upload, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (expected == REASON_MISSING_FILE) {
        assert_int_equal(fd, -1);
        return;
    }
    assert_true(fd >= 0);
    struct decode_request request = {.slot = 0, .fd = fd, .size = 256};
    assert_int_equal(decoder_wait(decoder, &request, &out, &err), 0);
    close(fd);
    if (out.reason != expected)
        fail_msg("%s: %s, stated %s (%s)", file, reason_word(out.reason), reason_word(expected),
                 out.err.msg);
    if (expected)
        return;
    assert_false(out.is_degraded);
    assert_int_equal(out.width, (int)json_number_or(truth, "width", 0));
    assert_int_equal(out.height, (int)json_number_or(truth, "height", 0));
}

static void a_block_is_as_its_truth_says(void **state)
{
    const struct decoder_config config = {.slots = 1,
                                          .children = 1,
                                          .size_max = 256,
                                          .seconds = 60,
                                          .memory_mb = 1024,
                                          .megapixels_max = 120};
    char upload[100], path[200];
    struct decoder *decoder = NULL;
    struct manifest manifest;
    struct err err = {0};

    (void)state;
    assert_int_equal(decoder_open(&decoder, &config, &err), 0);
    write_upload(upload, "e", DEMO_BLOCK, 1);
    snprintf(path, sizeof(path), "%s/upload/manifest.csv", upload);
    if (manifest_read(&manifest, path, "", &err))
        fail_msg("%s", err.msg);
    snprintf(path, sizeof(path), "%s/truth/truth.json", upload);
    json_t *truth = json_read(path, 1 << 20, &err);
    assert_int_equal(manifest.n_rows, (int)json_array_size(json_object_get(truth, "images")));
    unsigned reasons = 0;
    for (int i = 0; i < manifest.n_rows; i++) {
        const char *file = manifest.rows[i].value[MANIFEST_FILE];
        const json_t *image = image_of(truth, file);
        check_decoded(decoder, upload, file, image);
        reasons |= 1U << reason_of(json_text_or(image, "reason", "none"));
        assert_string_equal(json_text_or(image, "patient_id", ""),
                            manifest.rows[i].value[MANIFEST_PATIENT_ID]);
    }
    unsigned all = 1U << REASON_NONE | 1U << REASON_EMPTY | 1U << REASON_NOT_AN_IMAGE |
                   1U << REASON_UNSUPPORTED | 1U << REASON_TRUNCATED | 1U << REASON_DAMAGED |
                   1U << REASON_TOO_LARGE | 1U << REASON_MISSING_FILE;
    assert_int_equal(reasons, all);
    json_decref(truth);
    manifest_release(&manifest);
    decoder_close(decoder);
}

static void a_picture_sent_twice_is_the_same_file(void **state)
{
    char path[1024], twin[SHA256_HEX_SIZE], digest_here[SHA256_HEX_SIZE];
    struct err err = {0};

    (void)state;
    snprintf(path, sizeof(path), "%s/e/truth/truth.json", root); /* of the test before */
    json_t *truth = json_read(path, 1 << 20, &err);
    const json_t *image = image_of(truth, "2026%2F17-A/DSC00017.JPG");
    const char *names[] = {json_text_or(image, "file", ""), json_text_or(image, "same_as", "")};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/e/upload/%s", root, names[i]);
        int fd = open(path, O_RDONLY);
        assert_true(fd >= 0);
        assert_int_equal(sha256_hex_fd(i ? twin : digest_here, fd, NULL, &err), 0);
        close(fd);
    }
    assert_string_equal(twin, digest_here);
    assert_string_equal(json_text_or(image, "mask", "a"),
                        json_text_or(image_of(truth, names[1]), "mask", "b"));
    json_decref(truth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_gives_the_same_bytes),
        cmocka_unit_test(another_upload_is_not_mixed_in),
        cmocka_unit_test(a_block_is_as_its_truth_says),
        cmocka_unit_test(a_picture_sent_twice_is_the_same_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
