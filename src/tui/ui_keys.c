/*
 * ui_keys.c - modes and keys.
 *
 * In AGENT mode every key but the prefix goes to the agent: ordinary bytes unchanged and in
 * one piece per read, cursor and function keys encoded for the modes the agent has set,
 * pastes as pastes. In all other modes no key reaches the agent.
 *
 * A commit key counts only when nothing else came in the same read but its prefix: a paste
 * without brackets, or typing that piled up behind a stalled connection, decides nothing.
 */
#include "base/limits.h"
#include "tui/ui_state.h"

#define PREFIX_LIST_MS 600
#define STRAY_MS 1500
#define STRAY_COUNT 4
#define COLUMN_STEP 4

static void flush_agent(struct ui *ui)
{
    if (buf_len(&ui->agent_bytes) == 0)
        return;
    if (ui->session)
        session_input(ui->session, buf_str(&ui->agent_bytes));
    buf_clear(&ui->agent_bytes);
    ui_touch(ui, DIRTY_WORDS);
}

/* A key of old bytes as the kitty protocol sees it: Ctrl and a letter, not a control byte. Tab,
 * Enter and Backspace are keys, and 0x08 is Backspace on some terminals: it stays a byte. */
static uint32_t key_code(const struct key *key, int *mods)
{
    uint32_t cp = key->cp;
    *mods = key->mods;
    if (key->kind == KEY_SYM)
        return key->sym == KEY_SYM_ESC ? 27 : '\t';
    if (key->form != FORM_BYTES || cp >= 0x20 || cp == '\t' || cp == '\r')
        return cp;
    *mods |= VT_MOD_CTRL;
    return cp == 0 ? ' ' : cp <= 26 ? cp + 0x60 : cp + 0x40;
}

static bool is_cursor_key(const struct key *key)
{
    return key->kind == KEY_SYM && key->sym < KEY_SYM_ESC;
}

/* The agent expects this key as the terminal sent it. */
static bool is_as_expected(const struct key *key, bool is_kitty)
{
    if (key->raw.n == 0)
        return false;
    if (key->form == FORM_BYTES && (key->kind == KEY_RAW || key->mods & KEY_MOD_OTHER ||
                                           (key->kind == KEY_CHAR && key->cp == 8)))
        return true;
    return is_kitty ? key->form == FORM_KITTY : key->form == FORM_BYTES && !is_cursor_key(key);
}

/*
 * The bytes of a key for the agent, appended. Anything but what is expected is written anew:
 * the terminal knows no other form, or has not heard yet that the agent wants another one.
 */
static void encode_key(struct ui *ui, const struct key *key)
{
    const struct vt *vt = session_vt(ui->session);
    char bytes[32];
    size_t n = 0;
    int mods;
    if (is_as_expected(key, vt_modes(vt).kitty_flags != 0)) {
        buf_append_str(&ui->agent_bytes, key->raw);
        return;
    }
    if (key->release || key->kind == KEY_RAW || key->mods & KEY_MOD_OTHER)
        return;
    if (is_cursor_key(key)) {
        n = vt_encode_key(vt, key->sym, key->mods, bytes);
    } else {
        uint32_t cp = key_code(key, &mods);
        n = vt_encode_char(vt, cp, mods, bytes);
    }
    buf_append(&ui->agent_bytes, bytes, n);
}

void ui_key_to_agent(struct ui *ui, const struct key *key)
{
    if (!ui_agent_lives(ui)) {
        if (ui->session && session_state(ui->session) != SESSION_STARTING)
            ui_message(ui, "the session has ended; C-\\ x closes its tab, C-\\ q leaves");
        return;
    }
    sessions_answered(ui->config.sessions, ui->session);
    encode_key(ui, key);
}

/* --- modes ---------------------------------------------------------------------------- */

void ui_set_mode(struct ui *ui, enum ui_mode mode)
{
    bool is_panel = mode == MODE_WAITING || mode == MODE_REQUESTS || mode == MODE_WORDS;
    if (is_panel && !ui->config.panels) {
        ui_message(ui, "there are no panels here");
        return;
    }
    if (ui->mode == MODE_REVIEW)
        ui_gate_close(ui);
    if (!mode_is_copy(mode))
        ui_copy_close(ui);
    if (mode != ui->mode)
        ui->zoom_panel = false;
    ui->mode = mode;
    for (int i = 0; i < PANEL_COUNT; i++) {
        ui->panels[i].focused = ui->panels[i].ops->mode == mode;
        ui->panels[i].pinned = false;
        if (ui->panels[i].focused)
            ui->open = (enum panel)i;
    }
    struct view *view = ui_view(ui, mode);
    if (view)
        view->selected = view->top = 0;
    ui_relayout(ui);
}

static void toggle_mode(struct ui *ui, enum ui_mode mode)
{
    ui_set_mode(ui, ui->mode == mode ? MODE_AGENT : mode);
}

static void focus_next(struct ui *ui)
{
    switch ((int)ui->mode) {
    case MODE_AGENT:
        ui_set_mode(ui, MODE_WAITING);
        break;
    case MODE_WAITING:
        ui_set_mode(ui, MODE_REQUESTS);
        break;
    case MODE_REQUESTS:
        ui_set_mode(ui, MODE_WORDS);
        break;
    default:
        ui_set_mode(ui, MODE_AGENT);
    }
}

static void toggle_zoom(struct ui *ui)
{
    struct view *view = ui_view(ui, ui->mode);
    if (view)
        ui->zoom_panel = !ui->zoom_panel;
    else
        ui->zoom_pane = !ui->zoom_pane;
    ui_relayout(ui);
}

/* True when it is asked for the second time, or when nothing is lost. */
static bool is_sure(struct ui *ui, enum ui_asked what)
{
    bool sure = ui->asked == what || !ui_agent_lives(ui);
    ui->asked = sure ? ASKED_NOTHING : what;
    ui_touch(ui, DIRTY_CHROME);
    return sure;
}

static void commit_key(struct ui *ui, enum action_id id)
{
    if (ui->mode != MODE_REVIEW && !(ui->mode == MODE_WAITING && ui->marks.count > 0)) {
        ui_message(ui, "C-\\ y and C-\\ n decide in a review only; C-\\ e opens one");
        return;
    }
    ui->pending = id;
    ui->has_pending = true;
}

static void send_prefix(struct ui *ui)
{
    const struct chord *prefix = &ui->input.prefix;
    struct key key = {.kind = prefix->key ? KEY_SYM : KEY_CHAR, .form = FORM_KITTY};
    key.sym = prefix->key;
    key.cp = prefix->cp;
    key.mods = prefix->key ? 0 : VT_MOD_CTRL;
    if (ui->mode == MODE_AGENT)
        ui_key_to_agent(ui, &key);
}

static void change_column(struct ui *ui, int by)
{
    int has = ui->layout.panel[PANEL_WAITING].cols;
    if (ui->layout.kind > LAYOUT_ACCORDION || has == 0)
        ui_message(ui, "there is no column of panels now");
    else
        ui_column_width(ui, has + by);
}

static void redraw(struct ui *ui)
{
    frame_invalidate(ui->frame);
    commit_repaint(&ui->review.commit);
    ui_touch(ui, DIRTY_ALL);
}

static void open_selected(struct ui *ui)
{
    if (ui->mode == MODE_LINKS) {
        ui_offer_open(ui);
        return;
    }
    if (ui->mode == MODE_EXPIRED) {
        const struct gate_item *late =
                ui->config.gate ? gate_expired_at(ui->config.gate, ui->expired_view.selected)
                                : NULL;
        if (late)
            ui_gate_open(ui, late->rec.id);
        return;
    }
    const struct gate_item *item =
            v_waiting_item(ui->config.gate, ui->panels[PANEL_WAITING].selected, NULL);
    if (item)
        ui_gate_open(ui, item->rec.id);
}

static void move(struct ui *ui, enum action_id id)
{
    struct view_env env = ui_env(ui);
    struct view *view = ui_view(ui, ui->mode);
    if (ui->mode == MODE_REVIEW)
        review_move(&ui->review, id);
    else if (view)
        view_move(view, &env, id);
    else
        ui_copy_act(ui, id);
    ui_touch(ui, DIRTY_PANELS);
}

/* A changed draft is painted, fenced and armed anew: what counts is what has been seen. */
static void draft(struct ui *ui, enum action_id id)
{
    const char *why;

    if (buf_len(&ui->review.edited) > 0)
        ui_message(ui, "an edited call is approved once");
    else if (ui->review.group.count > 0)
        ui_message(ui, "a group is answered once");
    else if (draft_key(&ui->review.draft, id, &why)) {
        ui_past_start(ui);
        commit_repaint(&ui->review.commit);
        ui_touch(ui, DIRTY_PANELS | DIRTY_CHROME);
    } else if (why) {
        ui_message(ui, "%s", why);
    }
}

static void back(struct ui *ui)
{
    ui_set_mode(ui, MODE_AGENT);
}

static void leave(struct ui *ui, enum ui_leave why)
{
    ui->config.on_leave(ui->config.ctx, why);
}

/* Going to another one, ending it, leaving it. */
static void act_on_session(struct ui *ui, enum action_id id)
{
    if (id == ACT_QUIT && is_sure(ui, ASKED_QUIT))
        leave(ui, UI_QUIT);
    else if (id == ACT_STOP && is_sure(ui, ASKED_STOP))
        ui_tab_stop(ui);
    else if (id == ACT_DETACH || id == ACT_SUSPEND)
        leave(ui, id == ACT_DETACH ? UI_DETACH : UI_SUSPEND);
    else if (id >= ACT_TAB_1 && id <= ACT_TAB_9)
        ui_tab_number(ui, id - ACT_TAB_1 + 1);
    else if (id == ACT_TAB_LEFT || id == ACT_TAB_RIGHT)
        ui_tab_beside(ui, id == ACT_TAB_LEFT ? -1 : 1);
    else if (id == ACT_TAB_PREVIOUS)
        ui_tab_previous(ui);
    else if (id == ACT_TAB_NEEDING)
        ui_tab_needing(ui);
}

static void act(struct ui *ui, enum action_id id)
{
    switch (id) {
    case ACT_SEND_PREFIX:
        send_prefix(ui);
        return;
    case ACT_REVIEW:
        ui_gate_open_next(ui);
        return;
    case ACT_REQUESTS:
        toggle_mode(ui, MODE_REQUESTS);
        return;
    case ACT_WORDS:
        toggle_mode(ui, MODE_WORDS);
        return;
    case ACT_FOCUS_NEXT:
        focus_next(ui);
        return;
    case ACT_ZOOM:
        toggle_zoom(ui);
        return;
    case ACT_PANELS:
        ui->column = !ui->column;
        ui_relayout(ui);
        return;
    case ACT_COLUMN_WIDER:
    case ACT_COLUMN_NARROWER:
        change_column(ui, id == ACT_COLUMN_WIDER ? COLUMN_STEP : -COLUMN_STEP);
        return;
    case ACT_MOUSE:
        ui_mouse_toggle(ui);
        return;
    case ACT_REDRAW:
        redraw(ui);
        return;
    case ACT_MESSAGES:
        toggle_mode(ui, MODE_MESSAGES);
        return;
    case ACT_HELP:
        toggle_mode(ui, MODE_HELP);
        return;
    case ACT_LINKS:
        ui_offer_links(ui);
        return;
    case ACT_EXPIRED:
        toggle_mode(ui, MODE_EXPIRED);
        return;
    case ACT_RULES:
        ui_rules_toggle(ui);
        return;
    case ACT_FORGET:
        ui_gate_forget(ui);
        return;
    case ACT_REVOKE:
        ui_rules_revoke(ui);
        return;
    case ACT_HOLD:
        ui_gate_hold(ui);
        return;
    case ACT_MARK:
    case ACT_MARK_ALIKE:
    case ACT_MARK_SESSION:
        ui_marks_set(ui, id);
        return;
    case ACT_GROUP:
        ui_group_open(ui);
        return;
    case ACT_TICK:
        ui_group_tick(ui);
        return;
    case ACT_UNDO:
        ui_gate_undo(ui);
        return;
    case ACT_WRITE:
        ui_gate_write(ui);
        return;
    case ACT_EDIT:
        ui_edit_open(ui);
        return;
    case ACT_VIEW:
        ui_gate_view(ui);
        return;
    case ACT_CLIPBOARD:
        ui_offer_clipboard(ui);
        return;
    case ACT_REFUSE:
    case ACT_REFUSE_ALL:
        ui_offer_refuse(ui, id == ACT_REFUSE_ALL);
        return;
    case ACT_QUIT ... ACT_TAB_NEEDING:
    case ACT_SUSPEND:
        act_on_session(ui, id);
        return;
    case ACT_APPROVE:
    case ACT_DENY:
        commit_key(ui, id);
        return;
    case ACT_CANCEL:
        return;
    case ACT_PASTE:
        ui_copy_paste(ui);
        return;
    case ACT_COPY:
    case ACT_COPY_PAGE:
    case ACT_COPY_FIND:
    case COPY_LEFT ... COPY_LAST:
        ui_copy_act(ui, id);
        return;
    case ACT_OPEN:
        open_selected(ui);
        return;
    case ACT_NEXT:
        ui_gate_open_beside(ui, 1);
        return;
    case ACT_PREVIOUS:
        ui_gate_open_beside(ui, -1);
        return;
    case ACT_BACK:
        back(ui);
        return;
    case ACT_DOWN:
    case ACT_UP:
    case ACT_PAGE_DOWN:
    case ACT_PAGE_UP:
    case ACT_TOP:
    case ACT_BOTTOM:
        move(ui, id);
        return;
    case ACT_ONCE:
    case ACT_SESSION:
    case ACT_ALWAYS:
    case ACT_TIME:
    case ACT_NARROWER:
    case ACT_WIDER:
        draft(ui, id);
        return;
    }
    CHECK_UNREACHABLE();
}

/* --- keys ----------------------------------------------------------------------------- */

/* Typed into a host's view without meaning there: harmless, and noticed. */
static void stray_key(struct ui *ui, const struct key *key)
{
    uint64_t now = ui_now(ui);
    if (!key_is_text(key))
        return;
    if (ui->strays == 0 || now - ui->stray_at > STRAY_MS) {
        ui->strays = 0;
        ui->stray_at = now;
    }
    if (++ui->strays < STRAY_COUNT) {
        ui_message(ui, "keys do not go to the agent here; Esc goes back");
        return;
    }
    ui->ring = true;
    ui_message(ui, "you are typing in the wrong place: this is %s; Esc goes back to the agent",
            mode_name(ui->mode));
}

static void host_key(struct ui *ui, const struct key *key)
{
    if (ui->mode == MODE_REVIEW && ui->review.commit.phase == COMMIT_CODE) {
        if (key_is_text(key) && !key->repeat)
            ui_gate_letter(ui, key_latin(key));
        else if (key->kind == KEY_SYM && key->sym == KEY_SYM_ESC)
            commit_rearm(&ui->review.commit, ui_now(ui));
        ui_touch(ui, DIRTY_PANELS);
        return;
    }
    if (ui_gate_writes(ui, key) || ui_edit_key(ui, key) || ui_copy_text(ui, key))
        return;
    const struct action *action = keymap_find(ui->mode, false, key);
    if (action)
        act(ui, action->id);
    else
        stray_key(ui, key);
}

static void prefix_off(struct ui *ui)
{
    ui->prefix = false;
    timer_stop(ui->prefix_timer);
    if (ui->prefix_list) {
        ui->prefix_list = false;
        ui_touch(ui, DIRTY_ALL);
    }
    ui_touch(ui, DIRTY_CHROME);
}

void ui_cancel_prefix(struct ui *ui)
{
    if (ui->prefix)
        prefix_off(ui);
}

static uint32_t key_identity(const struct key *key)
{
    return key->kind == KEY_SYM ? 0x80000000u | (unsigned)key->sym : key->cp;
}

static void prefixed_key(struct ui *ui, const struct key *key)
{
    ui->taken_key = key_identity(key);
    char typed[5] = "";
    prefix_off(ui);
    const struct action *action = keymap_find(ui->mode, true, key);
    if (!action && key_is_text(key))
        typed[utf8_encode(key->cp, typed)] = '\0';
    if (!action || (action->id != ACT_QUIT && action->id != ACT_STOP && action->id != ACT_DENY))
        ui->asked = ASKED_NOTHING;
    if (action)
        act(ui, action->id);
    else if (typed[0])
        ui_message(ui, "no such key: C-\\ %s, nothing was sent (C-\\ ? lists them)", typed);
    else
        ui_message(ui, "no such key after C-\\, nothing was sent (C-\\ ? lists them)");
}

static void prefix_key(struct ui *ui, const struct key *key)
{
    if (key->repeat)
        return;
    if (ui->prefix) {
        prefix_off(ui);
        ui->asked = ASKED_NOTHING;
        act(ui, ACT_SEND_PREFIX);
        return;
    }
    flush_agent(ui);
    ui->prefix = true;
    timer_start(ui->prefix_timer, PREFIX_LIST_MS);
    ui_touch(ui, DIRTY_CHROME);
}

/* Modifiers by themselves and releases mean nothing to the host. The agent, if it asked for
 * them, does not get the release of a key that was the host's. */
static void idle_key(struct ui *ui, const struct key *key)
{
    bool is_taken = key->release && key->kind != KEY_RAW && ui->taken_key == key_identity(key);
    if (is_taken)
        ui->taken_key = 0;
    if (!is_taken && ui->mode == MODE_AGENT && !ui->prefix && ui_agent_lives(ui) &&
            !key_is_prefix(&ui->input, key))
        encode_key(ui, key);
}

void ui_message_seen(struct ui *ui)
{
    if (!ui->config.messages->showing)
        return;
    ui->config.messages->showing = false;
    ui_touch(ui, DIRTY_CHROME);
}

static void handle_key(struct ui *ui, const struct key *key)
{
    if (key->release || key->modifier) {
        idle_key(ui, key);
        return;
    }
    ui->read_keys++;
    ui->has_pending = false; /* something follows the commit key */
    if (ui->read_discard)
        return;
    ui_message_seen(ui);
    if (ui->mode == MODE_REVIEW && commit_drops_keys(&ui->review.commit, ui_now(ui))) {
        if (ui->prefix)
            prefix_off(ui);
        return;
    }
    if (key_is_prefix(&ui->input, key)) {
        prefix_key(ui, key);
    } else if (ui->prefix) {
        if (!key->repeat)
            prefixed_key(ui, key);
    } else {
        if (ui->asked) {
            ui->asked = ASKED_NOTHING;
            ui_touch(ui, DIRTY_CHROME);
        }
        if (ui->mode == MODE_AGENT) {
            ui_key_to_agent(ui, key);
        } else {
            ui->taken_key = key_identity(key);
            host_key(ui, key);
        }
    }
}

static void handle_paste(struct ui *ui, const struct key *key)
{
    ui->read_keys++;
    ui->has_pending = false;
    if (ui->prefix)
        prefix_off(ui);
    if (key->kind == KEY_PASTE) {
        size_t room = LIMIT_PASTE - buf_len(&ui->paste);
        ui->paste_cut = ui->paste_cut || key->raw.n > room;
        buf_append(&ui->paste, key->raw.p, key->raw.n < room ? key->raw.n : room);
        return;
    }
    if (ui->mode == MODE_REVIEW && (ui->review.writes || ui->review.edits)) {
        if (ui->review.edits)
            area_edit_paste(&ui->review.area, buf_str(&ui->paste));
        else
            line_edit_paste(&ui->review.edit, buf_str(&ui->paste));
        ui_touch(ui, DIRTY_PANELS);
        buf_release(&ui->paste);
        ui->paste_cut = false;
        return;
    }
    bool here = ui->mode == MODE_AGENT && ui_agent_lives(ui) && !ui->read_discard;
    if (!here)
        ui_message(ui, "a paste is refused here, nothing was sent");
    else if (ui->paste_cut)
        ui_message(ui, "the paste was longer than 1 MiB and was refused");
    if (here && !ui->paste_cut) {
        flush_agent(ui);
        session_paste(ui->session, buf_str(&ui->paste));
        ui_touch(ui, DIRTY_WORDS);
    }
    buf_release(&ui->paste);
    ui->paste_cut = false;
}

static void focus_changed(struct ui *ui, const struct key *key)
{
    struct vt *vt = ui_agent_lives(ui) ? session_vt(ui->session) : NULL;
    ui->tell.unfocused = key->kind == KEY_FOCUS_OUT;
    ui_copy_drag_over(ui); /* the button may come up where we do not hear of it */
    if (key->kind == KEY_FOCUS_IN) {
        commit_rearm(&ui->review.commit, ui_now(ui));
        ui->focus_at = ui_now(ui);
        ui_touch(ui, DIRTY_PANELS);
    }
    if (vt && vt_modes(vt).focus_events) {
        flush_agent(ui);
        session_input(ui->session, key->raw);
    }
}

static void on_key(void *ctx, const struct key *key)
{
    struct ui *ui = ctx;
    switch (key->kind) {
    case KEY_CHAR:
    case KEY_SYM:
    case KEY_RAW:
        handle_key(ui, key);
        return;
    case KEY_PASTE:
    case KEY_PASTE_END:
        handle_paste(ui, key);
        return;
    case KEY_FOCUS_IN:
    case KEY_FOCUS_OUT:
        focus_changed(ui, key);
        return;
    case KEY_REPLY:
        ui_outer_reply(ui, key);
        return;
    case KEY_MOUSE:
        ui_mouse(ui, &key->mouse);
        return;
    }
    CHECK_UNREACHABLE();
}

/* At the end of a read: bytes for the agent leave, and a commit key that stood alone counts. */
static void end_of_read(struct ui *ui)
{
    flush_agent(ui);
    if (ui->has_pending) {
        ui->has_pending = false;
        if (ui->read_keys <= 2)
            ui_gate_commit(ui, ui->pending == ACT_APPROVE);
        else
            ui_message(ui, "keys came all at once, as from a paste: nothing was decided");
    }
    unsigned wait = input_wait_ms(&ui->input), id = input_wait_id(&ui->input);
    if (wait == 0) {
        timer_stop(ui->esc_timer);
    } else if (!timer_running(ui->esc_timer) || id != ui->wait_id) {
        ui->wait_id = id;
        timer_start(ui->esc_timer, wait);
    }
}

void ui_bytes(struct ui *ui, struct str bytes)
{
    ui->key_at = ui_now(ui);
    ui->read_keys = 0;
    ui->read_discard = false;
    ui->has_pending = false;
    input_feed(&ui->input, bytes, on_key, ui);
    end_of_read(ui);
}

void ui_held_keys(struct ui *ui)
{
    ui->read_keys = 0;
    ui->read_discard = false;
    ui->has_pending = false;
    input_timeout(&ui->input, on_key, ui);
    end_of_read(ui);
}
