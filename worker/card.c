#include "worker/card.h"

#include "common/file.h"

enum { CARD_MAX = 1 << 20, TEXT_MAX = 1 << 20, PATH_SIZE = 4096 };

/* Curves and tenths are for eval's report; a card has the figures. */
static const char *const left_out[] = {"roc_malignant", "scores", "model", "backend", "min_side"};

static json_t *read_json(const char *folder, const char *name, struct err *err)
{
    char path[PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/%s", folder, name))
        return NULL;
    json_t *object = json_read(path, CARD_MAX, err);
    if (!object)
        err->code = err->code == ERR_INPUT ? ERR_CONFIG : err->code;
    return object;
}

int card_record(const char *folder, const char *split, const json_t *figures, struct err *err)
{
    json_t *card = read_json(folder, "card.json", err), *kept = json_deep_copy(figures);
    char path[PATH_SIZE];
    int ret = -1;

    for (size_t i = 0; kept && i < sizeof(left_out) / sizeof(*left_out); i++)
        json_object_del(kept, left_out[i]);
    if (card && !json_is_object(json_object_get(card, "figures")))
        json_object_set_new(card, "figures", json_object());
    json_t *all = json_object_get(card, "figures");
    if (!card)
        ret = -1;
    else if (!kept || json_object_set(all, split, kept) ||
             json_object_set_new(all, "command", json_string("lentigo model calibrate")))
        err_set(err, ERR_NOMEM, "%s: no memory for a card", folder);
    else if (!path_format(path, sizeof(path), err, "%s/card.json", folder))
        ret = json_write(path, card, err);
    json_decref(kept);
    json_decref(card);
    return ret;
}

/* ---- card.md ---- */

/* Text of the card in one line that is no table of its own. */
static void add_plain(struct buf *out, const char *text)
{
    for (; *text; text++)
        buf_printf(out, "%c", *text == '\n' || *text == '\r' ? ' ' : *text == '|' ? '/' : *text);
}

static void add_value(struct buf *out, const json_t *value)
{
    if (json_is_string(value))
        add_plain(out, json_string_value(value));
    else if (json_is_number(value))
        buf_printf(out, "%.4g", json_number_value(value));
    else
        buf_add_text(out, "-");
}

static void add_paragraph(struct buf *out, const char *title, const json_t *value,
                          const char *otherwise)
{
    buf_printf(out, "\n## %s\n\n", title);
    if (json_is_string(value))
        add_plain(out, json_string_value(value));
    else
        buf_add_text(out, otherwise);
    buf_add_text(out, "\n");
}

static void add_data(struct buf *out, const json_t *data)
{
    const json_t *item;
    size_t i;

    buf_add_text(out, "\n## Data\n\n");
    if (json_is_string(data))
        add_plain(out, json_string_value(data));
    else if (json_is_string(json_object_get(data, "images")))
        add_plain(out, json_string_value(json_object_get(data, "images")));
    else
        buf_add_text(out, "Not said: write \"data\" into card.json.");
    buf_add_text(out, "\n");
    json_array_foreach(json_object_get(data, "sources"), i, item)
    {
        buf_add_text(out, "\n- ");
        add_value(out, json_object_get(item, "name"));
        buf_add_text(out, ": ");
        add_value(out, json_object_get(item, "licence"));
    }
    json_array_foreach(json_object_get(data, "citations"), i, item)
    {
        buf_add_text(out, "\n- ");
        add_value(out, item);
    }
    buf_add_text(out, "\n");
}

static void add_interval(struct buf *out, const json_t *range)
{
    const json_t *low = json_array_get(range, 0), *high = json_array_get(range, 1);

    if (json_is_number(low) && json_is_number(high))
        buf_printf(out, " (%.4g to %.4g)", json_number_value(low), json_number_value(high));
}

static const struct {
    const char *key, *says;
} figure_rows[] = {
    {"n",                             "pictures"                                          },
    {"lesions",                       "lesions"                                           },
    {"mean_jaccard",                  "mean Jaccard index of the outline"                 },
    {"failure_rate",                  "share of outlines that failed (Jaccard below 0.65)"},
    {"lesion_iou",                    "IoU of lesion, pooled over all pixels"             },
    {"dice",                          "mean Dice"                                         },
    {"auc_malignant",                 "area under the ROC curve, malignant"               },
    {"auc_mel",                       "area under the ROC curve, melanoma"                },
    {"specificity_at_95_sensitivity", "specificity where 95 % of the malignant are found" },
    {"balanced_accuracy",             "mean share of a class that gets its own name"      },
    {"ece",                           "calibration error of the malignant probability"    },
};
static const char *const class_columns[] = {"n",      "lesions", "mean_jaccard", "failure_rate",
                                            "recall", "auc"};
static const char *const source_columns[] = {
    "n", "lesions", "mean_jaccard", "failure_rate", "auc_malignant", "ece"};

#define LENGTH(table) (sizeof(table) / sizeof(*(table)))

/* A row for each member of `parts`; intervals behind the figures. */
static void add_parts(struct buf *out, json_t *parts, const char *const *columns, size_t n)
{
    const char *name;
    json_t *part;

    buf_add_text(out, "\n| |");
    for (size_t k = 0; k < n; k++)
        buf_printf(out, " %s |", columns[k]);
    buf_add_text(out, "\n|---|");
    for (size_t k = 0; k < n; k++)
        buf_add_text(out, "---|");
    json_object_foreach(parts, name, part)
    {
        buf_add_text(out, "\n| ");
        add_plain(out, name);
        for (size_t k = 0; k < n; k++) {
            buf_add_text(out, " | ");
            add_value(out, json_object_get(part, columns[k]));
            add_interval(out, json_object_get(json_object_get(part, "intervals"), columns[k]));
        }
        buf_add_text(out, " |");
    }
    buf_add_text(out, "\n");
}

static void add_split(struct buf *out, const char *split, const json_t *figures)
{
    const json_t *ranges = json_object_get(figures, "intervals");

    if (!json_is_object(figures))
        return;
    buf_printf(out, "\n## Figures on the %s split\n\nAt ", split);
    add_value(out, json_object_get(figures, "size"));
    buf_add_text(out, " px, ");
    add_value(out, json_object_get(figures, "precision"));
    buf_add_text(out, "; in brackets 95 % intervals by drawing lesions again.\n\n| | |\n|---|---|");
    for (size_t i = 0; i < LENGTH(figure_rows); i++) {
        buf_printf(out, "\n| %s | ", figure_rows[i].says);
        add_value(out, json_object_get(figures, figure_rows[i].key));
        add_interval(out, json_object_get(ranges, figure_rows[i].key));
        buf_add_text(out, " |");
    }
    buf_add_text(out, "\n");
    if (json_object_get(figures, "per_class"))
        add_parts(out, json_object_get(figures, "per_class"), class_columns, LENGTH(class_columns));
    if (json_object_get(figures, "per_source"))
        add_parts(out, json_object_get(figures, "per_source"), source_columns,
                  LENGTH(source_columns));
}

static const struct {
    const char *key, *says;
} prevalences[] = {
    {"0.01", "1 %"},
    {"0.07", "7 %"},
};

static void add_expected(struct buf *out, const json_t *policy)
{
    for (size_t i = 0; i < LENGTH(prevalences); i++) {
        const json_t *e = json_object_get(json_object_get(policy, "per_10000"), prevalences[i].key);
        buf_printf(out, "\n| %s | ", prevalences[i].says);
        add_value(out, json_object_get(e, "urgent"));
        buf_add_text(out, " | ");
        add_value(out, json_object_get(e, "referred"));
        add_interval(out, json_object_get(e, "referred_ci"));
        buf_add_text(out, " | ");
        add_value(out, json_object_get(e, "missed"));
        add_interval(out, json_object_get(e, "missed_ci"));
        buf_add_text(out, " |");
    }
}

static void add_policy(struct buf *out, const json_t *policy)
{
    const json_t *urgent = json_object_get(policy, "urgent"),
                 *review = json_object_get(policy, "review"),
                 *support = json_object_get(policy, "support"),
                 *temperature = json_object_get(policy, "temperature");

    buf_add_text(out, "\n## Decisions\n\nThresholds were chosen on the validation split, on ");
    add_value(out, json_object_get(support, "malignant"));
    buf_add_text(out, " malignant and ");
    add_value(out, json_object_get(support, "benign"));
    buf_add_text(out, " benign lesions, after scores went through temperature ");
    add_value(out, json_object_get(temperature, "value"));
    add_interval(out, json_object_get(temperature, "ci"));
    buf_add_text(out, ".\n\n- urgent: malignant probability from ");
    add_value(out, json_object_get(urgent, "malignant"));
    add_interval(out, json_object_get(urgent, "malignant_ci"));
    buf_add_text(out, " or melanoma from ");
    add_value(out, json_object_get(urgent, "melanoma"));
    add_interval(out, json_object_get(urgent, "melanoma_ci"));
    buf_add_text(out, "; specificity ");
    add_value(out, json_object_get(urgent, "specificity"));
    add_interval(out, json_object_get(urgent, "ci"));
    buf_add_text(out, "\n- review: malignant probability from ");
    add_value(out, json_object_get(review, "malignant"));
    add_interval(out, json_object_get(review, "malignant_ci"));
    buf_add_text(out, ", or any doubt; sensitivity ");
    add_value(out, json_object_get(review, "sensitivity"));
    add_interval(out, json_object_get(review, "ci"));
    buf_add_text(out,
                 "\n\nExpected of 10,000 pictures like those of the validation split:\n\n"
                 "| malignant among them | urgent | urgent or review | malignant called routine "
                 "|\n|---|---|---|---|");
    add_expected(out, policy);
    buf_add_text(out, "\n");
}

static void add_card(struct buf *out, const json_t *card, const json_t *policy)
{
    const json_t *figures = json_object_get(card, "figures");

    buf_add_text(out, "# ");
    add_plain(out, json_text_or(card, "name", "model"));
    buf_add_text(out, ", version ");
    add_plain(out, json_text_or(card, "version", "not said"));
    buf_add_text(
        out, "\n\nPP-LiteSeg-T: outlines a lesion in a dermoscopy picture and scores seven "
             "diagnoses. Written by `lentigo model calibrate` from card.json and policy.json.\n");
    add_paragraph(
        out, "Intended use", json_object_get(card, "intended_use"),
        "Sorting dermoscopy pictures of single pigmented lesions by how soon a doctor should "
        "look at them. Never a diagnosis, and never a reason not to see a doctor.");
    add_paragraph(out, "Limits", json_object_get(card, "limits"),
                  "Not said: write \"limits\" into card.json.");
    buf_add_text(
        out, "\nScores and expectations hold for pictures like those measured below: another "
             "clinic, camera, skin type or share of malignant lesions changes them. Classes with "
             "few lesions have wide intervals; read those, not the figure alone.\n");
    add_paragraph(out, "Licence", json_object_get(card, "licence"),
                  "Not said: write \"licence\" into card.json.");
    add_data(out, json_object_get(card, "data"));
    add_paragraph(out, "Training", json_object_get(card, "training"),
                  "Not said: write \"training\" into card.json.");
    add_policy(out, policy);
    add_split(out, "val", json_object_get(figures, "val"));
    add_split(out, "test", json_object_get(figures, "test"));
}

int card_write_text(const char *folder, struct err *err)
{
    json_t *card = read_json(folder, "card.json", err), *policy = NULL;
    char path[PATH_SIZE];
    struct buf text;
    int ret = -1;

    buf_init(&text, TEXT_MAX);
    if (card)
        policy = read_json(folder, "policy.json", err);
    if (policy && !path_format(path, sizeof(path), err, "%s/card.md", folder)) {
        add_card(&text, card, policy);
        ret = buf_check(&text, path, err) || file_write(path, text.data, text.len, err) ? -1 : 0;
    }
    buf_release(&text);
    json_decref(card);
    json_decref(policy);
    return ret;
}
