/*
 * past.c - see past.h. Every recorded request is judged by the one rule alone, in the world of
 * the session it was made in.
 *
 * What the record does not keep limits it: arguments of calls are masked and cut there, so
 * some of the rule's tool cannot be told and are counted apart; of a request the scheme is told
 * by its port.
 */
#include "gate/past.h"

#include "base/limits.h"
#include "base/mem.h"

#define SESSIONS_MAX 256 /* those that are told apart, newest first */
#define SHOWN 160

struct past_session {
    char id[37];
    char *workspace; /* owns */
};

/* What one rule takes. */
struct tally {
    struct policy *rule; /* owns; NULL: there is none */
    unsigned count, new_count;
    unsigned sessions;
    bool in_session[SESSIONS_MAX];
    char example[SHOWN]; /* the newest that it would have decided otherwise */
    char text[600];
};

struct past {
    char *db;                /* owns */
    char *server, *tool;     /* own; of a call; NULL: a network request */
    char *home, *box;        /* own; of the call's world, or NULL */
    uint64_t id;             /* of the item itself, which is recorded, too */
    struct tally tallies[2]; /* [allow] */
    struct past_session sessions[SESSIONS_MAX];
    unsigned session_count;
    unsigned looked, unclear;
};

static char *copy_text(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

struct past *past_new(const struct store *store, const struct gate_item *item,
        const char *allow, const char *deny)
{
    struct past *past = xcalloc(1, sizeof(*past));
    const struct call_request *call = item->call;

    past->db = xstrdup(store_path(store));
    past->id = item->rec.id;
    if (call) {
        past->server = xstrndup(call->server.p, call->server.n);
        past->tool = xstrndup(call->tool.p, call->tool.n);
        past->home = copy_text(item->world->home);
        past->box = copy_text(item->world->box_workspace);
    }
    past->tallies[true].rule = *allow ? policy_parse(str_of(allow), "answer", NULL) : NULL;
    past->tallies[false].rule = *deny ? policy_parse(str_of(deny), "answer", NULL) : NULL;
    return past;
}

void past_free(struct past *past)
{
    if (!past)
        return;
    for (unsigned i = 0; i < past->session_count; i++)
        free(past->sessions[i].workspace);
    policy_free(past->tallies[0].rule);
    policy_free(past->tallies[1].rule);
    free(past->db);
    free(past->server);
    free(past->tool);
    free(past->home);
    free(past->box);
    free(past);
}

/* --- one row ----------------------------------------------------------------------------- */

static bool take_session(void *ctx, const struct session_record *rec)
{
    struct past *past = ctx;
    struct past_session *session = &past->sessions[past->session_count++];

    (void)str_copy(session->id, sizeof(session->id), str_of(rec->id));
    session->workspace = xstrdup(rec->workspace);
    return past->session_count < SESSIONS_MAX;
}

/* SESSIONS_MAX: one that is not known. */
static unsigned session_of(const struct past *past, const char *id)
{
    unsigned i = 0;

    while (i < past->session_count && strcmp(past->sessions[i].id, id) != 0)
        i++;
    return i < past->session_count ? i : SESSIONS_MAX;
}

static bool judge_call(const struct past *past, const struct policy *rule,
        const struct request_record *rec, struct verdict *ret)
{
    unsigned at = session_of(past, rec->session);
    const struct policy_world world = {.home = past->home,
            .workspace = at < SESSIONS_MAX ? past->sessions[at].workspace : NULL,
            .box_workspace = past->box};
    const struct call_request call = {
            str_of(rec->host), str_of(rec->path), str_of(rec->arguments)};

    policy_eval_call(rule, &world, &call, ret, NULL);
    return !ret->by_default && strcmp(ret->where, "built in") != 0;
}

static bool judge_net(
        const struct policy *rule, const struct request_record *rec, struct verdict *ret)
{
    bool is_tunnel = strcmp(rec->method, "CONNECT") == 0;
    const struct net_request req = {
            .method = str_of(rec->method),
            .scheme = is_tunnel         ? STR("")
                      : rec->port == 80 ? STR("http")
                                        : STR("https"),
            .host = str_of(rec->host),
            .port = rec->port,
            .path = is_tunnel ? STR("") : str_of(rec->path),
    };

    policy_eval_net(rule, &req, ret);
    return !ret->by_default && strcmp(ret->where, "built in") != 0;
}

/* Masked or cut, so that it is no JSON any more, or not what was sent. */
static bool is_unclear(const struct request_record *rec)
{
    size_t n = strlen(rec->arguments);

    return n == 0 || rec->arguments[n - 1] != '}';
}

static void show(const struct request_record *rec, char out[SHOWN])
{
    char text[1024];

    if (strcmp(rec->kind, "mcp") == 0)
        snprintf(text, sizeof(text), "%s/%s %.200s", rec->host, rec->path, rec->arguments);
    else
        snprintf(
                text, sizeof(text), "%s %s:%u%s", rec->method, rec->host, rec->port, rec->path);
    str_vis(out, SHOWN, str_of(text));
}

static void count(struct past *past, bool allow, const struct request_record *rec)
{
    struct tally *tally = &past->tallies[allow];
    bool was_allowed = rec->decision == REQUEST_ALLOW || rec->decision == REQUEST_APPROVED;
    unsigned at = session_of(past, rec->session);

    tally->count++;
    if (at < SESSIONS_MAX && !tally->in_session[at]) {
        tally->in_session[at] = true;
        tally->sessions++;
    }
    if (was_allowed == allow)
        return;
    if (tally->new_count++ > 0)
        return;
    show(rec, tally->example);
}

static bool take_request(void *ctx, const struct request_record *rec)
{
    struct past *past = ctx;
    bool is_call = strcmp(rec->kind, "mcp") == 0;
    struct verdict verdict;

    if ((past->id && rec->escalation == past->id) || is_call != (past->server != NULL) ||
            strcmp(rec->kind, "llm") == 0 || (is_call && strcmp(rec->method, "call") != 0))
        return true;
    past->looked++;
    if (is_call && strcmp(rec->host, past->server) == 0 && strcmp(rec->path, past->tool) == 0 &&
            is_unclear(rec)) {
        past->unclear++;
        return true;
    }
    for (int allow = 0; allow < 2; allow++) {
        const struct policy *rule = past->tallies[allow].rule;

        if (rule &&
                (is_call ? judge_call(past, rule, rec, &verdict)
                         : judge_net(rule, rec, &verdict)) &&
                verdict.kind == (allow ? VERDICT_ALLOW : VERDICT_DENY))
            count(past, allow, rec);
    }
    return true;
}

/* --- all of them ------------------------------------------------------------------------- */

static void tell(const struct past *past, struct tally *tally, bool allow)
{
    struct buf text = BUF_INIT;

    buf_printf(&text, "takes %u of %u recorded %s", tally->count, past->looked,
            past->server ? "calls" : "requests");
    if (past->unclear)
        buf_printf(&text, ", of %u more it cannot be told", past->unclear);
    if (tally->sessions)
        buf_printf(
                &text, ", in %u session%s", tally->sessions, tally->sessions == 1 ? "" : "s");
    if (tally->new_count)
        buf_printf(&text, "; %u of them %s %sallowed then: %s", tally->new_count,
                tally->new_count == 1 ? "was" : "were", allow ? "not " : "", tally->example);
    else if (tally->count)
        buf_printf(&text, "; all of them were %s", allow ? "allowed" : "denied");
    (void)str_copy(tally->text, sizeof(tally->text), buf_str(&text));
    buf_release(&text);
}

void past_make(struct past *past)
{
    struct err err;
    struct store_reader *reader = store_reader_open(past->db, &err);
    int rc = reader ? store_each_session(reader, take_session, past, &err) : (int)err.code;

    if (rc == 0)
        rc = store_each_request(reader, NULL, LIMIT_PAST, take_request, past, &err);
    store_reader_free(reader);
    for (int allow = 0; allow < 2; allow++) {
        struct tally *tally = &past->tallies[allow];

        if (rc < 0)
            snprintf(
                    tally->text, sizeof(tally->text), "the record cannot be read: %s", err.msg);
        else
            tell(past, tally, allow);
    }
}

const char *past_text(const struct past *past, bool allow)
{
    return past->tallies[allow].text;
}
