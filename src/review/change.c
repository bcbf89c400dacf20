/*
 * change.c - what a call would do to one file of the workspace: by the names of its arguments
 * a new content, or texts to be replaced by others. The file is read now; what cannot be
 * compared is said, and the arguments are then shown whole.
 */
#include <sys/stat.h>

#include "base/mem.h"
#include "diff/diff.h"
#include "io/crypt.h"
#include "review/reading_priv.h"

#define CONTEXT 3
#define HEAD_BYTES 64

static const char *const path_names[] = {"path", "file_path", "filePath", "file", "filename",
        "target_file", "absolute_path", "uri", NULL};
static const char *const content_names[] = {
        "content", "contents", "file_text", "new_content", "text", NULL};
static const char *const old_names[] = {
        "oldText", "old_string", "old_str", "old_text", "search", NULL};
static const char *const new_names[] = {
        "newText", "new_string", "new_str", "new_text", "replace", NULL};

/* --- what is there ---------------------------------------------------------------------- */

static const char *type_of(struct str text)
{
    static const struct {
        struct str magic;
        const char *name;
    } types[] = {
            {{"\x7f"
              "ELF",
                     4},
                    "ELF program"},
            {{"\x89PNG", 4}, "PNG picture"},
            {{"\xff\xd8\xff", 3}, "JPEG picture"},
            {{"%PDF", 4}, "PDF"},
            {{"PK\x03\x04", 4}, "ZIP archive"},
            {{"\x1f\x8b", 2}, "gzip"},
            {{"SQLite format 3", 15}, "SQLite database"},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (str_starts(text, types[i].magic))
            return types[i].name;
    return "data";
}

static bool is_binary(struct str text)
{
    return text.n > 0 && memchr(text.p, '\0', text.n < 8000 ? text.n : 8000);
}

static void put_binary(struct sheet *sheet, struct str text)
{
    char digest[65], hex[HEAD_BYTES * 3 + 1] = "";
    size_t n = text.n < HEAD_BYTES ? text.n : HEAD_BYTES;

    crypt_sha256_hex(text.p, text.n, digest);
    for (size_t i = 0; i < n; i++)
        snprintf(hex + 3 * i, 4, "%02x ", (unsigned char)text.p[i]);
    sheet_printf(sheet, "", SHEET_ALERT, "is binary now: %s, %zu bytes, sha256 %s",
            type_of(text), text.n, digest);
    sheet_printf(sheet, "", SHEET_DIM, "%s", hex);
}

/* A component that begins with a dot is easily overlooked. */
static bool has_dot(struct str path)
{
    struct str part;
    bool more = true;

    while (more) {
        more = str_cut(&path, '/', &part);
        if (part.n > 1 && *part.p == '.' && !str_eq(part, STR("..")))
            return true;
    }
    return false;
}

static void put_file(struct reading *reading)
{
    static const char *const states[] = {
            [WS_FILE] = "",
            [WS_NEW] = "a new file",
            [WS_OUTSIDE] = "outside the workspace, not looked at",
            [WS_OTHER] = "is no plain file",
            [WS_LARGE] = "larger than 1 MiB, not compared",
            [WS_ERROR] = "cannot be read",
    };
    struct sheet *sheet = &reading->change;
    struct wsfile *file = &reading->file;
    struct buf name = BUF_INIT;
    char tail[400];
    bool is_there = file->state == WS_FILE || file->state == WS_LARGE;

    text_make_safe(&name, file->rel);
    if (is_there)
        snprintf(tail, sizeof(tail), "%s%s  mode %04o%s", buf_len(&name) ? "  " : "",
                states[file->state], (unsigned)file->st.st_mode & 07777,
                file->st.st_mode & 0111 ? ", executable" : "");
    else
        snprintf(tail, sizeof(tail), "%s%s", buf_len(&name) ? "  " : "", states[file->state]);
    sheet_add(sheet, "FILE", is_there || file->state == WS_NEW ? SHEET_TEXT : SHEET_BAD,
            buf_str(&name), str_of(tail));
    if (file->link[0])
        sheet_printf(sheet, "", SHEET_ALERT, "a symbolic link to %s", file->link);
    if (has_dot(file->rel))
        sheet_printf(sheet, "", SHEET_ALERT, "in a place whose name begins with a dot");
    if (reading->is_newer)
        sheet_printf(sheet, "", SHEET_ALERT, "the file was changed after the question came");
    buf_release(&name);
}

/* --- the difference --------------------------------------------------------------------- */

static void put_diff(struct reading *reading, struct str before, struct str after)
{
    struct sheet *sheet = &reading->change;
    struct diff diff;
    char lead[16];

    diff_make(&diff, before, after, CONTEXT);
    if (diff.count == 0)
        sheet_printf(sheet, "", SHEET_DIM, "nothing in it changes");
    else
        sheet_printf(sheet, "", SHEET_DIM, "+%u -%u lines%s", diff.added, diff.removed,
                diff.is_rough ? ", not the shortest difference" : "");
    for (size_t i = 0; i < diff.count; i++) {
        const struct diff_line *line = &diff.lines[i];

        if (line->mark == '@') {
            sheet_printf(sheet, "", SHEET_DIM, "      ... line %u", line->new);
            continue;
        }
        snprintf(lead, sizeof(lead), "%5u %c ", line->mark == '-' ? line->old : line->new,
                line->mark);
        sheet_add(sheet, "",
                line->mark == '+'   ? SHEET_ADDED
                : line->mark == '-' ? SHEET_REMOVED
                                    : SHEET_TEXT,
                str_of(lead), line->text);
        if (line->is_unended)
            sheet_printf(sheet, "", SHEET_DIM, "      \\ no newline at the end");
    }
    diff_release(&diff);
}

static bool is_comparable(struct reading *reading)
{
    const struct wsfile *file = &reading->file;

    if (file->state == WS_FILE && is_binary(buf_str(&file->text))) {
        put_binary(&reading->change, buf_str(&file->text));
        return false;
    }
    return file->state == WS_FILE || file->state == WS_NEW;
}

/* `old` by `new` where it stands first; false: it does not stand there. */
static bool replace(struct buf *text, struct str old, struct str new)
{
    struct buf out = BUF_INIT;
    char *at = old.n ? memmem(buf_data(text), buf_len(text), old.p, old.n) : NULL;

    if (!at)
        return false;
    size_t before = (size_t)(at - buf_data(text));
    buf_append(&out, buf_data(text), before);
    buf_append_str(&out, new);
    buf_append(&out, at + old.n, buf_len(text) - before - old.n);
    buf_swap(text, &out);
    buf_release(&out);
    return true;
}

/* One edit: made in `text`, or said that it cannot be and left to the arguments. */
static void edit(struct reading *reading, size_t of, struct buf *text, unsigned number)
{
    size_t old = reading_member(reading, of, old_names, ARG_STRING);
    size_t new = reading_member(reading, of, new_names, ARG_STRING);

    if (!old || !new)
        return;
    if (replace(text, reading->args.items[old].text, reading->args.items[new].text))
        reading->covered[old] = reading->covered[new] = true;
    else
        sheet_printf(&reading->change, "", SHEET_ALERT,
                "edit %u: its old text is not in the file as it is now", number);
}

static void edits(struct reading *reading, size_t list)
{
    const struct arg *items = reading->args.items;
    struct buf text = BUF_INIT;
    unsigned number = 1;

    buf_append_str(&text, buf_str(&reading->file.text));
    if (list)
        for (size_t i = list + 1; i < items[list].next; i = items[i].next)
            edit(reading, i, &text, number++);
    else
        edit(reading, 0, &text, number);
    put_diff(reading, buf_str(&reading->file.text), buf_str(&text));
    buf_release(&text);
}

static void content(struct reading *reading, size_t at)
{
    struct str tool = reading->call.tool;
    struct buf after = BUF_INIT;

    if (memmem(tool.p, tool.n, "append", 6))
        buf_append_str(&after, buf_str(&reading->file.text));
    buf_append_str(&after, reading->args.items[at].text);
    reading->covered[at] = true;
    put_diff(reading, buf_str(&reading->file.text), buf_str(&after));
    buf_release(&after);
}

void reading_find_change(struct reading *reading)
{
    static const char *const edit_names[] = {"edits", NULL};
    size_t path = reading_member(reading, 0, path_names, ARG_STRING);
    size_t text = reading_member(reading, 0, content_names, ARG_STRING);
    size_t list = reading_member(reading, 0, edit_names, ARG_ARRAY);
    bool is_edit = list || (reading_member(reading, 0, old_names, ARG_STRING) &&
                                   reading_member(reading, 0, new_names, ARG_STRING));

    if (!path || (!text && !is_edit))
        return;
    wsfile_read(&reading->file, &reading->world, reading->args.items[path].text);
    reading->has_file = true;
    bool is_there = reading->file.state == WS_FILE || reading->file.state == WS_LARGE;
    int64_t written_ms = (int64_t)reading->file.st.st_ctim.tv_sec * 1000 +
                         reading->file.st.st_ctim.tv_nsec / 1000000;
    reading->is_newer = is_there && written_ms > reading->asked_ms;
    put_file(reading);
    if (!is_comparable(reading))
        return;
    if (is_edit)
        edits(reading, list);
    else
        content(reading, text);
}
