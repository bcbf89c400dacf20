/* outer.c - see outer.h. */
#include "tui/outer.h"

#include <string.h>

#include "pty/vt_marks.h"
#include "pty/vt_width.h"

struct shape {
    uint32_t cps[VT_CELL_CHARS]; /* up to the first 0 */
};

void outer_init(struct outer *outer)
{
    intern_init(&outer->pens, sizeof(struct pen), OUTER_PENS_MAX);
    intern_init(&outer->shapes, sizeof(struct shape), OUTER_CLUSTERS_MAX);
}

void outer_release(struct outer *outer)
{
    intern_release(&outer->pens);
    intern_release(&outer->shapes);
}

bool outer_is_full(const struct outer *outer)
{
    return outer->pens.count > OUTER_PENS_MAX / 2 ||
           outer->shapes.count > OUTER_CLUSTERS_MAX / 2;
}

void outer_forget(struct outer *outer)
{
    intern_clear(&outer->pens);
    intern_clear(&outer->shapes);
}

unsigned outer_pen(struct outer *outer, struct pen pen)
{
    static const struct pen plain;

    pen = pen_reduce(pen, &outer->can);
    if (memcmp(&pen, &plain, sizeof(pen)) == 0)
        return 0;
    return intern_put(&outer->pens, &pen);
}

uint32_t outer_shape(struct outer *outer, const uint32_t *cps, int count)
{
    struct shape shape = {{0}};

    memcpy(shape.cps, cps, (size_t)count * sizeof(*cps));
    unsigned number = intern_put(&outer->shapes, &shape);
    return number ? OUTER_FIRST + number : 0;
}

/*
 * A terminal that does not join emoji would draw each of them, over what stands behind: it gets
 * the first one only, with marks that have no width anywhere. The letters of a flag are narrow,
 * so two of them fit in any case.
 */
static bool is_safe(uint32_t base, uint32_t cp)
{
    if (vt_is_regional(base) && vt_is_regional(cp))
        return true;
    return cp != VT_ZWJ && vt_char_kind(cp) == VT_CHAR_MARK;
}

static void put_shape(const struct outer *outer, const struct shape *shape, struct buf *out)
{
    for (int i = 0; i < VT_CELL_CHARS && shape->cps[i]; i++) {
        char text[4];

        if (i > 0 && !outer->clusters && !is_safe(shape->cps[0], shape->cps[i]))
            return;
        buf_append(out, text, (size_t)utf8_encode(shape->cps[i], text));
    }
}

/* Both cells are cleared first: the terminal may draw it in one. */
static void put_alone(struct outer *outer, uint32_t cp, struct buf *out)
{
    if (cp <= OUTER_FIRST || cp - OUTER_FIRST > outer->shapes.count)
        return;
    buf_puts(out, "\0337  \0338");
    put_shape(outer, intern_get(&outer->shapes, cp - OUTER_FIRST), out);
    buf_puts(out, "\0338");
}

/* One or two stand-ins; returns what is behind them. */
static const char *take_stand_ins(
        struct outer *outer, const char *p, const char *end, uint32_t cp, struct buf *out)
{
    uint32_t next = 0;

    p += 4;
    if (cp != OUTER_RIGHT)
        put_alone(outer, cp, out);
    if (cp != OUTER_RIGHT && utf8_decode(p, (size_t)(end - p), &next) == 4 &&
            next == OUTER_RIGHT) {
        buf_puts(out, "\033[2C");
        return p + 4;
    }
    buf_puts(out, "\033[C");
    return p;
}

static void set_pen(struct outer *outer, unsigned number, struct buf *out)
{
    static const struct pen plain;
    const struct pen *to = number ? intern_get(&outer->pens, number) : &plain;

    pen_change(out, &outer->now, to);
    outer->now = *to;
}

/* Several pens in a row: the last one counts. Returns what is behind them. */
static const char *take_pen(
        struct outer *outer, const char *p, const char *end, struct buf *out)
{
    unsigned number = 0;

    while (p < end && *p == OUTER_PEN) {
        number = 0;
        for (p++; p < end && *p != ';'; p++)
            number = number * 10 + (unsigned)(*p - '0');
        p++;
    }
    set_pen(outer, number, out);
    return p;
}

void outer_translate(struct outer *outer, struct str bytes, struct buf *out)
{
    const char *p = bytes.p, *end = p + bytes.n;
    const char *run = p;

    while (p < end) {
        uint32_t cp = 0;

        if (*p == OUTER_PEN) {
            buf_append(out, run, (size_t)(p - run));
            run = p = take_pen(outer, p, end, out);
        } else if (*p == '\xf4' && utf8_decode(p, (size_t)(end - p), &cp) == 4) {
            buf_append(out, run, (size_t)(p - run));
            run = p = take_stand_ins(outer, p, end, cp, out);
        } else {
            p++;
        }
    }
    buf_append(out, run, (size_t)(p - run));
    set_pen(outer, 0, out);
}
