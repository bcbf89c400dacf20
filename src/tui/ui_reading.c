/*
 * ui_reading.c - reading what a call would do, off the loop: files of the workspace, and once a
 * second whether they changed since. What is read belongs to the job while one runs, and the
 * job outlives the screen if it must.
 */
#include "base/mem.h"
#include "tui/ui_state.h"

struct reading_job {
    struct ui *ui; /* borrows; NULL: nobody waits for it any more */
    struct reading *reading;
    bool is_check;
    bool is_stale;
};

static void work(void *ctx)
{
    struct reading_job *job = ctx;
    if (job->is_check)
        job->is_stale = reading_is_stale(job->reading);
    else
        reading_make(job->reading);
}

static void done(void *ctx)
{
    struct reading_job *job = ctx;
    struct ui *ui = job->ui;
    bool is_stale = job->is_check && job->is_stale;
    if (!ui) {
        reading_free(job->reading);
        free(job);
        return;
    }
    ui->reading_job = NULL;
    if (is_stale) {
        ui_reading_start(ui);
        ui_message(ui, "the file changed: what is shown is read again");
    } else if (!job->is_check) {
        reading_free(ui->reading);
        ui->reading = job->reading;
        review_take(&ui->review, ui->reading);
        ui_touch(ui, DIRTY_PANELS | DIRTY_CHROME);
    }
    free(job);
}

static void start(struct ui *ui, struct reading *reading, bool is_check)
{
    struct reading_job *job = xcalloc(1, sizeof *job);
    job->ui = ui;
    job->reading = reading;
    job->is_check = is_check;
    ui->reading_job = job;
    loop_work(ui->config.loop, work, done, job);
}

void ui_reading_drop(struct ui *ui)
{
    bool is_lent = ui->reading_job && ui->reading_job->is_check;
    if (ui->reading_job)
        ui->reading_job->ui = NULL;
    ui->reading_job = NULL;
    if (!is_lent)
        reading_free(ui->reading);
    ui->reading = NULL;
    ui->review.reading = NULL;
}

void ui_reading_start(struct ui *ui)
{
    const struct gate_item *item = ui_gate_item(ui);
    ui_reading_drop(ui);
    if (!item || !item->call)
        return;
    struct buf said = BUF_INIT;
    const struct tab *tab = sessions_by_id(ui->config.sessions, item->rec.session);
    review_words(tab ? session_words(tab->session) : NULL, &said);
    bool is_edited = buf_len(&ui->review.edited) > 0;
    start(ui,
            is_edited ? reading_new_edited(item, buf_str(&ui->review.edited), buf_str(&said))
                      : reading_new(item, buf_str(&said)),
            false);
    buf_release(&said);
    review_take(&ui->review, NULL);
}

void ui_reading_check(struct ui *ui)
{
    if (ui->mode == MODE_REVIEW && ui->reading && !ui->reading_job)
        start(ui, ui->reading, true);
}
