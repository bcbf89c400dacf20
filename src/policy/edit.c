/*
 * edit.c - arguments in the form in which they were judged: some strings replaced, every other
 * byte as the agent wrote it.
 */
#include "base/mem.h"
#include "policy/call.h"

void call_edits_release(struct call_edits *edits)
{
    for (size_t i = 0; i < edits->count; i++)
        free(edits->items[i].text);
    free(edits->items);
    *edits = (struct call_edits){0};
}

bool call_rewrite(struct str arguments, const struct call_edits *edits, struct buf *ret)
{
    size_t from = 0;

    for (size_t i = 0; i < edits->count; i++) {
        const struct call_edit *edit = &edits->items[i];

        if (edit->at < from || edit->at > arguments.n || edit->len > arguments.n - edit->at ||
                edit->len < 2 || arguments.p[edit->at] != '"')
            return false;
        from = edit->at + edit->len;
    }
    from = 0;
    for (size_t i = 0; i < edits->count; i++) {
        const struct call_edit *edit = &edits->items[i];

        buf_append(ret, arguments.p + from, edit->at - from);
        buf_puts(ret, edit->text);
        from = edit->at + edit->len;
    }
    if (arguments.n > from)
        buf_append(ret, arguments.p + from, arguments.n - from);
    return true;
}
