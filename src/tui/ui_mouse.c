/*
 * ui_mouse.c - where a click, a drag and the wheel belong.
 *
 * Inside the pane they are the agent's if it asked for them, in its coordinates; Alt makes them
 * the host's. Outside they select, scroll and open: tabs, panels, rows, the edge of the column.
 * No event of the mouse decides anything, and the click that only brings the window to the
 * front does nothing. Whoever got the press gets all until the release.
 */
#include "tui/ui_state.h"

#define RAISE_MS 300  /* a click so soon after the focus came is the one that brought it */
#define DOUBLE_MS 400 /* two clicks within it are a double click */
#define WHEEL_LINES 3
#define LEFT 0u

static bool is_inside(struct rect r, int row, int col)
{
    return row >= r.row && row < r.row + r.rows && col >= r.col && col < r.col + r.cols;
}

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

/* --- for the agent ------------------------------------------------------------------------ */

static bool agent_wants(const struct ui *ui, const struct vt_mouse *mouse)
{
    return ui->mode == MODE_AGENT && ui_agent_lives(ui) && !(mouse->button & VT_MOUSE_ALT) &&
           vt_modes(session_vt(ui->session)).mouse != 0;
}

static void to_agent(struct ui *ui, const struct vt_mouse *mouse)
{
    struct rect pane = ui->layout.pane;
    struct vt_mouse inner = *mouse;
    char bytes[32];
    inner.row = clamp(mouse->row - pane.row, 0, pane.rows - 1);
    inner.col = clamp(mouse->col - pane.col, 0, pane.cols - 1);
    if (mouse->release && (mouse->button & VT_MOUSE_BUTTONS) == VT_MOUSE_NONE)
        inner.button = (mouse->button & ~VT_MOUSE_BUTTONS) | ui->mouse.button;
    if (ui_agent_lives(ui))
        buf_append(&ui->agent_bytes, bytes,
                vt_encode_mouse(session_vt(ui->session), &inner, bytes));
}

/* Programs on the alternate screen that know no mouse scroll by their arrow keys. */
static void wheel_as_arrows(struct ui *ui, bool up)
{
    struct key key = {.kind = KEY_SYM, .sym = up ? VT_KEY_UP : VT_KEY_DOWN};
    for (int i = 0; i < WHEEL_LINES; i++)
        ui_key_to_agent(ui, &key);
}

/* --- panels ---------------------------------------------------------------------------------
 */

/* The panel at this place, or -1. */
static int panel_at(const struct ui *ui, int row, int col)
{
    for (int i = 0; i < PANEL_COUNT; i++)
        if (is_inside(ui->layout.panel[i], row, col))
            return i;
    return -1;
}

static void click_waiting(struct ui *ui, struct view *view, int row, unsigned clicks)
{
    int index = v_waiting_at(view, row);
    const struct gate_item *item =
            index >= 0 ? v_waiting_item(ui->config.gate, (unsigned)index, NULL) : NULL;
    uint64_t before = ui->mouse.clicked_id;
    unsigned top = view->top;
    if (ui->mode != MODE_WAITING)
        ui_set_mode(ui, MODE_WAITING);
    ui->mouse.clicked_id = item ? item->rec.id : 0;
    if (!item)
        return;
    view->top = top;
    view->selected = (unsigned)index;
    /* Both clicks were on the same one: the queue may have moved in between. */
    if (clicks == 2 && item->rec.id == before)
        ui_gate_open(ui, before);
}

/* Only the keyboard opens one: its target is to be read first. */
static void click_links(struct ui *ui, int row)
{
    int index = v_links_at(&ui->links_view, row);
    if (index >= 0 && (unsigned)index < ui->links.count)
        ui->links_view.selected = (unsigned)index;
}

static void click_view(struct ui *ui, struct view *view, int row, unsigned clicks)
{
    if (view == &ui->panels[PANEL_WAITING])
        click_waiting(ui, view, row, clicks);
    else if (view == &ui->links_view)
        click_links(ui, row);
    else if (ui->mode != view->ops->mode)
        ui_set_mode(ui, view->ops->mode);
    ui_touch(ui, DIRTY_PANELS | DIRTY_CHROME);
}

static void wheel_view(struct ui *ui, struct view *view, bool up)
{
    struct view_env env = ui_env(ui);
    for (int i = 0; i < WHEEL_LINES; i++)
        view_move(view, &env, up ? ACT_UP : ACT_DOWN);
    view->pinned = !view->focused && view->selected > 0;
    ui_touch(ui, DIRTY_PANELS);
}

static void wheel_review(struct ui *ui, bool up)
{
    for (int i = 0; i < WHEEL_LINES; i++)
        review_move(&ui->review, up ? ACT_UP : ACT_DOWN);
    ui_touch(ui, DIRTY_PANELS);
}

/* --- events ---------------------------------------------------------------------------------
 */

static unsigned count_clicks(struct ui *ui, const struct vt_mouse *mouse)
{
    struct mouse *m = &ui->mouse;
    uint64_t now = ui_now(ui);
    bool again = m->clicks > 0 && m->clicks < 3 && now - m->click_at <= DOUBLE_MS &&
                 mouse->row == m->row && mouse->col == m->col;
    m->clicks = again ? m->clicks + 1 : 1;
    m->click_at = now;
    m->row = mouse->row;
    m->col = mouse->col;
    return m->clicks;
}

static void press_pane(struct ui *ui, const struct vt_mouse *mouse, unsigned clicks)
{
    if (agent_wants(ui, mouse)) {
        ui->mouse.grab = GRAB_AGENT;
        ui->mouse.button = mouse->button & VT_MOUSE_BUTTONS;
        to_agent(ui, mouse);
        return;
    }
    if ((mouse->button & VT_MOUSE_BUTTONS) != LEFT)
        return;
    if (ui->mode != MODE_AGENT && !mode_is_copy(ui->mode)) {
        ui_set_mode(ui, MODE_AGENT);
        return;
    }
    ui->mouse.grab = GRAB_SELECT;
    /* One click selects nothing before it moves. */
    ui->mouse.selecting = clicks > 1 || mode_is_copy(ui->mode);
    if (ui->mouse.selecting)
        ui_copy_press(
                ui, mouse->row - ui->layout.pane.row, mouse->col - ui->layout.pane.col, clicks);
}

static void press_tab(struct ui *ui, int col)
{
    unsigned number = chrome_tab_at(&ui->hits, col);
    if (number > 0)
        ui_tab_number(ui, number);
}

/* Nothing in a review is for the mouse but the wheel; a question and a list of keys are gone
 * with the click. */
static void press(struct ui *ui, const struct vt_mouse *mouse)
{
    unsigned clicks = count_clicks(ui, mouse);
    bool left = (mouse->button & VT_MOUSE_BUTTONS) == LEFT;
    int panel = panel_at(ui, mouse->row, mouse->col);
    struct view *over = ui_overlay(ui);
    ui->mouse.grab = GRAB_NOBODY;
    ui_copy_drag_over(ui); /* its release was lost */
    if (ui->focus_at && ui_now(ui) - ui->focus_at < RAISE_MS) {
        ui->focus_at = 0;
        ui->mouse.clicks = 0;
        return;
    }
    ui_message_seen(ui);
    ui_cancel_prefix(ui);
    if (is_inside(ui->layout.tabs, mouse->row, mouse->col)) {
        if (left)
            press_tab(ui, mouse->col);
    } else if (!is_inside(ui->layout.middle, mouse->row, mouse->col) ||
               ui->mode == MODE_REVIEW) {
        return;
    } else if (over) {
        if (left)
            click_view(ui, over, mouse->row, clicks);
    } else if (left && layout_is_edge(&ui->layout, mouse->row, mouse->col)) {
        ui->mouse.grab = GRAB_EDGE;
    } else if (panel >= 0) {
        if (left)
            click_view(ui, &ui->panels[panel], mouse->row, clicks);
    } else {
        press_pane(ui, mouse, clicks);
    }
}

static void drag_selection(struct ui *ui, const struct vt_mouse *mouse)
{
    struct rect pane = ui->layout.pane;
    if (!ui->mouse.selecting)
        ui_copy_press(ui, ui->mouse.row - pane.row, ui->mouse.col - pane.col, 1);
    ui->mouse.selecting = true;
    ui_copy_drag(ui, mouse->row - pane.row, clamp(mouse->col - pane.col, 0, pane.cols - 1));
}

static void motion(struct ui *ui, const struct vt_mouse *mouse)
{
    bool is_free = (mouse->button & VT_MOUSE_BUTTONS) == VT_MOUSE_NONE;
    if (is_free) {
        ui_copy_drag_over(ui);
        if (agent_wants(ui, mouse) && is_inside(ui->layout.pane, mouse->row, mouse->col) &&
                !ui_overlay(ui))
            to_agent(ui, mouse);
        return;
    }
    switch (ui->mouse.grab) {
    case GRAB_AGENT:
        to_agent(ui, mouse);
        return;
    case GRAB_EDGE:
        ui_column_width(ui, ui->cols - mouse->col);
        return;
    case GRAB_SELECT:
        drag_selection(ui, mouse);
        return;
    case GRAB_NOBODY:
        return;
    }
    CHECK_UNREACHABLE();
}

static void release(struct ui *ui, const struct vt_mouse *mouse)
{
    if (ui->mouse.grab == GRAB_AGENT)
        to_agent(ui, mouse);
    else if (ui->mouse.grab == GRAB_SELECT && ui->mouse.selecting)
        ui_copy_release(ui);
    ui->mouse.grab = GRAB_NOBODY;
}

static void wheel(struct ui *ui, const struct vt_mouse *mouse)
{
    bool up = (mouse->button & 1) == 0, sideways = mouse->button & 2;
    int panel = panel_at(ui, mouse->row, mouse->col);
    struct view *over = ui_overlay(ui);
    bool in_pane = !over && ui->mode != MODE_REVIEW && panel < 0 &&
                   is_inside(ui->layout.pane, mouse->row, mouse->col);
    if (in_pane && agent_wants(ui, mouse))
        to_agent(ui, mouse);
    else if (sideways)
        return;
    else if (over)
        wheel_view(ui, over, up);
    else if (ui->mode == MODE_REVIEW)
        wheel_review(ui, up);
    else if (panel >= 0)
        wheel_view(ui, &ui->panels[panel], up);
    else if (in_pane && ui->mode == MODE_AGENT && ui_agent_lives(ui) &&
             vt_modes(session_vt(ui->session)).alt_screen)
        wheel_as_arrows(ui, up);
    else if (in_pane && (ui->mode == MODE_AGENT || mode_is_copy(ui->mode)))
        ui_copy_wheel(ui, up ? -WHEEL_LINES : WHEEL_LINES);
}

void ui_mouse(struct ui *ui, const struct vt_mouse *mouse)
{
    ui->has_pending = false; /* it came behind a commit key */
    if (ui->read_discard || !ui->mouse.taken)
        return;
    if (mouse->button & VT_MOUSE_WHEEL)
        wheel(ui, mouse);
    else if (mouse->release)
        release(ui, mouse);
    else if (mouse->button & VT_MOUSE_MOTION)
        motion(ui, mouse);
    else
        press(ui, mouse);
}

void ui_mouse_toggle(struct ui *ui)
{
    struct mouse *mouse = &ui->mouse;
    mouse->given = mouse->taken;
    mouse->taken = !mouse->taken;
    mouse->grab = GRAB_NOBODY;
    ui_copy_drag_over(ui);
    if (mouse->taken)
        ui_message(ui, "the mouse is ironcurtain's; C-\\ m gives it to the terminal");
    else
        ui_message(ui, "the mouse is the terminal's; C-\\ m takes it back");
    ui_relayout(ui);
}
