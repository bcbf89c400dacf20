/*
 * tell.c - see tell.h.
 *
 * Titles: the old one is put on the terminal's stack (xterm's CSI 22 t) and taken from there.
 * Order: a terminal that follows ECMA-48's BDSM shows cells where they were put from `CSI 8 l`
 * on; otherwise right-to-left text of an agent would be moved about within the row, and with it
 * what is ours in that row. Others ignore it.
 */
#include "tui/tell.h"

#include "base/mem.h"
#include "pty/vt_marks.h"

#define TITLE_GAP_MS 1000

/* These print what they do not know, or have no window to name. */
static bool has_titles(const char *term)
{
    static const char *const without[] = {"linux", "vt", "ansi", "cons", "sun", "dumb"};

    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++)
        if (strncmp(term, without[i], strlen(without[i])) == 0)
            return false;
    return true;
}

void tell_enter(struct tell *tell, const struct frame_config *config, struct buf *out)
{
    *tell = (struct tell){.notice = config->notice, .titles = has_titles(config->term)};
    buf_puts(out, tell->titles ? "\033[8l\033[22;0t" : "\033[8l");
}

void tell_leave(const struct tell *tell, struct buf *out)
{
    buf_puts(out, tell->titles ? "\033[8h\033[23;0t" : "\033[8h");
}

/* Printable characters without formatting ones; at most TELL_TITLE bytes, whole characters. */
static void clean(const char *text, char out[TELL_TITLE + 1])
{
    struct str rest = str_of(text);
    size_t n = 0;

    while (rest.n > 0) {
        uint32_t cp = 0;
        int len = utf8_decode(rest.p, rest.n, &cp);
        size_t step = len > 0 ? (size_t)len : 1;
        bool safe = len > 0 && cp >= 0x20 && cp != 0x7f &&
                    (cp < 0x7f || (cp >= 0xa0 && vt_char_kind(cp) == VT_CHAR_PLAIN));

        if (safe && n + step > TELL_TITLE)
            break;
        if (safe) {
            memcpy(out + n, rest.p, step);
            n += step;
        }
        rest.p += step;
        rest.n -= step;
    }
    out[n] = '\0';
}

uint64_t tell_title(struct tell *tell, const char *title, uint64_t now_ms, struct buf *out)
{
    char wanted[TELL_TITLE + 1];

    clean(title, wanted);
    if (!tell->titles || strcmp(wanted, tell->title) == 0)
        return 0;
    if (tell->title_at && now_ms - tell->title_at < TITLE_GAP_MS)
        return TITLE_GAP_MS - (now_ms - tell->title_at);
    memcpy(tell->title, wanted, sizeof wanted);
    tell->title_at = now_ms;
    buf_printf(out, "\033]2;%s\033\\", wanted);
    return 0;
}

bool tell_notice(const struct tell *tell, const char *text, struct buf *out)
{
    char safe[TELL_TITLE + 1];

    clean(text, safe);
    switch (tell->notice) {
    case NOTICE_BELL:
        return false;
    case NOTICE_9:
        buf_printf(out, "\033]9;%s\033\\", safe);
        return true;
    case NOTICE_99:
        buf_printf(out, "\033]99;i=ironcurtain;%s\033\\", safe);
        return true;
    case NOTICE_777:
        buf_printf(out, "\033]777;notify;ironcurtain;%s\033\\", safe);
        return true;
    }
    CHECK_UNREACHABLE();
}
