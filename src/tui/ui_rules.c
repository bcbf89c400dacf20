/*
 * ui_rules.c - the list of answers that hold: made anew when it is opened and when one of them
 * goes, the file's part off the loop. Jobs outlive the screen if they must.
 */
#include "base/mem.h"
#include "gate/answers.h"
#include "tui/ui_state.h"

struct rules_job {
    struct ui *ui; /* borrows; NULL: nobody waits for it any more */
    char *path;    /* owns */
    struct rules_list list;
};

static struct held_answer *add(struct rules_list *list)
{
    list->items = xrealloc(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count] = (struct held_answer){0};
    return &list->items[list->count++];
}

static void take_line(void *ctx, unsigned number, struct str line)
{
    struct rules_list *list = ctx;
    if (list->count >= RULES_MAX) {
        snprintf(list->why, sizeof list->why, "there are more in answers.rules");
        return;
    }
    struct held_answer *answer = add(list);
    answer->line = number;
    (void)str_copy(answer->scope, sizeof answer->scope, STR("always"));
    (void)str_copy(answer->rule, sizeof answer->rule, line);
}

static void release(struct rules_list *list)
{
    free(list->items);
    *list = (struct rules_list){0};
}

static void work(void *ctx)
{
    struct rules_job *job = ctx;
    struct err err;
    if (answers_each(job->path, take_line, &job->list, &err) < 0)
        str_copy(job->list.why, sizeof job->list.why, str_of(err.msg));
}

static void done(void *ctx)
{
    struct rules_job *job = ctx;
    struct ui *ui = job->ui;
    if (ui) {
        ui->rules_job = NULL;
        release(&ui->rules);
        ui->rules = job->list;
        if (ui->rules_view.selected >= ui->rules.count)
            ui->rules_view.selected = ui->rules.count ? (unsigned)ui->rules.count - 1 : 0;
        ui_touch(ui, DIRTY_PANELS | DIRTY_CHROME);
    } else {
        release(&job->list);
    }
    free(job->path);
    free(job);
}

static void drop_job(struct ui *ui)
{
    if (ui->rules_job)
        ui->rules_job->ui = NULL;
    ui->rules_job = NULL;
}

/* Those in memory are taken at once. */
static void read_anew(struct ui *ui)
{
    struct grants *grants = gate_grants(ui->config.gate);
    const char *path = grants ? grants_path(grants) : NULL;
    struct held_answer answer;
    drop_job(ui);
    struct rules_job *job = xcalloc(1, sizeof *job);
    for (unsigned i = 0; grants_at(grants, i, &answer); i++)
        *add(&job->list) = answer;
    job->ui = ui;
    ui->rules_job = job;
    if (!path) {
        done(job);
        return;
    }
    job->path = xstrdup(path);
    loop_work(ui->config.loop, work, done, job);
}

void ui_rules_toggle(struct ui *ui)
{
    if (ui->mode == MODE_RULES || !ui->config.gate) {
        ui_set_mode(ui, MODE_AGENT);
        return;
    }
    ui->rules.asked = false;
    ui->rules.reads = true;
    ui_set_mode(ui, MODE_RULES);
    read_anew(ui);
}

/* --- taking one back --------------------------------------------------------------------- */

struct revoke_wait {
    struct ui *ui; /* borrows; NULL: gone */
    char what[40];
};

static void revoked(void *ctx, const struct err *err)
{
    struct revoke_wait *wait = ctx;
    struct ui *ui = wait->ui;
    if (ui) {
        ui->revoking = NULL;
        if (err)
            ui_message(ui, "%s was not taken back: %s", wait->what, err->msg);
        else
            ui_message(ui, "%s was taken back", wait->what);
        read_anew(ui);
    }
    free(wait);
}

void ui_rules_revoke(struct ui *ui)
{
    struct rules_list *list = &ui->rules;
    unsigned at = ui->rules_view.selected;
    if (at >= list->count || ui->revoking)
        return;
    if (!list->asked || list->asked_at != at) {
        list->asked = true;
        list->asked_at = at;
        ui_message(ui, "take it back? x again does it");
        return;
    }
    list->asked = false;
    const struct held_answer *answer = &list->items[at];
    struct revoke_wait *wait = xcalloc(1, sizeof *wait);
    wait->ui = ui;
    if (answer->number)
        snprintf(wait->what, sizeof wait->what, "the answer to #%d", answer->number);
    else
        snprintf(wait->what, sizeof wait->what, "line %u", answer->line);
    ui->revoking = wait;
    gate_revoke(ui->config.gate, answer, revoked, wait);
}

void ui_rules_release(struct ui *ui)
{
    drop_job(ui);
    if (ui->revoking)
        ui->revoking->ui = NULL;
    release(&ui->rules);
}
