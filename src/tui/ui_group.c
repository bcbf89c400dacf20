/*
 * ui_group.c - alike requests, reviewed one after the other and then decided together: once,
 * and only when each that is ticked was on the screen to its end. None of them is of high risk.
 *
 * A group is fixed when it is opened; what comes later is not in it. The keeper of the gate
 * (commit.h) is that of the member shown, which is fenced and armed like any other; of the
 * others it is known that they were. Leaving the review ends the group.
 */
#include "base/mem.h"
#include "io/crypt.h"
#include "tui/ui_state.h"

/* Before calls are approved: is what each would do still what was shown? Files are read for it,
 * so it is done off the loop; leaving the review meanwhile drops it. */
struct group_job {
    struct ui *ui; /* borrows; NULL: nobody waits for it any more */
    unsigned count;
    struct {
        struct reading *reading; /* owns */
        uint64_t id;
        char shown[65]; /* digest of what it shows now */
    } calls[GROUP_MAX];
};

static void hash_shown(const struct reading *reading, char out[65])
{
    struct str text = buf_str(&reading_what(reading)->text);
    crypt_sha256_hex(text.p, text.n, out);
}

static struct group_member *find(struct group *group, uint64_t id)
{
    for (unsigned i = 0; i < group->count; i++)
        if (group->members[i].id == id)
            return &group->members[i];
    return NULL;
}

static void add(struct group *group, const struct gate_item *item)
{
    struct group_member *member = &group->members[group->count++];
    *member = (struct group_member){
            .id = item->rec.id, .number = item->rec.number, .ticked = true};
    str_copy(member->digest, sizeof member->digest, str_of(item->rec.digest));
    str_copy(member->policy_version, sizeof member->policy_version,
            str_of(item->rec.policy_version));
    str_copy(member->subject, sizeof member->subject, str_of(item->rec.subject));
}

void ui_group_open(struct ui *ui)
{
    struct gate *gate = ui->config.gate;
    const struct gate_item *item =
            v_waiting_item(gate, ui->panels[PANEL_WAITING].selected, NULL);
    struct group group = {0};
    if (!item)
        return;
    if (item->risk == RISK_HIGH) {
        ui_message(ui, "what is of high risk is decided one by one");
        return;
    }
    add(&group, item);
    for (unsigned i = 0; i < gate_count(gate) && group.count < GROUP_MAX; i++) {
        const struct gate_item *other = gate_at(gate, i);
        if (other && other->rec.id != group.members[0].id && !other->deciding &&
                other->risk != RISK_HIGH &&
                ui_is_alike(gate_find(gate, group.members[0].id), other))
            add(&group, other);
    }
    if (group.count < 2) {
        ui_message(ui, "no other request is like it");
        return;
    }
    ui_gate_open(ui, group.members[0].id);
    ui->review.group = group;
    ui_touch(ui, DIRTY_PANELS | DIRTY_CHROME);
}

/* The member that is shown was on the screen whole, behind the fence. */
static void note_seen(struct ui *ui)
{
    struct group_member *member = find(&ui->review.group, ui->review.commit.id);
    enum commit_phase phase = commit_phase(&ui->review.commit, ui_now(ui));
    bool is_shown = phase == COMMIT_ARMING || phase == COMMIT_READY;
    if (!member || !is_shown || !ui->review.commit.seen)
        return;
    member->seen = true;
    if (ui->review.reading)
        hash_shown(ui->review.reading, member->shown);
}

static void show(struct ui *ui, unsigned at)
{
    struct group group;
    note_seen(ui);
    group = ui->review.group;
    ui_gate_open(ui, group.members[at].id); /* begins as one alone */
    ui->review.group = group;
}

bool ui_group_step(struct ui *ui, int step)
{
    struct group *group = &ui->review.group;
    unsigned at = 0;
    if (ui->mode != MODE_REVIEW || group->count == 0)
        return false;
    while (at < group->count && group->members[at].id != ui->review.commit.id)
        at++;
    for (unsigned n = 1; n < group->count; n++) {
        unsigned i = (at + (step > 0 ? n : group->count - n)) % group->count;
        if (gate_find(ui->config.gate, group->members[i].id)) {
            show(ui, i);
            return true;
        }
    }
    ui_message(ui, "no other of the group waits");
    return true;
}

void ui_group_tick(struct ui *ui)
{
    struct group_member *member = find(&ui->review.group, ui->review.commit.id);
    if (!member) {
        ui_message(ui, "g in WAITING reviews what is alike together; Space ticks there");
        return;
    }
    member->ticked = !member->ticked;
    commit_repaint(&ui->review.commit);
    ui_touch(ui, DIRTY_PANELS | DIRTY_CHROME);
}

/* Those ticked that wait still; *ret_unseen: the number of one that was not seen, or 0. */
static unsigned count_ticked(struct ui *ui, int *ret_unseen)
{
    struct group *group = &ui->review.group;
    unsigned count = 0;
    *ret_unseen = 0;
    for (unsigned i = 0; i < group->count; i++) {
        const struct group_member *member = &group->members[i];
        const struct gate_item *item = gate_find(ui->config.gate, member->id);
        if (!member->ticked || !item || item->deciding)
            continue;
        count++;
        if (!member->seen && *ret_unseen == 0)
            *ret_unseen = member->number;
    }
    return count;
}

bool ui_group_may_commit(struct ui *ui, bool allow)
{
    int unseen;
    if (ui->review.group.count == 0)
        return true;
    note_seen(ui);
    if (count_ticked(ui, &unseen) == 0)
        ui_message(ui, "none is ticked; Space ticks");
    else if (allow && unseen)
        ui_message(
                ui, "#%d was not seen to its end yet; J goes on, Space takes it out", unseen);
    else
        return true;
    return false;
}

static void decide_all(struct ui *ui, bool allow)
{
    struct group group = ui->review.group;
    struct gate_answer answer = draft_answer(&ui->review.draft, allow);
    unsigned decided = 0, failed = 0;
    for (unsigned i = 0; i < group.count; i++) {
        const struct group_member *member = &group.members[i];
        struct err err;
        if (!member->ticked)
            continue;
        if (gate_decide(ui->config.gate, member->id, member->digest, member->policy_version,
                    &answer, &err) == 0)
            decided++;
        else
            failed++;
    }
    ui->review.group.count = 0;
    ui_set_mode(ui, MODE_AGENT);
    if (failed)
        ui_message(ui, "%u %s, %u were not decided: they changed or do not wait any more",
                decided, allow ? "approved" : "denied", failed);
    else
        ui_message(ui, "%u %s", decided, allow ? "approved" : "denied");
}

static void work(void *ctx)
{
    struct group_job *job = ctx;
    for (unsigned i = 0; i < job->count; i++) {
        reading_make(job->calls[i].reading);
        hash_shown(job->calls[i].reading, job->calls[i].shown);
    }
}

/* Back to the first that is another one now; the keeper begins anew. */
static void read_again(struct ui *ui, uint64_t id, int number)
{
    struct group group = ui->review.group;
    ui_gate_open(ui, id);
    ui->review.group = group;
    ui_message(ui, "#%d changes something else by now: read it again", number);
    ui_touch(ui, DIRTY_PANELS | DIRTY_CHROME);
}

static void done(void *ctx)
{
    struct group_job *job = ctx;
    struct ui *ui = job->ui;
    struct group_member *changed = NULL;
    for (unsigned i = 0; i < job->count; i++) {
        struct group_member *member = ui ? find(&ui->review.group, job->calls[i].id) : NULL;
        reading_free(job->calls[i].reading);
        if (!member || strcmp(member->shown, job->calls[i].shown) == 0)
            continue;
        member->seen = false;
        changed = changed ? changed : member;
    }
    free(job);
    if (!ui)
        return;
    ui->group_job = NULL;
    if (changed)
        read_again(ui, changed->id, changed->number);
    else
        decide_all(ui, true);
}

void ui_group_drop(struct ui *ui)
{
    if (ui->group_job)
        ui->group_job->ui = NULL;
    ui->group_job = NULL;
}

bool ui_group_decide(struct ui *ui, bool allow)
{
    const struct group *group = &ui->review.group;
    if (group->count == 0)
        return false;
    struct group_job *job = xcalloc(1, sizeof *job);
    for (unsigned i = 0; allow && i < group->count; i++) {
        const struct group_member *member = &group->members[i];
        const struct gate_item *item = gate_find(ui->config.gate, member->id);
        if (!member->ticked || !item || !item->call)
            continue;
        job->calls[job->count].id = member->id;
        job->calls[job->count++].reading = reading_new(item, STR(""));
    }
    if (job->count == 0) {
        free(job);
        decide_all(ui, allow);
        return true;
    }
    job->ui = ui;
    ui->group_job = job;
    loop_work(ui->config.loop, work, done, job);
    return true;
}
