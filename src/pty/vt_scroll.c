/*
 * vt_scroll.c - packed scrollback.
 *
 * A line is an array of attribute runs followed by UTF-8 text, one character for each cell from
 * the left; trailing blank cells are cut, and a line in default colours has no runs at
 * all. Two control characters, which a cell cannot hold, carry what the text alone does not
 * say: WIDE stands before a character of two cells, MARK before a code point that belongs to
 * the cell before. Bounded in lines and in bytes; the oldest line goes first.
 */
#include "pty/vt_scroll.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

#define WIDE 0x01
#define MARK 0x02

/* WIDE and a character of 4 bytes, five marks of 5. */
#define CELL_BYTES (1 + 4 + (VT_CELL_CHARS - 1) * 5)

struct run {
    uint32_t fg, bg;
    uint16_t attrs;
    uint16_t cells;
};

struct vt_packed {
    uint32_t text_len;
    uint16_t run_count;
    bool wrapped : 1;
    bool prompt : 1;
    bool plain : 1;    /* no control characters in the text */
    struct run runs[]; /* then the text */
};

#define GROW_MIN 64

static size_t packed_size(const struct vt_packed *packed)
{
    return sizeof(*packed) + packed->run_count * sizeof(struct run) + packed->text_len;
}

static const char *packed_text(const struct vt_packed *packed)
{
    return (const char *)(packed->runs + packed->run_count);
}

static bool is_same_pen(const struct vt_cell *a, const struct vt_cell *b)
{
    return a->fg == b->fg && a->bg == b->bg && a->attrs == b->attrs;
}

static bool is_blank(const struct vt_cell *cell)
{
    return (cell->cp == 0 || cell->cp == ' ') && cell->width == 1 && cell->bg == 0 &&
           cell->extra == 0 && (cell->attrs & ~(VT_BOLD | VT_DIM | VT_ITALIC)) == 0;
}

static int visible_cells(struct vt_line *line)
{
    int used = is_blank(&line->fill) ? line->used : line->cols;

    if (used == line->cols)
        vt_line_cells(line);
    /* A blank that the text goes on behind is a part of it, if somebody wrote it. */
    while (used > 0 && is_blank(&line->cells[used - 1]) &&
            !(line->wrapped && line->cells[used - 1].cp))
        used--;
    return used;
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

/* At most CELL_BYTES a cell. Returns the length. */
static size_t pack_text(const struct vt_line *line, int used, char *out, bool *ret_plain)
{
    char *p = out;
    bool plain = true;

    for (int col = 0; col < used; col++) {
        const struct vt_cell *cell = &line->cells[col];

        if (cell->cp < 0x80 && cell->extra == 0 && cell->width == 1) {
            *p++ = cell->cp ? (char)cell->cp : ' ';
            continue;
        }
        if (cell->width == 0)
            continue;
        plain = plain && cell->width == 1 && cell->extra == 0;
        if (cell->width == 2)
            *p++ = WIDE;
        p = put_char(p, cell->cp);

        const struct vt_mark *mark = vt_line_mark(line, col);
        for (int i = 0; mark && i < cell->extra; i++) {
            *p++ = MARK;
            p = put_char(p, mark->cp[i]);
        }
    }
    *ret_plain = plain;
    return (size_t)(p - out);
}

static void pack_runs(const struct vt_cell *cells, int used, struct run *run)
{
    *run = (struct run){cells[0].fg, cells[0].bg, cells[0].attrs, 1};
    for (int col = 1; col < used; col++) {
        if (!is_same_pen(&cells[col], &cells[col - 1])) {
            *++run = (struct run){cells[col].fg, cells[col].bg, cells[col].attrs, 1};
            continue;
        }
        run->cells++;
    }
}

static struct vt_packed *pack(struct vt_scroll *scroll, struct vt_line *line)
{
    int used = visible_cells(line);
    unsigned runs = count_runs(line->cells, used);
    size_t most = (size_t)used * CELL_BYTES;

    if (most > scroll->scratch_cap) {
        scroll->scratch = xrealloc(scroll->scratch, most);
        scroll->scratch_cap = most;
    }

    bool plain;
    size_t text = pack_text(line, used, scroll->scratch, &plain);
    struct vt_packed *packed = xmalloc(sizeof(*packed) + runs * sizeof(struct run) + text);

    packed->run_count = (uint16_t)runs;
    packed->text_len = (uint32_t)text;
    packed->wrapped = line->wrapped;
    packed->prompt = line->prompt;
    packed->plain = plain;
    if (runs)
        pack_runs(line->cells, used, packed->runs);
    if (text)
        memcpy(packed->runs + runs, scroll->scratch, text);
    return packed;
}

/* Slot of the line that is `age` lines younger than the oldest. */
static unsigned slot(const struct vt_scroll *scroll, unsigned age)
{
    unsigned at = scroll->first + age;

    return at >= scroll->cap ? at - scroll->cap : at;
}

void vt_scroll_init(struct vt_scroll *scroll, unsigned max)
{
    *scroll = (struct vt_scroll){.max = max, .max_bytes = LIMIT_VT_SCROLL};
}

void vt_scroll_drop(struct vt_scroll *scroll)
{
    struct vt_packed *oldest = scroll->ring[scroll->first];

    scroll->bytes -= packed_size(oldest);
    free(oldest);
    scroll->first = slot(scroll, 1);
    scroll->count--;
    scroll->dropped++;
}

void vt_scroll_clear(struct vt_scroll *scroll)
{
    while (scroll->count)
        vt_scroll_drop(scroll);
    free(scroll->ring);
    free(scroll->scratch);
    *scroll = (struct vt_scroll){
            .max = scroll->max, .max_bytes = scroll->max_bytes, .dropped = scroll->dropped};
}

static void grow(struct vt_scroll *scroll)
{
    unsigned cap = scroll->cap > scroll->max / 2 ? scroll->max : scroll->cap * 2;

    if (cap < GROW_MIN)
        cap = scroll->max < GROW_MIN ? scroll->max : GROW_MIN;

    struct vt_packed **ring = xcalloc(cap, sizeof(*ring));
    for (unsigned i = 0; i < scroll->count; i++)
        ring[i] = scroll->ring[slot(scroll, i)];
    free(scroll->ring);
    scroll->ring = ring;
    scroll->cap = cap;
    scroll->first = 0;
}

void vt_scroll_push(struct vt_scroll *scroll, struct vt_line *line)
{
    if (scroll->max == 0)
        return;

    struct vt_packed *packed = pack(scroll, line);
    size_t size = packed_size(packed);

    while (scroll->count &&
            (scroll->count >= scroll->max || scroll->bytes + size > scroll->max_bytes))
        vt_scroll_drop(scroll);
    if (scroll->count == scroll->cap)
        grow(scroll);
    scroll->ring[slot(scroll, scroll->count)] = packed;
    scroll->count++;
    scroll->bytes += size;
}

static struct vt_packed *nth(const struct vt_scroll *scroll, unsigned index)
{
    return scroll->ring[slot(scroll, scroll->count - 1 - index)];
}

/* Walks a packed line cell by cell. */
struct walk {
    const struct vt_packed *packed;
    const char *p, *end;
    unsigned run;
    unsigned run_left;
};

static struct walk walk_begin(const struct vt_packed *packed)
{
    const char *text = packed_text(packed);

    return (struct walk){packed, text, text + packed->text_len, 0,
            packed->run_count ? packed->runs[0].cells : 0};
}

static void walk_pen(struct walk *walk, struct vt_cell *cell)
{
    if (walk->packed->run_count == 0)
        return;
    if (walk->run_left == 0 && walk->run + 1u < walk->packed->run_count)
        walk->run_left = walk->packed->runs[++walk->run].cells;

    const struct run *run = &walk->packed->runs[walk->run];
    walk->run_left--;
    cell->fg = run->fg;
    cell->bg = run->bg;
    cell->attrs = run->attrs;
}

static uint32_t walk_char(struct walk *walk)
{
    uint32_t cp = 0;
    int len = utf8_decode(walk->p, (size_t)(walk->end - walk->p), &cp);

    walk->p += len;
    return cp;
}

/* The next character, its cell and its marks. False at the end of the line. */
static bool walk_next(struct walk *walk, struct vt_cell *cell, struct vt_cell *right,
        uint32_t marks[VT_CELL_CHARS - 1])
{
    if (walk->p >= walk->end)
        return false;
    *cell = (struct vt_cell){.width = 1};
    if (*walk->p == WIDE) {
        cell->width = 2;
        walk->p++;
    }
    cell->cp = walk_char(walk);
    walk_pen(walk, cell);
    if (cell->width == 2) {
        *right = (struct vt_cell){0};
        walk_pen(walk, right);
    }
    while (walk->p < walk->end && *walk->p == MARK) {
        walk->p++;
        marks[cell->extra++] = walk_char(walk);
    }
    return true;
}

int vt_scroll_get(const struct vt_scroll *scroll, unsigned index, struct vt_cell *cells,
        int cols, bool *ret_wrapped)
{
    if (index >= scroll->count)
        return 0;

    struct walk walk = walk_begin(nth(scroll, index));
    struct vt_cell cell, right;
    uint32_t marks[VT_CELL_CHARS - 1];
    int n = 0;

    while (n < cols && walk_next(&walk, &cell, &right, marks)) {
        if (n + cell.width > cols)
            break;
        cells[n++] = cell;
        if (cell.width == 2)
            cells[n++] = right;
    }
    if (ret_wrapped)
        *ret_wrapped = walk.packed->wrapped;
    return n;
}

int vt_scroll_marks(const struct vt_scroll *scroll, unsigned index, int col,
        uint32_t out[VT_CELL_CHARS - 1])
{
    if (index >= scroll->count)
        return 0;

    struct walk walk = walk_begin(nth(scroll, index));
    struct vt_cell cell, right;

    for (int at = 0; at <= col && walk_next(&walk, &cell, &right, out); at += cell.width)
        if (at == col)
            return cell.extra;
    return 0;
}

bool vt_scroll_text(const struct vt_scroll *scroll, unsigned index, struct str *ret)
{
    const struct vt_packed *packed = index < scroll->count ? nth(scroll, index) : NULL;

    *ret = packed ? (struct str){packed_text(packed), packed->text_len} : STR("");
    return !packed || packed->plain;
}

/* A character with its marks, as bytes of text. */
static size_t encode(const struct vt_cell *cell, const uint32_t *marks, char out[CELL_BYTES])
{
    size_t n = utf8_encode(cell->cp, out);

    for (int i = 0; i < cell->extra; i++)
        n += utf8_encode(marks[i], out + n);
    return n;
}

void vt_scroll_append(
        const struct vt_scroll *scroll, unsigned index, int from, int to, struct buf *ret)
{
    if (index >= scroll->count)
        return;

    struct walk walk = walk_begin(nth(scroll, index));
    struct vt_cell cell, right;
    uint32_t marks[VT_CELL_CHARS - 1];
    char bytes[CELL_BYTES];

    for (int col = 0; col < to && walk_next(&walk, &cell, &right, marks); col += cell.width)
        if (col + cell.width > from)
            buf_append(ret, bytes, encode(&cell, marks, bytes));
}

int vt_scroll_column(const struct vt_scroll *scroll, unsigned index, size_t at)
{
    if (index >= scroll->count)
        return 0;

    struct walk walk = walk_begin(nth(scroll, index));
    struct vt_cell cell, right;
    uint32_t marks[VT_CELL_CHARS - 1];
    char bytes[CELL_BYTES];
    size_t end = 0;
    int col = 0;

    while (walk_next(&walk, &cell, &right, marks)) {
        end += encode(&cell, marks, bytes);
        if (at < end)
            break;
        col += cell.width;
    }
    return col;
}

bool vt_scroll_is_wrapped(const struct vt_scroll *scroll, unsigned index)
{
    return index < scroll->count && nth(scroll, index)->wrapped;
}

bool vt_scroll_is_prompt(const struct vt_scroll *scroll, unsigned index)
{
    return index < scroll->count && nth(scroll, index)->prompt;
}

void vt_scroll_pop(struct vt_scroll *scroll, struct vt_grid *grid, int row)
{
    struct vt_packed *packed = nth(scroll, 0);
    struct walk walk = walk_begin(packed);
    struct vt_cell cell, right;
    uint32_t marks[VT_CELL_CHARS - 1];

    for (int col = 0; walk_next(&walk, &cell, &right, marks); col += cell.width) {
        if (col + cell.width > grid->cols)
            break;

        int extra = cell.extra;
        cell.extra = 0;
        vt_grid_put(grid, row, col, cell.cp, cell.width, &cell);
        for (int i = 0; i < extra; i++)
            vt_grid_mark(grid, row, col, marks[i]);
    }
    grid->lines[row]->wrapped = packed->wrapped;
    grid->lines[row]->prompt = packed->prompt;
    scroll->bytes -= packed_size(packed);
    scroll->count--;
    free(packed);
}
