#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "queue/names.h"
#include "queue/sites.h"
#include "tests/queue/inputs.h"

struct asked {
    int times, images;
    int64_t north, none, today; /* of the offer; of site north, before it */
    bool refuse;
    struct spool *spool;
};

static int admit(void *ctx, const struct intake_offer *offer, struct err *err)
{
    struct asked *a = ctx;
    json_t *today;

    a->times++;
    a->images = offer->images;
    a->north = json_integer_value(json_object_get(offer->sites, "north"));
    a->none = json_integer_value(json_object_get(offer->sites, ""));
    assert_string_equal(offer->at, "1970-01-01T00:00:01.000Z");
    if (sites_of_day(a->spool, offer->at, &today, err))
        return -1;
    a->today = json_integer_value(json_object_get(today, "north"));
    json_decref(today);
    return a->refuse ? err_set(err, ERR_AGAIN, "too many") : 0;
}

static int accept_asked(struct asked *a, struct intake_request *request, struct err *err)
{
    struct intake_result result;

    request->admit = admit;
    request->admit_ctx = a;
    return intake_accept(a->spool, request, &result, err);
}

static void who_is_asked_knows_sites_and_days(void **state)
{
    struct asked a = {.spool = open_spool(state), .refuse = true};
    struct err err = {0};
    struct names left;

    temp_write_text(path_in(state, "manifest.csv"),
                    "patient_id,site,file\np1,north,a.jpg\np1,,b.jpg\np2,,c.jpg\n");
    temp_write_text(path_in(state, "a.jpg"), "PIC1");
    temp_write_text(path_in(state, "b.jpg"), "PIC2");
    struct intake_request request = request_for(path_in(state, ""));
    assert_int_equal(accept_asked(&a, &request, &err), -1);
    assert_int_equal(err.code, ERR_AGAIN);
    assert_string_equal(err.msg, "too many");
    assert_int_equal(a.images, 3);
    assert_int_equal(a.north, 2); /* a study has one site */
    assert_int_equal(a.none, 1);
    static const char *const folders[] = {"spool/incoming", "spool/uploads"};
    for (int i = 0; i < 2; i++) {
        err = (struct err){0};
        assert_int_equal(names_read(&left, temp_path(*state, folders[i]), &err), 0);
        assert_int_equal(left.n, 0);
        names_release(&left);
    }
    a.refuse = false;
    assert_int_equal(accept_asked(&a, &request, &err), 0);
    assert_int_equal(a.today, 0);
    assert_int_equal(accept_asked(&a, &request, &err), 0); /* accepted before: not asked */
    assert_int_equal(a.times, 2);

    temp_remove(path_in(state, "manifest.csv"));
    request.site = "north"; /* of what has none */
    assert_int_equal(accept_asked(&a, &request, &err), 0);
    assert_int_equal(a.north, 2);
    assert_int_equal(a.none, 0);
    assert_int_equal(a.today, 2);

    json_t *other_day;
    assert_int_equal(sites_of_day(a.spool, "1970-01-02", &other_day, &err), 0);
    assert_int_equal(json_object_size(other_day), 0);
    json_decref(other_day);
    assert_int_equal(sites_of_day(a.spool, "1970-01-01", &other_day, &err), 0);
    assert_int_equal(json_integer_value(json_object_get(other_day, "north")), 4);
    json_decref(other_day);
    spool_close(a.spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_is_asked_knows_sites_and_days, temp_setup,
                                        temp_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
