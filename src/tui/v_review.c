/*
 * v_review.c - see v_review.h. Always in this order: WHO, WHAT, WHY, RISK, YOUR WORDS, then
 * what does not scroll: SCOPE with the rules of the draft, DRAFT. Nothing is cut: what does not
 * fit scrolls, and approving waits until the end of WHAT was on the screen.
 */
#include "tui/v_review.h"

#include "base/punycode.h"
#include "policy/risk.h"

#define BODY_ROWS 3 /* of the request, however long the rule is */

void review_init(struct review *review, uint32_t arm_ms)
{
    memset(review, 0, sizeof *review);
    commit_init(&review->commit, arm_ms);
}

void review_release(struct review *review)
{
    free(review->detail);
    past_free(review->past);
    buf_release(&review->edited);
    area_edit_release(&review->area);
    page_release(&review->page);
    page_release(&review->foot);
}

static void take_words(struct review *review, struct words *words, int64_t wall_ms)
{
    struct words_entry entry;
    struct str host = str_of(review->item.host);
    review->words_age_ms = -1;
    review->names_in_words = false;
    review->words[0] = '\0';
    for (unsigned i = 0; words && words_at(words, i, &entry); i++) {
        if (host.n > 0 && memmem(entry.text, strlen(entry.text), host.p, host.n))
            review->names_in_words = true;
        if (review->words_age_ms >= 0 || entry.draft)
            continue;
        str_vis(review->words, sizeof review->words, str_of(entry.text));
        review->words_pasted = entry.pasted;
        review->words_age_ms = wall_ms > entry.at_ms ? wall_ms - entry.at_ms : 0;
    }
}

void review_open(struct review *review, const struct gate *gate, const struct gate_item *item,
        const char code[2], struct words *words, int64_t wall_ms)
{
    free(review->detail);
    review->item = *item;
    review->item.rec.detail = review->detail = xstrdup(item->rec.detail);
    draft_open(&review->draft, gate, item);
    review->draft_fits = false;
    review->ended[0] = '\0';
    review->page.width = 0;
    review->top = 0;
    review->seen_to = 0;
    review->reading = NULL;
    review->is_call = item->call != NULL;
    review->is_late = item->rec.state == ESC_EXPIRED;
    review->as_json = false;
    review->writes = false;
    buf_release(&review->edited);
    area_edit_release(&review->area);
    review->edits = false;
    review->group.count = 0;
    review->asked_risk = item->risk;
    review->asked_hazards = item->hazards;
    review->item.call = NULL; /* the gate's, which may let go of it */
    review->item.world = NULL;
    take_words(review, words, wall_ms);
    commit_open(&review->commit, item->rec.id, item->rec.digest, item->rec.policy_version,
            item->risk == RISK_HIGH, code);
}

void review_bind(struct review *review, const char *digest, enum risk risk, uint32_t hazards)
{
    struct commit *commit = &review->commit;
    review->item.risk = risk;
    review->item.hazards = hazards;
    review->page.width = 0;
    commit_open(commit, review->item.rec.id, digest, review->item.rec.policy_version,
            risk == RISK_HIGH, commit->code);
}

void review_words(struct words *words, struct buf *ret)
{
    struct words_entry entry;
    for (unsigned i = 0; words && words_at(words, i, &entry); i++) {
        buf_puts(ret, entry.text);
        buf_putc(ret, '\n');
    }
}

void review_take(struct review *review, const struct reading *reading)
{
    review->reading = reading;
    review->page.width = 0;
    commit_repaint(&review->commit);
}

/* --- lines ---------------------------------------------------------------------------- */

static void add_words(struct review *review)
{
    if (review->words_age_ms < 0) {
        page_printf(&review->page, "WORDS", "you have sent nothing in this session yet");
    } else {
        int64_t minutes = review->words_age_ms / 60000;
        page_printf(&review->page, "WORDS", "%s %lld min ago in this session",
                review->words_pasted ? "pasted" : "typed", (long long)minutes);
        page_printf(&review->page, "", "\"%s\"", review->words);
    }
    struct str host = str_of(review->item.host);
    const char *unsaid = review->reading ? reading_unsaid(review->reading) : "";
    if (host.n > 0 && !review->names_in_words)
        page_printf(
                &review->page, "", "in the request but not in your words: %.*s", STR_ARG(host));
    if (unsaid[0])
        page_printf(&review->page, "", "in the call but not in your words: %s", unsaid);
}

static const struct style *style_of(enum sheet_mark mark)
{
    static const struct style *const styles[] = {
            [SHEET_TEXT] = &STYLE_PLAIN,
            [SHEET_DIM] = &STYLE_DIM,
            [SHEET_ALERT] = &STYLE_ALERT,
            [SHEET_BAD] = &STYLE_BAD,
            [SHEET_ADDED] = &STYLE_GOOD,
            [SHEET_REMOVED] = &STYLE_REMOVED,
    };
    return styles[mark];
}

static void add_sheet(struct review *review, const struct sheet *sheet)
{
    for (size_t i = 0; i < sheet->count; i++)
        page_add_safe(&review->page, sheet->lines[i].label, sheet_text(sheet, i),
                style_of(sheet->lines[i].mark));
}

static void add_call(struct review *review)
{
    if (!review->reading) {
        page_printf(&review->page, "WHAT", "reading the workspace ...");
        return;
    }
    if (review->as_json)
        page_printf(
                &review->page, "WHAT", "as received; v goes back, where it can be approved");
    add_sheet(review,
            review->as_json ? reading_raw(review->reading) : reading_what(review->reading));
}

/* A name that is not what it looks like. */
static void add_host(struct review *review)
{
    const struct gate_item *item = &review->item;
    char letters[512], safe[1024];
    if (host_letters(str_of(item->host), letters, sizeof letters)) {
        str_vis(safe, sizeof safe, str_of(letters));
        page_printf(&review->page, "", "in letters  %s%s", safe,
                host_is_mixed(str_of(item->host)) ? "  (letters of several scripts)" : "");
    }
    if (item->taken_for[0])
        page_printf(&review->page, "", "near to     %s, which a rule names", item->taken_for);
}

static void add_what(struct review *review)
{
    const struct escalation_record *rec = &review->item.rec;
    struct str rest = str_of(rec->detail), line;
    if (review->is_call) {
        add_call(review);
        return;
    }
    page_add(&review->page, "WHAT", str_of(rec->subject), true);
    while (rest.n > 0) {
        str_cut(&rest, '\n', &line);
        page_add(&review->page, "", line, true);
    }
    add_host(review);
}

static void add_risk(struct review *review)
{
    const struct gate_item *item = &review->item;
    static const struct style *const styles[] = {&STYLE_PLAIN, &STYLE_ALERT, &STYLE_BAD};
    static const char *const words[] = {"LOW", "MED", "HIGH"};
    const char *label = "RISK";
    char line[120];
    page_add_safe(&review->page, label, str_of(words[item->risk]), styles[item->risk]);
    for (enum hazard hazard = 0; hazard < HAZARD_COUNT; hazard++) {
        if (!(item->hazards & hazard_bit(hazard)))
            continue;
        snprintf(line, sizeof line, "! %s", hazard_text(hazard));
        page_add_safe(&review->page, "", str_of(line), styles[hazard_risk(hazard)]);
    }
}

static void make_lines(struct review *review, int width)
{
    const struct gate_item *item = &review->item;
    page_start(&review->page, width);
    page_printf(&review->page, "WHO", "session %s, %s", item->label, item->agent);
    if (item->count > 1)
        page_printf(&review->page, "", "asked %u times, all of them wait for this answer",
                item->count);
    add_what(review);
    review->what_end = review->page.lines;
    page_printf(&review->page, "WHY", "%s",
            item->rec.reason[0] ? item->rec.reason : "no reason was given");
    page_printf(&review->page, "", "rule %s   %s", item->rec.rule, item->rec.where);
    add_risk(review);
    page_add(&review->page, "", STR(""), false);
    add_words(review);
    if (review->commit.high)
        page_printf(&review->page, "",
                "high risk: approving asks for the two letters beside the draft");
}

/* What the rule above would have meant so far. */
static void add_past(struct review *review, bool allow)
{
    if (review->draft.scope != SCOPE_ALWAYS)
        return;
    page_add_safe(&review->foot, "",
            review->past ? str_of(past_text(review->past, allow))
                         : STR("reading what it would have taken ..."),
            &STYLE_DIM);
}

static void add_group(struct review *review)
{
    const struct group *group = &review->group;
    for (unsigned i = 0; i < group->count; i++) {
        const struct group_member *member = &group->members[i];
        char line[200];
        bool is_shown = member->id == review->commit.id;
        snprintf(line, sizeof line, "%s[%c] #%-4d %-8s %.48s", is_shown ? ">" : " ",
                member->ticked ? 'x' : ' ', member->number,
                member->seen ? "seen"
                : is_shown   ? "is shown"
                             : "unseen",
                member->subject);
        page_add_safe(&review->foot, i == 0 ? "GROUP" : "", str_of(line), NULL);
    }
}

static void add_chord(struct review *review, const char *chord, struct str text)
{
    struct buf shown = BUF_INIT;
    keymap_shown(chord, review->prefix, &shown);
    buf_putc(&shown, '\0');
    page_add(&review->foot, buf_data(&shown), text, true);
    buf_release(&shown);
}

/* The draft as it is shown below what scrolls: the choices, what the rules cannot
 * say, and each rule as it would be. */
static void make_foot(struct review *review, int width)
{
    char choices[160];
    page_start(&review->foot, width);
    if (review->writes) {
        page_add_safe(&review->foot, "SAY", line_edit_text(&review->edit), NULL);
        page_add(&review->foot, "",
                STR("goes to the agent with either answer; Enter keeps it, "
                    "Esc drops the change"),
                false);
    } else if (review->draft.message[0]) {
        page_add(&review->foot, "SAY", str_of(review->draft.message), true);
    }
    if (review->is_late) {
        page_add(&review->foot, "LATE",
                STR("it was denied; C-\\ y allows it once if it is "
                    "asked again within 15 min"),
                false);
        return;
    }
    if (review->group.count > 0) {
        add_group(review);
        return;
    }
    if (buf_len(&review->edited) > 0) {
        page_add(&review->foot, "SCOPE", STR("once, as edited; C-\\ n denies what was asked"),
                false);
        return;
    }
    draft_choices(&review->draft, choices, sizeof choices);
    page_add(&review->foot, "SCOPE", str_of(choices), false);
    if (review->draft.scope == SCOPE_ONCE)
        return;
    draft_widths(&review->draft, choices, sizeof choices);
    page_add(&review->foot, "", str_of(choices), false);
    const char *yes = draft_rule(&review->draft, true), *no = draft_rule(&review->draft, false);
    add_chord(review, "C-\\ y",
            yes[0] ? str_of(yes) : STR("not offered: risk HIGH allows exactly this only"));
    if (yes[0])
        add_past(review, true);
    add_chord(review, "C-\\ n", str_of(no));
    add_past(review, false);
}

/* --- drawing -------------------------------------------------------------------------- */

static const char *draft_state(struct review *review, uint64_t now_ms, char buf[64])
{
    struct commit *commit = &review->commit;
    switch (commit_phase(commit, now_ms)) {
    case COMMIT_PAINT:
    case COMMIT_FENCE:
    case COMMIT_ARMING:
        return "arming";
    case COMMIT_READY:
        if (!review->draft_fits)
            return "no room to show the rule";
        if (review->is_call && !review->reading)
            return "reading";
        if (!commit->seen)
            return "scroll to the end of WHAT first";
        return "ready";
    case COMMIT_CODE:
        snprintf(buf, 64, "type: %s   (%u of 2)", commit->code, commit->typed);
        return buf;
    case COMMIT_NONE:
    case COMMIT_SENT:
        return "decided";
    case COMMIT_DEAD:
        return "no longer waits";
    }
    CHECK_UNREACHABLE();
}

static void draw_body(struct review *review, const struct view_env *env, struct rect r)
{
    struct page *page = &review->page;
    if (page->width != r.cols) {
        make_lines(review, r.cols);
        review->top = 0;
        review->seen_to = 0;
    }
    review->height = r.rows;
    int last_top = page->lines > r.rows ? page->lines - r.rows : 0;
    if (review->top > last_top)
        review->top = last_top;
    page_draw(page, env->frame, r, review->top);
    if (review->top <= review->seen_to && review->top + r.rows > review->seen_to)
        review->seen_to = review->top + r.rows;
    bool is_there = !review->is_call || (review->reading && !review->as_json);
    commit_set_seen(&review->commit, is_there && review->seen_to >= review->what_end);
}

/* Rows at the end of `rows` for the draft. An answer for longer counts only if all of its rule
 * is there; some of the request stays in sight. For once, the frame says it all. */
static int plan_foot(struct review *review, int rows, int cols)
{
    make_foot(review, cols);
    int room = rows - BODY_ROWS;
    bool is_whole = review->foot.lines <= room;
    bool is_once = review->draft.scope == SCOPE_ONCE;
    /* Of a message the whole counts too. */
    bool has_more = review->writes || review->draft.message[0] || review->group.count > 0;
    review->draft_fits = is_whole || (is_once && !has_more);
    if (is_once && !has_more && room < 2 * BODY_ROWS)
        return 0;
    return is_whole ? review->foot.lines : room > 0 ? room : 0;
}

static void draw_tombstone(
        const struct review *review, const struct view_env *env, struct rect r)
{
    frame_fill(env->frame, (struct rect){r.row, r.col, 2, r.cols}, STYLE_BAR);
    view_printf(env->frame, r.row, r.col + 1, r.cols - 2, STYLE_BAR, "#%d %s",
            review->item.rec.number, review->ended[0] ? review->ended : "changed, look again");
    view_put(env->frame, r.row + 1, r.col + 1, r.cols - 2, STYLE_BAR,
            STR("nothing can be decided here; Esc leaves, Tab opens the next"));
}

void review_draw(
        struct review *review, const struct view_env *env, struct rect area, uint64_t now_ms)
{
    char title[600], right[128], bottom[200], draft[80], state[64], age[16], total[16];
    uint64_t id = review->item.rec.id;
    const struct gate_item *live = !env->gate        ? NULL
                                   : review->is_late ? gate_expired_find(env->gate, id)
                                                     : gate_find(env->gate, id);
    const struct gate_item *item = live ? live : &review->item;
    bool dead = commit_phase(&review->commit, now_ms) == COMMIT_DEAD;
    snprintf(title, sizeof title, "#%d %s  %s", review->item.rec.number,
            strcmp(review->item.rec.kind, "net") == 0 ? "NETWORK" : "MCP call",
            review->item.rec.subject);
    const char *mark = env->config && env->config->host_mark ? env->config->host_mark : "";
    if (review->is_late)
        snprintf(right, sizeof right, "%.40s  expired", mark);
    else
        snprintf(right, sizeof right, "%s%.40s  waits %s of %s",
                item->risk == RISK_HIGH ? "HIGH  " : "", mark, view_minutes(age, item->age_ms),
                view_minutes(total, item->age_ms + item->left_ms + 500));
    int rows = area.rows - 2, count = rows > 4 ? 1 : 0;
    int foot = plan_foot(review, rows - count, area.cols - 4);
    if (review->is_late)
        snprintf(draft, sizeof draft, "allow late | ONCE | exactly this");
    else if (review->group.count > 0)
        snprintf(draft, sizeof draft, "approve | ONCE | the ticked");
    else if (buf_len(&review->edited) > 0)
        snprintf(draft, sizeof draft, "approve | ONCE | as edited");
    else
        draft_title(&review->draft, draft, sizeof draft);
    if (review->edits)
        snprintf(
                bottom, sizeof bottom, "EDIT  Enter done  Esc back  C-o new line  C-g $EDITOR");
    else if (review->commit.can_decide)
        snprintf(bottom, sizeof bottom, "DRAFT  %s   %s", draft,
                draft_state(review, now_ms, state));
    else
        snprintf(bottom, sizeof bottom, "DRAFT  too small to decide here");
    struct rect r = view_box(env->frame, area, true, title, dead ? mark : right, bottom);
    if (r.rows <= 0)
        return;
    if (review->edits && !dead) {
        area_edit_draw(&review->area, env->frame, r, &review->cursor_row, &review->cursor_col);
        return;
    }
    draw_body(review, env, (struct rect){r.row, r.col, r.rows - count - foot, r.cols});
    int end = review->top + review->height, lines = review->page.lines;
    if (count)
        view_printf(env->frame, r.row + review->height, r.col, r.cols, STYLE_DIM,
                "lines %d-%d of %d%s", review->top + 1, end < lines ? end : lines, lines,
                review->seen_to >= lines ? ", shown whole" : "");
    page_draw(&review->foot, env->frame,
            (struct rect){r.row + review->height + count, r.col, foot, r.cols}, 0);
    if (dead && r.rows >= 2)
        draw_tombstone(review, env, r);
}

bool review_move(struct review *review, enum action_id action)
{
    int page = review->height > 1 ? review->height - 1 : 1;
    switch ((int)action) {
    case ACT_DOWN:
        review->top++;
        break;
    case ACT_UP:
        review->top--;
        break;
    case ACT_PAGE_DOWN:
        review->top += page;
        break;
    case ACT_PAGE_UP:
        review->top -= page;
        break;
    case ACT_TOP:
        review->top = 0;
        break;
    case ACT_BOTTOM:
        review->top = review->page.lines;
        break;
    default:
        return false;
    }
    if (review->top < 0)
        review->top = 0;
    return true;
}
