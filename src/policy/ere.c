/*
 * ere.c - regular expressions of rules.
 *
 * The pattern is put between ^( and )$, so its own parentheses have to be balanced, which
 * regcomp() does not insist on. Repeat counts are bounded, since compiling writes each of them
 * out.
 */
#include "policy/ere.h"

#include "base/mem.h"

#define REPEAT_MAX 1000

/* Behind a "["; the place behind its "]", or SIZE_MAX. */
static size_t skip_bracket(const char *p, size_t i)
{
    if (p[i] == '^')
        i++;
    if (p[i] == ']')
        i++;
    for (; p[i] && p[i] != ']'; i++) {
        if (p[i] != '[' || !p[i + 1] || !strchr(".:=", p[i + 1]))
            continue;
        char kind = p[i + 1];
        for (i += 2; p[i] && !(p[i] == kind && p[i + 1] == ']'); i++)
            ;
        if (!p[i])
            return SIZE_MAX;
        i++;
    }
    return p[i] ? i + 1 : SIZE_MAX;
}

/* All repeat counts multiplied: what nested ones come to. */
static bool count_repeats(const char *p, size_t i, unsigned long *product)
{
    unsigned long largest = 1;

    while (p[i] && p[i] != '}') {
        unsigned long n = 0;

        while (p[i] >= '0' && p[i] <= '9' && n <= REPEAT_MAX)
            n = n * 10 + (unsigned long)(p[i++] - '0');
        largest = n > largest ? n : largest;
        if (n > REPEAT_MAX)
            return false;
        if (p[i] && p[i] != '}')
            i++;
    }
    *product *= largest;
    return *product <= REPEAT_MAX;
}

static int check(const char *p, struct err *err)
{
    unsigned long repeats = 1;
    int depth = 0;

    for (size_t i = 0; p[i];) {
        if (p[i] == '\\') {
            if (!p[i + 1] || char_is_alnum(p[i + 1]))
                return err_set(err, ERR_CONFIG,
                        "a \\ in a pattern stands before a punctuation mark; there are no "
                        "back-references and classes like \\d (write [0-9])");
            i += 2;
        } else if (p[i] == '[') {
            i = skip_bracket(p, i + 1);
            if (i == SIZE_MAX)
                return err_set(err, ERR_CONFIG, "a [ in a pattern is not closed");
        } else {
            depth += p[i] == '(';
            depth -= p[i] == ')';
            if (depth < 0 || depth > 32)
                return err_set(err, ERR_CONFIG, "the parentheses of a pattern do not match");
            if (p[i] == '{' && !count_repeats(p, i + 1, &repeats))
                return err_set(
                        err, ERR_CONFIG, "a pattern repeats more than %d times", REPEAT_MAX);
            i++;
        }
    }
    if (depth)
        return err_set(err, ERR_CONFIG, "the parentheses of a pattern do not match");
    return 0;
}

regex_t *ere_new(const char *pattern, struct err *err)
{
    char why[120];

    if (check(pattern, err) < 0)
        return NULL;
    regex_t *regex = xcalloc(1, sizeof(*regex));
    char *whole = xasprintf("^(%s)$", pattern);
    int rc = regcomp(regex, whole, REG_EXTENDED | REG_NOSUB);
    free(whole);
    if (rc == 0)
        return regex;
    (void)regerror(rc, regex, why, sizeof(why));
    free(regex);
    err_set(err, ERR_CONFIG, "a pattern is wrong: %s", why);
    return NULL;
}

void ere_free(regex_t *regex)
{
    if (regex)
        regfree(regex);
    free(regex);
}

enum ere_match ere_match(const regex_t *regex, const char *text)
{
    int rc = regexec(regex, text, 0, NULL, 0);

    return rc == 0 ? ERE_YES : rc == REG_NOMATCH ? ERE_NO : ERE_CANNOT_TELL;
}
