/*
 * unsaid.c - a plain comparison: names, paths, flags and hosts that the call has and the words
 * do not. No score; what is long is no name.
 */
#include "review/reading_priv.h"

#define WORD_MAX 120   /* a longer word is no name */
#define UNSAID_MAX 400 /* bytes; more would hide what counts */

static bool goes_on(char c)
{
    return char_is_alnum(c) || c == '_' || c == '-' || c == '/';
}

/* The word stands in the text, whatever its case, and not as a part of a longer one: "main" is
 * not said by "src/main.c", but by "to main.". */
static bool is_said(const char *words, struct str word)
{
    size_t n = strlen(words);

    for (size_t i = 0; word.n > 0 && i + word.n <= n; i++) {
        const char *end = words + i + word.n;
        bool starts = i == 0 || words[i - 1] == '/' || !goes_on(words[i - 1]);
        bool ends = !goes_on(*end) && !(*end == '.' && char_is_alnum(end[1]));

        if (starts && ends && str_eq_icase((struct str){words + i, word.n}, word))
            return true;
    }
    return false;
}

static struct str last_part(struct str path)
{
    size_t n;

    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    for (n = path.n; n > 0 && path.p[n - 1] != '/'; n--)
        ;
    return (struct str){path.p + n, path.n - n};
}

static void note(struct reading *reading, struct str word)
{
    char safe[WORD_MAX * 8 + 1];
    struct buf *out = &reading->unsaid;

    if (word.n < 2 || word.n > WORD_MAX || buf_len(out) > UNSAID_MAX ||
            is_said(reading->words, word) || is_said(reading->words, last_part(word)))
        return;
    str_vis(safe, sizeof(safe), word);
    if (out->len && strstr(buf_data(out), safe))
        return;
    if (out->len) {
        out->len--; /* the NUL */
        buf_puts(out, "  ");
    }
    buf_puts(out, safe);
    buf_putc(out, '\0');
}

static void note_words(struct reading *reading, struct str text)
{
    while (text.n > 0) {
        size_t n = 0;

        while (n < text.n && (unsigned char)text.p[n] > ' ' && !strchr("\"';|&()<>", text.p[n]))
            n++;
        note(reading, (struct str){text.p, n});
        n = n < text.n ? n + 1 : n;
        text = (struct str){text.p + n, text.n - n};
    }
}

void reading_find_unsaid(struct reading *reading)
{
    const struct args *args = &reading->args;

    for (size_t i = 1; i < args->count; i++) {
        const struct arg *arg = &args->items[i];

        if (arg->kind == ARG_TRUE)
            note(reading, arg->name);
        else if (arg->kind == ARG_STRING &&
                 !memchr(arg->text.p ? arg->text.p : "", '\n', arg->text.n))
            note_words(reading, arg->text);
    }
}
