/*
 * ui_outer.c - the user's terminal: what it is asked, what it answered, and which modes it was
 * told. Nothing else of ours sets modes of input.
 *
 * The modes that the agent sets are state of its pane and never reach the terminal. The host
 * decides from them what it wants of the terminal: all reports of the mouse only while an agent
 * that wants them has the focus, the agent's keyboard protocol only while its keys go to it.
 * The difference to what was told goes out with the next frame; what was set is taken back at
 * the end, and nothing else.
 */
#include "tui/ui_state.h"

/* Bracketed paste, focus events. Then questions: synchronized updates, emoji in clusters,
 * kitty's keyboard protocol, the kind of terminal, its colours. */
static const char ENTER[] =
        "\033[?2004h\033[?1004h"
        "\033[?2026$p\033[?2027$p\033[?u\033[>c\033]10;?\033\\\033]11;?\033\\";
static const char LEAVE[] = "\033[?1004l\033[?2004l";

/* Terminals that know modifyOtherKeys, by their secondary attributes. */
#define MODEL_XTERM 41
#define MODEL_TMUX 84
#define MODEL_MINTTY 77

struct wanted {
    unsigned mouse, kitty, modify;
};

static struct wanted wanted(const struct ui *ui)
{
    struct wanted ret = {ui->mouse.taken ? 1002 : 0, 0, 0};
    struct vt *vt = ui_agent_lives(ui) ? session_vt(ui->session) : NULL;
    if (!vt || ui->mode != MODE_AGENT)
        return ret;
    struct vt_modes modes = vt_modes(vt);
    if (ret.mouse && modes.mouse == 3)
        ret.mouse = 1003;
    if (ui->outer.kitty) /* what it says is made into what modifyOtherKeys would be */
        ret.kitty = modes.kitty_flags ? modes.kitty_flags : modes.modify_keys ? 1 : 0;
    else if (ui->outer.other_keys)
        ret.modify = modes.kitty_flags ? 1 : modes.modify_keys;
    return ret;
}

static void tell_mouse(struct outer *outer, unsigned mouse, struct buf *out)
{
    if (mouse == outer->mouse)
        return;
    if (outer->mouse == 1003)
        buf_puts(out, "\033[?1003l");
    if (!mouse)
        buf_puts(out, "\033[?1002l\033[?1000l\033[?1006l");
    else if (outer->mouse != 1002) /* to reset one of them resets all in some terminals */
        buf_puts(out, "\033[?1000h\033[?1002h\033[?1006h");
    if (mouse == 1003)
        buf_puts(out, "\033[?1003h");
    outer->mouse = mouse;
}

static void tell_kitty(struct outer *outer, unsigned flags, struct buf *out)
{
    if (flags == outer->flags)
        return;
    buf_printf(out, outer->pushed ? "\033[=%uu" : "\033[>%uu", flags);
    outer->pushed = true;
    outer->flags = flags;
}

static void tell_modify(struct outer *outer, unsigned level, struct buf *out)
{
    if (level == outer->modify)
        return;
    if (level)
        buf_printf(out, "\033[>4;%um", level);
    else
        buf_puts(out, "\033[>4m");
    outer->modify = level;
}

void ui_outer_enter(struct ui *ui)
{
    const struct config *config = ui->config.config;
    ui->mouse.taken = !config || config->mouse;
    buf_puts(&ui->out, ENTER);
}

void ui_outer_sync(struct ui *ui)
{
    struct wanted want = wanted(ui);
    tell_mouse(&ui->outer, want.mouse, &ui->out);
    tell_kitty(&ui->outer, want.kitty, &ui->out);
    tell_modify(&ui->outer, want.modify, &ui->out);
}

void ui_outer_leave(struct ui *ui)
{
    tell_mouse(&ui->outer, 0, &ui->out);
    tell_modify(&ui->outer, 0, &ui->out);
    if (ui->outer.pushed)
        buf_puts(&ui->out, "\033[<u");
    buf_puts(&ui->out, LEAVE);
}

void ui_outer_colors(struct ui *ui)
{
    struct vt *vt = ui->session ? session_vt(ui->session) : NULL;
    if (vt && ui->outer.has_fg && ui->outer.has_bg)
        vt_set_colors(vt, ui->outer.fg, ui->outer.bg);
}

void ui_outer_reply(struct ui *ui, const struct key *key)
{
    struct outer *outer = &ui->outer;
    switch (key->reply) {
    case REPLY_READY:
        commit_fence_answer(&ui->review.commit, ui_now(ui));
        ui_touch(ui, DIRTY_PANELS);
        return;
    case REPLY_MODE:
        if (key->param[0] == 2026)
            frame_set_sync(ui->frame, key->param[1] == 1 || key->param[1] == 2);
        if (key->param[0] == 2027) {
            frame_set_clusters(ui->frame, key->param[1] == 1 || key->param[1] == 3);
            ui_touch(ui, DIRTY_CHROME);
        }
        return;
    case REPLY_KITTY:
        outer->kitty = true;
        ui_touch(ui, DIRTY_CHROME);
        return;
    case REPLY_MODEL:
        outer->other_keys = key->param[0] == MODEL_XTERM || key->param[0] == MODEL_TMUX ||
                            key->param[0] == MODEL_MINTTY;
        ui_touch(ui, DIRTY_CHROME);
        return;
    case REPLY_COLOUR:
        if (key->param[0] == 10) {
            outer->fg = key->param[1];
            outer->has_fg = true;
        } else {
            outer->bg = key->param[1];
            outer->has_bg = true;
        }
        ui_outer_colors(ui);
        return;
    case REPLY_OTHER:
        return;
    }
    CHECK_UNREACHABLE();
}
