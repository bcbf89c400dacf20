/*
 * revoke.c - see revoke.h.
 *
 *     asked for --> its row goes to the disk --(written)--> taken out: of memory, or, off the
 *                         |                                loop, of the file --> done
 *                         +--(not written)--> an approval ends nevertheless, a denial stays
 */
#include "gate/revoke.h"

#include "base/mem.h"
#include "gate/answers.h"
#include "gate/gate_priv.h"

struct revocation {
    struct gate *gate; /* borrows; NULL: gone, or a line */
    struct loop *loop; /* borrows */
    char *path;        /* owns; of the line */
    struct held_answer answer;
    struct err err;
    int rc;
    void (*done)(void *ctx, const struct err *err);
    void *ctx; /* borrows */
    struct revocation *next, **prev;
};

static void end(struct revocation *r)
{
    if (r->prev) {
        *r->prev = r->next;
        if (r->next)
            r->next->prev = r->prev;
    }
    r->done(r->ctx, r->rc < 0 ? &r->err : NULL);
    free(r->path);
    free(r);
}

static void work(void *ctx)
{
    struct revocation *r = ctx;

    r->rc = answers_remove(r->path, r->answer.line, str_of(r->answer.rule), &r->err);
}

static void worked(void *ctx)
{
    end(ctx);
}

static void written(void *ctx, const struct err *err)
{
    struct revocation *r = ctx;
    bool allows = str_starts(str_trim(str_of(r->answer.rule)), STR("allow"));

    if (err) {
        r->err = *err;
        r->rc = err->code;
    }
    if (r->path && (!err || allows)) {
        loop_work(r->loop, work, worked, r);
        return;
    }
    if (!r->path && r->gate && (!err || allows) &&
            !grants_drop(r->gate->config.grants, r->answer.number) && !err)
        r->rc = err_set(&r->err, ERR_NOENT, "it does not hold any more");
    end(r);
}

static struct revocation *revocation_new(struct loop *loop, const struct held_answer *answer,
        void (*done)(void *ctx, const struct err *err), void *ctx)
{
    struct revocation *r = xcalloc(1, sizeof(*r));

    r->loop = loop;
    r->answer = *answer;
    r->done = done;
    r->ctx = ctx;
    return r;
}

static void put(struct store *store, struct revocation *r)
{
    const struct held_answer *answer = &r->answer;
    struct revocation_record rec = {
            .id = store_next_id(store), .at_ms = clock_wall_ms(), .number = answer->number};

    (void)str_copy(rec.session, sizeof(rec.session), str_of(answer->session));
    (void)str_copy(rec.scope, sizeof(rec.scope), str_of(answer->scope));
    (void)str_copy(rec.rule, sizeof(rec.rule), str_of(answer->rule));
    if (answer->number)
        snprintf(rec.where, sizeof(rec.where), "answer #%d", answer->number);
    else
        snprintf(rec.where, sizeof(rec.where), "answers.rules:%u", answer->line);
    store_commit_revocation(store, &rec, written, r);
}

void answer_revoke(struct loop *loop, struct store *store, const char *path,
        const struct held_answer *answer, void (*done)(void *ctx, const struct err *err),
        void *ctx)
{
    struct revocation *r = revocation_new(loop, answer, done, ctx);

    r->path = xstrdup(path);
    put(store, r);
}

void gate_revoke(struct gate *gate, const struct held_answer *answer,
        void (*done)(void *ctx, const struct err *err), void *ctx)
{
    struct revocation *r = revocation_new(gate->loop, answer, done, ctx);
    const char *path = gate->config.grants ? grants_path(gate->config.grants) : NULL;

    if (answer->number == 0 && path) {
        r->path = xstrdup(path);
    } else {
        r->gate = gate;
        r->next = gate->revocations;
        r->prev = &gate->revocations;
        if (r->next)
            r->next->prev = &r->next;
        gate->revocations = r;
    }
    put(gate->store, r);
}

void gate_leave_revocations(struct gate *gate)
{
    struct revocation *next;

    for (struct revocation *r = gate->revocations; r; r = next) {
        next = r->next;
        r->gate = NULL;
        r->prev = NULL;
        r->next = NULL;
    }
    gate->revocations = NULL;
}
