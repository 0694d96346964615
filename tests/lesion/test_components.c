#include "scene.h"

#include "lesion/components.h"

/* A picture in text: '#' is mask. */
static struct components find(const char *picture, int w, int h)
{
    struct components c = {.runs = calloc(components_runs_max(w, h), sizeof(struct run))};
    uint8_t *mask = calloc((size_t)w * (size_t)h, 1);

    for (int i = 0; i < w * h; i++)
        mask[i] = picture[i] == '#';
    components_find(&c, mask, w, w, h);
    free(mask);
    return c;
}

static void parts_are_joined_by_side_and_corner(void **state)
{
    static const struct {
        const char *name, *picture;
        int w, h, largest_area, kept;
    } cases[] = {
        {"empty",    "......",          3, 2, 0,  0},
        {"full",     "######",          3, 2, 6,  1},
        {"one",      "....#....",       3, 3, 1,  1},
        {"corner",   "#...#...#",       3, 3, 3,  1},
        {"anti",     "..#.#.#..",       3, 3, 3,  1},
        {"apart",    "#.#...#.#",       3, 3, 1,  4},
        {"u",        "#.##.####",       3, 3, 7,  1},
        {"w",        "#.#.##.#.######", 5, 3, 11, 1},
        {"ring",     "####..####",      5, 2, 8,  1},
        {"checkers", "#.#.#.#.#",       3, 3, 5,  1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct components c = find(cases[i].picture, cases[i].w, cases[i].h);
        int area = c.largest < 0 ? 0 : c.runs[c.largest].area;
        if (area != cases[i].largest_area || c.n_kept != cases[i].kept)
            fail_msg("%s: area %d, kept %d", cases[i].name, area, c.n_kept);
        free(c.runs);
    }
}

/* A part of exactly 1 % of the largest counts, a smaller one does not. */
static void specks_are_left_out(void **state)
{
    char picture[3 * 300];

    (void)state;
    memset(picture, '.', sizeof(picture));
    memset(picture, '#', 200);
    memset(picture + 600, '#', 2);
    picture[610] = '#';
    struct components c = find(picture, 300, 3);
    assert_int_equal(c.n_kept, 2);
    for (int i = 0; i < c.n_runs; i++)
        assert_int_equal(components_is_kept(&c, i), c.runs[i].x0 != 10);
    free(c.runs);
}

static void box_of_a_part(void **state)
{
    struct components c = find("......"
                               "..#..."
                               ".#.#.."
                               "....#.",
                               6, 4);

    (void)state;
    const struct run *root = c.runs + c.largest;
    assert_int_equal(root->y, 1);
    assert_int_equal(root->box_x0, 1);
    assert_int_equal(root->box_x1, 5);
    assert_int_equal(root->box_y1, 4);
    free(c.runs);
}

/* Random masks against a flood fill. */
static void agrees_with_flood_fill(void **state)
{
    enum { W = 37, H = 29 };
    char picture[W * H + 1];
    int stack[W * H];

    (void)state;
    for (int seed = 0; seed < 60; seed++) {
        int largest = 0;
        for (int i = 0; i < W * H; i++)
            picture[i] = lattice(i % W, i / W, seed) > 0.6 - 0.02 * seed ? '#' : '.';
        struct components c = find(picture, W, H);
        for (int i = 0; i < W * H; i++) {
            int n = 0, area = 0;
            if (picture[i] != '#')
                continue;
            picture[i] = 'x';
            stack[n++] = i;
            while (n) {
                int at = stack[--n], x = at % W, y = at / W;
                area++;
                for (int k = 0; k < 9; k++) {
                    int nx = x + k % 3 - 1, ny = y + k / 3 - 1;
                    if (nx < 0 || ny < 0 || nx >= W || ny >= H || picture[ny * W + nx] != '#')
                        continue;
                    picture[ny * W + nx] = 'x';
                    stack[n++] = ny * W + nx;
                }
            }
            largest = area > largest ? area : largest;
        }
        assert_int_equal(c.largest < 0 ? 0 : c.runs[c.largest].area, largest);
        free(c.runs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_joined_by_side_and_corner),
        cmocka_unit_test(specks_are_left_out),
        cmocka_unit_test(box_of_a_part),
        cmocka_unit_test(agrees_with_flood_fill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
