/*
 * fuzz_vt.c - guard and emulator on arbitrary bytes.
 *
 * 0xfe in the input is followed by two bytes, a new size; 0xff ends a read, so that the fuzzer
 * chooses where the stream is split. The same bytes go to a second emulator one by one and
 * without the fast lane: all three ways must end in the same screen. The second one's history is
 * read after each piece, that of the others at the end only, which must find the same rows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "pty/vt_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed(struct vt *vt, const uint8_t *data, size_t size, bool bytewise)
{
    while (size) {
        size_t n = 0;

        while (n < size && data[n] < 0xfe && !(bytewise && n))
            n++;
        vt_feed(vt, (struct str){(const char *)data, n});
        if (bytewise)
            (void)vt_scroll_count(vt);
        data += n;
        size -= n;
        if (size >= 3 && data[0] == 0xfe) {
            vt_resize(vt, data[1], data[2] % 64);
            data += 3;
            size -= 3;
        } else if (size && data[0] >= 0xfe) {
            data++;
            size--;
        }
    }
}

static void check_sound(const struct vt *vt)
{
    struct vt_cursor cursor = vt_cursor(vt);
    int cols, rows;

    vt_size(vt, &cols, &rows);
    CHECK(cursor.row >= 0 && cursor.row < rows && cursor.col >= 0 && cursor.col < cols);
    for (int row = 0; row < rows; row++) {
        const struct vt_cell *cells = vt_row(vt, row);

        CHECK(cells[0].width != 0);
        for (int col = 0; col < cols; col++)
            CHECK((cells[col].width == 2) == (col + 1 < cols && cells[col + 1].width == 0));
    }
}

static void check_equal(const struct vt *a, const struct vt *b)
{
    struct vt_cursor x = vt_cursor(a);
    struct vt_cursor y = vt_cursor(b);
    int cols, rows;

    vt_size(a, &cols, &rows);
    CHECK(x.row == y.row && x.col == y.col && x.visible == y.visible);
    CHECK(vt_scroll_count(a) == vt_scroll_count(b));
    for (unsigned line = 0; line < vt_scroll_count(a); line++)
        CHECK(vt_scroll_wrapped(a, line) == vt_scroll_wrapped(b, line));
    for (int row = 0; row < rows; row++)
        CHECK(memcmp(vt_row(a, row), vt_row(b, row), (size_t)cols * sizeof(struct vt_cell)) ==
                0);
}

/* Rows are counted as they come; counting them anew must give as many. */
static void check_history(struct vt *vt)
{
    unsigned count = vt_scroll_count(vt);
    struct vt_cell cells[300];
    int cols, rows;

    vt_size(vt, &cols, &rows);
    vt_scroll_set_cols(&vt->scroll, cols);
    CHECK(vt_scroll_count(vt) == count);
    for (unsigned line = 0; line < count; line++)
        CHECK(vt_scroll_line(vt, line, cells, 300) <= cols);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vt *vt[3];

    for (int i = 0; i < 3; i++) {
        vt[i] = vt_new(40, 10, 50, NULL, NULL);
        vt[i]->fast.is_off = i == 2;
        vt[i]->scroll.block_size = 256; /* a few lines */
        feed(vt[i], data, size, i == 1);
        check_sound(vt[i]);
    }
    check_equal(vt[0], vt[1]);
    check_equal(vt[0], vt[2]);
    check_history(vt[0]);
    for (int i = 0; i < 3; i++)
        vt_free(vt[i]);
    return 0;
}
