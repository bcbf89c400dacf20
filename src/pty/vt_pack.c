/*
 * vt_pack.c - one line of text in few bytes. See vt_pack.h.
 */
#include "pty/vt_pack.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Only a hostile row has so much text; it keeps its characters, but no more marks. */
#define MARKED_TEXT_MAX (48 * 1024)

#define EACH(byte) ((byte)*0x0101010101010101u) /* in each of 8 bytes */

/* --- packing --------------------------------------------------------------------------- */

static bool is_same_pen(const struct vt_cell *a, const struct vt_cell *b)
{
    return a->fg == b->fg && a->bg == b->bg && a->attrs == b->attrs;
}

/* Default colours and ASCII only: most rows are, and one pass does it. */
static bool pack_plain(struct vt_packing *packing)
{
    const struct vt_cell *cells = packing->cells;
    char *text = packing->text;

    for (int col = 0; col < packing->used; col++) {
        const struct vt_cell *cell = &cells[col];

        if ((cell->fg | cell->bg | cell->attrs | cell->extra) || cell->width != 1 ||
                cell->cp >= 0x80)
            return false;
        text[col] = cell->cp ? (char)cell->cp : ' ';
    }
    packing->text_len = (size_t)packing->used;
    packing->plain = true;
    packing->runs = 0;
    return true;
}

static unsigned count_runs(const struct vt_cell *cells, int used)
{
    static const struct vt_cell plain;
    unsigned runs = used ? 1 : 0;

    for (int col = 1; col < used; col++)
        runs += !is_same_pen(&cells[col], &cells[col - 1]);
    return runs == 1 && is_same_pen(&cells[0], &plain) ? 0 : runs;
}

static char *put_char(char *out, uint32_t cp)
{
    return out + utf8_encode(cp ? cp : ' ', out);
}

static void pack_text(struct vt_packing *packing, const struct vt_line *line)
{
    char *p = packing->text;

    packing->plain = true;
    for (int col = 0; col < packing->used; col++) {
        const struct vt_cell *cell = &line->cells[col];

        if (cell->cp < 0x80 && cell->extra == 0 && cell->width == 1) {
            *p++ = cell->cp ? (char)cell->cp : ' ';
            continue;
        }
        if (cell->width == 0)
            continue;
        packing->plain = packing->plain && cell->width == 1 && cell->extra == 0;
        if (cell->width == 2)
            *p++ = VT_PACK_WIDE;
        p = put_char(p, cell->cp);

        const struct vt_mark *mark = vt_line_mark(line, col);
        for (int i = 0; mark && i < cell->extra && p - packing->text < MARKED_TEXT_MAX; i++) {
            *p++ = VT_PACK_MARK;
            p = put_char(p, mark->cp[i]);
        }
    }
    packing->text_len = (size_t)(p - packing->text);
}

void vt_pack_row(struct vt_packing *packing, struct vt_line *line)
{
    int used = vt_line_text(line, 0);
    size_t most = (size_t)used * VT_PACK_CELL_BYTES;

    if (most > packing->text_cap) {
        packing->text = xrealloc(packing->text, most);
        packing->text_cap = most;
    }
    packing->cells = line->cells;
    packing->used = used;
    packing->open = line->wrapped;
    packing->goes_on = line->goes_on;
    packing->prompt = line->prompt;
    packing->is_wide = used && line->cells[0].width == 2;
    if (pack_plain(packing))
        return;
    packing->runs = count_runs(line->cells, used);
    pack_text(packing, line);
}

void vt_packing_release(struct vt_packing *packing)
{
    free(packing->text);
    *packing = (struct vt_packing){0};
}

/* The run that these cells go on; the next one if their pen is another. */
static struct vt_run *pack_runs(const struct vt_cell *cells, int used, struct vt_run *run)
{
    for (int col = 0; col < used; col++) {
        const struct vt_cell *cell = &cells[col];

        if (run->cells == 0 || run->fg != cell->fg || run->bg != cell->bg ||
                run->attrs != cell->attrs)
            *(run->cells ? ++run : run) = (struct vt_run){cell->fg, cell->bg, cell->attrs, 0};
        run->cells++;
    }
    return run;
}

size_t vt_pack_size(const struct vt_packing *packing)
{
    return sizeof(struct vt_packed) + packing->runs * sizeof(struct vt_run) + packing->text_len;
}

void vt_pack_write(const struct vt_packing *packing, struct vt_packed *to)
{
    *to = (struct vt_packed){.text_len = (uint16_t)packing->text_len,
            .cells = (unsigned)packing->used & 0xfff,
            .run_count = packing->runs & 0xfff,
            .weight = 1,
            .rows = 1,
            .open = packing->open,
            .goes_on = packing->goes_on,
            .prompt = packing->prompt,
            .plain = packing->plain};
    if (packing->runs) {
        to->runs[0] = (struct vt_run){0};
        pack_runs(packing->cells, packing->used, to->runs);
    }
    if (packing->text_len)
        memcpy(to->runs + to->run_count, packing->text, packing->text_len);
}

/* Runs of both; those of a row in default colours do not stand in it. */
static unsigned join_runs(const struct vt_packed *packed, const struct vt_packing *packing)
{
    if (packed->run_count == 0 && packing->runs == 0)
        return 0;

    const struct vt_cell *first = &packing->cells[0];
    struct vt_run last = {0};
    if (packed->run_count)
        last = packed->runs[packed->run_count - 1];
    unsigned before = packed->run_count ? packed->run_count : 1;
    unsigned more = packing->runs ? packing->runs : 1;

    return before + more -
           (last.fg == first->fg && last.bg == first->bg && last.attrs == first->attrs);
}

size_t vt_pack_join_size(const struct vt_packed *packed, const struct vt_packing *packing)
{
    size_t text = packed->text_len + packing->text_len;

    if (text > UINT16_MAX || packed->cells + packing->used > VT_PACK_CELLS)
        return 0;
    return sizeof(*packed) + join_runs(packed, packing) * sizeof(struct vt_run) + text;
}

void vt_pack_join(struct vt_packed *packed, const struct vt_packing *packing)
{
    unsigned runs = join_runs(packed, packing);
    char *text = (char *)(packed->runs + runs);

    memmove(text, vt_packed_text(packed), packed->text_len);
    memcpy(text + packed->text_len, packing->text, packing->text_len);
    if (runs) {
        if (packed->run_count == 0)
            packed->runs[0] = (struct vt_run){.cells = packed->cells};
        pack_runs(packing->cells, packing->used,
                packed->runs + (packed->run_count ? packed->run_count - 1 : 0));
    }
    packed->run_count = runs & 0xfff;
    packed->text_len = (uint16_t)(packed->text_len + packing->text_len);
    packed->cells = (unsigned)(packed->cells + packing->used) & 0xfff;
    packed->weight++;
    packed->rows = packed->rows && packed->rows < VT_PACK_ROWS ? packed->rows + 1u : 0;
    packed->open = packing->open;
    packed->plain = packed->plain && packing->plain;
}

/* --- reading --------------------------------------------------------------------------- */

size_t vt_packed_size(const struct vt_packed *packed)
{
    return sizeof(*packed) + packed->run_count * sizeof(struct vt_run) + packed->text_len;
}

const char *vt_packed_text(const struct vt_packed *packed)
{
    return (const char *)(packed->runs + packed->run_count);
}

/* The text is valid UTF-8, for it is ours. */
static int char_len(char first)
{
    unsigned char c = (unsigned char)first;

    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* Over one character with its marks; returns its columns. */
static int skip_char(const char **p, const char *end)
{
    int width = **p == VT_PACK_WIDE ? 2 : 1;

    *p += width - 1;
    *p += char_len(**p);
    while (*p < end && **p == VT_PACK_MARK)
        *p += 1 + char_len((*p)[1]);
    return width;
}

/* Columns that begin in 8 bytes: one for each byte that begins a character or is VT_PACK_WIDE,
 * and VT_PACK_MARK takes back itself and what follows it. */
static int word_columns(const char *p)
{
    uint64_t bytes, begins, other;

    memcpy(&bytes, p, sizeof(bytes));
    begins = ~bytes | bytes << 1;
    other = bytes ^ EACH(VT_PACK_MARK);
    other |= (other & EACH(0x7f)) + EACH(0x7f); /* the highest bit: it is none */
    begins = (begins >> 7 & EACH(0x01)) + (other >> 6 & EACH(0x02));
    return (int)(begins * EACH(0x01) >> 56) - 16;
}

/* Over words that surely fit into the row, up to a whole character; returns their columns. */
static int skip_words(const char **p, const char *end, int cols)
{
    const char *at = *p;
    int col = 0;

    for (int next; end - at >= 8; col = next, at += 8) {
        next = col + word_columns(at);
        if (next >= cols)
            break;
    }
    if (at == *p)
        return 0;
    if (at[-1] == VT_PACK_WIDE || at[-1] == VT_PACK_MARK) {
        col++;
        at += char_len(*at);
    }
    while (at < end && ((unsigned char)*at & 0xc0) == 0x80)
        at++;
    while (at < end && *at == VT_PACK_MARK)
        at += 1 + char_len(at[1]);
    *p = at;
    return col;
}

/* Over the characters of one row; returns its columns. */
static int skip_row(const char **p, const char *end, int cols)
{
    int col = skip_words(p, end, cols);

    while (*p < end) {
        const char *next = *p;
        int width = skip_char(&next, end);

        if (col + width > cols)
            break;
        col += width;
        *p = next;
    }
    return col;
}

/* A row lacks at most the one column into which no wide character fits, and then the next one
 * has two at least. So mostly there is only one answer, and nothing need be walked. */
int vt_packed_rows(const struct vt_packed *packed, int cols)
{
    if (cols == 0 || packed->cells <= cols)
        return 1;

    int least = (packed->cells + cols - 1) / cols;
    int most = (packed->cells + cols - 3) / (cols - 1);
    if (packed->plain || least == most)
        return least;

    const char *p = vt_packed_text(packed);
    const char *end = p + packed->text_len;
    int left = packed->cells, rows = 1;

    for (; left > cols; rows++)
        left -= skip_row(&p, end, cols);
    return rows;
}

static void walk_skip_cells(struct vt_walk *walk, unsigned cells)
{
    const struct vt_packed *packed = walk->packed;

    while (cells >= walk->run_left && walk->run + 1u < packed->run_count) {
        cells -= walk->run_left;
        walk->run_left = packed->runs[++walk->run].cells;
    }
    walk->run_left -= cells < walk->run_left ? cells : walk->run_left;
}

struct vt_walk vt_walk_begin(const struct vt_packed *packed, int row, int cols)
{
    const char *text = vt_packed_text(packed);
    struct vt_walk walk = {packed, text, text + packed->text_len, cols ? cols : INT_MAX, 0,
            packed->run_count ? packed->runs[0].cells : 0};
    unsigned skipped = 0;

    if (packed->text_len == packed->cells && packed->plain) {
        skipped = (unsigned)(row * cols);
        walk.p += skipped < packed->text_len ? skipped : packed->text_len;
    } else {
        for (; row > 0; row--)
            skipped += (unsigned)skip_row(&walk.p, walk.end, cols);
    }
    if (skipped && packed->run_count)
        walk_skip_cells(&walk, skipped);
    return walk;
}

static void walk_pen(struct vt_walk *walk, struct vt_cell *cell)
{
    if (walk->packed->run_count == 0)
        return;
    if (walk->run_left == 0 && walk->run + 1u < walk->packed->run_count)
        walk->run_left = walk->packed->runs[++walk->run].cells;

    const struct vt_run *run = &walk->packed->runs[walk->run];
    walk->run_left--;
    cell->fg = run->fg;
    cell->bg = run->bg;
    cell->attrs = run->attrs;
}

static uint32_t walk_char(struct vt_walk *walk)
{
    uint32_t cp = 0;
    int len = utf8_decode(walk->p, (size_t)(walk->end - walk->p), &cp);

    walk->p += len;
    return cp;
}

bool vt_walk_next(struct vt_walk *walk, struct vt_cell *cell, struct vt_cell *right,
        uint32_t marks[VT_CELL_CHARS - 1])
{
    if (walk->p >= walk->end)
        return false;
    *cell = (struct vt_cell){.width = *walk->p == VT_PACK_WIDE ? 2 : 1};
    if (cell->width > walk->left)
        return false;
    walk->left -= cell->width;
    if (cell->width == 2)
        walk->p++;
    cell->cp = walk_char(walk);
    walk_pen(walk, cell);
    if (cell->width == 2) {
        *right = (struct vt_cell){0};
        walk_pen(walk, right);
    }
    while (walk->p < walk->end && *walk->p == VT_PACK_MARK) {
        walk->p++;
        marks[cell->extra++] = walk_char(walk);
    }
    return true;
}

struct str vt_walk_text(const struct vt_walk *walk)
{
    const struct vt_packed *packed = walk->packed;
    const char *end = walk->p;
    size_t rest = (size_t)(walk->end - walk->p);

    if (packed->text_len == packed->cells && packed->plain)
        return (struct str){walk->p, rest < (size_t)walk->left ? rest : (size_t)walk->left};
    skip_row(&end, walk->end, walk->left);
    return (struct str){walk->p, (size_t)(end - walk->p)};
}

size_t vt_pack_encode(
        const struct vt_cell *cell, const uint32_t *marks, char out[VT_PACK_CELL_BYTES])
{
    size_t n = utf8_encode(cell->cp, out);

    for (int i = 0; i < cell->extra; i++)
        n += utf8_encode(marks[i], out + n);
    return n;
}
