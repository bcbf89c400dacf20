/*
 * out.c - tables, tab separated rows and JSON on stdout.
 *
 * Only a table has to be held until its end, for the widths; the other forms are printed row
 * by row.
 */
#include "cli/out.h"

#include <errno.h>
#include <locale.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "cli/cmd.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

/* Narrower than this a column says nothing. */
#define COLUMN_MIN 6
#define COLUMN_GAP 2

struct out {
    enum out_format format;
    bool person;                      /* OUT_PLAIN on a terminal */
    const struct out_column *columns; /* borrows */
    size_t count;
    size_t rows;
    char **cells; /* owns; rows * count, only for a person */
    size_t cells_cap;
};

struct out *out_new(enum out_format format, const struct out_column *columns, size_t count)
{
    struct out *out = xcalloc(1, sizeof(*out));

    out->format = format;
    out->person = format == OUT_PLAIN && isatty(STDOUT_FILENO);
    out->columns = columns;
    out->count = count;
    if (out->person)
        (void)setlocale(LC_CTYPE, "C.UTF-8"); /* for wcwidth() */
    if (format == OUT_JSON)
        fputs("[", stdout);
    return out;
}

json_t *out_text(const char *text)
{
    json_t *json = json_string(text);

    if (json)
        return json;
    size_t cap = strlen(text) * 8 + 1;
    char *shown = xmalloc(cap);
    json = json_string(str_vis(shown, cap, str_of(text)));
    free(shown);
    return json;
}

json_t *out_time(int64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm tm;
    char text[64];

    if (unix_ms <= 0 || !gmtime_r(&seconds, &tm))
        return json_null();
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(unix_ms % 1000));
    return json_string(text);
}

/* One value as text on one line; caller frees. */
static char *plain(const json_t *value, bool person)
{
    switch (json_typeof(value)) {
    case JSON_STRING: {
        size_t n = json_string_length(value);
        size_t cap = n * 8 + 1;
        char *text = xmalloc(cap);

        return str_vis(text, cap, (struct str){json_string_value(value), n});
    }
    case JSON_INTEGER:
        return xasprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_REAL:
        return xasprintf("%.6f", json_real_value(value));
    case JSON_TRUE:
        return xstrdup(person ? "yes" : "true");
    case JSON_FALSE:
        return xstrdup(person ? "no" : "false");
    default:
        return xstrdup(person ? "-" : "");
    }
}

/* What a person need not see of it. */
static void shorten(char *text, unsigned flags)
{
    if ((flags & OUT_ID) && strlen(text) > 8)
        text[8] = '\0';
    if ((flags & OUT_TIME) && strlen(text) == strlen("2026-01-31T12:00:00.000Z")) {
        text[10] = ' ';
        text[19] = 'Z';
        text[20] = '\0';
    }
}

static void keep_cell(struct out *out, size_t at, char *text)
{
    if (at >= out->cells_cap) {
        out->cells_cap = out->cells_cap ? out->cells_cap * 2 : 64 * out->count;
        out->cells = xrealloc(out->cells, out->cells_cap * sizeof(*out->cells));
    }
    out->cells[at] = text;
}

static void plain_row(struct out *out, const json_t *object)
{
    for (size_t i = 0; i < out->count; i++) {
        const json_t *value = json_object_get(object, out->columns[i].key);
        CHECK(value);
        char *text = plain(value, out->person);

        if (out->person) {
            shorten(text, out->columns[i].flags);
            keep_cell(out, (out->rows - 1) * out->count + i, text);
        } else {
            printf("%s%s", i ? "\t" : "", text);
            free(text);
        }
    }
    if (!out->person)
        putchar('\n');
}

static void json_row(struct out *out, const json_t *object)
{
    if (out->format == OUT_JSON)
        fputs(out->rows > 1 ? ",\n " : "\n ", stdout);
    /* JSON leaves U+0080 to U+009F as they are, and terminals obey them. */
    size_t ascii = isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0;
    (void)json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15) | ascii);
    if (out->format == OUT_JSONL)
        putchar('\n');
}

void out_row(struct out *out, json_t *object)
{
    out->rows++;
    if (out->format == OUT_PLAIN)
        plain_row(out, object);
    else
        json_row(out, object);
    json_decref(object);
}

void out_record(struct out *out, json_t *object)
{
    const char *key;
    json_t *value;

    if (out->format != OUT_PLAIN) {
        out_row(out, object);
        return;
    }
    if (out->rows++)
        putchar('\n');
    json_object_foreach(object, key, value)
    {
        char *text = plain(value, out->person);

        printf(out->person ? "%-16s%s\n" : "%s\t%s\n", key, text);
        free(text);
    }
    json_decref(object);
}

/* --- the table ------------------------------------------------------------------------ */

/* Cells that the character at p takes; `ret_len` gets its bytes. str_vis left valid UTF-8. */
static int char_width(const char *p, size_t n, size_t *ret_len)
{
    uint32_t cp;
    int len = utf8_decode(p, n, &cp);

    *ret_len = len > 0 ? (size_t)len : 1;
    int width = len > 0 ? wcwidth((wchar_t)cp) : 1;
    return width < 0 ? 1 : width;
}

static size_t text_width(const char *text)
{
    size_t n = strlen(text), width = 0, len;

    for (size_t at = 0; at < n; at += len)
        width += (size_t)char_width(text + at, n - at, &len);
    return width;
}

static void print_cell(const char *text, size_t width, unsigned flags, bool last)
{
    size_t n = strlen(text), own = text_width(text), used = 0, len;

    if (own <= width) {
        int pad = (int)(width - own);

        if (flags & OUT_RIGHT)
            printf("%*s%s", pad, "", text);
        else
            printf("%s%*s", text, last ? 0 : pad, "");
        return;
    }
    for (size_t at = 0; at < n; at += len) {
        size_t next = (size_t)char_width(text + at, n - at, &len);

        if (used + next > width - 2)
            break;
        fwrite(text + at, 1, len, stdout);
        used += next;
    }
    printf("..%*s", last ? 0 : (int)(width - 2 - used), "");
}

/* Take from the widest column until all fit. */
static void fit(size_t *widths, size_t count)
{
    struct winsize size;
    size_t total = (count - 1) * COLUMN_GAP;
    size_t screen = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;

    for (size_t i = 0; i < count; i++)
        total += widths[i];
    while (screen && total > screen) {
        size_t widest = 0;

        for (size_t i = 1; i < count; i++)
            if (widths[i] > widths[widest])
                widest = i;
        if (widths[widest] <= COLUMN_MIN)
            return;
        widths[widest]--;
        total--;
    }
}

static void print_line(const struct out *out, const size_t *widths, char *const *cells)
{
    for (size_t i = 0; i < out->count; i++) {
        print_cell(cells ? cells[i] : out->columns[i].head, widths[i], out->columns[i].flags,
                i + 1 == out->count);
        printf("%*s", i + 1 == out->count ? 0 : COLUMN_GAP, "");
    }
    putchar('\n');
}

static void print_table(struct out *out)
{
    size_t *widths = xcalloc(out->count, sizeof(*widths));

    for (size_t i = 0; i < out->count; i++)
        widths[i] = text_width(out->columns[i].head);
    for (size_t i = 0; i < out->rows * out->count; i++) {
        size_t width = text_width(out->cells[i]);
        size_t *max = &widths[i % out->count];

        *max = width > *max ? width : *max;
    }
    fit(widths, out->count);
    print_line(out, widths, NULL);
    for (size_t row = 0; row < out->rows; row++)
        print_line(out, widths, out->cells + row * out->count);
    for (size_t i = 0; i < out->rows * out->count; i++)
        free(out->cells[i]);
    free(widths);
}

int out_end(struct out *out)
{
    int status = EXIT_DONE;

    if (out->format == OUT_JSON)
        fputs(out->rows ? "\n]\n" : "]\n", stdout);
    if (out->cells)
        print_table(out);
    free(out->cells);
    free(out);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        struct err err;

        (void)err_set(&err, ERR_IO, "cannot write the output: %s", strerror(errno));
        status = cmd_fail(&err);
    }
    return status;
}
