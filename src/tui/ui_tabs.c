/*
 * ui_tabs.c - which session is shown: by number, beside, before, or the next that needs its
 * user. Only a key or a click of the user's changes it. A change leads to the agent, wherever
 * one was.
 */
#include "tui/ui_state.h"

static void show(struct ui *ui, const struct tab *tab)
{
    ui_set_mode(ui, MODE_AGENT);
    if (tab->session != ui->session)
        ui_show(ui, tab->session);
}

static unsigned shown_index(const struct ui *ui)
{
    unsigned i = 0;
    const struct tab *tab;
    while ((tab = sessions_at(ui->config.sessions, i)) && tab->session != ui->session)
        i++;
    return i;
}

void ui_tab_number(struct ui *ui, unsigned number)
{
    const struct tab *tab = sessions_by_number(ui->config.sessions, number);
    if (tab)
        show(ui, tab);
    else
        ui_message(ui, "there is no tab %u", number);
}

void ui_tab_beside(struct ui *ui, int step)
{
    unsigned count = sessions_count(ui->config.sessions);
    if (count < 2)
        ui_message(ui, "there is no other tab");
    else
        show(ui, sessions_at(ui->config.sessions,
                         (shown_index(ui) + (step > 0 ? 1 : count - 1)) % count));
}

void ui_tab_previous(struct ui *ui)
{
    const struct tab *tab = sessions_previous(ui->config.sessions);
    if (tab)
        show(ui, tab);
    else
        ui_message(ui, "there was no other tab");
}

static bool needs_user(const struct ui *ui, const struct tab *tab)
{
    return tab->bell || (tab_has_ended(tab) && !tab->end_seen) ||
           (ui->config.gate &&
                   gate_count_of(ui->config.gate, session_rec(tab->session)->id) > 0);
}

void ui_tab_needing(struct ui *ui)
{
    unsigned count = sessions_count(ui->config.sessions), from = shown_index(ui);
    for (unsigned n = 1; n < count; n++) {
        const struct tab *tab = sessions_at(ui->config.sessions, (from + n) % count);
        if (needs_user(ui, tab)) {
            show(ui, tab);
            return;
        }
    }
    ui_message(ui, "no other tab needs you");
}

/* Its neighbour is shown before it goes: the session that is shown is never a dead one. */
void ui_tab_stop(struct ui *ui)
{
    struct session *session = ui->session;
    const struct tab *before = sessions_previous(ui->config.sessions);
    unsigned count = sessions_count(ui->config.sessions), at = shown_index(ui);
    if (!session)
        return;
    if (count < 2) {
        ui->config.on_leave(ui->config.ctx, UI_QUIT);
        return;
    }
    show(ui, before ? before
                    : sessions_at(ui->config.sessions, at + 1 < count ? at + 1 : at - 1));
    ui->config.on_stop(ui->config.ctx, session);
}
