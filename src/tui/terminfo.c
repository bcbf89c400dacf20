/*
 * terminfo.c - writes the compiled form described in term(5), with 32-bit numbers: header,
 * names, booleans, numbers, string offsets, string table, then one extended boolean, RGB.
 * Capability numbers are the order of the standard, which never changes.
 */
#include "tui/terminfo.h"

#include <string.h>

#include "base/err.h"
#include "tui/outer.h"

#define MAGIC_32BIT 01036
#define BOOL_COUNT 15
#define NUMBER_COUNT 15
#define STRING_COUNT 361

static const int BOOLS[] = {1 /* am */, 4 /* xenl */, 13 /* mir */, 14 /* msgr */};

static const struct {
    int index;
    int value;
} NUMBERS[] = {{0 /* cols */, 80}, {2 /* lines */, 24}, {13 /* colors */, 0x1000000},
        {14 /* pairs */, 0x10000}};

static const struct {
    int index;
    const char *text;
} STRINGS[] = {
        {1 /* bel */, "\a"},
        {2 /* cr */, "\r"},
        {3 /* csr */, "\033[%i%p1%d;%p2%dr"},
        {5 /* clear */, "\033[H\033[2J"},
        {6 /* el */, "\033[K"},
        {7 /* ed */, "\033[J"},
        {8 /* hpa */, "\033[%i%p1%dG"},
        {10 /* cup */, "\033[%i%p1%d;%p2%dH"},
        {11 /* cud1 */, "\n"},
        {12 /* home */, "\033[H"},
        {13 /* civis */, "\033[?25l"},
        {14 /* cub1 */, "\b"},
        {16 /* cnorm */, "\033[?25h"},
        {17 /* cuf1 */, "\033[C"},
        {19 /* cuu1 */, "\033[A"},
        {28 /* smcup */, "\033[?1049h"},
        {37 /* ech */, "\033[%p1%dX"},
        {39 /* sgr0 */, OUTER_PEN_STR "0;"},
        {40 /* rmcup */, "\033[?1049l"},
        {105 /* dch */, "\033[%p1%dP"},
        {106 /* dl */, "\033[%p1%dM"},
        {107 /* cud */, "\033[%p1%dB"},
        {108 /* ich */, "\033[%p1%d@"},
        {110 /* il */, "\033[%p1%dL"},
        {111 /* cub */, "\033[%p1%dD"},
        {112 /* cuf */, "\033[%p1%dC"},
        {114 /* cuu */, "\033[%p1%dA"},
        {127 /* vpa */, "\033[%i%p1%dd"},
        {129 /* ind */, "\n"},
        {130 /* ri */, "\033M"},
        {269 /* el1 */, "\033[1K"},
        {297 /* op */, OUTER_PEN_STR "0;"},
        {359 /* setaf */, OUTER_PEN_STR "%p1%d;"},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void put16(struct buf *b, int v)
{
    buf_putc(b, (char)(v & 255));
    buf_putc(b, (char)(v >> 8 & 255));
}

static void put32(struct buf *b, int v)
{
    put16(b, v & 0xffff);
    put16(b, v >> 16 & 0xffff);
}

static void pad_even(struct buf *b)
{
    if (buf_len(b) % 2)
        buf_putc(b, 0);
}

/* What the entry says for STRINGS[i]; NULL: nothing. */
static const char *string_at(size_t i, terminfo_lookup_fn lookup)
{
    bool is_pen = STRINGS[i].text[0] == OUTER_PEN;
    return lookup && !is_pen ? lookup(STRINGS[i].index) : STRINGS[i].text;
}

static size_t table_size(terminfo_lookup_fn lookup)
{
    size_t size = 0;
    for (size_t i = 0; i < COUNT(STRINGS); i++) {
        const char *text = string_at(i, lookup);
        size += text ? strlen(text) + 1 : 0;
    }
    return size;
}

static void put_strings(struct buf *b, terminfo_lookup_fn lookup)
{
    size_t next = 0, offset = 0;
    for (int i = 0; i < STRING_COUNT; i++) {
        const char *text = NULL;
        if (next < COUNT(STRINGS) && STRINGS[next].index == i)
            text = string_at(next++, lookup);
        put16(b, text ? (int)offset : -1);
        offset += text ? strlen(text) + 1 : 0;
    }
    CHECK(next == COUNT(STRINGS));
    for (size_t i = 0; i < COUNT(STRINGS); i++) {
        const char *text = string_at(i, lookup);
        if (text)
            buf_append(b, text, strlen(text) + 1);
    }
}

static void put_extended(struct buf *b)
{
    pad_even(b);
    put16(b, 1); /* booleans */
    put16(b, 0); /* numbers */
    put16(b, 0); /* strings */
    put16(b, 1); /* offsets: one name */
    put16(b, 4); /* size of the string table */
    buf_putc(b, 1);
    pad_even(b);
    put16(b, 0); /* where the name of the boolean is */
    buf_append(b, "RGB", 4);
}

static void write_entry(struct buf *b, terminfo_lookup_fn lookup)
{
    static const char names[] = TERMINFO_NAME "|what ironcurtain tells ncurses";
    put16(b, MAGIC_32BIT);
    put16(b, (int)sizeof names);
    put16(b, BOOL_COUNT);
    put16(b, NUMBER_COUNT);
    put16(b, STRING_COUNT);
    put16(b, (int)table_size(lookup));
    buf_append(b, names, sizeof names);
    char bools[BOOL_COUNT] = {0};
    for (size_t i = 0; i < COUNT(BOOLS); i++)
        bools[BOOLS[i]] = 1;
    buf_append(b, bools, sizeof bools);
    pad_even(b);
    int numbers[NUMBER_COUNT];
    for (int i = 0; i < NUMBER_COUNT; i++)
        numbers[i] = -1;
    for (size_t i = 0; i < COUNT(NUMBERS); i++)
        numbers[NUMBERS[i].index] = NUMBERS[i].value;
    for (int i = 0; i < NUMBER_COUNT; i++)
        put32(b, numbers[i]);
    put_strings(b, lookup);
    put_extended(b);
}

void terminfo_make(struct buf *ret, terminfo_lookup_fn lookup)
{
    static const char digits[] = "0123456789ABCDEF";
    struct buf entry = BUF_INIT;
    write_entry(&entry, lookup);
    buf_puts(ret, "hex:");
    for (size_t i = 0; i < buf_len(&entry); i++) {
        unsigned char c = (unsigned char)buf_data(&entry)[i];
        buf_putc(ret, digits[c >> 4]);
        buf_putc(ret, digits[c & 15]);
    }
    buf_release(&entry);
}
