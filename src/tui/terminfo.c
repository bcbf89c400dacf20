/*
 * terminfo.c - writes the compiled form described in term(5), with 32-bit numbers: header,
 * names, booleans, numbers, string offsets, string table, then one extended boolean, RGB.
 * Capability numbers are the order of the standard, which never changes.
 */
#include "tui/terminfo.h"

#include <string.h>

#include "base/err.h"

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

/* %1 below 8: \E[3Nm; below 16: \E[9Nm; below 256: 38;5;N; else 38;2;R;G;B. */
#define COLOR(plain, bright, extended)                                                         \
    "\033[%?%p1%{8}%<%t" plain "%p1%d%e%p1%{16}%<%t" bright                                    \
    "%p1%{8}%-%d%e%p1%{256}%<%t" extended ";5;%p1%d%e" extended                                \
    ";2;%p1%{65536}%/%d;%p1%{256}%/%{255}%&%d;%p1%{255}%&%d%;m"

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
        {26 /* blink */, "\033[5m"},
        {27 /* bold */, "\033[1m"},
        {28 /* smcup */, "\033[?1049h"},
        {30 /* dim */, "\033[2m"},
        {32 /* invis */, "\033[8m"},
        {34 /* rev */, "\033[7m"},
        {35 /* smso */, "\033[7m"},
        {36 /* smul */, "\033[4m"},
        {37 /* ech */, "\033[%p1%dX"},
        {39 /* sgr0 */, "\033[m"},
        {40 /* rmcup */, "\033[?1049l"},
        {43 /* rmso */, "\033[27m"},
        {44 /* rmul */, "\033[24m"},
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
        {297 /* op */, "\033[39;49m"},
        {311 /* sitm */, "\033[3m"},
        {321 /* ritm */, "\033[23m"},
        {359 /* setaf */, COLOR("3", "9", "38")},
        {360 /* setab */, COLOR("4", "10", "48")},
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

static void put_strings(struct buf *b, size_t table_size)
{
    size_t next = 0, offset = 0;
    for (int i = 0; i < STRING_COUNT; i++) {
        if (next < COUNT(STRINGS) && STRINGS[next].index == i) {
            put16(b, (int)offset);
            offset += strlen(STRINGS[next].text) + 1;
            next++;
        } else {
            put16(b, -1);
        }
    }
    CHECK(next == COUNT(STRINGS) && offset == table_size);
    for (size_t i = 0; i < COUNT(STRINGS); i++)
        buf_append(b, STRINGS[i].text, strlen(STRINGS[i].text) + 1);
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

static void write_entry(struct buf *b)
{
    static const char names[] = TERMINFO_DIRECT_NAME "|any terminal with 24-bit colour";
    size_t table_size = 0;
    for (size_t i = 0; i < COUNT(STRINGS); i++)
        table_size += strlen(STRINGS[i].text) + 1;
    put16(b, MAGIC_32BIT);
    put16(b, (int)sizeof names);
    put16(b, BOOL_COUNT);
    put16(b, NUMBER_COUNT);
    put16(b, STRING_COUNT);
    put16(b, (int)table_size);
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
    put_strings(b, table_size);
    put_extended(b);
}

void terminfo_direct(struct buf *ret)
{
    struct buf entry = BUF_INIT;
    write_entry(&entry);
    buf_puts(ret, "hex:");
    for (size_t i = 0; i < buf_len(&entry); i++)
        buf_printf(ret, "%02X", (unsigned char)buf_data(&entry)[i]);
    buf_release(&entry);
}
