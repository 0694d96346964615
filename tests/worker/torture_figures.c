/* The figures of an evaluation, and a card that takes them, while memory and disk fail. */
#include <stdlib.h>

#include "common/json.h"
#include "tests/torture/torture.h"
#include "worker/card.h"
#include "worker/judge.h"

enum { PIXELS = 10 };

/* Pictures of two sources: the first `lesion` pixels are lesion, the first `found` are taken for it. */
static const struct drawn {
    struct label label;
    int lesion, found;
    double scores[METRICS_CLASSES];
} drawn[] = {
    {{"a", "val", "X", "L1", 1},      5, 5, {0, 0.8, 0.2}             },
    {{"b", "val", "X", "L1", 1},      5, 2, {0, 0.4, 0.3, 0, 0, 0.3}  },
    {{"c", "val", "X", "", 2},        4, 4, {0, 0.1, 0.9}             },
    {{"d", "val", "\xff\xfe", "", 2}, 8, 6, {0, 0.45, 0.35, 0, 0, 0.2}},
};

static int judge(struct judgement *j, struct err *err)
{
    for (size_t i = 0; i < sizeof(drawn) / sizeof(*drawn); i++) {
        uint8_t predicted[PIXELS], lesion[PIXELS];
        for (int k = 0; k < PIXELS; k++) {
            predicted[k] = k < drawn[i].found;
            lesion[k] = k < drawn[i].lesion;
        }
        const struct metrics_case seen = {predicted,      lesion, PIXELS, 1, drawn[i].label.class,
                                          drawn[i].scores};
        if (judgement_add(j, &seen, &drawn[i].label, err))
            return -1;
    }
    return judgement_finish(j, &(struct judge_plan){20, 1}, err);
}

static int run_figures(const char *dir, struct buf *made, struct err *err)
{
    struct judgement j = {0};
    char *line = NULL;
    int ret = -1;

    (void)dir;
    if (!judge(&j, err)) {
        json_t *object = judgement_to_json(&j);
        line = object ? json_line(object) : NULL;
        json_decref(object);
        buf_add_text(made, line ? line : "");
        ret = line ? buf_check(made, "figures", err) : err_set(err, ERR_NOMEM, "figures");
    }
    free(line);
    judgement_release(&j);
    return ret;
}

static void lay_card(const char *dir)
{
    static const char card[] = "{\"model\": \"drawn\"}";

    torture_write(dir, "card.json", card, sizeof(card) - 1);
}

static int run_card(const char *dir, struct buf *made, struct err *err)
{
    json_t *figures =
        json_pack("{s:f, s:i, s:s}", "mean_jaccard", 0.5, "n", 4, "model", "left out");
    int ret = figures ? card_record(dir, "val", figures, err) : err_set(err, ERR_NOMEM, "figures");

    json_decref(figures);
    (void)made;
    return ret;
}

static void check_card(const char *dir, bool has_failed)
{
    struct buf told;

    buf_init(&told, 4096);
    torture_read(dir, "card.json", &told);
    buf_add_text(&told, "");
    torture_expect(has_failed || strstr(told.data, "mean_jaccard"), "the card lacks its figures");
    torture_expect(!strstr(told.data, "left out"), "the card has what is left out");
    buf_release(&told);
}

int main(void)
{
    const struct torture cases[] = {
        {.name = "figures", .run = run_figures, .is_nameless = true},
        { .name = "card",
         .setup = lay_card,
         .run = run_card,
         .check = check_card,
         .is_configuration = true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        torture_run(&cases[i]);
    return 0;
}
