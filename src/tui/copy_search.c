/*
 * copy_search.c - searching all that can be read, as the pattern is typed.
 *
 * The packed text is searched as it lies, not cell by cell; only where a line wraps or holds
 * wide characters a copy is made. Lines with hits are remembered in order, so a step is a
 * binary search. The look over everything goes in pieces, so that a million lines never hold
 * the loop.
 */
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "base/limits.h"
#include "base/mem.h"
#include "io/loop.h"
#include "tui/copy.h"

#define LINES_A_LOOK 64 /* between two looks at the clock */

/* --- one text --------------------------------------------------------------------------- */

static unsigned char fold_byte(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static bool match_ascii(
        const struct copy_search *search, struct str text, size_t *at, size_t *ret_end)
{
    unsigned char first = (unsigned char)search->text[0];

    if (text.n < search->len)
        return false;
    for (size_t i = *at; i <= text.n - search->len; i++) {
        size_t k = 1;

        if (fold_byte((unsigned char)text.p[i]) != first)
            continue;
        while (k < search->len &&
                fold_byte((unsigned char)text.p[i + k]) == (unsigned char)search->text[k])
            k++;
        if (k == search->len) {
            *at = i;
            *ret_end = i + k;
            return true;
        }
    }
    return false;
}

/* Letters of other scripts: character by character. Returns the bytes matched, 0: none. */
static size_t matches_here(const struct copy_search *search, struct str text)
{
    size_t used = 0;

    for (unsigned k = 0; k < search->cp_count; k++) {
        uint32_t cp = 0;
        int len = used < text.n ? utf8_decode(text.p + used, text.n - used, &cp) : 0;

        if (len <= 0 || (uint32_t)towlower((wint_t)cp) != search->cps[k])
            return 0;
        used += (size_t)len;
    }
    return used;
}

static bool match_folded(
        const struct copy_search *search, struct str text, size_t *at, size_t *ret_end)
{
    for (size_t i = *at; i < text.n; i++) {
        if (text.p[i] != search->begins[0] && text.p[i] != search->begins[1])
            continue;
        size_t len = matches_here(search, (struct str){text.p + i, text.n - i});
        if (len > 0) {
            *at = i;
            *ret_end = i + len;
            return true;
        }
    }
    return false;
}

bool copy_search_match(
        const struct copy_search *search, struct str text, size_t *at, size_t *ret_end)
{
    if (search->len == 0 || *at >= text.n)
        return false;
    if (search->fold)
        return search->ascii ? match_ascii(search, text, at, ret_end)
                             : match_folded(search, text, at, ret_end);

    const char *hit = memmem(text.p + *at, text.n - *at, search->text, search->len);
    if (!hit)
        return false;
    *at = (size_t)(hit - text.p);
    *ret_end = *at + search->len;
    return true;
}

/* --- all of it -------------------------------------------------------------------------- */

static void compile(struct copy_search *search, struct str text)
{
    size_t n = text.n < COPY_PATTERN ? text.n : COPY_PATTERN;

    memcpy(search->text, text.p, n);
    search->text[n] = '\0';
    search->len = n;
    search->fold = search->ascii = true;
    search->cp_count = 0;
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        int len = utf8_decode(search->text + i, n - i, &cp);

        search->ascii = search->ascii && cp < 0x80;
        search->fold = search->fold && len > 0 && !iswupper((wint_t)cp);
        search->cps[search->cp_count++] = cp;
        i += len > 0 ? (size_t)len : 1;
    }
    if (n > 0) {
        char bytes[4];

        search->begins[0] = search->text[0];
        utf8_encode((uint32_t)towupper((wint_t)search->cps[0]), bytes);
        search->begins[1] = bytes[0];
    }
}

static void begin(struct copy *copy)
{
    struct copy_search *search = &copy->search;
    struct vt_range rest = vt_doc_rest(copy->doc), live = vt_doc_page(copy->doc, VT_DOC_LIVE);

    search->count = 0;
    search->hits = 0;
    search->running = search->len > 0;
    search->next = rest.first < rest.end ? rest.first : live.first;
    search->end = live.end;
}

void copy_search_set(struct copy *copy, struct str text)
{
    compile(&copy->search, text);
    copy->search.seek = true;
    begin(copy);
}

void copy_search_open(struct copy *copy, int step)
{
    copy->search.step = step;
    copy->search.origin = copy->cursor;
    copy->search.origin_top = copy->top;
    copy_search_set(copy, STR(""));
}

static void remember(struct copy_search *search, uint64_t line)
{
    search->hits++;
    if (search->count > 0 && search->lines[search->count - 1] == line)
        return;
    if (search->count == search->cap) {
        search->cap = search->cap ? search->cap * 2 : 256;
        search->lines = xrealloc(search->lines, search->cap * sizeof *search->lines);
    }
    search->lines[search->count++] = line;
}

static void look_at(struct copy *copy)
{
    struct copy_search *search = &copy->search;
    struct vt_para *para = &copy->para;
    size_t at = 0, end = 0;
    unsigned row = 0;

    for (; copy_search_match(search, para->text, &at, &end); at = end) {
        while (row + 1 < para->rows && para->at[row + 1] <= at)
            row++;
        remember(search, para->first + row);
    }
}

/* Lines that are not there are skipped: between two kinds of pages, or dropped meanwhile. */
static uint64_t skip_gap(const struct copy *copy, uint64_t line)
{
    struct vt_range rest = vt_doc_rest(copy->doc), live = vt_doc_page(copy->doc, VT_DOC_LIVE);

    if (line < VT_DOC_LIVE && line < rest.first)
        line = rest.first;
    if (line < VT_DOC_LIVE && line >= rest.end)
        line = live.first;
    return line >= VT_DOC_LIVE && line < live.first ? live.first : line;
}

bool copy_search_run(struct copy *copy, uint64_t max_ns)
{
    struct copy_search *search = &copy->search;
    uint64_t until = clock_ns() + max_ns;

    for (unsigned n = 1; search->running; n++) {
        if (search->next >= search->end) {
            search->running = false;
            break;
        }
        if (n % LINES_A_LOOK == 0 && clock_ns() >= until)
            return false;
        if (vt_doc_para_at(copy->doc, search->next, &copy->para)) {
            look_at(copy);
            search->next += copy->para.rows;
        } else {
            search->next = skip_gap(copy, search->next + 1);
        }
    }
    if (search->seek) {
        search->seek = false;
        copy->top = search->origin_top;
        copy_go(copy, search->origin);
        copy_search_step(copy, search->step);
    }
    return true;
}

/* --- steps ------------------------------------------------------------------------------ */

/* The first remembered line that is not before this one. */
static size_t lower_bound(const struct copy_search *search, uint64_t line)
{
    size_t low = 0, high = search->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (search->lines[mid] < line)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The hit of this line that is nearest to the column on the far side of it: behind it
 * for step 1, before it for step -1. */
static bool hit_in_line(
        struct copy *copy, uint64_t line, int step, int beyond, struct copy_pos *ret)
{
    struct vt_para *para = &copy->para;
    size_t at = 0, end = 0;
    bool found = false;
    int col;

    if (!vt_doc_para(copy->doc, line, para))
        return false;
    for (; copy_search_match(&copy->search, para->text, &at, &end); at = end) {
        uint64_t place = vt_para_place(copy->doc, para, at, &col);

        if (place > line || (place == line && step < 0 && col >= beyond))
            break;
        if (place < line || (step > 0 && col <= beyond))
            continue;
        *ret = (struct copy_pos){line, col};
        found = true;
        if (step > 0)
            break;
    }
    return found;
}

bool copy_search_step(struct copy *copy, int step)
{
    const struct copy_search *search = &copy->search;
    struct copy_pos pos, from = copy->cursor;
    size_t count = search->count, at = lower_bound(search, from.line);

    if (count == 0)
        return false;
    if (at < count && search->lines[at] == from.line &&
            hit_in_line(copy, from.line, step, from.col, &pos)) {
        copy_go(copy, pos);
        return true;
    }
    if (step > 0 && at < count && search->lines[at] == from.line)
        at++;
    /* At most once around; a line may have gone meanwhile. */
    for (size_t tries = 0; tries < count; tries++) {
        at = step > 0 ? (tries ? at + 1 : at) % count : (at + count - 1) % count;
        if (hit_in_line(copy, search->lines[at], step, step > 0 ? -1 : LIMIT_VT_COLS, &pos)) {
            copy_go(copy, pos);
            return true;
        }
    }
    return false;
}

void copy_search_cancel(struct copy *copy)
{
    copy_search_set(copy, STR(""));
    copy_search_run(copy, 0);
}

void copy_search_release(struct copy_search *search)
{
    free(search->lines);
}
