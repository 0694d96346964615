#include "reports/report.h"

int report_prepare(struct report *out, const struct dossier *d, const struct policy *policy,
                   enum language l, struct err *err)
{
    memset(out, 0, sizeof(*out));
    out->dossier = d;
    out->language = l;
    /* Thresholds of another policy than the one that decided would mislead. */
    if (policy && !strcmp(json_text_or(d->model, "policy_sha256", ""), policy_sha256(policy)))
        out->policy = policy_facts(policy);
    for (int i = 0; i < d->study.n_images && i < PLATES_MAX; i++) {
        if (plate_new(&out->plates[i], d, &d->findings[i], l, err)) {
            report_release(out);
            return -1;
        }
        out->n_plates++;
    }
    return 0;
}

void report_release(struct report *r)
{
    for (int i = 0; i < r->n_plates; i++)
        plate_free(r->plates[i]);
    memset(r, 0, sizeof(*r));
}

static json_t *text_or_null(const char *text)
{
    return text[0] ? json_text(text) : json_null();
}

/* Everything but the images. */
static json_t *frame_json(const struct dossier *d)
{
    const struct study *s = &d->study;
    json_t *patient = json_object(), *root = json_object();
    int bad = !patient || !root ||
              json_object_set_new(patient, "patient_id", json_text(s->patient_id)) ||
              json_object_set_new(patient, "patient_name", text_or_null(s->patient_name)) ||
              json_object_set_new(patient, "birth_date", text_or_null(s->birth_date)) ||
              json_object_set_new(patient, "sex", text_or_null(s->sex)) ||
              json_object_set_new(patient, "site", text_or_null(s->site)) ||
              json_object_set(root, "patient", patient) ||
              json_object_set_new(root, "study_id", json_text(s->study_id)) ||
              json_object_set_new(root, "risk", json_string(risk_word(d->risk))) ||
              json_object_set_new(root, "created_at", json_text(s->accepted_at)) ||
              json_object_set(root, "model", d->model ? d->model : json_null());

    json_decref(patient);
    if (!bad)
        return root;
    json_decref(root);
    return NULL;
}

/* The images are lines already; they take their place among the sorted keys of the frame, so that
 * a study of 10,000 images is never held as objects. */
int report_json(const struct dossier *d, const struct buf *entries, struct buf *out,
                struct err *err)
{
    static const char *const before = "created_at";
    json_t *root = frame_json(d), *first = json_object();
    char *head = NULL, *tail = NULL;
    int ret = -1;

    if (!root || !first || json_object_set(first, before, json_object_get(root, before)) ||
        json_object_del(root, before)) {
        err_set(err, ERR_NOMEM, "report.json: no memory");
        goto done;
    }
    head = json_line(first);
    tail = json_line(root);
    if (!head || !tail) {
        err_set(err, ERR_NOMEM, "report.json: no memory");
        goto done;
    }
    buf_add(out, head, strlen(head) - 1);
    buf_add_text(out, ",\n\"images\":[\n");
    buf_add(out, entries->data ? entries->data : "", entries->len);
    buf_add_text(out, "\n],\n");
    buf_add_text(out, tail + 1);
    buf_add_text(out, "\n");
    ret = buf_check(out, "report.json", err);
done:
    free(head);
    free(tail);
    json_decref(first);
    json_decref(root);
    return ret;
}
