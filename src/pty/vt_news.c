/*
 * vt_news.c - what the agent wants its user to hear (OSC 9, 99, 777), and the count of what has
 * no place here: pictures, files, messages to the terminal itself.
 */
#include "pty/vt_internal.h"

#include <string.h>

#include "io/crypt.h"

static void tell(struct vt *vt, struct str text)
{
    if (text.n > 0 && vt->ops->on_notice)
        vt->ops->on_notice(vt->ctx, text);
}

/* iTerm2's notification is the text itself; ConEmu's commands are a number and more. */
static void notice_9(struct vt *vt, struct str body)
{
    struct str rest = body, number;
    uint64_t n = 0;

    str_cut(&rest, ';', &number);
    if (!str_u64(number, 99, &n))
        tell(vt, body);
}

/* kitty's: `key=value:...;payload`. Only what is a title or a text is passed on. */
static void notice_99(struct vt *vt, struct str body)
{
    struct buf decoded = BUF_INIT;
    struct str metadata, pair;
    bool is_text = true, is_base64 = false, more = true;

    if (!str_cut(&body, ';', &metadata))
        return;
    while (more) {
        more = str_cut(&metadata, ':', &pair);
        is_base64 = is_base64 || str_eq(pair, STR("e=1"));
        if (str_starts(pair, STR("p=")))
            is_text = str_eq(pair, STR("p=title")) || str_eq(pair, STR("p=body"));
    }
    if (!is_text)
        return;
    if (!is_base64)
        tell(vt, body);
    else if (crypt_base64_decode(body, &decoded))
        tell(vt, buf_str(&decoded));
    buf_release(&decoded);
}

/* urxvt's: `notify;title;text`. */
static void notice_777(struct vt *vt, struct str body)
{
    struct str verb;

    if (str_cut(&body, ';', &verb) && str_eq(verb, STR("notify")))
        tell(vt, body);
}

void vt_notice(struct vt *vt, unsigned code, struct str body)
{
    if (code == 9)
        notice_9(vt, body);
    else if (code == 99)
        notice_99(vt, body);
    else
        notice_777(vt, body);
}

void vt_on_dropped(void *ctx, char introducer)
{
    struct vt *vt = ctx;

    vt->dropped[introducer == 'P'   ? VT_DROPPED_DCS
                : introducer == '_' ? VT_DROPPED_APC
                : introducer == ']' ? VT_DROPPED_OSC
                                    : VT_DROPPED_PM]++;
}

uint64_t vt_dropped(const struct vt *vt, enum vt_dropped what)
{
    return vt->dropped[what];
}
