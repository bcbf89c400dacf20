/*
 * fuzz_mcp.c - any line of JSON or not: slices lie inside the text and in order, and what was
 * sliced can be sliced again. A second reader (jansson) has the same notion of JSON, but for
 * depth, numbers that it cannot hold and halves of surrogates.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/jscan.h"
#include "base/json.h"
#include "base/limits.h"
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
    /* What is of a kind is valid, and nothing is of two. */
    bool number = json_raw_is_number(text), string = json_raw_is_string(text, &content);
    if ((number && string) || ((number || string) && !json_raw_is_valid(text)))
        abort();
    if (string)
        check_inside(
                (struct str){text.p + 1, text.n - 1}, (struct str){content.p, content.n + 1});
}

static void compare(struct str text)
{
    struct jscan scan;
    json_error_t why;
    if (text.n == 0 || memchr(text.p, '\0', text.n))
        return; /* jansson takes a NUL byte for the end */
    jscan_init(&scan, text);
    bool valid = jscan_skip(&scan) && jscan_end(&scan);
    json_t *other = json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (other && !valid && scan.depth <= LIMIT_JSON_DEPTH)
        abort();
    if (valid && !other && json_error_code(&why) != json_error_numeric_overflow &&
            !memmem(text.p, text.n, "\\u", 2))
        abort();
    json_decref(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    compare((struct str){(const char *)data, size});
    slice((struct str){(const char *)data, size}, 3);
    return 0;
}
