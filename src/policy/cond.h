/*
 * cond.h - the conditions of a rule for tool calls, as written; inside src/policy only.
 *
 *     condition = [ any | all ] ARG OP VALUE...
 *     ARG       = * | . | NAME[[]...]{.NAME[[]...]} | "NAME"
 *     OP        = within outside host is matches < <= > >= has lacks only type
 */
#ifndef SRC_POLICY_COND_H
#define SRC_POLICY_COND_H

#include <regex.h>

#include "policy/folders.h"
#include "policy/lex.h"
#include "policy/pattern.h"

enum cond_op {
    OP_WITHIN,
    OP_OUTSIDE,
    OP_HOST,
    OP_IS,
    OP_MATCHES,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_HAS,
    OP_LACKS,
    OP_ONLY,
    OP_TYPE
};

enum quantifier { QUANT_BY_VERB, QUANT_ANY, QUANT_ALL };

enum arg_root { ROOT_MEMBER, ROOT_WHOLE /* "." */, ROOT_EVERYTHING /* "*" */ };

struct arg_step {
    char *name;        /* owns */
    unsigned elements; /* so many "[]" behind it */
};

struct cond_value {
    char *text; /* owns; as the word says */
    size_t n;
    bool quoted;
    bool is_number;
    unsigned folder;         /* within, outside: index */
    unsigned type;           /* type: index of the name */
    struct pattern *pattern; /* owns; host */
    regex_t *regex;          /* owns; matches */
};

struct cond {
    enum cond_op op;
    enum quantifier quantifier;
    enum arg_root root;
    struct arg_step *steps; /* owns */
    size_t step_count;
    struct cond_value *values; /* owns */
    size_t value_count;
    char *arg; /* owns; the ARG as written, safe to print */
};

/* Behind "if", up to an option or the end of the line. *ret belongs to the caller also after a
 * failure. */
int conds_parse(struct lex *lex, struct folders *folders, enum verdict_kind verb,
        struct cond **ret, size_t *ret_count, struct err *err);
void conds_free(struct cond *conds, size_t count);

const char *cond_op_name(enum cond_op op);

/* Types of values by name, NULL-ended; "integer" is a number without a fraction. */
extern const char *const cond_type_names[];
enum cond_type {
    TYPE_STRING,
    TYPE_NUMBER,
    TYPE_INTEGER,
    TYPE_BOOLEAN,
    TYPE_NULL,
    TYPE_ARRAY,
    TYPE_OBJECT
};

#endif
