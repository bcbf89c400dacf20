/*
 * sessions.c - see sessions.h. An array of pointers, because tabs are few and each is the
 * context of its session's callbacks, so it must not move.
 */
#include "session/sessions.h"

#include "base/limits.h"
#include "base/mem.h"

struct entry {
    struct tab tab;
    struct sessions *list;    /* borrows */
    enum session_state state; /* as the marks say it */
};

struct sessions {
    struct sessions_ops ops;
    void *ctx;                              /* borrows */
    struct entry *entries[LIMIT_TABS];      /* owns; by number */
    struct entry *shown, *current, *before; /* of these; or NULL */
    unsigned count;
};

/* --- news ------------------------------------------------------------------------------- */

static void marks_changed(struct sessions *list)
{
    list->ops.on_marks(list->ctx);
}

static void on_screen(void *ctx)
{
    struct entry *e = ctx;

    if (e == e->list->shown) {
        e->list->ops.on_screen(e->list->ctx);
    } else if (!e->tab.output) {
        e->tab.output = true;
        marks_changed(e->list);
    }
}

static void on_whole(void *ctx)
{
    struct entry *e = ctx;

    if (e == e->list->shown)
        e->list->ops.on_whole(e->list->ctx);
}

/* What a hidden session does is of no interest until it is looked at, but its end is. */
static void on_change(void *ctx)
{
    struct entry *e = ctx;
    struct sessions *list = e->list;
    enum session_state state = e->tab.session ? session_state(e->tab.session) : e->state;

    if (e == list->shown)
        list->ops.on_change(list->ctx);
    else if (state != e->state)
        marks_changed(list);
    e->state = state;
}

static void need_user(struct entry *e)
{
    if (e->tab.bell)
        return;
    e->tab.bell = true;
    marks_changed(e->list);
}

static void on_bell(void *ctx)
{
    struct entry *e = ctx;

    need_user(e);
    e->list->ops.on_bell(e->list->ctx, &e->tab);
}

static void on_marks(void *ctx)
{
    struct entry *e = ctx;

    marks_changed(e->list);
}

static void on_agent(void *ctx, const char *text)
{
    struct entry *e = ctx;

    need_user(e);
    e->list->ops.on_agent(e->list->ctx, &e->tab, text);
}

static void on_clipboard(void *ctx)
{
    struct entry *e = ctx;

    need_user(e);
    e->list->ops.on_clipboard(e->list->ctx, &e->tab);
}

static void on_notice(void *ctx, const char *text)
{
    struct entry *e = ctx;

    e->list->ops.on_notice(e->list->ctx, &e->tab, text);
}

static void on_ended(void *ctx, int exit_status, const char *message)
{
    struct entry *e = ctx;

    (void)exit_status; /* it is in the session's record */
    e->tab.end_seen = e == e->list->shown;
    e->list->ops.on_ended(e->list->ctx, &e->tab, message);
}

static const struct session_ops session_ops = {
        .on_screen = on_screen,
        .on_whole = on_whole,
        .on_change = on_change,
        .on_bell = on_bell,
        .on_marks = on_marks,
        .on_agent = on_agent,
        .on_clipboard = on_clipboard,
        .on_notice = on_notice,
        .on_ended = on_ended,
};

/* --- the list --------------------------------------------------------------------------- */

struct sessions *sessions_new(const struct sessions_ops *ops, void *ctx)
{
    struct sessions *list = xcalloc(1, sizeof(*list));

    list->ops = *ops;
    list->ctx = ctx;
    return list;
}

void sessions_free(struct sessions *list)
{
    if (!list)
        return;
    list->current = list->before = NULL;
    /* What a session that ends takes back is news, for which the rest of the list is read. */
    while (list->count > 0) {
        struct entry *e = list->entries[--list->count];
        session_free(e->tab.session);
        free(e);
    }
    free(list);
}

static struct entry *entry_of(const struct sessions *list, const struct session *session)
{
    for (unsigned i = 0; session && i < list->count; i++)
        if (list->entries[i]->tab.session == session)
            return list->entries[i];
    return NULL;
}

static void set_current(struct sessions *list, struct entry *e)
{
    if (e == list->current)
        return;
    list->before = list->current;
    list->current = e;
}

/* Numbers are without a gap up to the first free one, which is where a new tab belongs. */
static void insert(struct sessions *list, struct entry *e)
{
    unsigned at = 0;

    while (at < list->count && list->entries[at]->tab.number == at + 1)
        at++;
    memmove(&list->entries[at + 1], &list->entries[at],
            (list->count - at) * sizeof(list->entries[0]));
    list->entries[at] = e;
    e->tab.number = at + 1;
    list->count++;
}

static void take_out(struct sessions *list, const struct entry *e)
{
    unsigned at = 0;

    while (list->entries[at] != e)
        at++;
    list->count--;
    memmove(&list->entries[at], &list->entries[at + 1],
            (list->count - at) * sizeof(list->entries[0]));
    if (list->before == e)
        list->before = NULL;
    if (list->current != e)
        return;
    list->current = list->before;
    list->before = NULL;
    if (!list->current && list->count > 0)
        list->current = list->entries[at < list->count ? at : list->count - 1];
}

const struct tab *sessions_start(struct sessions *list, const struct session_env *env,
        const struct session_spec *spec, struct err *err)
{
    if (list->count == LIMIT_TABS) {
        err_set(err, ERR_LIMIT, "%d sessions are here already; end one first", LIMIT_TABS);
        return NULL;
    }

    struct entry *e = xcalloc(1, sizeof(*e));
    e->list = list;
    e->tab.session = session_start(env, spec, &session_ops, e, err);
    if (!e->tab.session) {
        free(e);
        return NULL;
    }
    insert(list, e);
    if (!list->current)
        list->current = e;
    marks_changed(list);
    return &e->tab;
}

void sessions_remove(struct sessions *list, const struct session *session)
{
    struct entry *e = entry_of(list, session);

    CHECK(e && e != list->shown);
    take_out(list, e);
    session_free(e->tab.session);
    free(e);
    marks_changed(list);
}

unsigned sessions_count(const struct sessions *list)
{
    return list->count;
}

unsigned sessions_living(const struct sessions *list)
{
    unsigned living = 0;

    for (unsigned i = 0; i < list->count; i++)
        living += !tab_has_ended(&list->entries[i]->tab);
    return living;
}

const struct tab *sessions_at(const struct sessions *list, unsigned index)
{
    return index < list->count ? &list->entries[index]->tab : NULL;
}

const struct tab *sessions_tab(const struct sessions *list, const struct session *session)
{
    const struct entry *e = entry_of(list, session);

    return e ? &e->tab : NULL;
}

const struct tab *sessions_by_number(const struct sessions *list, unsigned number)
{
    for (unsigned i = 0; i < list->count; i++)
        if (list->entries[i]->tab.number == number)
            return &list->entries[i]->tab;
    return NULL;
}

const struct tab *sessions_by_id(const struct sessions *list, const char *id)
{
    for (unsigned i = 0; i < list->count; i++)
        if (strcmp(session_rec(list->entries[i]->tab.session)->id, id) == 0)
            return &list->entries[i]->tab;
    return NULL;
}

/* The only one with this name, or whose id begins so; *ret_count says how many there are. */
static const struct tab *match(
        const struct sessions *list, struct str name, bool by_label, unsigned *ret_count)
{
    const struct tab *found = NULL;

    *ret_count = 0;
    for (unsigned i = 0; i < list->count; i++) {
        const struct tab *tab = &list->entries[i]->tab;
        const struct session_record *rec = session_rec(tab->session);
        bool fits = by_label ? str_eq(str_of(rec->label), name)
                             : name.n > 0 && str_starts(str_of(rec->id), name);

        if (fits && (*ret_count)++ == 0)
            found = tab;
    }
    return *ret_count == 1 ? found : NULL;
}

const struct tab *sessions_find(const struct sessions *list, const char *name, struct err *err)
{
    uint64_t number = 0;
    unsigned labels = 0, prefixes = 0;
    char shown[80];
    const struct tab *tab = NULL;

    bool is_number = str_u64(str_of(name), LIMIT_TABS, &number);
    if (is_number)
        tab = sessions_by_number(list, (unsigned)number);
    if (!tab)
        tab = match(list, str_of(name), true, &labels);
    if (!tab && labels == 0 && !is_number) /* ids begin with digits, too */
        tab = match(list, str_of(name), false, &prefixes);
    if (tab)
        return tab;
    (void)str_vis(shown, sizeof(shown), str_of(name));
    if (labels > 1 || prefixes > 1)
        err_set(err, ERR_USAGE, "'%s' may be any of %u sessions; give the number of its tab",
                shown, labels > 1 ? labels : prefixes);
    else
        err_set(err, ERR_NOENT, "no session '%s' runs; 'ironcurtain ls' lists them", shown);
    return NULL;
}

/* --- what is looked at ------------------------------------------------------------------ */

void sessions_show(struct sessions *list, const struct session *session)
{
    struct entry *e = entry_of(list, session);

    list->shown = e;
    if (!e)
        return;
    set_current(list, e);
    e->tab.output = false;
    e->tab.end_seen = tab_has_ended(&e->tab);
}

void sessions_select(struct sessions *list, const struct session *session)
{
    struct entry *e = entry_of(list, session);

    CHECK(e);
    set_current(list, e);
}

const struct tab *sessions_current(const struct sessions *list)
{
    return list->current ? &list->current->tab : NULL;
}

const struct tab *sessions_previous(const struct sessions *list)
{
    return list->before ? &list->before->tab : NULL;
}

void sessions_answered(struct sessions *list, const struct session *session)
{
    struct entry *e = entry_of(list, session);

    if (!e || !e->tab.bell)
        return;
    e->tab.bell = false;
    marks_changed(list);
}

void sessions_count_questions(struct sessions *list, const struct gate *gate)
{
    for (unsigned i = 0; i < sessions_count(list); i++) {
        struct tab *tab = &list->entries[i]->tab;
        unsigned asks = gate_count_of(gate, session_rec(tab->session)->id);

        if (asks > tab->asks)
            session_raised(tab->session);
        tab->asks = asks;
    }
}
