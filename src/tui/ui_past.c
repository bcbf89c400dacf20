/*
 * ui_past.c - before an answer holds always: what its rule would have taken of the record,
 * read off the loop for the rules that the draft shows. The job outlives the screen if it must.
 */
#include "base/mem.h"
#include "tui/ui_state.h"

struct past_job {
    struct ui *ui; /* borrows; NULL: nobody waits for it any more */
    struct past *past;
};

static void work(void *ctx)
{
    struct past_job *job = ctx;
    past_make(job->past);
}

static void done(void *ctx)
{
    struct past_job *job = ctx;
    struct ui *ui = job->ui;
    if (ui) {
        ui->past_job = NULL;
        ui->review.past = job->past;
        commit_repaint(&ui->review.commit);
        ui_touch(ui, DIRTY_PANELS | DIRTY_CHROME);
    } else {
        past_free(job->past);
    }
    free(job);
}

void ui_past_drop(struct ui *ui)
{
    if (ui->past_job)
        ui->past_job->ui = NULL;
    ui->past_job = NULL;
    past_free(ui->review.past);
    ui->review.past = NULL;
}

void ui_past_start(struct ui *ui)
{
    const struct draft *draft = &ui->review.draft;
    const struct gate_item *item = ui_gate_item(ui);
    ui_past_drop(ui);
    if (draft->scope != SCOPE_ALWAYS || !item || (!item->call && !item->host[0]))
        return;
    struct past_job *job = xcalloc(1, sizeof *job);
    job->ui = ui;
    job->past = past_new(gate_store(ui->config.gate), item, draft_rule(draft, true),
            draft_rule(draft, false));
    ui->past_job = job;
    loop_work(ui->config.loop, work, done, job);
}
