/*
 * lex.c - words of a rule line.
 */
#include "policy/lex.h"

void lex_start(struct lex *lex, struct str line)
{
    lex->line = line;
    lex->rest = line;
    lex->end = line.p;
    lex->used = 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void keep(struct lex *lex, char c)
{
    CHECK(lex->used < sizeof(lex->store));
    lex->store[lex->used++] = c;
}

static int quoted(struct lex *lex, struct err *err)
{
    struct str s = lex->rest;
    size_t i = 1;

    for (; i < s.n && s.p[i] != '"'; i++) {
        if (s.p[i] == '\\' && i + 1 < s.n && (s.p[i + 1] == '"' || s.p[i + 1] == '\\'))
            i++;
        keep(lex, s.p[i]);
    }
    if (i >= s.n)
        return err_set(err, ERR_CONFIG, "a \" is not closed");
    i++;
    if (i < s.n && !is_blank(s.p[i]))
        return err_set(err, ERR_CONFIG, "a blank is missing behind a closing \"");
    lex->rest = (struct str){s.p + i, s.n - i};
    return 0;
}

static void bare(struct lex *lex)
{
    struct str s = lex->rest;
    size_t i = 0;

    for (; i < s.n && !is_blank(s.p[i]); i++)
        keep(lex, s.p[i]);
    lex->rest = (struct str){s.p + i, s.n - i};
}

int lex_word(struct lex *lex, struct word *ret, struct err *err)
{
    size_t start = lex->used;

    lex->rest = str_trim(lex->rest);
    if (lex->rest.n == 0 || lex->rest.p[0] == '#')
        return 0;
    ret->quoted = lex->rest.p[0] == '"';
    if (ret->quoted) {
        int rc = quoted(lex, err);
        if (rc < 0)
            return rc;
    } else {
        bare(lex);
    }
    ret->text = (struct str){lex->store + start, lex->used - start};
    keep(lex, '\0');
    lex->end = lex->rest.p;
    return 1;
}

bool lex_next_is(const struct lex *lex, const char *word)
{
    struct str rest = str_trim(lex->rest);
    struct str want = str_of(word);

    return str_starts(rest, want) && (rest.n == want.n || is_blank(rest.p[want.n]));
}

int lex_need(struct lex *lex, struct word *ret, const char *what, struct err *err)
{
    int rc = lex_word(lex, ret, err);

    return rc == 0 ? err_set(err, ERR_CONFIG, "%s is missing", what) : rc < 0 ? rc : 0;
}

int lex_choose(
        const struct word *word, const char *what, const char *const *names, struct err *err)
{
    char shown[80];

    if (word->quoted)
        return err_set(err, ERR_CONFIG, "a quoted text stands where a plain word is expected");
    for (int i = 0; names[i]; i++)
        if (str_eq(word->text, str_of(names[i])))
            return i;
    const char *near = str_nearest(word->text.p, names);
    return err_set(err, ERR_CONFIG, "%s '%s'%s%s%s", what,
            str_vis(shown, sizeof(shown), word->text), near ? ", did you mean '" : "",
            near ? near : "", near ? "'?" : "");
}

int lex_need_choice(
        struct lex *lex, const char *what, const char *const *names, struct err *err)
{
    struct word word;
    char unknown[40];
    int rc = lex_need(lex, &word, what, err);

    snprintf(unknown, sizeof(unknown), "unknown %s", what);
    return rc < 0 ? rc : lex_choose(&word, unknown, names, err);
}

int lex_need_end(struct lex *lex, struct err *err)
{
    struct word word;
    char shown[80];
    int rc = lex_word(lex, &word, err);

    if (rc > 0)
        return err_set(err, ERR_CONFIG, "'%s' is one word too many",
                str_vis(shown, sizeof(shown), word.text));
    return rc;
}
