/*
 * fake_session.h - what src/session/sessions.c knows of a session, in memory: no box, no agent.
 * A program that includes it has these instead of session.c.
 */
#ifndef TESTS_SUPPORT_FAKE_SESSION_H
#define TESTS_SUPPORT_FAKE_SESSION_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "session/session.h"

struct session {
    struct session_record rec;
    const struct session_ops *ops;
    void *ctx;
};

/* How many there are, and the id that the next one gets; NULL: the running number. */
static unsigned fake_sessions;
static const char *fake_session_id;

struct session *session_start(const struct session_env *env, const struct session_spec *spec,
        const struct session_ops *ops, void *ctx, struct err *err)
{
    static unsigned serial;
    struct session *session;

    (void)env;
    if (spec->workspace && spec->workspace[0] != '/') {
        err_set(err, ERR_USAGE, "no such folder");
        return NULL;
    }
    session = xcalloc(1, sizeof(*session));
    session->ops = ops;
    session->ctx = ctx;
    session->rec.state = SESSION_STARTING;
    session->rec.exit_status = -1;
    (void)str_copy(session->rec.label, sizeof(session->rec.label),
            str_of(spec->name ? spec->name : "work"));
    if (fake_session_id)
        (void)str_copy(session->rec.id, sizeof(session->rec.id), str_of(fake_session_id));
    else
        snprintf(session->rec.id, sizeof(session->rec.id), "%08x", ++serial);
    fake_sessions++;
    return session;
}

void session_free(struct session *session)
{
    fake_sessions--;
    free(session);
}

enum session_state session_state(const struct session *session)
{
    return session->rec.state;
}

const struct session_record *session_rec(const struct session *session)
{
    return &session->rec;
}

/* It ends by itself. */
static void fake_session_end(struct session *session, enum session_state state)
{
    if (session->rec.state == SESSION_STOPPED || session->rec.state == SESSION_CRASHED)
        return;
    session->rec.state = state;
    session->rec.exit_status = state == SESSION_STOPPED ? 0 : 1;
    session->ops->on_change(session->ctx);
    session->ops->on_ended(session->ctx, session->rec.exit_status, "it ended");
}

#endif
