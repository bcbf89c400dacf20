/*
 * ui_gate.c - reviews: opened by the user's key only, bound to one item, decided by a commit
 * key only. commit.c says whether a key counts; the gate compares what was shown with what
 * waits; the message about a decision comes when its record is on disk.
 */
#include "io/crypt.h"
#include "tui/ui_state.h"

#define RING_GAP_MS 5000
#define UNDO_MS 1000
#define LAST_CALL_MS 60000

/* Two letters of the keys' home positions; never those that commit. */
static void make_code(char code[2])
{
    static const char letters[] = "abcdefghkmpqrstuvwxz";
    unsigned char random[2];
    crypt_random(random, sizeof random);
    for (int i = 0; i < 2; i++)
        code[i] = letters[random[i] % (sizeof letters - 1)];
}

void ui_gate_new_code(struct ui *ui)
{
    make_code(ui->review.commit.code);
}

const struct gate_item *ui_gate_item(struct ui *ui)
{
    uint64_t id = ui->review.commit.id;
    return ui->review.is_late ? gate_expired_find(ui->config.gate, id)
                              : gate_find(ui->config.gate, id);
}

void ui_gate_close(struct ui *ui)
{
    uint64_t id = ui->review.commit.id;
    if (ui->review.commit.phase == COMMIT_NONE)
        return;
    ui_reading_drop(ui);
    ui_group_drop(ui);
    ui_past_drop(ui);
    ui_edit_close(ui);
    commit_close(&ui->review.commit);
    gate_review_end(ui->config.gate, id);
}

void ui_gate_open(struct ui *ui, uint64_t id)
{
    char code[2];
    ui_gate_close(ui);
    const struct gate_item *item = gate_find(ui->config.gate, id);
    if (!item)
        item = gate_expired_find(ui->config.gate, id);
    if (!item)
        return;
    make_code(code);
    /* Not of the tab that is shown: the words of whoever asks. */
    const struct tab *tab = sessions_by_id(ui->config.sessions, item->rec.session);
    struct words *words = tab ? session_words(tab->session) : NULL;
    review_open(&ui->review, ui->config.gate, item, code, words, clock_wall_ms());
    commit_set_can_decide(&ui->review.commit, ui->layout.can_decide);
    ui_reading_start(ui);
    ui->mode = MODE_REVIEW;
    ui->read_discard = true;
    ui->strays = 0;
    ui_relayout(ui);
    gate_review_begin(ui->config.gate, id);
}

/* The waiting item behind (step 1) or before (-1) this one, around the ends; 0: none. */
static uint64_t neighbour(struct ui *ui, uint64_t id, int step)
{
    struct gate *gate = ui->config.gate;
    unsigned count = gate ? gate_count(gate) : 0, at = 0;
    bool found = false;
    if (count == 0)
        return 0;
    for (unsigned i = 0; i < count; i++) {
        const struct gate_item *item = gate_at(gate, i);
        if (item && item->rec.id == id) {
            at = i;
            found = true;
        }
    }
    for (unsigned n = found ? 1 : 0; n < count + (found ? 0 : 1); n++) {
        unsigned i = step > 0 ? (at + n) % count : (at + count - n % count) % count;
        const struct gate_item *item = gate_at(gate, i);
        if (item && !item->deciding && item->rec.id != id)
            return item->rec.id;
    }
    return 0;
}

void ui_gate_open_next(struct ui *ui)
{
    bool again = ui->mode == MODE_REVIEW;
    if (ui_group_step(ui, 1))
        return;
    uint64_t id = neighbour(ui, again ? ui->review.commit.id : 0, 1);
    if (id)
        ui_gate_open(ui, id);
    else if (again)
        ui_message(ui, "no other request waits");
    else
        ui_set_mode(ui, ui->mode == MODE_WAITING ? MODE_AGENT : MODE_WAITING);
}

void ui_gate_open_beside(struct ui *ui, int step)
{
    if (ui_group_step(ui, step))
        return;
    uint64_t id = neighbour(ui, ui->review.commit.id, step);
    if (id)
        ui_gate_open(ui, id);
    else
        ui_message(ui, "no other request waits");
}

void ui_gate_remember(struct ui *ui, uint64_t id)
{
    for (int i = 0; i < UI_DECISIONS; i++)
        if (ui->decided[i] == 0) {
            ui->decided[i] = id;
            return;
        }
}

/* An answer for more than once counts only if the rule that it becomes is on the screen. */
static bool rule_is_shown(struct ui *ui, bool allow)
{
    const struct review *review = &ui->review;
    if (review->group.count > 0 && !review->draft_fits) {
        ui_message(ui, "no room to show the group whole");
        return false;
    }
    if (review->draft.scope == SCOPE_ONCE)
        return true;
    if (review->draft.scope == SCOPE_ALWAYS && !review->past)
        ui_message(ui, "what the rule would have taken is being read");
    else if (!review->draft_fits)
        ui_message(ui, "no room to show the rule whole; 1 answers once");
    else if (!draft_rule(&review->draft, allow)[0])
        ui_message(ui, "high risk: only exactly this can be approved; < narrows, 1 is once");
    else
        return true;
    return false;
}

/* Of what expired: it was denied; the one answer left is that it may be asked again. */
static void decide_late(struct ui *ui, bool allow)
{
    struct commit *commit = &ui->review.commit;
    int number = ui->review.item.rec.number;
    struct err err;
    if (!allow)
        ui_message(ui, "#%d was denied when its time was over", number);
    else if (gate_allow_late(ui->config.gate, commit->id, commit->digest,
                     commit->policy_version, &err) < 0)
        ui_message(ui, "#%d nothing was decided: %s", number, err.msg);
    else
        ui_message(ui, "#%d is allowed once, if it is asked again within 15 min", number);
    ui_set_mode(ui, MODE_EXPIRED);
}

static void open_neighbour(struct ui *ui, uint64_t id)
{
    uint64_t next = neighbour(ui, id, 1);
    if (next)
        ui_gate_open(ui, next);
    else
        ui_set_mode(ui, MODE_AGENT);
    ui_gate_changed(ui);
}

/* High risk: what was approved waits in the gate for another second. If the screen goes
 * meanwhile, nothing was decided. */
static void decide_soon(struct ui *ui)
{
    struct commit *commit = &ui->review.commit;
    struct ui_undo *undo = &ui->undo;
    ui_gate_release(ui); /* the one before */
    undo->id = commit->id;
    undo->number = ui->review.item.rec.number;
    str_copy(undo->digest, sizeof undo->digest, str_of(commit->digest));
    str_copy(undo->policy_version, sizeof undo->policy_version, str_of(commit->policy_version));
    undo->draft = ui->review.draft;
    buf_release(&undo->edited);
    buf_swap(&undo->edited, &ui->review.edited);
    undo->edited_risk = ui->review.item.risk;
    timer_start(ui->undo_timer, UNDO_MS);
    open_neighbour(ui, undo->id);
    ui_message(ui, "#%d is approved in a second; C-\\ u takes it back", undo->number);
}

void ui_gate_release(struct ui *ui)
{
    struct ui_undo *undo = &ui->undo;
    uint64_t id = undo->id;
    struct gate_answer answer = draft_answer(&undo->draft, true);
    struct err err;
    if (buf_len(&undo->edited) > 0) {
        answer.edited = buf_str(&undo->edited);
        answer.edited_risk = undo->edited_risk;
    }
    timer_stop(ui->undo_timer);
    undo->id = 0;
    if (id == 0)
        return;
    ui_gate_remember(ui, id);
    if (gate_decide(ui->config.gate, id, undo->digest, undo->policy_version, &answer, &err) < 0)
        ui_message(ui, "#%d nothing was decided: %s", undo->number, err.msg);
    buf_release(&undo->edited);
}

void ui_gate_undo(struct ui *ui)
{
    if (ui->undo.id == 0) {
        ui_message(ui, "nothing can be taken back");
        return;
    }
    timer_stop(ui->undo_timer);
    ui_message(ui, "#%d was taken back, it waits", ui->undo.number);
    ui->undo.id = 0;
}

static void decide(struct ui *ui, bool allow)
{
    if (ui_group_decide(ui, allow))
        return;
    if (ui->review.is_late) {
        decide_late(ui, allow);
        return;
    }
    struct commit *commit = &ui->review.commit;
    if (allow && commit->high) {
        decide_soon(ui);
        return;
    }
    struct gate_answer answer = draft_answer(&ui->review.draft, allow);
    const char *digest = allow ? commit->digest : ui->review.item.rec.digest;
    struct err err;
    uint64_t id = commit->id;
    if (allow && buf_len(&ui->review.edited) > 0) {
        answer.edited = buf_str(&ui->review.edited);
        answer.edited_risk = ui->review.item.risk;
    }
    ui_gate_remember(ui, id);
    if (gate_decide(ui->config.gate, id, digest, commit->policy_version, &answer, &err) < 0) {
        commit_kill(commit);
        str_copy(ui->review.ended, sizeof ui->review.ended, str_of(err.msg));
        ui_message(ui, "#%d nothing was decided: %s", ui->review.item.rec.number, err.msg);
        return;
    }
    open_neighbour(ui, id);
}

static void answer(struct ui *ui, enum commit_answer answer, bool allow)
{
    switch (answer) {
    case COMMIT_OK:
        decide(ui, allow);
        break;
    case COMMIT_IGNORED:
    case COMMIT_ASKS_CODE:
        break;
    case COMMIT_NOT_READY:
        ui_message(ui, "still arming; look, then press C-\\ y again");
        break;
    case COMMIT_NOT_SEEN:
        ui_message(ui, "not all of WHAT was on the screen yet; scroll with j");
        break;
    case COMMIT_TOO_SMALL:
        ui_message(ui, "too small to decide here (40x10 needed)");
        break;
    case COMMIT_WRONG_CODE:
        ui_message(ui, "wrong letter, not approved");
        break;
    case COMMIT_GONE:
        ui_message(ui, "this request does not wait any more");
        break;
    }
    ui_touch(ui, DIRTY_PANELS | DIRTY_CHROME);
}

void ui_gate_commit(struct ui *ui, bool allow)
{
    struct commit *commit = &ui->review.commit;
    uint64_t now = ui_now(ui);
    if (ui->mode == MODE_WAITING) {
        ui_marks_commit(ui, allow);
        return;
    }
    if (ui->review.writes) {
        ui_message(ui, "the message is not finished: Enter keeps it, Esc drops it");
        return;
    }
    if (ui->review.edits) {
        ui_message(
                ui, "the arguments are not finished: Enter takes them, Esc drops the change");
        return;
    }
    if (rule_is_shown(ui, allow) && ui_group_may_commit(ui, allow))
        answer(ui, allow ? commit_approve(commit, now) : commit_deny(commit, now), allow);
}

void ui_gate_letter(struct ui *ui, uint32_t cp)
{
    if (rule_is_shown(ui, true))
        answer(ui, commit_letter(&ui->review.commit, cp, ui_now(ui)), true);
}

/* --- news of the queue ---------------------------------------------------------------- */

static const struct gate_item *recent_by_id(struct gate *gate, uint64_t id)
{
    const struct gate_item *item;
    for (unsigned i = 0; (item = gate_recent(gate, i)); i++)
        if (item->rec.id == id)
            return item;
    return NULL;
}

static void say_decided(struct ui *ui, const struct escalation_record *rec)
{
    const char *state = escalation_state_name(rec->state);
    /* The message of a human's answer is ours: it says why the answer was not remembered. */
    if (rec->message[0])
        ui_message(ui, "#%d %s %s", rec->number, state, rec->message);
    else if (strchr(rec->answer, ':'))
        ui_message(ui, "#%d %s, %s", rec->number, state, rec->answer);
    else
        ui_message(ui, "#%d %s", rec->number, state);
}

static void announce(struct ui *ui)
{
    for (int i = 0; i < UI_DECISIONS; i++) {
        uint64_t id = ui->decided[i];
        if (id == 0 || gate_find(ui->config.gate, id))
            continue;
        const struct gate_item *item = recent_by_id(ui->config.gate, id);
        ui->decided[i] = 0;
        if (!item)
            continue;
        if (item->rec.state == ESC_APPROVED || item->rec.state == ESC_DENIED)
            say_decided(ui, &item->rec);
        else
            ui_message(ui, "#%d ended as %s (%s), the request was denied", item->rec.number,
                    escalation_state_name(item->rec.state), item->rec.by);
    }
}

/* What became of the tombstone's request is known when its row is on the disk. */
static void say_ended(struct ui *ui)
{
    struct review *review = &ui->review;
    const struct gate_item *ended = recent_by_id(ui->config.gate, review->commit.id);
    if (ended)
        snprintf(review->ended, sizeof review->ended, "%s by %s while it was open here",
                escalation_state_name(ended->rec.state), ended->rec.by);
}

/* The bound item against the one that waits; a tombstone says what became of it. */
static void check_review(struct ui *ui)
{
    struct review *review = &ui->review;
    struct commit *commit = &review->commit;
    if (commit->phase == COMMIT_NONE)
        return;
    if (commit->phase == COMMIT_DEAD) {
        say_ended(ui);
        return;
    }
    const struct gate_item *item = ui_gate_item(ui);
    bool waits = item && !item->deciding &&
                 (ui->review.is_late ? item->late_ms == 0 : item->rec.state == ESC_WAITING);
    /* An edited text has a digest of its own; what was asked must be the same still. */
    bool is_same = item && strcmp(item->rec.digest, review->item.rec.digest) == 0;
    commit_check(
            commit, waits, is_same ? commit->digest : "", item ? item->rec.policy_version : "");
    if (commit->phase != COMMIT_DEAD)
        return;
    ui_edit_close(ui);
    snprintf(review->ended, sizeof review->ended,
            waits ? "changed, look again" : "does not wait any more");
    say_ended(ui);
}

/* Once when the first item of a quiet spell arrives. */
static void ring(struct ui *ui)
{
    unsigned waiting = gate_count(ui->config.gate);
    uint64_t now = ui_now(ui);
    bool first = ui->waiting_before == 0 && waiting > 0;
    ui->waiting_before = waiting;
    if (!first || (ui->rang_at && now - ui->rang_at < RING_GAP_MS))
        return;
    ui->rang_at = now;
    ui_tell_waiting(ui);
    ui->ring = !ui->config.config || ui->config.config->bell;
}

/* --- the draft, and the gate as a whole ------------------------------------------------------
 */

void ui_gate_write(struct ui *ui)
{
    struct review *review = &ui->review;
    if (review->is_late)
        return;
    line_edit_start(&review->edit, review->draft.message, DRAFT_MESSAGE - 1);
    review->writes = true;
    ui_touch(ui, DIRTY_PANELS | DIRTY_CHROME);
}

bool ui_gate_writes(struct ui *ui, const struct key *key)
{
    struct review *review = &ui->review;
    if (ui->mode != MODE_REVIEW || !review->writes)
        return false;
    switch (line_edit_key(&review->edit, key)) {
    case LINE_EDIT_DONE:
        str_copy(review->draft.message, sizeof review->draft.message,
                (struct str){review->edit.text, review->edit.n});
        review->writes = false;
        commit_repaint(&review->commit);
        break;
    case LINE_EDIT_LEFT:
        review->writes = false;
        commit_repaint(&review->commit);
        break;
    case LINE_EDIT_GOES_ON:
    case LINE_EDIT_NOT_MINE:
        break;
    }
    ui_touch(ui, DIRTY_PANELS | DIRTY_CHROME);
    return true;
}

void ui_gate_view(struct ui *ui)
{
    struct review *review = &ui->review;
    if (!review->reading) {
        ui_message(ui, "only the arguments of a call can be seen as received");
        return;
    }
    review->as_json = !review->as_json;
    review_take(review, review->reading);
    ui_touch(ui, DIRTY_PANELS | DIRTY_CHROME);
}

void ui_gate_hold(struct ui *ui)
{
    if (!ui->config.gate)
        return;
    bool hold = !gate_is_held(ui->config.gate);
    gate_hold(ui->config.gate, hold);
    ui_message(ui, hold ? "everything is held: requests wait, nothing is denied; C-\\ ! goes on"
                        : "requests go on");
    ui_touch(ui, DIRTY_ALL);
}

void ui_gate_forget(struct ui *ui)
{
    struct view *view = &ui->expired_view;
    const struct gate_item *late =
            ui->config.gate ? gate_expired_at(ui->config.gate, view->selected) : NULL;
    if (!late)
        return;
    gate_forget_expired(ui->config.gate, late->rec.id);
    if (view->selected > 0 && !gate_expired_at(ui->config.gate, view->selected))
        view->selected--;
    ui_touch(ui, DIRTY_PANELS | DIRTY_CHROME);
}

/* A second time when the oldest has a minute left. */
void ui_gate_tick(struct ui *ui)
{
    ui_reading_check(ui);
    const struct gate_item *oldest = ui->config.gate ? gate_at(ui->config.gate, 0) : NULL;
    if (!oldest || oldest->left_ms > LAST_CALL_MS || oldest->rec.id == ui->called_id)
        return;
    ui->called_id = oldest->rec.id;
    ui_tell_waiting(ui);
    ui->ring = !ui->config.config || ui->config.config->bell;
}

void ui_gate_changed(struct ui *ui)
{
    if (!ui->config.gate)
        return;
    check_review(ui);
    ui_marks_prune(ui);
    announce(ui);
    ring(ui);
}
