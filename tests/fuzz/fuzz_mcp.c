/*
 * fuzz_mcp.c - any line of JSON or not: slices lie inside the text and in order, and what was
 * sliced can be sliced again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/slice.h"

#define ITEMS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct str text, struct str piece)
{
    if (piece.n == 0 || piece.p < text.p || piece.p + piece.n > text.p + text.n)
        abort();
}

static void slice(struct str text, int depth)
{
    struct json_member members[] = {{.name = "id"}, {.name = "a"}, {.name = "params"}};
    struct str items[ITEMS];
    struct str content;
    size_t count = 0;
    if (depth == 0)
        return;
    if (json_slice_object(text, members, 3, NULL) == 0) {
        for (int i = 0; i < 3; i++) {
            if (!members[i].value.p)
                continue;
            check_inside(text, members[i].value);
            slice(members[i].value, depth - 1);
        }
    }
    if (json_slice_array(text, items, ITEMS, &count, NULL) == 0) {
        const char *last = text.p;
        for (size_t i = 0; i < count; i++) {
            check_inside(text, items[i]);
            if (items[i].p < last)
                abort();
            last = items[i].p + items[i].n;
            slice(items[i], depth - 1);
        }
    }
    (void)json_is_number(text);
    if (json_is_string(text, &content) && content.n + 2 != text.n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice((struct str){(const char *)data, size}, 3);
    return 0;
}
