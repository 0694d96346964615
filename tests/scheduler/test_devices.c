/* Which GPUs workers get: three in the machine (fake_nvml.c), number 1 divided into two instances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scheduler/devices.h"

/* "uuid uuid " of the devices. */
static const char *listed(const struct device *devices, int n)
{
    static char out[1024];
    size_t at = 0;

    out[0] = 0;
    for (int i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof(name), "cuda:%d", i);
        assert_string_equal(devices[i].name, name);
        at += (size_t)snprintf(out + at, sizeof(out) - at, "%s ", devices[i].uuid);
    }
    return out;
}

static void visible_devices_are_those_that_cuda_would_show(void **state)
{
    static const struct {
        const char *name, *visible, *devices;
    } cases[] = {
        {"not set",             NULL,          "GPU-0-bbbb MIG-10-aaaa MIG-12-aaaa GPU-2-bbbb "},
        {"none",                "",            ""                                              },
        {"none by number",      "-1",          ""                                              },
        {"one",                 "2",           "GPU-2-bbbb "                                   },
        {"in their order",      "2,0",         "GPU-2-bbbb GPU-0-bbbb "                        },
        {"spaces",              "2, 0",        "GPU-2-bbbb GPU-0-bbbb "                        },
        {"the divided one",     "1",           "MIG-10-aaaa MIG-12-aaaa "                      },
        {"by its name",         "GPU-2-bbbb",  "GPU-2-bbbb "                                   },
        {"by a name cut short", "GPU-2",       "GPU-2-bbbb "                                   },
        {"an instance",         "MIG-12-aaaa", "MIG-12-aaaa "                                  },
        {"up to a wrong one",   "0,7,2",       "GPU-0-bbbb "                                   },
        {"up to a wrong word",  "0,x,2",       "GPU-0-bbbb "                                   },
        {"up to a wrong name",  "0,GPU-9,2",   "GPU-0-bbbb "                                   },
        {"named twice",         "0,GPU-0,2",   "GPU-0-bbbb "                                   },
    };
    struct device out[DEVICES_MAX];
    struct nvml *nvml = nvml_open();

    (void)state;
    assert_non_null(nvml);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int n = devices_visible(nvml, cases[i].visible, out);
        if (strcmp(listed(out, n), cases[i].devices) != 0)
            fail_msg("%s: %s", cases[i].name, listed(out, n));
    }
    assert_int_equal(devices_visible(NULL, NULL, out), 0);
    assert_int_equal(devices_visible(NULL, "0", out), 0);
    nvml_close(nvml);
}

static int times_asked;

static bool yes(void)
{
    times_asked++;
    return true;
}

static bool no(void)
{
    times_asked++;
    return false;
}

static const struct device two[] = {
    {"cuda:0", "GPU-a", 0},
    {"cuda:1", "GPU-b", 1}
};

static void a_wish_becomes_devices(void **state)
{
    static const struct {
        const char *name, *wish;
        int n_visible;
        bool (*can)(void);
        int n, asked;
        const char *first;
    } cases[] = {
        {"processor",               "cpu",           2, yes, 0, 0, NULL    },
        {"auto",                    "auto",          2, yes, 2, 1, "cuda:0"},
        {"auto, no GPU",            "auto",          0, yes, 0, 0, NULL    },
        {"auto, not of this build", "auto",          2, no,  0, 1, NULL    },
        {"one",                     "cuda:1",        2, no,  1, 0, "cuda:1"},
        {"both",                    "cuda:1,cuda:0", 2, no,  2, 0, "cuda:1"},
        {"believed without NVML",   "cuda:5",        0, no,  1, 0, "cuda:5"},
    };
    struct device out[DEVICES_MAX];
    struct err err = {0};
    int n;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        times_asked = 0;
        if (devices_choose(cases[i].wish, two, cases[i].n_visible, cases[i].can, out, &n, &err))
            fail_msg("%s: %s", cases[i].name, err.msg);
        if (n != cases[i].n || times_asked != cases[i].asked ||
            (cases[i].first && strcmp(out[0].name, cases[i].first) != 0))
            fail_msg("%s: %d devices", cases[i].name, n);
    }
}

static void a_wrong_wish_is_refused_and_named(void **state)
{
    static const struct {
        const char *wish, *says;
    } cases[] = {
        {"cuda:2",        "device cuda:2: there are 2, cuda:0 to cuda:1"},
        {"cuda:0,cuda:0", "cuda:0 is named twice"                       },
        {"cuda",          "device cuda: auto, cpu or cuda:N"            },
        {"cuda:",         "device cuda:: auto, cpu or cuda:N"           },
        {"cuda:0x",       "device cuda:0x: auto"                        },
        {"cuda:-1",       "device cuda:-1: auto"                        },
        {"gpu",           "device gpu: auto"                            },
        {",",             "names none"                                  },
        {"cpu,cuda:0",    "device cpu: auto"                            },
    };
    struct device out[DEVICES_MAX];
    int n;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err err = {0};
        assert_int_equal(devices_choose(cases[i].wish, two, 2, yes, out, &n, &err), -1);
        assert_int_equal(err.code, ERR_CONFIG);
        if (!strstr(err.msg, cases[i].says))
            fail_msg("%s: %s", cases[i].wish, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(visible_devices_are_those_that_cuda_would_show),
        cmocka_unit_test(a_wish_becomes_devices),
        cmocka_unit_test(a_wrong_wish_is_refused_and_named),
    };

    setenv("FAKE_GPUS", "3", 1);
    setenv("FAKE_MIG", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
