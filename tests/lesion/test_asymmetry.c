#include "scene.h"

#include "lesion/asymmetry.h"

/* Ellipse with half axes 70 and 45, its long axis turned by `angle`, in the middle of 256 x 192. */
static double ellipse_x(int x, int y, double angle, double *v)
{
    double dx = x + 0.5 - 128, dy = y + 0.5 - 96;

    *v = (dy * cos(angle) - dx * sin(angle)) / 45;
    return (dx * cos(angle) + dy * sin(angle)) / 70;
}

enum look { PLAIN, BUMP, BITE, HALF_DARK, QUARTER_DARK };

static void draw(struct scene *s, enum look look, double angle)
{
    scene_flat(s, 214, 168, 150);
    memset(s->map, 0, (size_t)s->w * (size_t)s->h);
    for (int y = 0; y < s->h; y++)
        for (int x = 0; x < s->w; x++) {
            double v, u = ellipse_x(x, y, angle, &v);
            bool is_in = u * u + v * v < 1;
            bool is_dark = (look == HALF_DARK && v > 0) || (look == QUARTER_DARK && v > 0 && u > 0);
            if (look == BUMP) /* sits on the middle of one long side */
                is_in |= hypot(u * 70, (v - 1) * 45) < 32;
            if (look == BITE) /* takes out a quarter */
                is_in &= u < 0.1 || v < 0.1;
            if (!is_in)
                continue;
            s->map[y * s->w + x] = 2;
            scene_put(s, x, y, is_dark ? 45 : 120, is_dark ? 30 : 75, is_dark ? 28 : 55);
        }
}

static void shapes_and_colours_have_their_score(void **state)
{
    static const struct {
        const char *name;
        enum look look;
        int score;
    } cases[] = {
        {"plain",        PLAIN,        0},
        {"bump",         BUMP,         1},
        {"bite",         BITE,         2},
        {"half dark",    HALF_DARK,    1},
        {"quarter dark", QUARTER_DARK, 2},
    };
    struct lesion_scratch *scratch = *state;
    struct scene s = scene_new(256, 192);

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (double angle = 0; angle < 3.1; angle += 0.37) {
            struct asymmetry a;
            draw(&s, cases[i].look, angle);
            scene_field(scratch, &s);
            asymmetry_measure(&a, &scratch->field);
            if (a.score != cases[i].score)
                fail_msg("%s at %.2f: %d (shape %.2f %.2f, colour %.1f %.1f)", cases[i].name, angle,
                         a.score, a.shape[0], a.shape[1], a.colour[0], a.colour[1]);
        }
    scene_free(&s);
}

/* A round lesion has no principal axis; a dark half must still count once, wherever it lies. */
static void round_lesion_is_turned_to_its_best(void **state)
{
    struct lesion_scratch *scratch = *state;
    struct scene s = scene_new(200, 200);

    for (double angle = 0; angle < 6.2; angle += 0.5) {
        struct asymmetry a;
        scene_flat(&s, 214, 168, 150);
        memset(s.map, 0, 200 * 200);
        for (int y = 0; y < 200; y++)
            for (int x = 0; x < 200; x++) {
                double dx = x - 99.5, dy = y - 99.5;
                bool is_dark = dx * cos(angle) + dy * sin(angle) > 0;
                if (hypot(dx, dy) > 70)
                    continue;
                s.map[y * 200 + x] = 2;
                scene_put(&s, x, y, is_dark ? 45 : 120, is_dark ? 30 : 75, is_dark ? 28 : 55);
            }
        scene_field(scratch, &s);
        asymmetry_measure(&a, &scratch->field);
        assert_int_equal(a.score, 1);
    }
    scene_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_and_colours_have_their_score),
        cmocka_unit_test(round_lesion_is_turned_to_its_best),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
