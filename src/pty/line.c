/*
 * line.c - line editing on UTF-8 text. Everything beyond ASCII counts as a letter.
 */
#include "pty/line.h"

#include "base/err.h"
#include "base/mem.h"

bool line_insert(struct line *line, struct str text)
{
    if (text.n > LIMIT_WORDS_ENTRY - line->len)
        return false;
    char *at = line->text + line->cursor;
    memmove(at + text.n, at, line->len - line->cursor + 1);
    memcpy(at, text.p, text.n);
    line->len += text.n;
    line->cursor += text.n;
    return true;
}

void line_erase(struct line *line, size_t from, size_t to)
{
    CHECK(from <= to && to <= line->len);
    memmove(line->text + from, line->text + to, line->len - to + 1);
    line->len -= to - from;
    line->cursor = from;
}

void line_clear(struct line *line)
{
    mem_wipe(line->text, line->len);
    line->len = line->cursor = 0;
    line->text[0] = '\0';
}

static bool is_inside_char(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static size_t prev(const struct line *line, size_t at)
{
    if (at > 0)
        at--;
    while (at > 0 && is_inside_char(line->text[at]))
        at--;
    return at;
}

static size_t next(const struct line *line, size_t at)
{
    if (at < line->len)
        at++;
    while (at < line->len && is_inside_char(line->text[at]))
        at++;
    return at;
}

static bool is_word(char c)
{
    return (unsigned char)c >= 0x80 || char_is_alnum(c);
}

static bool is_ink(char c)
{
    return c != ' ' && c != '\t' && c != '\n';
}

static size_t skip_left(const struct line *line, bool (*belongs)(char c))
{
    size_t at = line->cursor;
    while (at > 0 && !belongs(line->text[at - 1]))
        at--;
    while (at > 0 && belongs(line->text[at - 1]))
        at--;
    return at;
}

size_t line_left(const struct line *line)
{
    return prev(line, line->cursor);
}

size_t line_right(const struct line *line)
{
    return next(line, line->cursor);
}

size_t line_word_left(const struct line *line)
{
    return skip_left(line, is_word);
}

size_t line_blank_left(const struct line *line)
{
    return skip_left(line, is_ink);
}

size_t line_word_right(const struct line *line)
{
    size_t at = line->cursor;
    while (at < line->len && !is_word(line->text[at]))
        at++;
    while (at < line->len && is_word(line->text[at]))
        at++;
    return at;
}

size_t line_home(const struct line *line)
{
    size_t at = line->cursor;
    while (at > 0 && line->text[at - 1] != '\n')
        at--;
    return at;
}

size_t line_end(const struct line *line)
{
    size_t at = line->cursor;
    while (at < line->len && line->text[at] != '\n')
        at++;
    return at;
}
