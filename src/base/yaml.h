/*
 * yaml.h - configuration files: YAML text, through a schema, into a struct.
 *
 * A schema is a libcyaml table; this header brings libcyaml's macros, so that the folders
 * that own a table include "base/yaml.h" and nothing else. JSON is YAML and loads too.
 *
 *     struct key { char *header; char **from; unsigned from_count; bool on; uint16_t port; };
 *     static const cyaml_schema_field_t key_fields[] = {
 *         CYAML_FIELD_STRING_PTR("header", CYAML_FLAG_POINTER, struct key, header, 1, 64),
 *         YAML_FIELD_STRINGS("from", CYAML_FLAG_OPTIONAL, struct key, from, 16),
 *         CYAML_FIELD_BOOL("on", CYAML_FLAG_OPTIONAL, struct key, on),
 *         CYAML_FIELD_UINT("port", CYAML_FLAG_OPTIONAL, struct key, port),
 *         CYAML_FIELD_END,
 *     };
 *     static const cyaml_schema_value_t key_schema = {
 *         CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct key, key_fields)};
 *
 *     struct key *key = NULL;
 *     if (yaml_load(text, "config.yaml", &key_schema, (void **)&key, err) < 0)
 *         return err_wrap(...);   // "config.yaml:3: unknown key 'heder', did you mean ..."
 *     yaml_unload(&key_schema, key);
 *
 * A field that is optional and absent is zero or NULL. A schema cannot express a mapping
 * whose keys are free names (providers, agents): mark such a key CYAML_FIELD_IGNORE, cut it
 * out with yaml_subtree() and walk it with yaml_each_entry(). The pieces these give keep the
 * line numbers of the file.
 *
 * Stricter than YAML, so that nothing means something unexpected: one document, no alias,
 * no duplicate key, no NUL; true and false only; whole numbers in decimal; at most
 * LIMIT_FILE bytes.
 */
#ifndef SRC_BASE_YAML_H
#define SRC_BASE_YAML_H

#include <cyaml/cyaml.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Schema of one string in a sequence. */
extern const cyaml_schema_value_t yaml_string;

/* A sequence of strings: member `char **list` with `unsigned list_count` beside it. */
#define YAML_FIELD_STRINGS(_key, _flags, _structure, _member, _max)                            \
    CYAML_FIELD_SEQUENCE(                                                                      \
            _key, CYAML_FLAG_POINTER | (_flags), _structure, _member, &yaml_string, 0, _max)

/*
 * Load `text` through `schema`, whose top is a CYAML_VALUE_MAPPING with CYAML_FLAG_POINTER.
 * *ret is owned by the caller (yaml_unload). An empty text is an empty mapping. ERR_CONFIG
 * (ERR_LIMIT if too large) says "name:line: what is wrong".
 */
int yaml_load(struct str text, const char *name, const cyaml_schema_value_t *schema, void **ret,
        struct err *err);
/* Free what yaml_load gave; NULL is fine. (libyaml exports a yaml_free of its own.) */
void yaml_unload(const cyaml_schema_value_t *schema, void *data);

struct yaml_entry {
    struct str key;  /* borrows, valid during the call */
    unsigned line;   /* of the key, from 1 */
    struct str text; /* the value alone, padded so that its lines keep their numbers */
};

/*
 * Call fn for every entry of the mapping that `text` is, in order. A negative return of fn
 * ends the walk and is passed on. An empty text has no entries.
 */
int yaml_each_entry(struct str text, const char *name,
        int (*fn)(void *ctx, const struct yaml_entry *entry, struct err *err), void *ctx,
        struct err *err);

/* The same for the mapping that is the value of top-level key `key`. ERR_NOENT: no such key. */
int yaml_each_entry_of(struct str text, const char *name, const char *key,
        int (*fn)(void *ctx, const struct yaml_entry *entry, struct err *err), void *ctx,
        struct err *err);

/* Append the value of top-level key `key` to `ret`, padded likewise. ERR_NOENT: no such key. */
int yaml_subtree(
        struct str text, const char *name, const char *key, struct buf *ret, struct err *err);

#endif
