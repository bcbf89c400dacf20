/*
 * fuzz_diff.c - the first byte is where the input is cut in two texts, in 256ths. What the diff
 * says leads from one to the other, and its numbers are right.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "diff/diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add(struct buf *text, const struct diff_line *line)
{
    buf_append_str(text, line->text);
    if (!line->is_unended)
        buf_putc(text, '\n');
}

static void check(struct str before, struct str after, unsigned context)
{
    struct buf old = BUF_INIT, new = BUF_INIT;
    struct diff diff;

    diff_make(&diff, before, after, context);
    for (size_t i = 0; i < diff.count; i++) {
        const struct diff_line *line = &diff.lines[i];

        CHECK(line->mark != '@' || line->text.n == 0);
        if (line->mark == ' ' || line->mark == '-')
            add(&old, line);
        if (line->mark == ' ' || line->mark == '+')
            add(&new, line);
    }
    if (context == DIFF_ALL && diff.count > 0) {
        CHECK(str_eq(buf_str(&old), before));
        CHECK(str_eq(buf_str(&new), after));
    }
    CHECK(diff.count > 0 || str_eq(before, after));
    buf_release(&old);
    buf_release(&new);
    diff_release(&diff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str all = {(const char *)data + 1, size - 1};
    size_t cut = all.n * data[0] / 256;
    struct str before = {all.p, cut}, after = {all.p + cut, all.n - cut};

    check(before, after, DIFF_ALL);
    check(before, after, data[0] % 4);
    return 0;
}
