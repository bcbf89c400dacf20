/*
 * yaml.c - YAML through a schema, with messages a person can act on.
 *
 * libcyaml fills the struct, but it tells the line of a wrong key only roughly, has no
 * suggestion and takes any word as a boolean. So a text is first read by libyaml (syntax,
 * aliases, documents, NUL) into a tree and walked along the schema (keys, kinds,
 * booleans, numbers, names); what passes goes to libcyaml, whose log is captured for the few
 * things left to it (lengths, counts).
 *
 * The tree is made of libyaml's events, not by its loader: that would be a second pass, and
 * libyaml's pace is a good part of the time of a start.
 *
 * Blocks: no. Owns: nothing between calls.
 */
#include "base/yaml.h"

#include <stdarg.h>
#include <yaml.h>

#include "base/limits.h"
#include "base/mem.h"

/* Names in one mapping or enum of a schema; more is our own mistake. */
#define NAMES_MAX 64

const cyaml_schema_value_t yaml_string = {
        CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED)};

/* A text being read, and its tree; that has no nodes if the text is empty. */
struct source {
    struct str text;  /* borrows; without a byte order mark and the empty lines at its start */
    unsigned skipped; /* so many of these; libyaml would take its time for each */
    const char *name; /* borrows */
    yaml_document_t doc;
};

/* What libcyaml said about one load: its first message, and the innermost place of it. */
struct captured {
    char what[160];
    char field[80];
    unsigned line; /* 0: not told */
};

static int source_open(struct source *src, struct str text, const char *name, struct err *err);
static int source_mapping(
        struct source *src, const yaml_node_t *node, const yaml_node_t **ret, struct err *err);
static int source_value(
        struct source *src, const char *key, const yaml_node_t **ret, struct err *err);
static int load(
        struct source *src, const cyaml_schema_value_t *schema, void **ret, struct err *err);
static int check_node(struct source *src, const yaml_node_t *node,
        const cyaml_schema_value_t *schema, struct str label, struct err *err);
static int check_required(struct source *src, const yaml_node_t *map,
        const cyaml_schema_value_t *schema, struct str label, struct err *err);
static void append_padded(const struct source *src, const yaml_node_t *node, struct buf *ret);
static struct str node_str(const yaml_node_t *node);
static unsigned node_line(const struct source *src, const yaml_node_t *node);
static bool is_blank(const yaml_node_t *node);
static const yaml_node_t *unless_blank(const yaml_node_t *node);
static void capture(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
        __attribute__((format(printf, 3, 0)));

static cyaml_config_t cyaml_config(struct captured *log)
{
    return (cyaml_config_t){
            .log_fn = capture,
            .log_ctx = log,
            .log_level = CYAML_LOG_ERROR,
            .mem_fn = cyaml_mem,
            .flags = CYAML_CFG_NO_ALIAS,
    };
}

int yaml_load(struct str text, const char *name, const cyaml_schema_value_t *schema, void **ret,
        struct err *err)
{
    struct source src;
    int rc = source_open(&src, text, name, err);

    if (rc < 0)
        return rc;
    rc = load(&src, schema, ret, err);
    yaml_document_delete(&src.doc);
    return rc;
}

void yaml_unload(const cyaml_schema_value_t *schema, void *data)
{
    struct captured log = {.line = 0};
    cyaml_config_t config = cyaml_config(&log);

    if (data)
        cyaml_free(&config, schema, data, 0);
}

/* The mapping below is walked; NULL has no entries. */
static int each_entry(struct source *src, const yaml_node_t *map,
        int (*fn)(void *ctx, const struct yaml_entry *entry, struct err *err), void *ctx,
        struct err *err)
{
    struct buf value = BUF_INIT;
    int rc = 0;

    for (yaml_node_pair_t *pair = map ? map->data.mapping.pairs.start : NULL;
            rc == 0 && pair && pair < map->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&src->doc, pair->key);

        buf_clear(&value);
        append_padded(src, yaml_document_get_node(&src->doc, pair->value), &value);
        struct yaml_entry entry = {node_str(key), node_line(src, key), buf_str(&value)};
        int fn_rc = fn(ctx, &entry, err);
        rc = fn_rc < 0 ? fn_rc : 0;
    }
    buf_release(&value);
    return rc;
}

int yaml_each_entry(struct str text, const char *name,
        int (*fn)(void *ctx, const struct yaml_entry *entry, struct err *err), void *ctx,
        struct err *err)
{
    struct source src;
    const yaml_node_t *map = NULL;
    int rc = source_open(&src, text, name, err);

    if (rc < 0)
        return rc;
    rc = source_mapping(&src, yaml_document_get_root_node(&src.doc), &map, err);
    if (rc == 0)
        rc = each_entry(&src, map, fn, ctx, err);
    yaml_document_delete(&src.doc);
    return rc;
}

int yaml_each_entry_of(struct str text, const char *name, const char *key,
        int (*fn)(void *ctx, const struct yaml_entry *entry, struct err *err), void *ctx,
        struct err *err)
{
    struct source src;
    const yaml_node_t *value = NULL, *map = NULL;
    int rc = source_open(&src, text, name, err);

    if (rc < 0)
        return rc;
    rc = source_value(&src, key, &value, err);
    if (rc == 0)
        rc = source_mapping(&src, value, &map, err);
    if (rc == 0)
        rc = each_entry(&src, map, fn, ctx, err);
    yaml_document_delete(&src.doc);
    return rc;
}

int yaml_subtree(
        struct str text, const char *name, const char *key, struct buf *ret, struct err *err)
{
    struct source src;
    const yaml_node_t *value = NULL;
    int rc = source_open(&src, text, name, err);

    if (rc < 0)
        return rc;
    rc = source_value(&src, key, &value, err);
    if (rc == 0)
        append_padded(&src, value, ret);
    yaml_document_delete(&src.doc);
    return rc;
}

static int load(
        struct source *src, const cyaml_schema_value_t *schema, void **ret, struct err *err)
{
    struct captured log = {.line = 0};
    cyaml_config_t config = cyaml_config(&log);
    const yaml_node_t *root = unless_blank(yaml_document_get_root_node(&src->doc));
    void *data = NULL;
    int rc = root ? check_node(src, root, schema, STR(""), err)
                  : check_required(src, NULL, schema, STR(""), err);
    cyaml_err_t code = CYAML_OK;

    if (rc < 0)
        return rc;
    if (root)
        code = cyaml_load_data(
                (const uint8_t *)src->text.p, src->text.n, &config, schema, &data, NULL);
    if (code == CYAML_OK) {
        /* libcyaml makes nothing of a mapping without entries; our callers get zeros. */
        *ret = data ? data : cyaml_mem(NULL, NULL, schema->data_size);
        CHECK(*ret);
        if (!data)
            memset(*ret, 0, schema->data_size);
        return 0;
    }
    return err_set(err, ERR_CONFIG, "%s:%u: %s%s%s", src->name,
            src->skipped + (log.line ? log.line : 1), log.field, log.field[0] ? ": " : "",
            log.what[0] ? log.what : cyaml_strerror(code));
}

/* --- reading the text ------------------------------------------------------------------- */

static void parser_open(yaml_parser_t *parser, struct str text)
{
    CHECK(yaml_parser_initialize(parser));
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, (const unsigned char *)text.p, text.n);
}

static int syntax_error(const struct source *src, const yaml_parser_t *parser, struct err *err)
{
    /* A byte that is not UTF-8 has an offset only, everything else has a mark. */
    size_t line = parser->problem_mark.line;

    if (parser->error == YAML_READER_ERROR) {
        line = 0;
        for (size_t i = 0; i < parser->problem_offset && i < src->text.n; i++)
            line += src->text.p[i] == '\n';
    }
    return err_set(err, ERR_CONFIG, "%s:%zu: %s%s%s", src->name, src->skipped + line + 1,
            parser->problem ? parser->problem : "not YAML", parser->context ? " " : "",
            parser->context ? parser->context : "");
}

/* What the scan has seen so far. */
struct scan {
    unsigned documents;
    unsigned depth; /* of nested mappings and lists */
};

static void count_event(struct scan *scan, const yaml_event_t *event)
{
    scan->documents += event->type == YAML_DOCUMENT_START_EVENT;
    scan->depth += event->type == YAML_SEQUENCE_START_EVENT;
    scan->depth += event->type == YAML_MAPPING_START_EVENT;
    scan->depth -= event->type == YAML_SEQUENCE_END_EVENT;
    scan->depth -= event->type == YAML_MAPPING_END_EVENT;
}

static int refuse_event(const struct source *src, const yaml_event_t *event,
        const struct scan *scan, struct err *err)
{
    size_t line = src->skipped + event->start_mark.line + 1;

    if (scan->depth > LIMIT_YAML_DEPTH)
        return err_set(err, ERR_CONFIG, "%s:%zu: nested deeper than %d", src->name, line,
                LIMIT_YAML_DEPTH);

    if (event->type == YAML_ALIAS_EVENT)
        return err_set(err, ERR_CONFIG, "%s:%zu: an alias (*name) is not accepted here",
                src->name, line);
    if (event->type == YAML_DOCUMENT_START_EVENT && scan->documents > 1)
        return err_set(err, ERR_CONFIG, "%s:%zu: a second document (---) is not accepted here",
                src->name, line);
    if (event->type == YAML_SCALAR_EVENT &&
            memchr(event->data.scalar.value, '\0', event->data.scalar.length))
        return err_set(err, ERR_CONFIG, "%s:%zu: a NUL character in a value", src->name, line);
    return 0;
}

/* Where the next node of the tree belongs. */
struct place {
    int nodes[LIMIT_YAML_DEPTH + 1]; /* the lists and mappings that are open */
    int keys[LIMIT_YAML_DEPTH + 1];  /* of each, a key that has no value yet; or 0 */
    unsigned depth;
};

static int add_node(yaml_document_t *doc, const yaml_event_t *event)
{
    int id = 0;

    if (event->type == YAML_SCALAR_EVENT)
        id = yaml_document_add_scalar(doc, NULL, event->data.scalar.value,
                (int)event->data.scalar.length, event->data.scalar.style);
    else if (event->type == YAML_SEQUENCE_START_EVENT)
        id = yaml_document_add_sequence(doc, NULL, event->data.sequence_start.style);
    else if (event->type == YAML_MAPPING_START_EVENT)
        id = yaml_document_add_mapping(doc, NULL, event->data.mapping_start.style);
    else
        return 0;
    CHECK(id > 0);
    yaml_node_t *node = yaml_document_get_node(doc, id);
    node->start_mark = event->start_mark;
    node->end_mark = event->end_mark;
    return id;
}

static void attach(yaml_document_t *doc, struct place *place, int id)
{
    if (place->depth == 0)
        return; /* the root */
    int parent = place->nodes[place->depth - 1], *key = &place->keys[place->depth - 1];

    if (yaml_document_get_node(doc, parent)->type == YAML_SEQUENCE_NODE) {
        CHECK(yaml_document_append_sequence_item(doc, parent, id));
    } else if (*key == 0) {
        *key = id;
    } else {
        CHECK(yaml_document_append_mapping_pair(doc, parent, *key, id));
        *key = 0;
    }
}

static void grow_tree(yaml_document_t *doc, struct place *place, const yaml_event_t *event)
{
    bool is_end =
            event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT;
    int id = add_node(doc, event);

    if (is_end)
        yaml_document_get_node(doc, place->nodes[--place->depth])->end_mark = event->end_mark;
    if (id == 0)
        return;
    attach(doc, place, id);
    if (event->type == YAML_SCALAR_EVENT)
        return;
    place->nodes[place->depth] = id;
    place->keys[place->depth++] = 0;
}

static int read_all(struct source *src, struct err *err)
{
    yaml_parser_t parser;
    struct scan seen = {0, 0};
    struct place place = {.depth = 0};
    bool more = true;
    int rc = 0;

    parser_open(&parser, src->text);
    while (rc == 0 && more) {
        yaml_event_t event;

        if (!yaml_parser_parse(&parser, &event)) {
            rc = syntax_error(src, &parser, err);
            break;
        }
        count_event(&seen, &event);
        rc = refuse_event(src, &event, &seen, err);
        if (rc == 0)
            grow_tree(&src->doc, &place, &event);
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return rc;
}

static int source_open(struct source *src, struct str text, const char *name, struct err *err)
{
    if (text.n > LIMIT_FILE)
        return err_set(err, ERR_LIMIT, "%s: larger than %d bytes", name, LIMIT_FILE);
    if (str_starts(text, STR("\xef\xbb\xbf")))
        text = (struct str){text.p + 3, text.n - 3};
    *src = (struct source){.text = text, .name = name};
    for (; src->text.n && src->text.p[0] == '\n'; src->skipped++)
        src->text = (struct str){src->text.p + 1, src->text.n - 1};
    CHECK(yaml_document_initialize(&src->doc, NULL, NULL, NULL, 1, 1));
    int rc = read_all(src, err);
    if (rc < 0)
        yaml_document_delete(&src->doc);
    return rc;
}

/* As a mapping with distinct plain keys; NULL if there is nothing but comments. */
static int source_mapping(
        struct source *src, const yaml_node_t *node, const yaml_node_t **ret, struct err *err)
{
    static const cyaml_schema_field_t none[] = {CYAML_FIELD_END};
    static const cyaml_schema_value_t any_keys = {
            CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, char, none)};
    const yaml_node_t *map = unless_blank(node);
    int rc = map ? check_node(src, map, &any_keys, STR(""), err) : 0;

    if (rc == 0)
        *ret = map;
    return rc;
}

/* Of a key at the top. */
static int source_value(
        struct source *src, const char *key, const yaml_node_t **ret, struct err *err)
{
    const yaml_node_t *map = NULL;
    int rc = source_mapping(src, yaml_document_get_root_node(&src->doc), &map, err);

    if (rc < 0)
        return rc;
    for (yaml_node_pair_t *pair = map ? map->data.mapping.pairs.start : NULL;
            pair && pair < map->data.mapping.pairs.top; pair++) {
        if (str_eq(node_str(yaml_document_get_node(&src->doc, pair->key)), str_of(key))) {
            *ret = yaml_document_get_node(&src->doc, pair->value);
            return 0;
        }
    }
    return err_set(err, ERR_NOENT, "%s: no key '%s'", src->name, key);
}

/* Byte offset of a mark; libyaml counts characters. */
static size_t mark_offset(struct str text, size_t chars)
{
    size_t i = 0;

    for (; i < text.n; i++)
        if (((unsigned char)text.p[i] & 0xc0) != 0x80 && chars-- == 0)
            break;
    return i;
}

/* The node's text behind as many lines and columns as stand before it in the file. */
static void append_padded(const struct source *src, const yaml_node_t *node, struct buf *ret)
{
    size_t start = mark_offset(src->text, node->start_mark.index);
    size_t end = mark_offset(src->text, node->end_mark.index);

    for (size_t i = 0; i < src->skipped + node->start_mark.line; i++)
        buf_putc(ret, '\n');
    for (size_t i = 0; i < node->start_mark.column; i++)
        buf_putc(ret, ' ');
    buf_append(ret, src->text.p + start, end - start);
}

/* --- walking along the schema ----------------------------------------------------------- */

static struct str node_str(const yaml_node_t *node)
{
    return (struct str){(const char *)node->data.scalar.value, node->data.scalar.length};
}

static unsigned node_line(const struct source *src, const yaml_node_t *node)
{
    return src->skipped + (unsigned)node->start_mark.line + 1;
}

static bool is_blank(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node_str(node).n == 0;
}

static const yaml_node_t *unless_blank(const yaml_node_t *node)
{
    return node && is_blank(node) ? NULL : node;
}

/* "config.yaml:3: 'port' WHAT"; label is empty at the top of the file. */
static int refuse(const struct source *src, const yaml_node_t *node, struct str label,
        struct err *err, const char *what)
{
    char shown[80];

    str_vis(shown, sizeof(shown), label);
    return err_set(err, ERR_CONFIG, "%s:%u: %s%s%s %s", src->name,
            node ? node_line(src, node) : src->skipped + 1, label.n ? "'" : "",
            label.n ? shown : "the file", label.n ? "'" : "", what);
}

static int refuse_word(const struct source *src, const yaml_node_t *node, struct str word,
        struct err *err, const char *what, const char *const *names)
{
    char shown[80];
    char *cstr = xstrndup(word.p, word.n);
    const char *near = str_nearest(cstr, names);

    free(cstr);
    str_vis(shown, sizeof(shown), word);
    return err_set(err, ERR_CONFIG, "%s:%u: %s '%s'%s%s%s", src->name, node_line(src, node),
            what, shown, near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static const cyaml_schema_field_t *find_field(
        const cyaml_schema_value_t *schema, struct str key)
{
    for (const cyaml_schema_field_t *f = schema->mapping.fields; f->key; f++)
        if (str_eq(str_of(f->key), key))
            return f;
    return NULL;
}

static int refuse_key(const struct source *src, const yaml_node_t *key,
        const cyaml_schema_value_t *schema, struct err *err)
{
    const char *names[NAMES_MAX + 1] = {NULL};
    size_t n = 0;

    for (const cyaml_schema_field_t *f = schema->mapping.fields; f->key; f++) {
        CHECK(n < NAMES_MAX);
        names[n++] = f->key;
    }
    return refuse_word(src, key, node_str(key), err, "unknown key", names);
}

static int check_required(struct source *src, const yaml_node_t *map,
        const cyaml_schema_value_t *schema, struct str label, struct err *err)
{
    char what[120];

    for (const cyaml_schema_field_t *f = schema->mapping.fields; f->key; f++) {
        bool found = f->value.flags & CYAML_FLAG_OPTIONAL;

        for (yaml_node_pair_t *pair = map ? map->data.mapping.pairs.start : NULL;
                !found && pair && pair < map->data.mapping.pairs.top; pair++)
            found = str_eq(
                    node_str(yaml_document_get_node(&src->doc, pair->key)), str_of(f->key));
        if (!found) {
            snprintf(what, sizeof(what), "needs the key '%s'", f->key);
            return refuse(src, map, label, err, what);
        }
    }
    return 0;
}

static bool is_repeated(struct source *src, const yaml_node_t *map, const yaml_node_pair_t *at)
{
    struct str key = node_str(yaml_document_get_node(&src->doc, at->key));

    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < at; pair++)
        if (str_eq(node_str(yaml_document_get_node(&src->doc, pair->key)), key))
            return true;
    return false;
}

/* A schema without fields takes any keys and looks at no value. */
static int check_mapping(struct source *src, const yaml_node_t *map,
        const cyaml_schema_value_t *schema, struct str label, struct err *err)
{
    bool free_keys = !schema->mapping.fields->key;
    size_t count = 0;

    for (yaml_node_pair_t *pair = map->data.mapping.pairs.start;
            pair < map->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&src->doc, pair->key);
        const cyaml_schema_field_t *field = NULL;

        if (key->type != YAML_SCALAR_NODE)
            return refuse(src, key, label, err, "has a key that is not a word");
        if (++count > LIMIT_YAML_ENTRIES)
            return refuse(src, key, label, err, "has too many entries");
        if (is_repeated(src, map, pair))
            return refuse(src, key, node_str(key), err, "stands here twice");
        if (free_keys)
            continue;
        field = find_field(schema, node_str(key));
        if (!field)
            return refuse_key(src, key, schema, err);
        int rc = check_node(src, yaml_document_get_node(&src->doc, pair->value), &field->value,
                node_str(key), err);
        if (rc < 0)
            return rc;
    }
    return check_required(src, map, schema, label, err);
}

static int check_sequence(struct source *src, const yaml_node_t *seq,
        const cyaml_schema_value_t *schema, struct str label, struct err *err)
{
    for (yaml_node_item_t *item = seq->data.sequence.items.start;
            item < seq->data.sequence.items.top; item++) {
        int rc = check_node(src, yaml_document_get_node(&src->doc, *item),
                schema->sequence.entry, label, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Decimal without sign and leading zero: libcyaml would read 010 as eight. */
static int check_uint(struct source *src, const yaml_node_t *node,
        const cyaml_schema_value_t *schema, struct str label, struct err *err)
{
    struct str word = node_str(node);
    uint64_t max =
            schema->data_size >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * schema->data_size) - 1;
    uint64_t value = 0;
    char what[80];

    if (str_u64(word, max, &value) && (word.n == 1 || word.p[0] != '0'))
        return 0;
    snprintf(what, sizeof(what), "must be a whole number from 0 to %llu",
            (unsigned long long)max);
    return refuse(src, node, label, err, what);
}

static int check_enum(struct source *src, const yaml_node_t *node,
        const cyaml_schema_value_t *schema, struct str label, struct err *err)
{
    const char *names[NAMES_MAX + 1] = {NULL};
    char what[120];
    char shown[64];

    CHECK(schema->enumeration.count <= NAMES_MAX);
    for (uint32_t i = 0; i < schema->enumeration.count; i++) {
        names[i] = schema->enumeration.strings[i].str;
        if (str_eq(str_of(names[i]), node_str(node)))
            return 0;
    }
    str_vis(shown, sizeof(shown), label);
    snprintf(what, sizeof(what), "'%s' has the unknown value", shown);
    return refuse_word(src, node, node_str(node), err, what, names);
}

static int check_scalar(struct source *src, const yaml_node_t *node,
        const cyaml_schema_value_t *schema, struct str label, struct err *err)
{
    struct str word = node_str(node);

    switch (schema->type) {
    case CYAML_UINT:
        return check_uint(src, node, schema, label, err);
    case CYAML_ENUM:
        return check_enum(src, node, schema, label, err);
    case CYAML_BOOL:
        if (str_eq(word, STR("true")) || str_eq(word, STR("false")))
            return 0;
        return refuse(src, node, label, err, "must be true or false");
    default:
        return 0;
    }
}

static int check_node(struct source *src, const yaml_node_t *node,
        const cyaml_schema_value_t *schema, struct str label, struct err *err)
{
    switch (schema->type) {
    case CYAML_IGNORE:
    case CYAML_BITFIELD:
        return 0;
    case CYAML_MAPPING:
        if (node->type == YAML_MAPPING_NODE)
            return check_mapping(src, node, schema, label, err);
        if (is_blank(node) &&
                (schema->flags & CYAML_FLAG_POINTER_NULL) == CYAML_FLAG_POINTER_NULL)
            return 0;
        return refuse(src, node, label, err, "must be a mapping (lines of 'key: value')");
    case CYAML_FLAGS:
    case CYAML_SEQUENCE:
    case CYAML_SEQUENCE_FIXED:
        if (node->type != YAML_SEQUENCE_NODE)
            return refuse(src, node, label, err, "must be a list ([a, b])");
        return schema->type == CYAML_FLAGS ? 0 : check_sequence(src, node, schema, label, err);
    default:
        if (node->type != YAML_SCALAR_NODE)
            return refuse(src, node, label, err, "must be a single value");
        return check_scalar(src, node, schema, label, err);
    }
}

/* --- libcyaml's log --------------------------------------------------------------------- */

/*
 * Its lines are "Load: WHAT", "Load: Backtrace:" and, innermost first, "  in mapping field
 * 'port' (line: 2, column: 7)". Only the first of a kind is kept; if the wording changes,
 * messages get poorer, nothing else.
 */
static void capture(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
    struct captured *log = ctx;
    char raw[200];
    char text[240];

    (void)level;
    vsnprintf(raw, sizeof(raw), fmt, args);
    raw[strcspn(raw, "\n")] = '\0';
    str_vis(text, sizeof(text), str_of(raw));

    const char *line = strstr(text, "(line: ");
    if (strncmp(text, "  in ", 5) != 0) {
        struct str what = str_of(text);

        if (log->what[0] == '\0' && !strstr(text, "Backtrace"))
            (void)str_copy(log->what, sizeof(log->what),
                    str_starts(what, STR("Load: ")) ? str_of(text + 6) : what);
    } else if (line && log->line == 0) {
        const char *quote = strchr(text, '\'');
        log->line = (unsigned)strtoul(line + 7, NULL, 10);
        if (quote && quote < line)
            (void)str_copy(log->field, sizeof(log->field),
                    (struct str){quote, (size_t)(line - quote) - 1});
    }
}
