#include "engine/pdiparams.h"

#include "common/file.h"
#include "common/json.h"
#include "engine/network.h"

enum { NAME_SIZE = 64, NAMES_MAX = PARAM_COUNT, GRAPH_MAX = 64 << 20 };

/* ---- records ---------------------------------------------------------------------------- */

struct reader {
    const unsigned char *bytes;
    size_t n, at;
    int record;
    struct err *err;
};

static int fail(struct reader *r, const char *what)
{
    return err_set(r->err, ERR_INPUT, "record %d, byte %zu: %s", r->record, r->at, what);
}

static int take_number(struct reader *r, int bytes, uint64_t *out)
{
    if (r->n - r->at < (size_t)bytes)
        return fail(r, "the file is cut");
    *out = 0;
    for (int i = bytes - 1; i >= 0; i--)
        *out = *out << 8 | r->bytes[r->at + (size_t)i];
    r->at += (size_t)bytes;
    return 0;
}

/* A protobuf varint: 7 bits a byte, the lowest first. */
static int take_varint(struct reader *r, size_t end, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; shift < 63 && r->at < end; shift += 7) {
        unsigned char byte = r->bytes[r->at++];
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return 0;
    }
    return fail(r, "a number that is cut or too long");
}

static int add_size(struct reader *r, struct tensor *t, uint64_t size)
{
    if (t->rank == TENSOR_RANK_MAX || size > TENSOR_FILE_MAX)
        return fail(r, "a shape that is too large");
    t->shape[t->rank++] = (int64_t)size;
    return 0;
}

static int set_dtype(struct reader *r, struct tensor *t, uint64_t code)
{
    static const struct {
        uint64_t code;
        enum dtype dtype;
    } codes[] = {
        {2,  DTYPE_I32 },
        {3,  DTYPE_I64 },
        {4,  DTYPE_F16 },
        {5,  DTYPE_F32 },
        {6,  DTYPE_F64 },
        {22, DTYPE_BF16}
    };

    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        if (codes[i].code == code) {
            t->dtype = codes[i].dtype;
            return 0;
        }
    return fail(r, "values of a type that is not supported");
}

enum { TAG_TYPE = 0x08, TAG_DIM = 0x10, TAG_DIMS_PACKED = 0x12 };

/* The TensorDesc message: type and sizes. */
static int read_descriptor(struct reader *r, struct tensor *t, size_t end)
{
    bool typed = false;
    uint64_t v = 0;

    while (r->at < end) {
        int tag = r->bytes[r->at++];
        if (take_varint(r, end, &v))
            return -1;
        if (tag == TAG_TYPE) {
            typed = true;
            if (set_dtype(r, t, v))
                return -1;
        } else if (tag == TAG_DIM) {
            if (add_size(r, t, v))
                return -1;
        } else if (tag == TAG_DIMS_PACKED && v <= end - r->at) {
            size_t last = r->at + v;
            while (r->at < last)
                if (take_varint(r, last, &v) || add_size(r, t, v))
                    return -1;
        } else {
            return fail(r, "a descriptor with an unknown field");
        }
    }
    return typed ? 0 : fail(r, "a descriptor without a type");
}

static int skip_levels(struct reader *r)
{
    uint64_t levels = 0, size = 0;

    if (take_number(r, 8, &levels))
        return -1;
    for (uint64_t i = 0; i < levels; i++) {
        if (take_number(r, 8, &size))
            return -1;
        if (size > r->n - r->at)
            return fail(r, "the file is cut");
        r->at += size;
    }
    return 0;
}

static int read_record(struct reader *r, struct tensor *t)
{
    uint64_t version = 0, inner = 0, length = 0;

    if (take_number(r, 4, &version) || skip_levels(r) || take_number(r, 4, &inner) ||
        take_number(r, 4, &length))
        return -1;
    if (version || inner)
        return fail(r, "a version other than 0; this is no .pdiparams file");
    if (length > r->n - r->at)
        return fail(r, "the file is cut");
    if (read_descriptor(r, t, r->at + length) ||
        tensor_count(&t->count, t->shape, t->rank, t->name, r->err))
        return -1;
    size_t bytes = t->count * dtype_size(t->dtype);
    if (bytes > r->n - r->at)
        return err_set(r->err, ERR_INPUT, "tensor %s: the file is cut, %zu bytes are missing",
                       t->name, bytes - (r->n - r->at));
    t->data = r->bytes + r->at;
    r->at += bytes;
    return 0;
}

/* ---- names ------------------------------------------------------------------------------- */

/* One variable of the file: "conv2d_12.w_0_deepcopy_3" is {"conv2d_12.w_0", kind "conv2d", number
 * 12, part "w_0"}. */
struct variable {
    char name[NAME_SIZE];
    char kind[NAME_SIZE];
    long number;
    const char *part;  /* in `name` */
    const char *state; /* in `params`: its name in the state dict */
};

struct names {
    struct variable *items;
    int count;
    struct param params[PARAM_COUNT];
};

static int parse_variable(struct variable *v, struct err *err)
{
    char *copy = strstr(v->name, "_deepcopy_"), *dot, *underline;

    if (copy)
        *copy = 0;
    dot = strrchr(v->name, '.');
    if (!dot)
        return err_set(err, ERR_INPUT, "variable %s: no name of a parameter", v->name);
    snprintf(v->kind, sizeof(v->kind), "%.*s", (int)(dot - v->name), v->name);
    underline = strrchr(v->kind, '_');
    if (!underline || underline[1] < '0' || underline[1] > '9')
        return err_set(err, ERR_INPUT, "variable %s: no number", v->name);
    v->number = strtol(underline + 1, NULL, 10);
    *underline = 0;
    v->part = dot + 1;
    return 0;
}

/* How many different numbers of the same kind lie below `v`'s. */
static int rank_of(const struct variable *v, const struct variable *all, int count)
{
    int rank = 0;

    for (int i = 0; i < count; i++) {
        bool first = !strcmp(all[i].kind, v->kind) && all[i].number < v->number;
        for (int j = 0; j < i && first; j++)
            first = strcmp(all[j].kind, v->kind) != 0 || all[j].number != all[i].number;
        rank += first;
    }
    return rank;
}

static int find_states(struct names *names, struct err *err)
{
    for (int i = 0; i < names->count; i++) {
        struct variable *v = &names->items[i];
        char canonical[2 * NAME_SIZE];
        snprintf(canonical, sizeof(canonical), "%s_%d.%s", v->kind,
                 rank_of(v, names->items, names->count), v->part);
        for (int k = 0; k < PARAM_COUNT && !v->state; k++)
            if (!strcmp(names->params[k].variable, canonical))
                v->state = names->params[k].name;
        if (!v->state)
            return err_set(err, ERR_INPUT, "variable %s is none of PP-LiteSeg-T's", v->name);
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct variable *)a)->name, ((const struct variable *)b)->name);
}

static int names_add(struct names *names, const char *name, struct err *err)
{
    struct variable *v = &names->items[names->count];

    if (names->count == NAMES_MAX || strlen(name) >= NAME_SIZE)
        return err_set(err, ERR_INPUT, "too many variables, or a name that is too long");
    *v = (struct variable){0};
    memcpy(v->name, name, strlen(name));
    names->count++;
    return 0;
}

/* The parameter that an operation of the graph declares, or NULL. Today's form: "#" is "p" and the
 * name the fourth attribute; the first public one: an attribute called parameter_name. */
static const char *parameter_name(const json_t *op)
{
    const char *kind = json_text_or(op, "#", "");
    const json_t *attributes = json_object_get(op, "A"), *a;
    size_t i;

    if (!strcmp(kind, "p"))
        return json_string_value(json_array_get(attributes, 3));
    if (!strstr(kind, "parameter"))
        return NULL;
    json_array_foreach(attributes, i, a) if (
        !strcmp(
            json_text_or(a, "N", ""),
            "parameter_name")) return json_string_value(json_object_get(json_object_get(a, "AT"),
                                                                        "D"));
    return NULL;
}

static int names_from_graph(struct names *names, const json_t *graph, struct err *err)
{
    const json_t *program = json_object_get(graph, "program"), *op;
    const json_t *region = json_array_get(json_object_get(program, "regions"), 0);
    const json_t *block = json_array_get(json_object_get(region, "blocks"), 0);
    size_t i;

    if (strcmp(json_text_or(json_object_get(graph, "base_code"), "magic", ""), "pir") != 0)
        return err_set(err, ERR_INPUT, "no PIR program (base_code.magic is not \"pir\")");
    json_array_foreach(json_object_get(block, "ops"), i, op)
    {
        const char *name = parameter_name(op);
        if (name && names_add(names, name, err))
            return -1;
    }
    return names->count ? 0 : err_set(err, ERR_INPUT, "the program has no parameters");
}

/* The specification's list; `scaled` when the file has the fusion blocks' _scale. */
static int names_from_table(struct names *names, bool scaled, struct err *err)
{
    for (int i = 0; i < PARAM_COUNT_INFERENCE; i++)
        if ((scaled || names->params[i].role != ROLE_SCALE) &&
            names_add(names, names->params[i].variable, err))
            return -1;
    return 0;
}

/* Put the names in the order of the records and say what each is in the state dict. */
static int names_resolve(struct names *names, struct err *err)
{
    qsort(names->items, (size_t)names->count, sizeof(*names->items), by_name);
    for (int i = 0; i < names->count; i++)
        if (parse_variable(&names->items[i], err))
            return -1;
    return find_states(names, err);
}

static int names_read(struct names *names, const char *graph, struct err *err)
{
    json_t *json = json_read(graph, GRAPH_MAX, err);
    int ret = json ? names_from_graph(names, json, err) || names_resolve(names, err) : -1;

    json_decref(json);
    return ret ? err_wrap(err, "%s", graph) : 0;
}

/* ---- both -------------------------------------------------------------------------------- */

static int read_records(struct tensor_set *set, const struct names *names, struct err *err)
{
    struct reader r = {
        .bytes = (const unsigned char *)set->file.data, .n = set->file.len, .err = err};

    for (r.record = 0; r.record < names->count; r.record++) {
        struct tensor t = {.name = names->items[r.record].state};
        if (read_record(&r, &t) || tensor_set_add(set, &t, err))
            return -1;
    }
    return r.at == r.n ? 0 : fail(&r, "more follows than the graph has parameters");
}

/* The records that a file has, for one without a graph. */
static int count_records(const struct buf *file, struct err *err)
{
    struct reader r = {.bytes = (const unsigned char *)file->data, .n = file->len, .err = err};

    for (; r.at < r.n; r.record++) {
        struct tensor t = {.name = "of a file without a graph"};
        if (read_record(&r, &t))
            return -1;
    }
    return r.record;
}

static int read_without_graph(struct names *names, const struct buf *file, struct err *err)
{
    int count = count_records(file, err), fusions = 3;
    bool scaled = count == PARAM_COUNT_INFERENCE;

    if (count < 0)
        return -1;
    if (!scaled && count != PARAM_COUNT_INFERENCE - fusions)
        return err_set(err, ERR_INPUT, "%d records, not the %d or %d of PP-LiteSeg-T", count,
                       PARAM_COUNT_INFERENCE, PARAM_COUNT_INFERENCE - fusions);
    return names_from_table(names, scaled, err) || names_resolve(names, err) ? -1 : 0;
}

static int read_all(struct tensor_set *set, struct names *names, const char *graph, struct err *err)
{
    if (graph ? names_read(names, graph, err) : read_without_graph(names, &set->file, err))
        return -1;
    return read_records(set, names, err);
}

int pdiparams_read(struct tensor_set *out, const char *path, const char *graph, struct err *err)
{
    struct names *names = calloc(1, sizeof(*names));
    int ret = -1;

    *out = (struct tensor_set){0};
    buf_init(&out->file, TENSOR_FILE_MAX);
    if (names)
        names->items = calloc(NAMES_MAX, sizeof(*names->items));
    if (!names || !names->items) {
        err_set(err, ERR_NOMEM, "out of memory for %d names", NAMES_MAX);
    } else {
        network_params(names->params);
        if (!file_read(path, &out->file, err))
            ret = read_all(out, names, graph, err);
    }
    if (names)
        free(names->items);
    free(names);
    if (!ret)
        return 0;
    tensor_set_release(out);
    return err_wrap(err, "%s", path);
}
