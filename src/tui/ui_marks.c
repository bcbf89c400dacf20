/*
 * ui_marks.c - marks in WAITING: to deny several at once. Nothing is approved here: whoever
 * approves has to have seen each.
 */
#include "tui/ui_state.h"

static const struct gate_item *selected(struct ui *ui)
{
    return v_waiting_item(ui->config.gate, ui->panels[PANEL_WAITING].selected, NULL);
}

static void drop(struct marks *marks, unsigned at)
{
    marks->ids[at] = marks->ids[--marks->count];
}

static bool has(const struct marks *marks, uint64_t id, unsigned *ret_at)
{
    for (unsigned i = 0; i < marks->count; i++)
        if (marks->ids[i] == id) {
            *ret_at = i;
            return true;
        }
    return false;
}

static void add(struct marks *marks, uint64_t id)
{
    unsigned at;
    if (!has(marks, id, &at) && marks->count < MARKS_MAX)
        marks->ids[marks->count++] = id;
}

bool ui_is_alike(const struct gate_item *a, const struct gate_item *b)
{
    if (strcmp(a->rec.session, b->rec.session) != 0 || !a->call != !b->call)
        return false;
    if (!a->call)
        return a->host[0] && strcmp(a->host, b->host) == 0;
    return str_eq(a->call->server, b->call->server) && str_eq(a->call->tool, b->call->tool);
}

static bool is_wanted(
        const struct gate_item *selected, const struct gate_item *other, enum action_id id)
{
    return id == ACT_MARK_ALIKE ? ui_is_alike(selected, other)
                                : strcmp(selected->rec.session, other->rec.session) == 0;
}

void ui_marks_set(struct ui *ui, enum action_id id)
{
    const struct gate_item *item = selected(ui);
    struct gate *gate = ui->config.gate;
    unsigned at;
    if (!item)
        return;
    struct gate_item copy = *item; /* gate_at() may fill the same again */
    if (id != ACT_MARK) {
        for (unsigned i = 0; i < gate_count(gate); i++) {
            const struct gate_item *other = gate_at(gate, i);
            if (other && is_wanted(&copy, other, id))
                add(&ui->marks, other->rec.id);
        }
    } else if (has(&ui->marks, copy.rec.id, &at)) {
        drop(&ui->marks, at);
    } else {
        add(&ui->marks, copy.rec.id);
    }
    if (ui->marks.count == 0)
        ui_message(ui, "none is marked");
    else
        ui_message(ui, "%u marked; C-\\ n denies them", ui->marks.count);
    ui_touch(ui, DIRTY_PANELS | DIRTY_CHROME);
}

static void deny(struct ui *ui)
{
    struct gate *gate = ui->config.gate;
    struct marks marks = ui->marks;
    struct gate_answer answer = {.allow = false};
    unsigned denied = 0;
    ui->marks.count = 0;
    for (unsigned i = 0; i < marks.count; i++) {
        const struct gate_item *item = gate_find(gate, marks.ids[i]);
        struct err err;
        if (!item || item->deciding)
            continue;
        struct escalation_record rec = item->rec;
        if (gate_decide(gate, rec.id, rec.digest, rec.policy_version, &answer, &err) == 0)
            denied++;
    }
    ui_message(ui, "%u denied", denied);
}

void ui_marks_commit(struct ui *ui, bool allow)
{
    ui_marks_prune(ui);
    if (ui->marks.count == 0)
        return;
    if (allow) {
        ui_gate_open(ui, ui->marks.ids[0]);
    } else if (ui->asked == ASKED_DENY) {
        ui->asked = ASKED_NOTHING;
        deny(ui);
    } else {
        ui->asked = ASKED_DENY;
        ui_message(ui, "deny the %u marked? C-\\ n again does it, any other key stays",
                ui->marks.count);
    }
    ui_touch(ui, DIRTY_PANELS | DIRTY_CHROME);
}

void ui_marks_prune(struct ui *ui)
{
    for (unsigned i = 0; i < ui->marks.count;) {
        if (gate_find(ui->config.gate, ui->marks.ids[i]))
            i++;
        else
            drop(&ui->marks, i);
    }
}
