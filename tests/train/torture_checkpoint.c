/* A run's state saved and loaded: a disk that fails loses no whole state. The banks have a value for each
 * tensor instead of millions. */
#include <string.h>

#include "tests/torture/torture.h"
#include "train/checkpoint.h"

struct rig {
    float values[2][PARAM_COUNT];
    struct bank weights;
    struct optimiser o;
};

static struct param table[PARAM_COUNT];

static void make_bank(struct bank *b, float *values, float first)
{
    b->block = values;
    b->table = table;
    for (int i = 0; i < PARAM_COUNT; i++) {
        b->count[i] = 1;
        b->params.at[i] = &values[i];
        values[i] = first + (float)i;
    }
}

static void make_rig(struct rig *r, int64_t iteration)
{
    *r = (struct rig){.o.steps = iteration};
    make_bank(&r->weights, r->values[0], (float)iteration);
    make_bank(&r->o.first, r->values[1], (float)iteration + 1000);
}

static int save(const char *dir, int64_t iteration, struct err *err)
{
    static struct rig rig;
    const struct progress_state state = {.iteration = iteration, .best_score = 0.5};

    make_rig(&rig, iteration);
    return checkpoint_save(dir, &state, &rig.weights, &rig.o, err);
}

static int load(const char *dir, int64_t *iteration, struct err *err)
{
    static struct rig rig, wanted;
    struct progress_state state;

    make_rig(&rig, 0);
    int got = checkpoint_load(dir, &state, &rig.weights, &rig.o, err);
    if (got > 0) {
        make_rig(&wanted, state.iteration);
        torture_expect(!memcmp(rig.values, wanted.values, sizeof(rig.values)) &&
                           rig.o.steps == state.iteration,
                       "the state is not what was saved");
        *iteration = state.iteration;
    }
    return got;
}

static void setup(const char *dir)
{
    struct err err = {0};

    network_params(table);
    torture_expect(!save(dir, 10, &err) && !save(dir, 20, &err), err.msg);
}

static int run_save(const char *dir, struct buf *made, struct err *err)
{
    (void)made;
    return save(dir, 30, err);
}

/* The new state, or the one before; and it can be saved afterwards. */
static void check_save(const char *dir, bool has_failed)
{
    struct err err = {0};
    int64_t iteration = 0;

    torture_expect(load(dir, &iteration, &err) == 1, err.msg);
    torture_expect(iteration == 30 || (has_failed && iteration == 20), "a state was lost");
    torture_expect(!save(dir, 40, &err) && load(dir, &iteration, &err) == 1 && iteration == 40,
                   err.msg);
}

static int run_load(const char *dir, struct buf *made, struct err *err)
{
    int64_t iteration = 0;
    int got = load(dir, &iteration, err);

    torture_expect(got, "states that are there are not seen");
    buf_printf(made, "%d", (int)iteration);
    return got < 0 ? -1 : 0;
}

/* What could not be read for a while is still there. */
static void check_load(const char *dir, bool has_failed)
{
    struct err err = {0};
    int64_t iteration = 0;

    (void)has_failed;
    torture_expect(load(dir, &iteration, &err) == 1 && iteration == 20,
                   "a whole state was removed");
}

int main(void)
{
    enum { MEMORY = 1U << FAULTS_MEMORY | 1U << FAULTS_MEMORY_FROM };
    enum { DISK = 1U << FAULTS_DISK | 1U << FAULTS_DISK_FULL };
    /* clang-format off */
    static const struct torture cases[] = {
        {.name = "save", .setup = setup, .run = run_save, .check = check_save, .kinds = MEMORY},
        {.name = "load", .setup = setup, .run = run_load, .check = check_load, .kinds = MEMORY},
        /* each tensor takes the same few */
        {.name = "save", .setup = setup, .run = run_save, .check = check_save, .kinds = DISK, .step = 23},
        {.name = "load", .setup = setup, .run = run_load, .check = check_load, .kinds = DISK, .step = 23},
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        torture_run(&cases[i]);
    return 0;
}
