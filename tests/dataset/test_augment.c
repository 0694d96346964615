/* Geometry and colour against slow arithmetic in double that shares nothing with the code. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataset/augment.h"

enum { SENTINEL = 0x5a };

struct sample {
    uint8_t *in, *in_label, *out, *out_label; /* the latter two with a sentinel behind */
    struct augment_picture picture;
    struct augment_target target;
    struct augment_room room;
};

/* Smooth waves with a little noise, and stripes of classes. */
static void make(struct sample *s, int w, int h, int to_w, int to_h)
{
    size_t n = (size_t)w * (size_t)h, to = (size_t)to_w * (size_t)to_h;

    *s = (struct sample){
        .in = malloc(3 * n),
        .in_label = malloc(n),
        .out = malloc(3 * to + 1),
        .out_label = malloc(to + 1),
    };
    for (int j = 0; j < h; j++)
        for (int i = 0; i < w; i++) {
            uint8_t *at = s->in + 3 * ((size_t)j * (size_t)w + (size_t)i);
            for (int c = 0; c < 3; c++)
                at[c] = (uint8_t)(128 + 60 * sin(0.11 * i + c) + 50 * cos(0.13 * j - 0.05 * i * c) +
                                  (i * 7 + j * 13) % 5);
            s->in_label[j * w + i] = (uint8_t)((i / 9 + j / 7) % 8);
        }
    s->out[3 * to] = s->out_label[to] = SENTINEL;
    s->picture = (struct augment_picture){s->in, s->in_label, w, h};
    s->target = (struct augment_target){s->out, s->out_label, to_w, to_h};
}

static void done(struct sample *s)
{
    size_t to = (size_t)s->target.w * (size_t)s->target.h;

    assert_int_equal(s->out[3 * to], SENTINEL);
    assert_int_equal(s->out_label[to], SENTINEL);
    free(s->in);
    free(s->in_label);
    free(s->out);
    free(s->out_label);
    augment_room_release(&s->room);
}

static void apply(struct sample *s, const struct augment_plan *plan)
{
    struct err err = {0};

    if (augment_apply(plan, &s->picture, &s->target, &s->room, &err))
        fail_msg("%s", err.msg);
}

static struct augment_config config_of(const char *text)
{
    struct augment_config c;
    struct err err = {0};

    if (augment_parse(&c, text, &err))
        fail_msg("%s: %s", text, err.msg);
    return c;
}

static void augment(struct sample *s, const char *config, uint32_t index)
{
    const struct augment_config c = config_of(config);
    const struct augment_place place = {.seed = 3, .epoch = 2, .index = index};
    struct augment_plan plan;

    augment_choose(&plan, &c, &place, &s->picture, &s->target);
    apply(s, &plan);
}

static void off_leaves_a_picture_as_it_is(void **state)
{
    struct sample s;

    (void)state;
    make(&s, 61, 47, 61, 47);
    augment(&s, "off", 0);
    assert_memory_equal(s.out, s.in, 3 * 61 * 47);
    assert_memory_equal(s.out_label, s.in_label, 61 * 47);
    done(&s);
}

struct turn_case {
    const char *name;
    double map[2][3]; /* of a square of 40 */
};

static void quarter_turns_and_mirrors_are_exact(void **state)
{
    enum { N = 40 };
    static const struct turn_case cases[] = {
        {"quarter left",  {{0, -1, N}, {1, 0, 0}} },
        {"half",          {{-1, 0, N}, {0, -1, N}}},
        {"quarter right", {{0, 1, 0}, {-1, 0, N}} },
        {"mirror",        {{-1, 0, N}, {0, 1, 0}} },
        {"transposed",    {{0, 1, 0}, {1, 0, 0}}  },
    };
    struct sample s;

    (void)state;
    make(&s, N, N, N, N);
    for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
        struct augment_plan plan;
        augment_plain(&plan, &s.picture, N, N);
        memcpy(plan.map, cases[k].map, sizeof(plan.map));
        apply(&s, &plan);
        for (int j = 0; j < N; j++)
            for (int i = 0; i < N; i++) {
                const double(*m)[3] = cases[k].map;
                int x = (int)floor(m[0][0] * (i + 0.5) + m[0][1] * (j + 0.5) + m[0][2]);
                int y = (int)floor(m[1][0] * (i + 0.5) + m[1][1] * (j + 0.5) + m[1][2]);
                if (memcmp(s.out + 3 * (j * N + i), s.in + 3 * (y * N + x), 3) != 0 ||
                    s.out_label[j * N + i] != s.in_label[y * N + x])
                    fail_msg("%s: pixel %d,%d", cases[k].name, i, j);
            }
    }
    done(&s);
}

static int mirrored(int i, int n)
{
    while (i < 0 || i >= n)
        i = i < 0 ? -1 - i : 2 * n - 1 - i;
    return i;
}

/* Cell (x, y) of cells by cells[1] that share the picture out, mirrored outside: its mean as a whole
 * number of levels. */
static double cell(const struct sample *s, int x, int y, const int cells[2], int c)
{
    int w = s->picture.w, h = s->picture.h, n = 0;
    double sum = 0;

    x = mirrored(x, cells[0]);
    y = mirrored(y, cells[1]);
    for (int j = y * h / cells[1]; j < (y + 1) * h / cells[1]; j++)
        for (int i = x * w / cells[0]; i < (x + 1) * w / cells[0]; i++, n++)
            sum += s->in[3 * (j * w + i) + c];
    return floor(sum / n + 0.5);
}

static double bilinear(const struct sample *s, double x, double y, int k, int c)
{
    const int cells[2] = {(s->picture.w + k - 1) / k, (s->picture.h + k - 1) / k};
    double fx = x * cells[0] / s->picture.w - 0.5, fy = y * cells[1] / s->picture.h - 0.5;
    int ix = (int)floor(fx), iy = (int)floor(fy);

    fx -= ix;
    fy -= iy;
    return (1 - fy) * ((1 - fx) * cell(s, ix, iy, cells, c) + fx * cell(s, ix + 1, iy, cells, c)) +
           fy * ((1 - fx) * cell(s, ix, iy + 1, cells, c) + fx * cell(s, ix + 1, iy + 1, cells, c));
}

/* The label must be that of the pixel hit, unless its edge is within the rounding of coordinates. */
static bool is_label_right(const struct sample *s, double x, double y, uint8_t got)
{
    for (int j = -1; j <= 1; j++)
        for (int i = -1; i <= 1; i++) {
            int at_x = mirrored((int)floor(x + 0.005 * i), s->picture.w);
            int at_y = mirrored((int)floor(y + 0.005 * j), s->picture.h);
            if (s->in_label[at_y * s->picture.w + at_x] == got)
                return true;
        }
    return false;
}

static void compare_with_oracle(struct sample *s, const struct augment_plan *plan, int shrink,
                                uint32_t index)
{
    const double(*m)[3] = plan->map;
    double worst = 0, sum = 0;
    int n = 0;

    for (int j = 0; j < s->target.h; j++)
        for (int i = 0; i < s->target.w; i++) {
            double x = m[0][0] * (i + 0.5) + m[0][1] * (j + 0.5) + m[0][2];
            double y = m[1][0] * (i + 0.5) + m[1][1] * (j + 0.5) + m[1][2];
            if (!is_label_right(s, x, y, s->out_label[j * s->target.w + i]))
                fail_msg("sample %u: label at %d,%d", index, i, j);
            for (int c = 0; c < 3; c++, n++) {
                double off = s->out[3 * (j * s->target.w + i) + c] - bilinear(s, x, y, shrink, c);
                worst = fmax(worst, fabs(off));
                sum += off;
            }
        }
    /* Half a level for each of two roundings, the rest for weights in 1/256. */
    if (worst > 1.4 || fabs(sum / n) > 0.05)
        fail_msg("sample %u (shrink %d): off by %.3f, mean %.4f", index, shrink, worst, sum / n);
}

static void geometry_agrees_with_double(void **state)
{
    static const int sizes[][4] = {
        {64,  48,  64,  64 },
        {200, 150, 96,  80 },
        {33,  70,  128, 100},
        {1,   1,   16,  16 },
        {300, 20,  48,  48 },
    };

    (void)state;
    for (uint32_t index = 0; index < 40; index++) {
        const int *size = sizes[index % 5];
        const struct augment_config c = config_of("off,flip=0.5,rotate=180,scale-min=0.5,"
                                                  "scale-max=2,shift=0.3");
        const struct augment_place place = {.seed = 1, .index = index};
        struct augment_plan plan;
        struct sample s;
        make(&s, size[0], size[1], size[2], size[3]);
        augment_choose(&plan, &c, &place, &s.picture, &s.target);
        apply(&s, &plan);
        double step = sqrt(fabs(plan.map[0][0] * plan.map[1][1] - plan.map[0][1] * plan.map[1][0]));
        compare_with_oracle(&s, &plan, step < 1.5 ? 1 : (int)(step + 0.5), index);
        done(&s);
    }
}

/* What is asked for is what comes: spread of scales, of angles and of mirrors. */
static void geometry_has_the_range_asked_for(void **state)
{
    enum { N = 4000 };
    const struct augment_config c = config_of("off,flip=0.3,rotate=90,scale-min=0.5,scale-max=2");
    int mirrors = 0, small = 0, quadrant = 0;
    struct augment_plan plan;
    struct sample s;

    (void)state;
    make(&s, 100, 50, 80, 80);
    for (uint32_t index = 0; index < N; index++) {
        const struct augment_place place = {.seed = 9, .index = index};
        augment_choose(&plan, &c, &place, &s.picture, &s.target);
        double(*m)[3] = plan.map, det = m[0][0] * m[1][1] - m[0][1] * m[1][0];
        double scale = 100.0 / 80 / sqrt(fabs(det)), turned = atan2(-m[0][1], m[1][1]);
        assert_true(scale > 0.4999 && scale < 2.0001);
        assert_true(fabs(turned) < 1.5708);
        mirrors += det < 0;
        small += scale < 1;
        quadrant += turned > 0;
        /* The middle stays in the middle. */
        assert_true(fabs(m[0][0] * 40 + m[0][1] * 40 + m[0][2] - 50) < 1e-9);
        assert_true(fabs(m[1][0] * 40 + m[1][1] * 40 + m[1][2] - 25) < 1e-9);
    }
    assert_in_range(mirrors, N * 27 / 100, N * 33 / 100);
    assert_in_range(small, N * 46 / 100, N * 54 / 100);
    assert_in_range(quadrant, N * 46 / 100, N * 54 / 100);
    done(&s);
}

/* A bright disc and its label go the same way: their overlap, measured on the pixels. */
static void label_and_picture_stay_together(void **state)
{
    enum { W = 180, H = 140 };
    struct sample s;
    double least = 1;

    (void)state;
    make(&s, W, H, 160, 160);
    for (int j = 0; j < H; j++)
        for (int i = 0; i < W; i++) {
            s.in_label[j * W + i] = hypot(i - 100, j - 60) < 35 ? 4 : 0;
            memset(s.in + 3 * (j * W + i), s.in_label[j * W + i] ? 230 : 20, 3);
        }
    for (uint32_t index = 0; index < 60; index++) {
        int both = 0, either = 0;
        augment(&s,
                "off,flip=0.5,rotate=180,scale-min=0.5,scale-max=2,shift=0.1,coarse=0.5,"
                "coarse-min=0.4,blur=0.5,blur-sigma=2,grey=0.3",
                index);
        for (int k = 0; k < 160 * 160; k++) {
            bool is_bright = s.out[3 * k] > 125, is_lesion = s.out_label[k] == 4;
            if (s.out_label[k] == AUGMENT_IGNORED)
                continue;
            both += is_bright && is_lesion;
            either += is_bright || is_lesion;
        }
        least = fmin(least, (double)both / either);
    }
    if (least < 0.97)
        fail_msg("picture and label overlap by %.4f", least);
    done(&s);
}

static void grey_padding_is_grey_and_ignored(void **state)
{
    struct sample s;
    int padded = 0;

    (void)state;
    make(&s, 90, 60, 96, 96);
    for (uint32_t index = 0; index < 20; index++) {
        augment(&s, "strong,grey=1", index);
        for (int k = 0; k < 96 * 96; k++) {
            if (s.out_label[k] != AUGMENT_IGNORED)
                continue;
            padded++;
            assert_true(s.out[3 * k] == 128 && s.out[3 * k + 1] == 128 && s.out[3 * k + 2] == 128);
        }
        augment(&s, "strong,grey=0", index);
        for (int k = 0; k < 96 * 96; k++)
            assert_true(s.out_label[k] < 8);
    }
    assert_in_range(padded, 20 * 96 * 96 / 5, 20 * 96 * 96 * 3 / 4);
    /* Plain: exactly the bands above and below a picture of 3:2. */
    struct augment_plan plan;
    augment_plain(&plan, &s.picture, 96, 96);
    plan.is_grey = true;
    apply(&s, &plan);
    for (int j = 0; j < 96; j++)
        for (int i = 0; i < 96; i++)
            assert_int_equal(s.out_label[j * 96 + i] == AUGMENT_IGNORED, j < 16 || j >= 80);
    done(&s);
}

static double clamped(double x)
{
    return x < 0 ? 0 : x > 255 ? 255 : x;
}

static void colours_agree_with_double(void **state)
{
    struct sample s;

    (void)state;
    make(&s, 32, 32, 32, 32);
    for (uint32_t index = 0; index < 50; index++) {
        const struct augment_config c = config_of("off,brightness=0.2,contrast=0.4,saturation=0.5,"
                                                  "hue=20,balance=0.2,gamma=0.5");
        const struct augment_place place = {.seed = 4, .index = index};
        struct augment_plan plan;
        double mean[3] = {0}, worst = 0, g;
        augment_choose(&plan, &c, &place, &s.picture, &s.target);
        apply(&s, &plan);
        g = (double)plan.gamma;
        for (int j = 0; j < 32; j += 4)
            for (int i = 0; i < 3 * 32; i++)
                mean[i % 3] += s.in[j * 3 * 32 + i] / (8.0 * 32);
        for (int k = 0; k < 32 * 32; k++)
            for (int row = 0; row < 3; row++) {
                double y = 255 * (double)plan.matrix[row][3], p = y;
                for (int ch = 0; ch < 3; ch++) {
                    y += (double)plan.matrix[row][ch] * 255 * pow(s.in[3 * k + ch] / 255.0, g);
                    p += (double)plan.matrix[row][ch] * 255 * pow(mean[ch] / 255, g);
                }
                double right = clamped((1 + (double)plan.contrast) * (y - p) + p);
                worst = fmax(worst, fabs(right - s.out[3 * k + row]));
            }
        if (worst > 0.65)
            fail_msg("sample %u: off by %.3f levels", index, worst);
    }
    done(&s);
}

/* Grey stays grey under saturation and hue; strength 0 of each knob is the picture itself. */
static void colour_knobs_do_one_thing(void **state)
{
    struct sample s;

    (void)state;
    make(&s, 32, 32, 32, 32);
    augment(&s, "off,saturation=0,hue=0,contrast=0,gamma=0,balance=0,brightness=0", 1);
    assert_memory_equal(s.out, s.in, 3 * 32 * 32);
    for (int k = 0; k < 32 * 32; k++)
        memset(s.in + 3 * k, k % 256, 3);
    augment(&s, "off,saturation=1,hue=90", 1);
    for (int k = 0; k < 3 * 32 * 32; k++)
        assert_in_range(s.out[k] + 1, s.in[k], s.in[k] + 2);
    done(&s);
}

static void a_fine_pattern_does_not_alias(void **state)
{
    struct sample s;

    (void)state;
    make(&s, 256, 256, 64, 64);
    for (int j = 0; j < 256; j++)
        for (int i = 0; i < 256; i++)
            memset(s.in + 3 * (j * 256 + i), (i + j) % 2 ? 255 : 0, 3);
    augment(&s, "off,rotate=180", 5);
    for (int k = 0; k < 64 * 64; k++)
        assert_in_range(s.out[3 * k], 126, 129);
    done(&s);
}

static double roughness(const struct sample *s)
{
    double sum = 0;

    for (int j = 0; j < s->target.h; j++)
        for (int i = 1; i < s->target.w; i++) {
            const uint8_t *at = s->out + 3 * (j * s->target.w + i);
            sum += abs(at[0] - at[-3]);
        }
    return sum;
}

static void coarse_and_blur_lose_detail(void **state)
{
    struct sample s;
    struct augment_plan plan;
    double plain, less;

    (void)state;
    make(&s, 64, 64, 64, 64);
    for (int k = 0; k < 3 * 64 * 64; k++)
        s.in[k] = (uint8_t)(k * 7919 % 256);
    augment_plain(&plan, &s.picture, 64, 64);
    apply(&s, &plan);
    plain = roughness(&s);
    plan.coarse = 0.5F;
    apply(&s, &plan);
    less = roughness(&s);
    assert_true(less < 0.45 * plain && less > 0.02 * plain);
    plan.coarse = 1;
    plan.sigma = 2;
    apply(&s, &plan);
    less = roughness(&s);
    assert_true(less < 0.25 * plain);
    done(&s);
}

/* The same place: the same bytes, whatever the scratch memory held; each other place: others. */
static void a_sample_depends_on_its_place_alone(void **state)
{
    static const char *const presets[] = {"light", "medium", "strong"};
    struct sample a, b;

    (void)state;
    make(&a, 200, 150, 128, 128);
    make(&b, 200, 150, 128, 128);
    for (uint32_t index = 0; index < 60; index++) {
        augment(&a, presets[index % 3], index);
        if (b.room.bytes)
            memset(b.room.bytes, (int)index, b.room.capacity);
        augment(&b, "strong", index + 1000);
        augment(&b, presets[index % 3], index);
        assert_memory_equal(a.out, b.out, 3 * 128 * 128);
        assert_memory_equal(a.out_label, b.out_label, 128 * 128);
        augment(&b, presets[index % 3], index + 1);
        assert_memory_not_equal(a.out, b.out, 3 * 128 * 128);
    }
    done(&a);
    done(&b);
}

/* Artefacts hide the skin and never change what is lesion. */
static void strokes_leave_the_label(void **state)
{
    static const char *const kinds[] = {"hair=1", "ruler=1", "ink=1", "bubbles=1", "vignette=1"};
    struct sample a, b;
    char text[64];

    (void)state;
    make(&a, 100, 100, 128, 128);
    make(&b, 100, 100, 128, 128);
    augment(&a, "off", 7);
    for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
        snprintf(text, sizeof(text), "off,strength=1,%s", kinds[k]);
        augment(&b, text, 7);
        assert_memory_equal(a.out_label, b.out_label, 128 * 128);
        if (!memcmp(a.out, b.out, 3 * 128 * 128))
            fail_msg("%s draws nothing", text);
    }
    done(&a);
    done(&b);
}

static void a_picture_needs_no_label(void **state)
{
    struct sample s;

    (void)state;
    make(&s, 50, 40, 64, 64);
    s.picture.label = NULL;
    s.target.label = NULL;
    augment(&s, "strong,ink=1,grey=1", 3);
    done(&s);
}

static void sizes_have_limits(void **state)
{
    static const int bad[][4] = {
        {0,  10, 10, 10                  },
        {10, 10, 10, AUGMENT_SIDE_MAX + 1},
        {10, -1, 10, 10                  },
    };
    struct sample s;
    struct augment_plan plan;

    (void)state;
    make(&s, 10, 10, 10, 10);
    augment_plain(&plan, &s.picture, 10, 10);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct err err = {0};
        s.picture.w = bad[i][0];
        s.picture.h = bad[i][1];
        struct augment_target target = {s.out, s.out_label, bad[i][2], bad[i][3]};
        assert_int_equal(augment_apply(&plan, &s.picture, &target, &s.room, &err), -1);
        assert_int_equal(err.code, ERR_LIMIT);
    }
    s.picture.w = s.picture.h = 10;
    plan.map[0][2] = 40000;
    struct err err = {0};
    assert_int_equal(augment_apply(&plan, &s.picture, &s.target, &s.room, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    done(&s);
}

struct parse_case {
    const char *text, *says; /* NULL: fine */
};

static void settings_are_read(void **state)
{
    static const struct parse_case cases[] = {
        {"off",                                                                         NULL            },
        {"strong,rotate=20,hair=0.25",                                                  NULL            },
        {"",                                                                            "no preset \"\""},
        {"mild",                                                                        "light, medium" },
        {"medium,hair",                                                                 "\"hair\""      },
        {"medium,hairs=1",                                                              "bubbles"       },
        {"medium,hair=2",                                                               "from 0 to 1"   },
        {"medium,hair=-0.1",                                                            "from 0 to 1"   },
        {"medium,hair=",                                                                "from 0 to 1"   },
        {"medium,hair=nan",                                                             "from 0 to 1"   },
        {"medium,hair=0.1x",                                                            "from 0 to 1"   },
        {"medium,",                                                                     "name=value"    },
        {"medium,scale-min=3",                                                          "over scale-max"},
        {"medium,hair=0.1000000000000000000000000000000000000000000000000000000000000", "from 0"        },
    };
    struct augment_config c, again;
    struct err none = {0};
    struct buf text;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err err = {0};
        int ret = augment_parse(&c, cases[i].text, &err);
        if ((ret != 0) != (cases[i].says != NULL) ||
            (cases[i].says && (err.code != ERR_CONFIG || !strstr(err.msg, cases[i].says))))
            fail_msg("\"%s\": %d %s", cases[i].text, ret, err.msg);
    }
    c = config_of("strong,rotate=20,hair=0.25");
    assert_true(c.rotate == 20 && c.hair == 0.25F && c.scale_max == 2);
    buf_init(&text, 4096);
    buf_add_text(&text, "off,");
    augment_format(&c, &text);
    assert_int_equal(augment_parse(&again, text.data, &none), 0);
    assert_memory_equal(&again, &c, sizeof(c));
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(off_leaves_a_picture_as_it_is),
        cmocka_unit_test(quarter_turns_and_mirrors_are_exact),
        cmocka_unit_test(geometry_agrees_with_double),
        cmocka_unit_test(geometry_has_the_range_asked_for),
        cmocka_unit_test(label_and_picture_stay_together),
        cmocka_unit_test(grey_padding_is_grey_and_ignored),
        cmocka_unit_test(colours_agree_with_double),
        cmocka_unit_test(colour_knobs_do_one_thing),
        cmocka_unit_test(a_fine_pattern_does_not_alias),
        cmocka_unit_test(coarse_and_blur_lose_detail),
        cmocka_unit_test(a_sample_depends_on_its_place_alone),
        cmocka_unit_test(strokes_leave_the_label),
        cmocka_unit_test(a_picture_needs_no_label),
        cmocka_unit_test(sizes_have_limits),
        cmocka_unit_test(settings_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
