/*
 * vt_grid.c - our emulator as a filter, for tests that compare it with another one.
 *
 * Reads lines "cols rows hex-bytes [KEY mods ...]" and answers each with a line of JSON:
 * {"cursor":[row,col,visible],"rows":[[[text,width,fg,bg,attributes,underline style and
 * colour], ...], ...],"reply":"hex","keys":["hex", ...]}. Colours: -1 default, a palette index,
 * or 0x1000000 | RGB. tests/support/xterm_grid.mjs does the same with xterm.js.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "pty/vt.h"

static struct buf reply = BUF_INIT;

static void on_reply(void *ctx, struct str bytes)
{
    (void)ctx;
    buf_append_str(&reply, bytes);
}

static const struct vt_ops ops = {.on_reply = on_reply};

static long color(uint32_t c)
{
    return c >> 24 == 0   ? -1
           : c >> 24 == 1 ? (long)(c & 255)
                          : (long)(0x1000000 | (c & 0xffffff));
}

static void put_text(const struct vt *vt, int row, int col)
{
    uint32_t extra[VT_CELL_CHARS - 1];
    const struct vt_cell *cell = &vt_row(vt, row)[col];
    int count = cell->extra ? vt_cell_extra(vt, row, col, extra) : 0;
    char text[4 * VT_CELL_CHARS];
    size_t n = utf8_encode(cell->cp ? cell->cp : ' ', text);
    for (int i = 0; i < count; i++)
        n += utf8_encode(extra[i], text + n);
    putchar('"');
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '"' || text[i] == '\\')
            putchar('\\');
        putchar(text[i]);
    }
    putchar('"');
}

static void put_row(const struct vt *vt, int row, int cols)
{
    const struct vt_cell *cells = vt_row(vt, row);
    for (int col = 0; col < cols; col++) {
        const struct vt_cell *cell = &cells[col];
        unsigned line = (cell->attrs & VT_UNDERLINE_MASK) / VT_UNDERLINE;
        printf("%s[", col ? "," : "");
        if (cell->width)
            put_text(vt, row, col);
        else
            printf("\"\"");
        printf(",%d,%ld,%ld,%d,%u,%ld]", cell->width, color(cell->fg), color(cell->bg),
                cell->attrs & VT_VISIBLE_ATTRS & ~VT_UNDERLINE_MASK, line,
                line ? color(vt_underline_color(vt, cell->attrs)) : -1);
    }
}

static void put_hex(struct str bytes)
{
    putchar('"');
    for (size_t i = 0; i < bytes.n; i++)
        printf("%02x", (unsigned char)bytes.p[i]);
    putchar('"');
}

static void put_keys(const struct vt *vt, struct str keys)
{
    struct str word;
    uint64_t key = 0, mods = 0;
    printf(",\"keys\":[");
    for (bool first = true; keys.n; first = false) {
        char out[32];
        str_cut(&keys, ' ', &word);
        str_u64(word, 9999, &key);
        str_cut(&keys, ' ', &word);
        str_u64(word, 7, &mods);
        printf("%s", first ? "" : ",");
        put_hex((struct str){out, vt_encode_key(vt, (int)key, (int)mods, out)});
    }
    printf("]");
}

static void answer(struct str line)
{
    struct str word, hex;
    uint64_t cols = 0, rows = 0;
    struct buf in = BUF_INIT;
    str_cut(&line, ' ', &word);
    str_u64(word, 1000, &cols);
    str_cut(&line, ' ', &word);
    str_u64(word, 1000, &rows);
    str_cut(&line, ' ', &hex);
    for (; hex.n >= 2; hex.p += 2, hex.n -= 2) {
        char digits[3] = {hex.p[0], hex.p[1], 0};
        buf_putc(&in, (char)strtoul(digits, NULL, 16));
    }

    struct vt *vt = vt_new((int)cols, (int)rows, 100, &ops, NULL);
    buf_clear(&reply);
    vt_feed(vt, buf_str(&in));
    struct vt_cursor cursor = vt_cursor(vt);
    printf("{\"cursor\":[%d,%d,%d],\"rows\":[", cursor.row, cursor.col, cursor.visible);
    for (int row = 0; row < (int)rows; row++) {
        printf("%s[", row ? "," : "");
        put_row(vt, row, (int)cols);
        printf("]");
    }
    printf("],\"reply\":");
    put_hex(buf_str(&reply));
    put_keys(vt, line);
    printf("}\n");
    vt_free(vt);
    buf_release(&in);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    while ((n = getline(&line, &cap, stdin)) > 0)
        answer((struct str){line, (size_t)n - (line[n - 1] == '\n')});
    free(line);
    buf_release(&reply);
    return 0;
}
