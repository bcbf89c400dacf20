/*
 * ui_offers.c - what agents offer and the user may take: texts for the clipboard and links; and
 * what the user's terminal is told beside the frame.
 *
 * An offer is a mark and a line; it is looked at by a key of the user's and taken by another
 * one. What is taken is what was shown, whatever the agent did meanwhile.
 */
#include "base/limits.h"
#include "tui/opener.h"
#include "tui/ui_state.h"

/* --- the clipboard ---------------------------------------------------------------------- */

void ui_clipboard_news(struct ui *ui, const struct tab *tab)
{
    struct str text = session_clipboard(tab->session);
    const struct config *config = ui->config.config;

    if (config && config->clipboard == CLIPBOARD_ALLOW && tab->session == ui->session &&
            text.n <= LIMIT_COPY_OSC) {
        ui_copy_out(ui, text);
        session_clipboard_done(tab->session, false);
        return;
    }
    if (sessions_count(ui->config.sessions) > 1)
        ui_message(ui, "%s: agent wants to copy %zu bytes; C-\\ %u C-\\ k shows them",
                session_rec(tab->session)->label, text.n, tab->number);
    else
        ui_message(ui, "agent wants to copy %zu bytes; C-\\ k shows them", text.n);
}

static void open_clipboard(struct ui *ui)
{
    struct str text = ui->session ? session_clipboard(ui->session) : STR("");

    if (text.n > LIMIT_COPY_OSC) {
        ui_message(
                ui, "agent wants to copy %zu bytes, more than anybody reads: refused", text.n);
        session_clipboard_done(ui->session, false);
        return;
    }
    if (text.n == 0) {
        ui_message(ui, "the agent does not want anything copied");
        return;
    }
    offer_take(&ui->offer, text);
    (void)offer_lines(&ui->offer, ui->layout.middle.cols - 4);
    sessions_answered(ui->config.sessions, ui->session);
    ui_set_mode(ui, MODE_CLIPBOARD);
    ui->read_discard = true;
}

/* What waits may be another text by now: that one goes on waiting. */
static void settle(struct ui *ui, bool refuse_all)
{
    struct str waits = ui->session ? session_clipboard(ui->session) : STR("");

    if (ui->session && (refuse_all || str_eq(waits, buf_str(&ui->offer.text))))
        session_clipboard_done(ui->session, refuse_all);
    offer_release(&ui->offer);
    ui_set_mode(ui, MODE_AGENT);
}

void ui_offer_clipboard(struct ui *ui)
{
    if (ui->mode != MODE_CLIPBOARD) {
        open_clipboard(ui);
        return;
    }
    ui_copy_out(ui, buf_str(&ui->offer.text));
    settle(ui, false);
}

void ui_offer_refuse(struct ui *ui, bool all)
{
    settle(ui, all);
    ui_message(ui, all ? "refused; this session's copies are refused from now on" : "refused");
}

/* --- links ------------------------------------------------------------------------------ */

void ui_offer_links(struct ui *ui)
{
    struct vt *vt = ui->session ? session_vt(ui->session) : NULL;

    if (ui->mode == MODE_LINKS) {
        ui_set_mode(ui, MODE_AGENT);
        return;
    }
    links_release(&ui->links);
    if (vt)
        links_collect(&ui->links, vt);
    if (ui->links.count == 0) {
        ui_message(ui, "there is no link on the screen");
        return;
    }
    ui_set_mode(ui, MODE_LINKS);
    ui->read_discard = true;
}

void ui_offer_open(struct ui *ui)
{
    const struct config *config = ui->config.config;
    struct err err;

    if (ui->links_view.selected >= ui->links.count)
        return;
    const char *target = ui->links.items[ui->links_view.selected].target;
    if (opener_open(ui->config.loop, config ? config->open_command : NULL, target, &err) < 0)
        ui_message(ui, "%s", err.msg);
    else
        ui_message(ui, "opened %s", target);
    ui_set_mode(ui, MODE_AGENT);
}

void ui_offers_release(struct ui *ui)
{
    links_release(&ui->links);
    offer_release(&ui->offer);
}

/* --- telling ---------------------------------------------------------------------------- */

/* "(2!) payments - ironcurtain" */
void ui_tell_title(struct ui *ui)
{
    unsigned waiting = ui->config.gate ? gate_count(ui->config.gate) : 0;
    const char *label = ui->session ? session_rec(ui->session)->label : NULL;
    char title[TELL_TITLE + 80], count[16] = "";

    if (!ui->session && !ui->tell.title[0])
        return; /* it comes at once */
    if (waiting > 0)
        snprintf(count, sizeof count, "(%u!) ", waiting);
    bool held = ui->config.gate && gate_is_held(ui->config.gate);
    snprintf(title, sizeof title, "%s%s%.80s%sironcurtain", held ? "HOLD " : "", count,
            label ? label : "", label ? " - " : "");
    uint64_t wait = tell_title(&ui->tell, title, ui_now(ui), &ui->out);
    if (wait > 0 && !timer_running(ui->title_timer))
        timer_start(ui->title_timer, wait);
}

/* A person who looks at the screen needs no notice beside it. */
static bool wants_notice(const struct ui *ui)
{
    enum config_desktop desktop =
            ui->config.config ? ui->config.config->desktop : DESKTOP_UNFOCUSED;

    return desktop == DESKTOP_ALWAYS || (desktop == DESKTOP_UNFOCUSED && ui->tell.unfocused);
}

/* Never what is asked for: notices are kept, and shown on locked screens. */
void ui_tell_waiting(struct ui *ui)
{
    unsigned waiting = gate_count(ui->config.gate);
    const struct gate_item *oldest = gate_at(ui->config.gate, 0);
    const struct tab *tab =
            oldest ? sessions_by_id(ui->config.sessions, oldest->rec.session) : NULL;

    if (!oldest || !wants_notice(ui))
        return;
    snprintf(ui->notice, sizeof ui->notice, "%u request%s%s (%.80s)", waiting,
            waiting == 1 ? " wait" : "s wait", waiting == 1 ? "s" : "",
            tab ? session_rec(tab->session)->label : "?");
}

void ui_tell_flush(struct ui *ui)
{
    char text[sizeof ui->notice + 16];

    if (ui->notice[0]) {
        snprintf(text, sizeof text, "ironcurtain: %s", ui->notice);
        (void)tell_notice(&ui->tell, text, &ui->out);
    }
    ui->notice[0] = '\0';
}

/* The agent's own bell, if the user wants to hear it. */
void ui_agent_bell(struct ui *ui)
{
    uint64_t now = ui_now(ui);

    if (!ui->config.config || !ui->config.config->agent_bell ||
            (ui->agent_rang_at && now - ui->agent_rang_at < LIMIT_BELL_MS))
        return;
    ui->agent_rang_at = now;
    ui->ring = true;
    ui_touch(ui, DIRTY_CHROME);
}
