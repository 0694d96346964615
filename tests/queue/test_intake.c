/* Uploads as clinics send them: real files, and what the spool holds afterwards, as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "queue/names.h"
#include "tests/queue/inputs.h"

#define TEN       "xxxxxxxxxx"
#define FIFTY     TEN TEN TEN TEN TEN
#define LONG_NAME FIFTY FIFTY FIFTY FIFTY FIFTY /* 250 bytes */

/* One file of an upload: "->x" is a link, "|" a pipe, "@" a socket, "/" a folder, else content. */
struct entry {
    const char *path, *content;
};

static void make_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
}

static void make_entry(const char *path, const char *content)
{
    struct err err = {0};

    if (!strncmp(content, "->", 2))
        assert_int_equal(symlink(content + 2, path), 0);
    else if (!strcmp(content, "|"))
        assert_int_equal(mkfifo(path, 0600), 0);
    else if (!strcmp(content, "@"))
        make_socket(path);
    else if (!strcmp(content, "/"))
        assert_int_equal(dir_make(path, &err), 0);
    else
        temp_write_text(path, content);
}

static int dump_study(void *ctx, const char *study_dir, const struct study *study, struct err *err)
{
    struct buf *out = ctx;

    (void)err;
    for (int i = 0; i < study->n_images; i++) {
        const struct study_image *image = &study->images[i];
        char path[SPOOL_PATH_SIZE];
        snprintf(path, sizeof(path), "%s/originals/%d", study_dir, image->n);
        assert_int_equal(image->n, i);
        assert_int_equal(access(path, F_OK), image->set_aside ? -1 : 0);
        assert_int_equal(strlen(image->sha256), image->set_aside ? 0 : 64);
        buf_printf(out, "%s | %s | %s%s%s\n", study->publish, image->stem, image->file,
                   image->set_aside ? " ! " : "",
                   image->set_aside ? reason_word(image->set_aside) : "");
        if (image->is_duplicate)
            buf_add_text(out, "  (duplicate)\n");
    }
    return 0;
}

/* What the spool holds, as text; the caller frees it. */
static char *dump(struct spool *s, const char *upload)
{
    struct err err = {0};
    struct buf out;
    json_t *record, *other;
    size_t i;

    buf_init(&out, 8 << 20);
    if (spool_each_study(s, dump_study, &out, &err) || spool_upload_read(s, upload, &record, &err))
        fail_msg("%s", err.msg);
    json_array_foreach(json_object_get(record, "others"), i, other) buf_printf(
        &out, "- %s ! %s\n", json_text_or(other, "file", "?"), json_text_or(other, "reason", "?"));
    json_decref(record);
    return buf_take(&out);
}

struct layout {
    const char *name, *encoding;
    struct entry entries[16];
    const char *expected;
};

/* clang-format off */
static const struct layout layouts[] = {
    {"folders are patients, files of INPUT are patients of their own", "",
     {{"p1/a.jpg", "PIC1"}, {"p2/x/y/z.jpg", "PIC2"}, {"q.jpg", "PIC3"}},
     "patients/p1 | a | p1/a.jpg\npatients/p2 | z | p2/x/y/z.jpg\npatients/q | q | q.jpg\n"},
    {"equal stems in one patient", "",
     {{"p/a.jpg", "PIC1"}, {"p/a.png", "PIC2"}, {"p/sub/a.jpg", "PIC3"}, {"p/a-2.jpg", "PIC4"}, {"p/A.tif", "PIC5"}},
     "patients/p | A | p/A.tif\npatients/p | a-2 | p/a-2.jpg\npatients/p | a-3 | p/a.jpg\n"
     "patients/p | a-4 | p/a.png\npatients/p | a-5 | p/sub/a.jpg\n"},
    {"a folder and files of the same stem are three patients", "",
     {{"p/a.jpg", "PIC1"}, {"p.jpg", "PIC2"}, {"p.png", "PIC3"}},
     "patients/p | a | p/a.jpg\npatients/p-2 | p | p.jpg\npatients/p-3 | p | p.png\n"},
    {"ids that differ in case get folders that differ in more", "",
     {{"P/a.jpg", "PIC1"}, {"p/a.jpg", "PIC2"}, {"p./a.jpg", "PIC3"}},
     "patients/P | a | P/a.jpg\npatients/p-2 | a | p/a.jpg\npatients/p.-3 | a | p./a.jpg\n"},
    {"bytes that are no UTF-8, and a name that looks like their escape", "",
     {{"a\xff/\xfe.jpg", "PIC1"}, {"a%FF/x.jpg", "PIC2"}},
     "patients/a%25FF | x | a%FF/x.jpg\npatients/a%25FF-2 | %FE | a%FF/%FE.jpg\n"},
    {"markup, newline, dots", "",
     {{"<b>&/1\n2.jpg", "PIC1"}, {".../..jpg", "PIC2"}, {".h/.jpg", "PIC3"}},
     "patients/%2E.. | %2E | .../..jpg\npatients/%2Eh | %2Ejpg | .h/.jpg\n"
     "patients/%3Cb%3E%26 | 1%0A2 | <b>&/1%0A2.jpg\n"},
    {"content decides, then the extension", "",
     {{"p/noext", "PIC1"}, {"p/text.jpg", "no picture"}, {"p/empty.PNG", ""}, {"p/empty", ""}, {"p/readme.txt", "hello"}},
     "patients/p | empty | p/empty.PNG ! empty\npatients/p | noext | p/noext\npatients/p | text | p/text.jpg\n"
     "- p/empty ! empty\n- p/readme.txt ! not_an_image\n"},
    {"hidden files of operating systems", "",
     {{"p/a.jpg", "PIC1"}, {".DS_Store", "x"}, {"p/Thumbs.db", "x"}, {"p/._a.jpg", "x"}, {"__MACOSX/p/._a.jpg", "x"}},
     "patients/p | a | p/a.jpg\n- .DS_Store ! not_an_image\n- __MACOSX/p/._a.jpg ! not_an_image\n"
     "- p/._a.jpg ! not_an_image\n- p/Thumbs.db ! not_an_image\n"},
    {"nothing special is opened", "",
     {{"p/a.jpg", "PIC1"}, {"p/fifo.jpg", "|"}, {"p/in.jpg", "->a.jpg"}, {"p/out.jpg", "->/etc/passwd"},
      {"up", "->.."}, {"p/dangling", "->nowhere"}, {"p/s.jpg", "@"}, {"p/folder.jpg", "/"}, {"bare", "/"}},
     "patients/p | a | p/a.jpg\n- p/dangling ! special_file\n- p/fifo.jpg ! special_file\n- p/folder.jpg ! special_file\n"
     "- p/in.jpg ! special_file\n- p/out.jpg ! special_file\n- p/s.jpg ! special_file\n- up ! special_file\n"},
    {"an earlier OUT inside INPUT", "",
     {{"p/a.jpg", "PIC1"}, {"out/.lentigo/spool/version", "1\n"}, {"out/patients/p/a.overlay.jpg", "PIC2"}},
     "patients/p | a | p/a.jpg\n- out ! unreadable\n"},
    {"manifest", "",
     {{"manifest.csv", HEADER "p1,s1,b.jpg\np1,s2,x/a.jpg\np1,s1,a.jpg\np2,,missing.jpg\n"},
      {"a.jpg", "PIC1"}, {"b.jpg", "PIC2"}, {"x/a.jpg", "PIC3"}, {"x/more.jpg", "PIC4"}, {"note.txt", "n"}},
     "patients/p1/s1 | a | a.jpg\npatients/p1/s1 | b | b.jpg\npatients/p1/s2 | a-2 | x/a.jpg\n"
     "patients/p2 | missing | missing.jpg ! missing_file\n- note.txt ! unlisted\n- x/more.jpg ! unlisted\n"},
    {"manifest rows that name what is no file", "",
     {{"manifest.csv", HEADER "p,,dir\np,,fifo\np,,link\np,,empty\np,,text.txt\n"},
      {"dir/x.jpg", "PIC1"}, {"fifo", "|"}, {"link", "->text.txt"}, {"empty", ""}, {"text.txt", "hello"}},
     "patients/p | dir | dir ! special_file\npatients/p | empty | empty ! empty\npatients/p | fifo | fifo ! special_file\n"
     "patients/p | link | link ! special_file\npatients/p | text | text.txt\n- dir/x.jpg ! unlisted\n"},
    {"study ids that collide, and none beside some", "",
     {{"manifest.csv", HEADER "p,S,a.jpg\np,s,b.jpg\np,,c.jpg\np,study,d.jpg\n"},
      {"a.jpg", "PIC1"}, {"b.jpg", "PIC2"}, {"c.jpg", "PIC3"}, {"d.jpg", "PIC4"}},
     "patients/p/study | c | c.jpg\npatients/p/S | a | a.jpg\npatients/p/s-2 | b | b.jpg\npatients/p/study-2 | d | d.jpg\n"},
    {"ids that try to lead out", "",
     {{"manifest.csv", HEADER "..,../..,a.jpg\n..,/,b.jpg\n.,,c.jpg\n"}, {"a.jpg", "PIC1"}, {"b.jpg", "PIC2"}, {"c.jpg", "PIC3"}},
     "patients/%2E | c | c.jpg\npatients/%2E.-2/%2E.%2F.. | a | a.jpg\npatients/%2E.-2/%2F | b | b.jpg\n"},
    {"the same picture under two patients", "",
     {{"p1/a.jpg", "PIC1"}, {"p1/b.jpg", "PIC1"}, {"p2/c.jpg", "PIC1"}, {"p3/d.jpg", "PIC2"}, {"p3/e.jpg", "PIC2"}},
     "patients/p1 | a | p1/a.jpg\n  (duplicate)\npatients/p1 | b | p1/b.jpg\n  (duplicate)\n"
     "patients/p2 | c | p2/c.jpg\n  (duplicate)\npatients/p3 | d | p3/d.jpg\npatients/p3 | e | p3/e.jpg\n"},
    {"paths as Windows writes them", "",
     {{"manifest.csv", HEADER "p,,x\\a.jpg\nq,,..\\b.jpg\n"}, {"x/a.jpg", "PIC1"}},
     "patients/p | a | x/a.jpg\npatients/q | %2E.%5Cb | ..\\b.jpg ! missing_file\n"},
    {"a zip's file names in the manifest's character set", "GB18030",
     {{"manifest.csv", HEADER "\xcd\xf5,,\xd0\xa1\\\xc3\xf7.jpg\n"}, {"\xd0\xa1/\xc3\xf7.jpg", "PIC1"}},
     "patients/王 | %C3%F7 | %D0%A1/%C3%F7.jpg\n"},
};
/* clang-format on */

static void layouts_are_taken_in(void **state)
{
    for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++) {
        const struct layout *l = &layouts[i];
        struct intake_request request = request_for(path_in(state, ""));
        struct intake_result result;
        struct err err = {0};
        print_message("case: %s\n", l->name);
        temp_remove(temp_path(*state, "spool"));
        temp_remove(path_in(state, ""));
        assert_int_equal(dir_make(path_in(state, "p"), &err), 0);
        assert_int_equal(dir_make(path_in(state, "x"), &err), 0);
        for (int k = 0; l->entries[k].path; k++)
            make_entry(path_in(state, l->entries[k].path), l->entries[k].content);
        request.encoding = l->encoding;
        struct spool *s = open_spool(state);
        if (intake_accept(s, &request, &result, &err))
            fail_msg("%s", err.msg);
        char *text = dump(s, result.upload);
        assert_string_equal(text, l->expected);
        free(text);
        spool_close(s);
    }
}

static void refuses(void **state, const struct entry *entries, const char *input,
                    const char *in_message)
{
    struct intake_request request = request_for(path_in(state, input));
    struct intake_result result;
    struct err err = {0};
    struct names uploads;

    temp_remove(path_in(state, ""));
    assert_int_equal(dir_make(path_in(state, ""), &err), 0);
    for (int i = 0; entries[i].path; i++)
        make_entry(path_in(state, entries[i].path), entries[i].content);
    struct spool *s = open_spool(state);
    assert_int_equal(intake_accept(s, &request, &result, &err), -1);
    print_message("      %s\n", err.msg);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, in_message));
    err = (struct err){0};
    assert_int_equal(names_read(&uploads, temp_path(*state, "spool/uploads"), &err), 0);
    assert_int_equal(uploads.n, 0);
    spool_close(s);
}

static void wrong_input_stops_before_any_work(void **state)
{
    static const struct entry none[] = {{0}};
    static const struct entry text[] = {
        {"readme.txt", "x"},
        {0           }
    };
    static const struct entry twice[] = {
        {"manifest.csv", HEADER "p,,x/a.jpg\nq,,x\\a.jpg\n"},
        {"x/a.jpg",              "PIC"},
        {0}
    };
    static const struct entry linked[] = {
        {"real.csv",    HEADER "p,,a.jpg\n"},
        {"manifest.csv",             "->real.csv"},
        {"a.jpg","PIC"},
        {0      }
    };
    static const struct entry picture[] = {
        {"a.jpg", "PIC"},
        {0      }
    };
    static const struct entry links[] = {
        {"a.jpg", "->elsewhere.jpg"},
        {0      }
    };

    refuses(state, none, "missing", "missing");
    refuses(state, none, "", "no picture in it, nor any other file");
    refuses(state, links, "", "(1 other files; a.jpg is \"special_file\": a link)");
    refuses(state, text, "", "1 other files");
    refuses(state, twice, "", "manifest.csv:3: names the same file as manifest.csv:2");
    refuses(state, linked, "", "manifest.csv");
    refuses(state, picture, "a.jpg", "neither a folder nor a manifest");
}

static void a_manifest_may_have_another_name(void **state)
{
    struct intake_request request = request_for(path_in(state, "list.CSV"));
    struct intake_result result;
    struct err err = {0};

    temp_write_text(path_in(state, "list.CSV"), HEADER "p,,a.jpg\n");
    temp_write_text(path_in(state, "manifest.csv"), "something else");
    temp_write_text(path_in(state, "a.jpg"), "PIC");
    struct spool *s = open_spool(state);
    assert_int_equal(intake_accept(s, &request, &result, &err), 0);
    char *text = dump(s, result.upload);
    assert_string_equal(text, "patients/p | a | a.jpg\n- manifest.csv ! unlisted\n");
    free(text);
    spool_close(s);
}

static int first_study(void *ctx, const char *study_dir, const struct study *study, struct err *err)
{
    json_t **out = ctx;

    (void)study_dir;
    (void)err;
    if (!*out)
        *out = study_to_json(study);
    return 0;
}

static void fields_of_the_manifest_arrive(void **state)
{
    struct intake_request request = request_for(path_in(state, ""));
    struct intake_result result;
    struct err err = {0};
    json_t *study = NULL;

    temp_write_text(path_in(state, "manifest.csv"),
                    "patient_id;study_id;lesion_id;file;patient_name;birth_date;sex;body_site;"
                    "acquired_at;mm_per_px;notes;site;Kamera\n"
                    "p/1;;L1;a.jpg;;;;back;2026-01-02;0,05;\"two\nlines\";;X1\n"
                    "p/1;;L2;b.jpg;王 \"Ö\";1970-01-01;f;arm;;;;Clinic 7;\n");
    temp_write_text(path_in(state, "a.jpg"), "PIC1");
    temp_write_text(path_in(state, "b.jpg"), "PIC2");
    struct spool *s = open_spool(state);
    assert_int_equal(intake_accept(s, &request, &result, &err), 0);
    assert_int_equal(spool_each_study(s, first_study, &study, &err), 0);
    const json_t *image = json_array_get(json_object_get(study, "images"), 0);
    assert_string_equal(json_text_or(study, "patient_id", ""), "p/1");
    assert_string_equal(json_text_or(study, "patient_name", ""), "王 \"Ö\"");
    assert_string_equal(json_text_or(study, "birth_date", ""), "1970-01-01");
    assert_string_equal(json_text_or(study, "sex", ""), "f");
    assert_string_equal(json_text_or(study, "site", ""), "Clinic 7");
    assert_string_equal(json_text_or(study, "publish", ""), "patients/p%2F1");
    assert_string_equal(json_text_or(study, "accepted_at", ""), "1970-01-01T00:00:01.000Z");
    assert_string_equal(json_text_or(study, "upload", ""), result.upload);
    assert_string_equal(json_text_or(image, "lesion_id", ""), "L1");
    assert_string_equal(json_text_or(image, "body_site", ""), "back");
    assert_string_equal(json_text_or(image, "acquired_at", ""), "2026-01-02");
    assert_string_equal(json_text_or(image, "notes", ""), "two\nlines");
    assert_true(json_number_or(image, "mm_per_px", 0) == 0.05);
    assert_string_equal(json_text_or(json_object_get(image, "extra"), "Kamera", ""), "X1");
    json_decref(study);
    spool_close(s);
}

/* Names of 255 bytes, ids of 1023: the names made of them stay different and fit. */
static void long_names_do_not_collide(void **state)
{
    char manifest[8192], id[1024];
    struct intake_request request = request_for(path_in(state, ""));
    struct intake_result result;
    struct err err = {0};

    memset(id, '/', sizeof(id));
    id[sizeof(id) - 2] = 0;
    snprintf(manifest, sizeof(manifest), HEADER "%sA,,%s1.jpg\n%sB,,%s2.jpg\n%sA,,x/%s1.jpg\n", id,
             LONG_NAME, id, LONG_NAME, id, LONG_NAME);
    temp_write_text(path_in(state, "manifest.csv"), manifest);
    /* not by temp_write: the name of its draft would be longer than a folder takes */
    static const char *const names[] = {LONG_NAME "1.jpg", LONG_NAME "2.jpg",
                                        "x/" LONG_NAME "1.jpg"};
    assert_int_equal(dir_make(path_in(state, "x"), &err), 0);
    for (int i = 0; i < 3; i++) {
        int fd = open(path_in(state, names[i]), O_WRONLY | O_CREAT, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, "PIC1PIC2PIC3" + 4 * i, 4), 4);
        close(fd);
    }
    struct spool *s = open_spool(state);
    if (intake_accept(s, &request, &result, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(result.images, 3);
    assert_int_equal(result.studies, 2);
    assert_int_equal(result.set_aside, 0);
    char *text = dump(s, result.upload);
    char publish[2][1024], stem[3][1024];
    int at = 0;
    for (int i = 0; i < 3; i++) {
        char folder[1024], file[1024];
        assert_int_equal(sscanf(text + at, "%1023s | %1023s | %1023s", folder, stem[i], file), 3);
        at += (int)(strchr(text + at, '\n') - (text + at)) + 1;
        memcpy(publish[i == 2], folder, sizeof(folder));
        assert_true(strlen(strchr(folder, '/') + 1) <= 200);
        assert_true(strlen(stem[i]) <= 210);
    }
    assert_string_not_equal(publish[0], publish[1]);
    assert_string_not_equal(stem[0], stem[1]);
    free(text);
    spool_close(s);
}

static void the_same_upload_is_one_upload(void **state)
{
    struct intake_request request = request_for(path_in(state, ""));
    struct intake_result first, second, third;
    struct err err = {0};

    temp_write_text(path_in(state, "manifest.csv"), HEADER "p,,a.jpg\nq,,b.jpg\nr,,no.jpg\n");
    temp_write_text(path_in(state, "a.jpg"), "PIC1");
    temp_write_text(path_in(state, "b.jpg"), "PIC2");
    struct spool *s = open_spool(state);
    assert_int_equal(intake_accept(s, &request, &first, &err), 0);
    assert_false(first.was_there);
    assert_int_equal(first.images, 3);
    assert_int_equal(first.studies, 3);
    assert_int_equal(first.set_aside, 1);
    assert_int_equal(first.others, 0);
    /* later, with rows in another order and another file beside them */
    request.accepted_ms = 99000;
    temp_write_text(path_in(state, "manifest.csv"), HEADER "r,,./no.jpg\nq,,b.jpg\n\np,,a.jpg\n");
    temp_write_text(path_in(state, ".DS_Store"), "x");
    assert_int_equal(intake_accept(s, &request, &second, &err), 0);
    assert_true(second.was_there);
    assert_string_equal(first.upload, second.upload);
    char *text = dump(s, first.upload);
    assert_non_null(strstr(text, "- .DS_Store ! unlisted\n"));
    free(text);
    json_t *record;
    assert_int_equal(spool_upload_read(s, first.upload, &record, &err), 0);
    assert_string_equal(json_text_or(record, "accepted_at", ""), "1970-01-01T00:00:01.000Z");
    json_decref(record);
    /* another picture is another upload */
    temp_write_text(path_in(state, "b.jpg"), "PIC3");
    assert_int_equal(intake_accept(s, &request, &third, &err), 0);
    assert_false(third.was_there);
    assert_string_not_equal(first.upload, third.upload);
    spool_close(s);
}

static void out_and_spool_inside_the_input_are_left_out(void **state)
{
    struct intake_request request = request_for(*state); /* the spool lies in it */
    struct intake_result result;
    struct err err = {0};

    temp_write_text(temp_path(*state, "p/a.jpg"), "PIC1");
    temp_write_text(temp_path(*state, "out/b.jpg"), "PIC2");
    request.leave_out = temp_path(*state, "out");
    struct spool *s = open_spool(state);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(intake_accept(s, &request, &result, &err), 0);
        assert_int_equal(result.images, 1);
        assert_int_equal(result.others, 0);
    }
    assert_true(result.was_there);
    spool_close(s);
}

static char *changing_path;

/* Called after the walk and before the link: the moment when a file must not change. */
static bool looks_and_changes(const uint8_t *head, size_t n)
{
    int fd = open(changing_path, O_WRONLY | O_APPEND);

    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    return looks_like_picture(head, n);
}

static void a_file_that_changes_meanwhile_is_not_taken(void **state)
{
    struct intake_request request = request_for(path_in(state, ""));
    struct intake_result result;
    struct err err = {0};
    struct names left;

    temp_write_text(path_in(state, "p/a.jpg"), "PIC1");
    changing_path = strdup(path_in(state, "p/a.jpg"));
    request.is_picture = looks_and_changes;
    struct spool *s = open_spool(state);
    assert_int_equal(intake_accept(s, &request, &result, &err), -1);
    assert_int_equal(err.code, ERR_AGAIN);
    assert_non_null(strstr(err.msg, "changed"));
    err = (struct err){0};
    assert_int_equal(names_read(&left, temp_path(*state, "spool/incoming"), &err), 0);
    assert_int_equal(left.n, 0);
    free(changing_path);
    spool_close(s);
}

/* As a user who may not read every file; root may, so root becomes nobody. */
static void unreadable_files_are_set_aside(void **state)
{
    struct intake_request request = request_for(path_in(state, ""));
    int status;

    temp_write_text(path_in(state, "p/a.jpg"), "PIC1");
    temp_write_text(path_in(state, "p/closed.jpg"), "PIC2");
    temp_write_text(path_in(state, "p/closed.txt"), "text");
    temp_write_text(path_in(state, "shut/b.jpg"), "PIC3");
    chmod(*state, 0777);
    chmod(path_in(state, ""), 0755);
    chmod(path_in(state, "p"), 0755);
    chmod(path_in(state, "p/a.jpg"), 0644);
    chmod(path_in(state, "p/closed.jpg"), 0);
    chmod(path_in(state, "p/closed.txt"), 0);
    chmod(path_in(state, "shut"), 0);
    pid_t child = fork();
    if (child == 0) {
        struct intake_result result;
        struct err err = {0};
        struct spool *s;
        if (geteuid() == 0 && setuid(65534))
            _exit(2);
        if (spool_open(&s, temp_path(*state, "spool"), &err) ||
            intake_accept(s, &request, &result, &err)) {
            print_message("%s\n", err.msg);
            _exit(1);
        }
        spool_close(s);
        _exit(result.images == 2 && result.set_aside == 1 && result.others == 2 ? 0 : 3);
    }
    waitpid(child, &status, 0);
    chmod(path_in(state, "shut"), 0700);
    assert_int_equal(status, 0);
    if (geteuid() != 0)
        return;
    struct spool *s = open_spool(state);
    struct names uploads;
    struct err err = {0};
    assert_int_equal(names_read(&uploads, temp_path(*state, "spool/uploads"), &err), 0);
    char *text = dump(s, uploads.at[0]);
    assert_string_equal(text, "patients/p | a | p/a.jpg\n"
                              "patients/p | closed | p/closed.jpg ! unreadable\n"
                              "- p/closed.txt ! unreadable\n- shut ! unreadable\n");
    free(text);
    names_release(&uploads);
    spool_close(s);
}

static void two_thousand_files_are_taken_in(void **state)
{
    struct intake_request request = request_for(path_in(state, ""));
    struct intake_result result;
    struct err err = {0};

    make_many(state, 1000, 2);
    struct spool *s = open_spool(state);
    int64_t start = clock_mono_us();
    assert_int_equal(intake_accept(s, &request, &result, &err), 0);
    print_message("2,000 files: %.2f s\n", (double)(clock_mono_us() - start) / 1e6);
    assert_int_equal(result.images, 2000);
    assert_int_equal(result.studies, 1000);
    spool_close(s);
}

static void originals_are_linked_where_possible(void **state)
{
    struct intake_request request = request_for(path_in(state, ""));
    struct intake_result result;
    struct err err = {0};
    struct stat st;

    temp_write_text(path_in(state, "p/a.jpg"), "PIC1");
    struct spool *s = open_spool(state);
    assert_int_equal(intake_accept(s, &request, &result, &err), 0);
    assert_int_equal(stat(path_in(state, "p/a.jpg"), &st), 0);
    assert_int_equal(st.st_nlink, 2);
    spool_close(s);
}

/* The builder is killed at fifty moments from its start to past its end; each time either nothing was accepted
 * or all of it, and the next call finds its way. */
static void kill_at_any_moment(void **state)
{
    enum { ROUNDS = 50, PATIENTS = 25, EACH = 2 };
    struct intake_request request = request_for(path_in(state, ""));
    struct intake_result result;
    struct err err = {0};
    struct names left;
    int accepted = 0, drafts = 0;

    make_many(state, PATIENTS, EACH);
    struct spool *s = open_spool(state);
    int64_t start = clock_mono_us();
    assert_int_equal(intake_accept(s, &request, &result, &err), 0);
    int64_t whole_us = clock_mono_us() - start;
    char *expected = dump(s, result.upload);
    char final[256];
    snprintf(final, sizeof(final), "%s/spool/uploads/%s", (const char *)*state, result.upload);

    for (int i = 0; i < ROUNDS || (!drafts && i < 100 * ROUNDS); i++) {
        temp_remove(final);
        pid_t child = fork();
        if (child == 0) {
            (void)intake_accept(s, &request, &result, &err);
            _exit(0);
        }
        usleep((useconds_t)(whole_us * (i % ROUNDS) * 3 / 2 / ROUNDS));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        if (!access(final, F_OK)) {
            char *text = dump(s, result.upload);
            assert_string_equal(text, expected);
            free(text);
            accepted++;
        }
        assert_int_equal(names_read(&left, temp_path(*state, "spool/incoming"), &err), 0);
        drafts += left.n > 0;
        names_release(&left);
        assert_int_equal(intake_accept(s, &request, &result, &err), 0);
        char *text = dump(s, result.upload);
        assert_string_equal(text, expected);
        free(text);
    }
    print_message("%d left a draft, %d had been accepted\n", drafts, accepted);
    assert_true(drafts > 0);
    /* what the last one left is swept by the next upload that builds something */
    temp_remove(final);
    assert_int_equal(intake_accept(s, &request, &result, &err), 0);
    assert_int_equal(names_read(&left, temp_path(*state, "spool/incoming"), &err), 0);
    assert_int_equal(left.n, 0);
    free(expected);
    spool_close(s);
}

static void a_living_builder_is_not_swept(void **state)
{
    struct intake_request request = request_for(path_in(state, ""));
    struct intake_result result;
    struct err err = {0};

    temp_write_text(path_in(state, "p/a.jpg"), "PIC1");
    temp_write_text(temp_path(*state, "spool/incoming/other/upload.json"), "{}");
    temp_write_text(temp_path(*state, "spool/incoming/dead/upload.json"), "{}");
    struct spool *s = open_spool(state);
    int fd = open(temp_path(*state, "spool/incoming/other"), O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(intake_accept(s, &request, &result, &err), 0);
    assert_int_equal(access(temp_path(*state, "spool/incoming/other/upload.json"), F_OK), 0);
    assert_int_equal(access(temp_path(*state, "spool/incoming/dead"), F_OK), -1);
    close(fd);
    spool_close(s);
}

static void two_at_once_make_one_upload(void **state)
{
    enum { BUILDERS = 4 };
    struct intake_request request = request_for(path_in(state, ""));
    struct intake_result result;
    struct err err = {0};
    struct names uploads, left;
    int status, taken = 0;

    make_many(state, 50, 2);
    struct spool *s = open_spool(state);
    for (int i = 0; i < BUILDERS; i++)
        if (fork() == 0)
            _exit(intake_accept(s, &request, &result, &err) ? 100 : result.was_there);
    for (int i = 0; i < BUILDERS; i++) {
        wait(&status);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
        taken += WEXITSTATUS(status) == 0;
    }
    assert_int_equal(taken, 1);
    assert_int_equal(names_read(&uploads, temp_path(*state, "spool/uploads"), &err), 0);
    assert_int_equal(names_read(&left, temp_path(*state, "spool/incoming"), &err), 0);
    assert_int_equal(uploads.n, 1);
    assert_int_equal(left.n, 0);
    names_release(&uploads);
    spool_close(s);
}

/* A small disk of its own, seen by this process only; false when not root. */
static bool mount_small(const char *path, const char *options)
{
    struct err err = {0};

    return geteuid() == 0 && !unshare(CLONE_NEWNS) &&
           !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) && !dir_make(path, &err) &&
           !mount("tmpfs", path, "tmpfs", 0, options);
}

static void on_a_small_disk(void **state, const char *options, const char *in_message)
{
    struct intake_request request = request_for(path_in(state, ""));
    struct intake_result result;
    struct err err = {0};
    struct names uploads, left;

    if (!mount_small(temp_path(*state, "spool"), options))
        skip();
    make_many(state, 15, 2);
    struct spool *s = open_spool(state);
    int ret = intake_accept(s, &request, &result, &err);
    print_message("      %s\n", err.msg);
    if (!in_message) { /* other disk, so copies, and enough room */
        char *text = dump(s, result.upload);
        assert_int_equal(ret, 0);
        free(text);
    } else {
        assert_int_equal(ret, -1);
        assert_int_equal(err.code, ERR_AGAIN);
        assert_non_null(strstr(err.msg, in_message));
        err = (struct err){0};
        assert_int_equal(names_read(&uploads, temp_path(*state, "spool/uploads"), &err), 0);
        assert_int_equal(names_read(&left, temp_path(*state, "spool/incoming"), &err), 0);
        assert_int_equal(uploads.n + left.n, 0);
    }
    spool_close(s);
    umount(temp_path(*state, "spool"));
}

static void a_disk_too_small_is_named_with_numbers(void **state)
{
    on_a_small_disk(state, "size=4m", "15 MB are needed for 30 images, 4 MB are free");
}

static void a_disk_that_fills_up_takes_nothing(void **state)
{
    on_a_small_disk(state, "size=64m,nr_inodes=80", "No space left");
}

static void another_disk_gets_copies(void **state)
{
    on_a_small_disk(state, "size=64m", NULL);
}

/* Whoever still has the file open writes into his own. */
static void what_others_may_write_to_is_copied(void **state)
{
    struct intake_request request = request_for(path_in(state, ""));
    struct intake_result result;
    struct err err = {0};
    struct stat st;

    make_many(state, 1, 1);
    request.is_foreign = true;
    struct spool *s = open_spool(state);
    assert_int_equal(intake_accept(s, &request, &result, &err), 0);
    assert_int_equal(stat(path_in(state, "p0000/0.jpg"), &st), 0);
    assert_int_equal(st.st_nlink, 1);
    spool_close(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_setup, temp_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(layouts_are_taken_in),
        TEST(wrong_input_stops_before_any_work),
        TEST(a_manifest_may_have_another_name),
        TEST(fields_of_the_manifest_arrive),
        TEST(long_names_do_not_collide),
        TEST(the_same_upload_is_one_upload),
        TEST(out_and_spool_inside_the_input_are_left_out),
        TEST(a_file_that_changes_meanwhile_is_not_taken),
        TEST(unreadable_files_are_set_aside),
        TEST(two_thousand_files_are_taken_in),
        TEST(originals_are_linked_where_possible),
        TEST(what_others_may_write_to_is_copied),
        TEST(kill_at_any_moment),
        TEST(a_living_builder_is_not_swept),
        TEST(two_at_once_make_one_upload),
        TEST(a_disk_too_small_is_named_with_numbers),
        TEST(a_disk_that_fills_up_takes_nothing),
        TEST(another_disk_gets_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
