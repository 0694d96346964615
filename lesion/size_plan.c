#include "lesion/size_plan.h"

#include <math.h>

enum { MEL = 1, BCC = 3, AKIEC = 4, SIZE_MIN = 32 };

double size_plan_expected_jaccard(const struct lesion_input *in)
{
    double inside = in->lesion_px - in->lesion_sum[0];
    double outside = (double)in->content_px - in->lesion_px - (in->all_sum[0] - in->lesion_sum[0]);

    return in->lesion_px ? inside / (in->lesion_px + fmax(outside, 0)) : 0;
}

/* Figures that are not numbers are doubt. */
bool size_plan_doubts(const struct size_plan *p, double expected_jaccard, double malignant)
{
    return !(expected_jaccard >= p->expected_min) ||
           !(malignant < p->score_low || malignant >= p->score_high);
}

bool size_plan_is_doubtful(const struct size_plan *p, const struct lesion_input *in)
{
    double classes[LESION_CLASSES];

    lesion_scores(in, classes);
    return size_plan_doubts(p, size_plan_expected_jaccard(in),
                            classes[MEL] + classes[BCC] + classes[AKIEC]);
}

static int read_size(int *out, const json_t *object, const char *key, struct err *err)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_integer(value) || json_integer_value(value) < SIZE_MIN ||
        json_integer_value(value) > SIZE_PLAN_MAX)
        return err_set(err, ERR_CONFIG, "key \"sizes.%s\" is missing or not %d to %d px", key,
                       SIZE_MIN, SIZE_PLAN_MAX);
    *out = (int)json_integer_value(value);
    return 0;
}

static int read_number(double *out, const json_t *value, const char *key, struct err *err)
{
    if (!json_is_number(value) || json_number_value(value) < 0 || json_number_value(value) > 2)
        return err_set(err, ERR_CONFIG, "key \"sizes.%s\" is missing or no number 0 to 2", key);
    *out = json_number_value(value);
    return 0;
}

int size_plan_from_json(struct size_plan *out, const json_t *object, struct err *err)
{
    const json_t *score = json_object_get(object, "score");
    struct size_plan p = {0};

    if (read_size(&p.coarse, object, "coarse", err) || read_size(&p.fine, object, "fine", err) ||
        read_number(&p.expected_min, json_object_get(object, "expected_jaccard_min"),
                    "expected_jaccard_min", err) ||
        read_number(&p.score_low, json_array_get(score, 0), "score", err) ||
        read_number(&p.score_high, json_array_get(score, 1), "score", err) ||
        read_number(&p.fine_share, json_object_get(object, "fine_share"), "fine_share", err))
        return -1;
    if (p.coarse >= p.fine)
        return err_set(err, ERR_CONFIG, "\"sizes.coarse\" is not below \"sizes.fine\"");
    *out = p;
    return 0;
}

json_t *size_plan_to_json(const struct size_plan *p)
{
    return json_pack("{s:i,s:i,s:f,s:[f,f],s:o}", "coarse", p->coarse, "fine", p->fine,
                     "expected_jaccard_min", p->expected_min, "score", p->score_low, p->score_high,
                     "fine_share", json_rounded(p->fine_share, 4));
}
