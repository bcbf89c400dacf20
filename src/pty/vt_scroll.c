/*
 * vt_scroll.c - packed scrollback: blocks of lines, and rows found in them.
 *
 * A block holds lines from its start and their places, in units of ALIGN bytes, from its end.
 * Bounded in rows and in bytes; the oldest line goes first, and its block when it is empty.
 * That block is the next one to be filled, so a long flood allocates nothing.
 *
 * Every pushed row is one row more: a row is joined to the line before only if that one
 * ends in a full row, as it does when the terminal wrapped it. So rows are counted without
 * looking at text; only another width makes the lines be counted again, and that not before
 * somebody reads them: then a window that is dragged to another size costs nothing here. Rows
 * have their numbers from the newest end, which is known always.
 */
#include "pty/vt_scroll.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"

#define BLOCK (64u * 1024)
#define ALIGN sizeof(uint32_t)

/* Numbers count down from the newest row: none is below 0, however narrow the rows become. */
#define FIRST_END (UINT64_C(1) << 40)

typedef uint16_t place_t; /* of a line in its block / ALIGN */

struct vt_block {
    char *mem;            /* owns */
    uint32_t size;        /* of mem */
    uint32_t used;        /* bytes of lines */
    uint32_t first, last; /* lines [first,last) are there */
    uint32_t rows;        /* of them, if the block is counted */
};

/* What is found out by reading. Going from one row to the next is the usual thing. */
struct vt_scroll_seek {
    uint64_t number; /* of the line's first row */
    unsigned block;
    uint32_t line;      /* UINT32_MAX: nothing is known */
    unsigned uncounted; /* blocks; they are the oldest */
    unsigned rows;      /* of the others */
};

/* --- blocks ---------------------------------------------------------------------------- */

static place_t *place_of(const struct vt_block *block, uint32_t line)
{
    return (place_t *)(void *)(block->mem + block->size) - 1 - line;
}

static struct vt_packed *line_at(const struct vt_block *block, uint32_t line)
{
    return (struct vt_packed *)(void *)(block->mem + *place_of(block, line) * ALIGN);
}

static unsigned line_rows(const struct vt_scroll *scroll, const struct vt_packed *line)
{
    return line->rows ? line->rows : (unsigned)vt_packed_rows(line, scroll->cols);
}

static struct vt_block *newest_block(const struct vt_scroll *scroll)
{
    return scroll->block_count ? &scroll->blocks[scroll->block_count - 1] : NULL;
}

static struct vt_packed *newest_line(const struct vt_scroll *scroll)
{
    const struct vt_block *block = newest_block(scroll);

    return block ? line_at(block, block->last - 1) : NULL;
}

static void forget_seek(struct vt_scroll *scroll)
{
    if (scroll->seek)
        scroll->seek->line = UINT32_MAX;
}

static unsigned count_line(struct vt_packed *line, int cols)
{
    unsigned rows = (unsigned)vt_packed_rows(line, cols);

    if (line->rows != rows)
        line->rows = rows <= VT_PACK_ROWS ? rows & VT_PACK_ROWS : 0;
    return rows;
}

/* The youngest of the blocks that are not counted, if there is one. */
static void count_block(const struct vt_scroll *scroll)
{
    struct vt_scroll_seek *seek = scroll->seek;

    if (!seek->uncounted)
        return;
    struct vt_block *block = &scroll->blocks[--seek->uncounted];
    block->rows = 0;
    for (uint32_t line = block->first; line < block->last; line++)
        block->rows += count_line(line_at(block, line), scroll->cols);
    seek->rows += block->rows;
}

/* The memory of the first block becomes the spare one. */
static void drop_block(struct vt_scroll *scroll)
{
    struct vt_block *block = &scroll->blocks[0];

    scroll->bytes -= block->size;
    if (block->size == scroll->block_size && !scroll->spare)
        scroll->spare = block->mem;
    else
        free(block->mem);
    scroll->block_count--;
    scroll->seek->uncounted -= scroll->seek->uncounted > 0;
    memmove(block, block + 1, scroll->block_count * sizeof(*block));
    forget_seek(scroll);
}

void vt_scroll_drop(struct vt_scroll *scroll)
{
    struct vt_block *block = &scroll->blocks[0];
    const struct vt_packed *oldest = line_at(block, block->first++);

    if (!scroll->seek->uncounted) {
        unsigned rows = line_rows(scroll, oldest);

        block->rows -= rows;
        scroll->seek->rows -= rows;
    }
    scroll->weight -= oldest->weight;
    if (block->first == block->last)
        drop_block(scroll);
}

static void add_block(struct vt_scroll *scroll, size_t size)
{
    if (size < scroll->block_size)
        size = scroll->block_size;
    while (scroll->block_count && scroll->bytes + size > scroll->max_bytes)
        vt_scroll_drop(scroll);
    if (scroll->block_count == scroll->block_cap) {
        scroll->block_cap = scroll->block_cap ? scroll->block_cap * 2 : 8;
        scroll->blocks = xrealloc(scroll->blocks, scroll->block_cap * sizeof(*scroll->blocks));
    }
    if (!scroll->seek) {
        scroll->seek = xcalloc(1, sizeof(*scroll->seek));
        forget_seek(scroll);
    }

    bool is_spare = size == scroll->block_size && scroll->spare;
    scroll->blocks[scroll->block_count++] = (struct vt_block){
            .mem = is_spare ? scroll->spare : xmalloc(size), .size = (uint32_t)size};
    if (is_spare)
        scroll->spare = NULL;
    scroll->bytes += size;
}

static size_t aligned(size_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

/* Is there room for a line of n bytes at its end, in place of `line` or as the next one? */
static bool has_room(const struct vt_block *block, size_t at, uint32_t line, size_t n)
{
    return at + aligned(n) + (line + 1) * sizeof(place_t) <= block->size;
}

/* Room for one more line, and the line is counted. */
static struct vt_packed *add_line(struct vt_scroll *scroll, size_t n)
{
    struct vt_block *block = newest_block(scroll);

    if (!block || !has_room(block, block->used, block->last, n)) {
        add_block(scroll, aligned(n) + sizeof(place_t));
        block = newest_block(scroll);
    }
    *place_of(block, block->last) = (place_t)(block->used / ALIGN);
    block->used += (uint32_t)aligned(n);
    return line_at(block, block->last++);
}

static void remove_newest(struct vt_scroll *scroll)
{
    struct vt_block *block = newest_block(scroll);

    block->used = (uint32_t)(*place_of(block, --block->last) * ALIGN);
    if (block->first < block->last)
        return;
    scroll->bytes -= block->size;
    free(block->mem);
    scroll->block_count--;
    if (scroll->seek->uncounted == scroll->block_count)
        count_block(scroll); /* the newest one is counted always */
}

/* The newest line gets room to be n bytes long. It may move. */
static struct vt_packed *stretch_newest(struct vt_scroll *scroll, size_t n)
{
    struct vt_block *block = newest_block(scroll);
    uint32_t line = block->last - 1;
    size_t at = *place_of(block, line) * ALIGN;

    if (has_room(block, at, line, n)) {
        block->used = (uint32_t)(at + aligned(n));
        return line_at(block, line);
    }

    struct vt_packed *old = line_at(block, line);
    size_t size = vt_packed_size(old);
    struct vt_packed *copy = xmalloc(size);
    unsigned rows = line_rows(scroll, old);

    memcpy(copy, old, size);
    block->rows -= rows;
    remove_newest(scroll);
    forget_seek(scroll);
    /* Twice its size, so that it does not move with every row; it never gets longer. */
    add_block(scroll, aligned(n) * 2 + sizeof(place_t));
    block = newest_block(scroll);
    block->rows = rows;
    struct vt_packed *moved = add_line(scroll, n);
    memcpy(moved, copy, size);
    free(copy);
    return moved;
}

void vt_scroll_init(struct vt_scroll *scroll, unsigned max)
{
    *scroll = (struct vt_scroll){
            .max = max, .max_bytes = LIMIT_VT_SCROLL, .block_size = BLOCK, .tail = -1};
}

void vt_scroll_clear(struct vt_scroll *scroll)
{
    struct vt_scroll empty = {.max = scroll->max,
            .max_bytes = scroll->max_bytes,
            .block_size = scroll->block_size,
            .cols = scroll->cols,
            .tail = -1,
            .end = scroll->end};

    for (unsigned i = 0; i < scroll->block_count; i++)
        free(scroll->blocks[i].mem);
    free(scroll->blocks);
    free(scroll->spare);
    free(scroll->seek);
    vt_packing_release(&scroll->packing);
    *scroll = empty;
}

/* --- pushing ---------------------------------------------------------------------------- */

/* Only what goes on behind a full row: else rows would not be where they were. */
static bool is_continued(const struct vt_scroll *scroll)
{
    const struct vt_packing *packing = &scroll->packing;

    return scroll->cols && packing->goes_on && !packing->prompt && packing->used &&
           (scroll->tail == 0 || (scroll->tail == 1 && packing->is_wide));
}

void vt_scroll_push(struct vt_scroll *scroll, struct vt_line *line)
{
    struct vt_packing *packing = &scroll->packing;

    if (scroll->max == 0)
        return;
    vt_pack_row(packing, line);
    while (scroll->block_count && scroll->weight >= scroll->max)
        vt_scroll_drop(scroll);

    struct vt_packed *newest = newest_line(scroll);
    size_t n = newest && is_continued(scroll) ? vt_pack_join_size(newest, packing) : 0;
    if (newest && !packing->goes_on)
        newest->open = 0; /* what it went on in was erased */
    if (n)
        vt_pack_join(stretch_newest(scroll, n), packing);
    else
        vt_pack_write(packing, add_line(scroll, vt_pack_size(packing)));
    newest_block(scroll)->rows++;
    scroll->seek->rows++;
    scroll->end++;
    scroll->weight++;
    scroll->tail = packing->open ? line->cols - packing->used : -1;
}

const struct vt_packed *vt_scroll_newest(const struct vt_scroll *scroll)
{
    return newest_line(scroll);
}

void vt_scroll_pop(struct vt_scroll *scroll)
{
    const struct vt_packed *newest = vt_scroll_newest(scroll);
    unsigned rows = line_rows(scroll, newest);

    scroll->weight -= newest->weight;
    scroll->seek->rows -= rows;
    scroll->end -= rows;
    newest_block(scroll)->rows -= rows;
    scroll->tail = -1;
    forget_seek(scroll);
    remove_newest(scroll);
}

/* --- rows --------------------------------------------------------------------------------- */

void vt_scroll_set_cols(struct vt_scroll *scroll, int cols)
{
    scroll->cols = cols;
    scroll->tail = -1;
    if (!scroll->seek)
        return; /* there never was a line */
    if (scroll->end < FIRST_END)
        scroll->end = FIRST_END;
    forget_seek(scroll);
    scroll->seek->rows = 0;
    scroll->seek->uncounted = scroll->block_count;
    count_block(scroll);
}

unsigned vt_scroll_rows_of(const struct vt_scroll *scroll)
{
    if (!scroll->seek)
        return 0;
    while (scroll->seek->uncounted)
        count_block(scroll);
    return scroll->seek->rows;
}

uint64_t vt_scroll_first(const struct vt_scroll *scroll)
{
    return scroll->end - vt_scroll_rows_of(scroll);
}

struct row {
    const struct vt_packed *line;
    int row; /* of the line */
};

/* From the first line of the block in which the row is. */
static void seek_block(const struct vt_scroll *scroll, uint64_t number)
{
    uint64_t start = vt_scroll_first(scroll);
    unsigned i = 0;

    while (number - start >= scroll->blocks[i].rows)
        start += scroll->blocks[i++].rows;
    scroll->seek->number = start;
    scroll->seek->block = i;
    scroll->seek->line = scroll->blocks[i].first;
}

/* Moves to the line of the row. False: it is not in this block. */
static bool seek_line(const struct vt_scroll *scroll, uint64_t number)
{
    struct vt_scroll_seek *seek = scroll->seek;
    const struct vt_block *block = &scroll->blocks[seek->block];

    if (seek->line < block->first || seek->line >= block->last)
        return false;
    if (block->rows == block->last - block->first) { /* a row is a line */
        int64_t to = (int64_t)seek->line + (int64_t)(number - seek->number);

        if (to < block->first || to >= block->last)
            return false;
        seek->number = number;
        seek->line = (uint32_t)to;
        return true;
    }
    while (number < seek->number) {
        if (seek->line == block->first)
            return false;
        seek->number -= line_rows(scroll, line_at(block, --seek->line));
    }
    for (;;) {
        unsigned rows = line_rows(scroll, line_at(block, seek->line));

        if (number - seek->number < rows)
            return true;
        if (seek->line + 1 == block->last)
            return false;
        seek->line++;
        seek->number += rows;
    }
}

static struct row find_row(const struct vt_scroll *scroll, unsigned index)
{
    struct vt_scroll_seek *seek = scroll->seek;
    uint64_t number = scroll->end - 1 - index;

    if (seek->line == UINT32_MAX || !seek_line(scroll, number)) {
        seek_block(scroll, number);
        CHECK(seek_line(scroll, number));
    }
    return (struct row){
            line_at(&scroll->blocks[seek->block], seek->line), (int)(number - seek->number)};
}

static struct vt_walk walk_row(const struct vt_scroll *scroll, unsigned index)
{
    struct row row = find_row(scroll, index);

    return vt_walk_begin(row.line, row.row, scroll->cols);
}

int vt_scroll_get(const struct vt_scroll *scroll, unsigned index, struct vt_cell *cells,
        int cols, bool *ret_wrapped)
{
    if (index >= vt_scroll_rows_of(scroll))
        return 0;

    struct vt_walk walk = walk_row(scroll, index);
    struct vt_cell cell, right;
    uint32_t marks[VT_CELL_CHARS - 1];
    int n = 0;

    while (n < cols && vt_walk_next(&walk, &cell, &right, marks)) {
        if (n + cell.width > cols)
            break;
        cells[n++] = cell;
        if (cell.width == 2)
            cells[n++] = right;
    }
    if (ret_wrapped)
        *ret_wrapped = vt_scroll_is_wrapped(scroll, index);
    return n;
}

int vt_scroll_marks(const struct vt_scroll *scroll, unsigned index, int col,
        uint32_t out[VT_CELL_CHARS - 1])
{
    if (index >= vt_scroll_rows_of(scroll))
        return 0;

    struct vt_walk walk = walk_row(scroll, index);
    struct vt_cell cell, right;

    for (int at = 0; at <= col && vt_walk_next(&walk, &cell, &right, out); at += cell.width)
        if (at == col)
            return cell.extra;
    return 0;
}

bool vt_scroll_text(const struct vt_scroll *scroll, unsigned index, struct str *ret)
{
    *ret = STR("");
    if (index >= vt_scroll_rows_of(scroll))
        return true;

    struct vt_walk walk = walk_row(scroll, index);
    *ret = vt_walk_text(&walk);
    return walk.packed->plain;
}

void vt_scroll_append(
        const struct vt_scroll *scroll, unsigned index, int from, int to, struct buf *ret)
{
    struct str text;

    if (index >= vt_scroll_rows_of(scroll))
        return;
    if (from == 0 && to >= LIMIT_VT_COLS && vt_scroll_text(scroll, index, &text)) {
        buf_append_str(ret, text);
        return;
    }

    struct vt_walk walk = walk_row(scroll, index);
    struct vt_cell cell, right;
    uint32_t marks[VT_CELL_CHARS - 1];
    char bytes[VT_PACK_CELL_BYTES];

    for (int col = 0; col < to && vt_walk_next(&walk, &cell, &right, marks); col += cell.width)
        if (col + cell.width > from)
            buf_append(ret, bytes, vt_pack_encode(&cell, marks, bytes));
}

int vt_scroll_column(const struct vt_scroll *scroll, unsigned index, size_t at)
{
    if (index >= vt_scroll_rows_of(scroll))
        return 0;

    struct vt_walk walk = walk_row(scroll, index);
    struct vt_cell cell, right;
    uint32_t marks[VT_CELL_CHARS - 1];
    char bytes[VT_PACK_CELL_BYTES];
    size_t end = 0;
    int col = 0;

    while (vt_walk_next(&walk, &cell, &right, marks)) {
        end += vt_pack_encode(&cell, marks, bytes);
        if (at < end)
            break;
        col += cell.width;
    }
    return col;
}

bool vt_scroll_is_wrapped(const struct vt_scroll *scroll, unsigned index)
{
    if (index >= vt_scroll_rows_of(scroll))
        return false;

    struct row row = find_row(scroll, index);
    return row.line->open || row.row + 1 < (int)line_rows(scroll, row.line);
}

bool vt_scroll_is_prompt(const struct vt_scroll *scroll, unsigned index)
{
    if (index >= vt_scroll_rows_of(scroll))
        return false;

    struct row row = find_row(scroll, index);
    return row.line->prompt && row.row == 0;
}
