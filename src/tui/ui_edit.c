/*
 * ui_edit.c - the arguments of a call under review, edited by the user: on the screen, or in
 * the editor of his own that whoever has the terminal runs.
 *
 * What was edited is a draft until it is approved: it lives in the review and goes with it.
 * Rules and answers are asked at once, the review binds to the edited form and is read, fenced
 * and armed anew.
 */
#include "review/pretty.h"
#include "tui/ui_state.h"

/* The arguments the draft has now, or those asked for. */
static struct str current(struct ui *ui)
{
    const struct gate_item *item = ui_gate_item(ui);
    if (buf_len(&ui->review.edited) > 0)
        return buf_str(&ui->review.edited);
    return item && item->call ? item->call->arguments : STR("");
}

static bool can_edit(struct ui *ui)
{
    const struct review *review = &ui->review;
    if (!review->is_call || review->is_late)
        ui_message(ui, "only the arguments of a call that waits can be edited");
    else if (review->group.count > 0)
        ui_message(ui, "in a group nothing is edited; Esc, and open it alone");
    else if (review->commit.phase == COMMIT_DEAD || current(ui).n == 0)
        ui_message(ui, "there is nothing to edit");
    else
        return true;
    return false;
}

/* To the user's own editor; the screen goes, and comes back with what he made of it. */
static void edit_outside(struct ui *ui, struct str text)
{
    if (!ui->config.on_edit) {
        ui_message(ui, "there is no editor here; edit it on the screen");
        return;
    }
    ui->config.on_edit(ui->config.ctx, ui->review.commit.id, text);
}

void ui_edit_open(struct ui *ui)
{
    struct review *review = &ui->review;
    struct buf text = BUF_INIT;
    if (!can_edit(ui))
        return;
    if (!json_pretty(current(ui), &text)) {
        ui_message(ui, "the arguments hold what is no text; they cannot be edited");
    } else if (buf_len(&text) > AREA_EDIT_MAX) {
        edit_outside(ui, buf_str(&text));
    } else {
        area_edit_start(&review->area, buf_str(&text));
        review->edits = true;
        ui_touch(ui, DIRTY_PANELS | DIRTY_CHROME);
    }
    buf_release(&text);
}

/* The review of another text begins: it is bound, read and armed like a new one. */
static void bind(struct ui *ui, const char *digest, enum risk risk, uint32_t hazards)
{
    struct review *review = &ui->review;
    review_bind(review, digest, risk, hazards);
    ui_gate_new_code(ui);
    commit_set_can_decide(&review->commit, ui->layout.can_decide);
    ui_reading_start(ui);
    ui->read_discard = true;
}

static void as_asked(struct ui *ui)
{
    struct review *review = &ui->review;
    bool was_edited = buf_len(&review->edited) > 0;
    buf_release(&review->edited);
    if (was_edited)
        bind(ui, review->item.rec.digest, review->asked_risk, review->asked_hazards);
    ui_message(ui, "the arguments are as they were asked for");
}

static bool is_as_asked(struct ui *ui, struct str arguments)
{
    const struct gate_item *item = ui_gate_item(ui);
    struct buf asked = BUF_INIT;
    struct err err;
    bool is_same = item && item->call &&
                   json_compact(item->call->arguments, &asked, &err) == 0 &&
                   str_eq(buf_str(&asked), arguments);
    buf_release(&asked);
    return is_same;
}

/* False: it cannot be so, and a message says why. */
static bool take(struct ui *ui, struct str text)
{
    struct review *review = &ui->review;
    struct buf arguments = BUF_INIT;
    struct gate_edit edit;
    struct err err;
    int rc = json_compact(text, &arguments, &err);
    if (rc == 0 && is_as_asked(ui, buf_str(&arguments))) {
        as_asked(ui);
        buf_release(&arguments);
        return true;
    }
    if (rc == 0)
        rc = gate_edit(ui->config.gate, review->commit.id, buf_str(&arguments), &edit, &err);
    if (rc < 0) {
        ui_message(ui, "not taken: %s", err.msg);
        buf_release(&arguments);
        return false;
    }
    buf_swap(&review->edited, &arguments);
    buf_release(&arguments);
    review->draft.scope = SCOPE_ONCE;
    bind(ui, edit.digest, edit.risk, edit.hazards);
    return true;
}

void ui_edit_close(struct ui *ui)
{
    if (!ui->review.edits)
        return;
    ui->review.edits = false;
    area_edit_release(&ui->review.area);
    ui_touch(ui, DIRTY_PANELS | DIRTY_CHROME);
}

static void left(struct ui *ui)
{
    ui_edit_close(ui);
    ui->review.page.width = 0;
    commit_repaint(&ui->review.commit);
}

static bool is_editor_key(const struct key *key)
{
    return key->kind == KEY_CHAR &&
           (key->cp == 0x07 || (key->cp == 'g' && (key->mods & VT_MOD_CTRL)));
}

bool ui_edit_key(struct ui *ui, const struct key *key)
{
    struct review *review = &ui->review;
    if (ui->mode != MODE_REVIEW || !review->edits)
        return false;
    ui_touch(ui, DIRTY_PANELS | DIRTY_CHROME);
    switch (area_edit_key(&review->area, key)) {
    case LINE_EDIT_DONE:
        if (take(ui, buf_str(&review->area.text)))
            left(ui);
        break;
    case LINE_EDIT_LEFT:
        left(ui);
        break;
    case LINE_EDIT_NOT_MINE:
        if (is_editor_key(key))
            edit_outside(ui, buf_str(&review->area.text));
        break;
    case LINE_EDIT_GOES_ON:
        break;
    }
    return true;
}

void ui_edit_back(struct ui *ui, uint64_t id, struct str text)
{
    struct review *review = &ui->review;
    if (!gate_find(ui->config.gate, id)) {
        ui_message(ui, "what was edited does not wait any more");
        return;
    }
    ui_gate_open(ui, id);
    if (!take(ui, text) && text.n <= AREA_EDIT_MAX) {
        area_edit_start(&review->area, text);
        review->edits = true;
    }
    ui_touch(ui, DIRTY_ALL);
}
