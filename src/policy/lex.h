/*
 * lex.h - the words of one line of a rule file; inside src/policy only.
 */
#ifndef SRC_POLICY_LEX_H
#define SRC_POLICY_LEX_H

#include <stdbool.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"

struct lex {
    struct str line; /* borrows; the whole line */
    struct str rest; /* borrows; what is not read yet */
    const char *end; /* behind the last word that was read */
    /* Unquoted texts of this line's words, each with a NUL. */
    char store[LIMIT_POLICY_LINE * 2];
    size_t used;
};

struct word {
    struct str text; /* borrows from lex; also a C string */
    bool quoted;
};

void lex_start(struct lex *lex, struct str line);

/*
 * The next word: bare up to a blank, or "quoted" with \" and \\. Returns 1, 0 at the end of
 * the line or a comment, or ERR_CONFIG (message without file and line).
 */
int lex_word(struct lex *lex, struct word *ret, struct err *err);

/* As lex_word, but the end of the line is an error too: "WHAT is missing". Returns 0. */
int lex_need(struct lex *lex, struct word *ret, const char *what, struct err *err);

/* Index of a bare word in the NULL-ended list; an error names the nearest: "WHAT 'x', did you
 * mean 'y'?". */
int lex_choose(
        const struct word *word, const char *what, const char *const *names, struct err *err);
/* Both: "unknown WHAT 'x'". */
int lex_need_choice(
        struct lex *lex, const char *what, const char *const *names, struct err *err);

/* Nothing but a comment may follow. */
int lex_need_end(struct lex *lex, struct err *err);

/* Look at the next word without taking it: is it this bare one? */
bool lex_next_is(const struct lex *lex, const char *word);

#endif
