/*
 * links.c - the links on a screen: those the agent marked (OSC 8), and addresses in the text,
 * over all the rows that they take.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "pty/vt_text.h"
#include "tui/v_links.h"

#define LINK_TEXT 256 /* bytes kept of what is on the screen */

void links_release(struct links *links)
{
    for (unsigned i = 0; i < links->count; i++) {
        free(links->items[i].target);
        free(links->items[i].text);
    }
    links->count = 0;
}

static bool same(const char *a, struct str b)
{
    return str_eq(str_of(a ? a : ""), b);
}

/* text may be empty: the target itself. */
static void add(struct links *links, struct str target, struct str text)
{
    if (str_eq(target, text))
        text = STR("");
    for (unsigned i = 0; i < links->count; i++)
        if (same(links->items[i].target, target) && same(links->items[i].text, text))
            return;
    if (links->count == LINKS_MAX)
        return;
    links->items[links->count++] = (struct link){
            xstrndup(target.p, target.n), text.n > 0 ? xstrndup(text.p, text.n) : NULL};
}

static bool is_address_char(char c)
{
    return (unsigned char)c > 0x20 && c != 0x7f && !strchr("\"<>\\^`{|}", c);
}

/* More of these brackets are closed than opened. */
static bool is_unbalanced(const char *p, size_t n, char open, char close)
{
    int depth = 0;

    for (size_t i = 0; i < n; i++)
        depth += p[i] == open ? 1 : p[i] == close ? -1 : 0;
    return depth < 0;
}

/* What stands behind an address in a sentence is not part of it. */
static size_t without_punctuation(const char *p, size_t n)
{
    while (n > 0 && (strchr(".,;:!?'*", p[n - 1]) ||
                            (p[n - 1] == ')' && is_unbalanced(p, n, '(', ')')) ||
                            (p[n - 1] == ']' && is_unbalanced(p, n, '[', ']'))))
        n--;
    return n;
}

static void collect_addresses(struct links *links, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        struct str rest = {text.p + i, text.n - i};
        size_t head = str_starts(rest, STR("https://"))  ? 8
                      : str_starts(rest, STR("http://")) ? 7
                                                         : 0;
        size_t n = head;

        if (head == 0)
            continue;
        while (n < rest.n && is_address_char(rest.p[n]))
            n++;
        n = without_punctuation(rest.p, n);
        if (n > head)
            add(links, (struct str){rest.p, n}, STR(""));
        i += n > head ? n - 1 : head - 1;
    }
}

/* One row's marked links: cells with the same number side by side. */
static void collect_marked(struct links *links, struct vt *vt, int row)
{
    const struct vt_cell *cells = vt_row(vt, row);
    int cols = 0, rows = 0;

    vt_size(vt, &cols, &rows);
    for (int col = 0, end; col < cols; col = end) {
        const char *target = vt_link_target(vt, cells[col].link);
        struct buf text = BUF_INIT;

        for (end = col; end < cols && cells[end].link == cells[col].link; end++) {
            char utf8[4];
            uint32_t cp = cells[end].cp ? cells[end].cp : ' ';

            if (target && cells[end].width > 0 && buf_len(&text) < LINK_TEXT)
                buf_append(&text, utf8, utf8_encode(cp, utf8));
        }
        if (cells[col].link && target)
            add(links, str_of(target), buf_str(&text));
        buf_release(&text);
    }
}

void links_collect(struct links *links, struct vt *vt)
{
    struct vt_doc *doc = vt_doc_open(vt);
    struct vt_range screen = vt_doc_screen(doc);
    struct vt_para *para = xcalloc(1, sizeof *para);

    links_release(links);
    for (uint64_t line = screen.first; line < screen.end;) {
        uint64_t next = line + 1;

        if (vt_doc_para(doc, line, para)) {
            collect_addresses(links, para->text);
            if (para->first + para->rows > next)
                next = para->first + para->rows;
        }
        for (; line < next && line < screen.end; line++)
            collect_marked(links, vt, (int)(line - screen.first));
    }
    vt_para_release(para);
    free(para);
    vt_doc_close(doc);
}

bool link_can_open(const char *target, const char **ret_why)
{
    struct str s = str_of(target);
    size_t head = str_starts(s, STR("https://")) ? 8 : str_starts(s, STR("http://")) ? 7 : 0;

    *ret_why = "only http and https are opened";
    if (head == 0)
        return false;
    *ret_why = "it has characters that no address has";
    for (size_t i = 0; i < s.n; i++)
        if (!is_address_char(s.p[i]) || (unsigned char)s.p[i] > 0x7e)
            return false;
    *ret_why = "it has a name and '@' before its host";
    if (memchr(s.p + head, '@', strcspn(s.p + head, "/?#")))
        return false;
    *ret_why = "it has no host";
    return strcspn(s.p + head, "/?#") > 0;
}
