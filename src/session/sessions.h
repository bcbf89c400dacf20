/*
 * sessions.h - the sessions of this process in the order of their tabs.
 *
 * Owns the sessions. A tab's number is the lowest that was free and stays while it is there,
 * so that a key learnt for it keeps its meaning. One tab may be on a screen ("shown"); news of
 * the others become marks only. The list outlives the screens that borrow it: which tab was
 * looked at, and what happened since, is known to the next one.
 */
#ifndef SRC_SESSION_SESSIONS_H
#define SRC_SESSION_SESSIONS_H

#include "session/session.h"

struct tab {
    struct session *session; /* owned by the list */
    unsigned number;         /* from 1 */
    bool output;             /* something was printed that nobody has seen */
    bool bell;               /* the agent rang and was not answered */
    bool end_seen;           /* its end has been on a screen */
    unsigned asks;           /* its questions that wait, when somebody last counted */
};

struct sessions_ops {
    void (*on_screen)(void *ctx); /* as in session_ops, of the shown session */
    void (*on_whole)(void *ctx);
    void (*on_change)(void *ctx);
    void (*on_marks)(void *ctx); /* tabs came or went, or what their marks say changed */
    void (*on_notice)(void *ctx, const struct tab *tab, const char *text);
    /* What agents say by themselves, bounded. A tab's bell says that there was something. */
    void (*on_bell)(void *ctx, const struct tab *tab); /* every one */
    void (*on_agent)(void *ctx, const struct tab *tab, const char *text);
    void (*on_clipboard)(void *ctx, const struct tab *tab);
    /* Once for each, as its last; the tab stays until sessions_remove(), which may be called
     * from here. */
    void (*on_ended)(void *ctx, const struct tab *tab, const char *message);
};

struct sessions;

struct sessions *sessions_new(const struct sessions_ops *ops, void *ctx);
/* Ends all that run. */
void sessions_free(struct sessions *sessions);

/* As session_start(). ERR_LIMIT: too many tabs. */
const struct tab *sessions_start(struct sessions *sessions, const struct session_env *env,
        const struct session_spec *spec, struct err *err);
/* Ends the session if it runs. The shown one must not be removed: show another before. */
void sessions_remove(struct sessions *sessions, const struct session *session);

unsigned sessions_count(const struct sessions *sessions);
unsigned sessions_living(const struct sessions *sessions);
/* In the order of tabs; NULL past the end. */
const struct tab *sessions_at(const struct sessions *sessions, unsigned index);
const struct tab *sessions_tab(const struct sessions *sessions, const struct session *session);
const struct tab *sessions_by_number(const struct sessions *sessions, unsigned number);
const struct tab *sessions_by_id(const struct sessions *sessions, const char *id);
/* What a person calls it: the tab's number, the session's name, or the beginning of its id. */
const struct tab *sessions_find(
        const struct sessions *sessions, const char *name, struct err *err);

/* On the screen from now on, its marks are seen; NULL: no screen shows any. */
void sessions_show(struct sessions *sessions, const struct session *session);
/* What the next screen shows. */
void sessions_select(struct sessions *sessions, const struct session *session);
/* Shown or selected last; NULL only when there is none at all. */
const struct tab *sessions_current(const struct sessions *sessions);
/* The one before that, if it is still there; or NULL. */
const struct tab *sessions_previous(const struct sessions *sessions);
/* The queue changed. */
void sessions_count_questions(struct sessions *sessions, const struct gate *gate);
/* The user answered the agent. */
void sessions_answered(struct sessions *sessions, const struct session *session);

static inline bool tab_has_ended(const struct tab *tab)
{
    enum session_state state = session_state(tab->session);

    return state == SESSION_STOPPED || state == SESSION_CRASHED;
}

#endif
