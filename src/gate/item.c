/*
 * item.c - from a question to what is shown and compared; the list of askers.
 */
#include "gate/item.h"

#include "base/limits.h"
#include "base/mem.h"
#include "io/crypt.h"

/* Kept of what is too long to be shown whole, for the record. */
#define DETAIL_CUT 2048

/* Several lines made safe to show; the caller's. *ret_whole is false if they had to be cut. */
static char *show_lines(struct str text, bool *ret_whole)
{
    struct buf all = BUF_INIT;
    bool more = true;

    *ret_whole = text.n <= LIMIT_GATE_DETAIL;
    if (!*ret_whole)
        text.n = DETAIL_CUT;
    while (more) {
        struct str line;

        more = str_cut(&text, '\n', &line);
        /* Eight bytes of "<U+0001>" for one are the worst case. */
        size_t room = line.n * 8 + 1;
        str_vis(buf_reserve(&all, room), room, line);
        buf_commit(&all, strlen(buf_data(&all) + buf_len(&all)));
        if (more)
            buf_putc(&all, '\n');
    }
    if (buf_len(&all) > LIMIT_GATE_DETAIL) {
        *ret_whole = false;
    }
    char *shown = xstrndup(buf_data(&all), buf_len(&all));
    buf_release(&all);
    return shown;
}

void item_cut(struct item *item)
{
    if (strlen(item->detail) > DETAIL_CUT)
        item->detail[DETAIL_CUT] = '\0';
}

static void vis(char *dst, size_t cap, const char *text)
{
    str_vis(dst, cap, str_of(text ? text : ""));
}

static void describe(struct item *item, const struct gate_question *question)
{
    const struct verdict *verdict = &question->verdict;
    struct gate_item *pub = &item->pub;
    struct escalation_record *rec = &pub->rec;

    vis(pub->label, sizeof(pub->label), question->label);
    vis(pub->agent, sizeof(pub->agent), question->agent);
    pub->risk = verdict->risk;
    pub->hazards = verdict->hazards;
    vis(pub->taken_for, sizeof(pub->taken_for), verdict->taken_for);
    vis(rec->session, sizeof(rec->session), question->session);
    vis(rec->kind, sizeof(rec->kind), question->kind);
    str_vis(rec->subject, sizeof(rec->subject), question->subject);
    crypt_sha256_hex(question->detail.p, question->detail.n, rec->digest);
    snprintf(rec->rule, sizeof(rec->rule), "%s", verdict->rule);
    snprintf(rec->where, sizeof(rec->where), "%s", verdict->where);
    snprintf(rec->reason, sizeof(rec->reason), "%s", verdict->reason);
    snprintf(rec->risk, sizeof(rec->risk), "%s", risk_name(verdict->risk));
    vis(rec->policy_version, sizeof(rec->policy_version), question->policy_version);
    rec->asked_ms = clock_wall_ms();
    rec->state = ESC_WAITING;
    rec->detail = item->detail = show_lines(question->detail, &item->is_shown);
}

static void keep_net(struct item *item, const struct net_request *net)
{
    item->method = xstrndup(net->method.p, net->method.n);
    item->scheme = xstrndup(net->scheme.p, net->scheme.n);
    item->host = xstrndup(net->host.p, net->host.n);
    item->path = xstrndup(net->path.p, net->path.n);
    item->port = net->port;
    str_vis(item->pub.host, sizeof(item->pub.host), net->host);
}

/* A copy that outlives whoever asks. */
struct kept_call {
    struct call_request request; /* owns what it points to */
    struct policy_world world;   /* same */
};

static struct str keep(struct str text)
{
    return (struct str){xstrndup(text.p, text.n), text.n};
}

static char *keep_text(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

static const char **keep_list(const char *const *list)
{
    size_t n = 0;

    while (list && list[n])
        n++;
    const char **kept = xcalloc(n + 1, sizeof(*kept));
    for (size_t i = 0; i < n; i++)
        kept[i] = xstrdup(list[i]);
    return kept;
}

static void keep_call(
        struct item *item, const struct call_request *request, const struct policy_world *world)
{
    struct kept_call *call = xcalloc(1, sizeof(*call));

    call->request = (struct call_request){
            keep(request->server), keep(request->tool), keep(request->arguments)};
    call->world = (struct policy_world){
            .home = keep_text(world->home),
            .workspace = keep_text(world->workspace),
            .box_workspace = keep_text(world->box_workspace),
            .cwd = keep_text(world->cwd),
            .guarded = keep_list(world->guarded),
    };
    item->call = call;
    item->pub.call = &call->request;
    item->pub.world = &call->world;
}

static void kept_call_free(struct kept_call *call)
{
    if (!call)
        return;
    for (size_t i = 0; call->world.guarded[i]; i++)
        free((char *)call->world.guarded[i]);
    free((char **)call->world.guarded);
    free((char *)call->world.home);
    free((char *)call->world.workspace);
    free((char *)call->world.box_workspace);
    free((char *)call->world.cwd);
    free((char *)call->request.server.p);
    free((char *)call->request.tool.p);
    free((char *)call->request.arguments.p);
    free(call);
}

struct item *item_new(const struct gate_question *question)
{
    struct item *item = xcalloc(1, sizeof(*item));

    describe(item, question);
    if (!item->is_shown)
        item_cut(item);
    else if (question->net)
        keep_net(item, question->net);
    else if (question->call)
        keep_call(item, question->call, question->world);
    item->timeout_ms = question->verdict.timeout_ms;
    item->review_left_ms = LIMIT_REVIEW_MS;
    return item;
}

void item_free(struct item *item)
{
    if (!item)
        return;
    free(item->askers);
    free(item->detail);
    free(item->method);
    free(item->scheme);
    free(item->host);
    free(item->path);
    kept_call_free(item->call);
    free(item->edited);
    free(item->edited_shown);
    free(item);
}

bool item_edit(
        const struct item *item, struct str arguments, char ret_digest[65], char **ret_shown)
{
    const struct call_request *call = item_call(item);
    struct buf detail = BUF_INIT;
    bool is_whole;

    /* As whoever asked wrote it: server/tool, and the arguments on the next line. */
    buf_append_str(&detail, call->server);
    buf_putc(&detail, '/');
    buf_append_str(&detail, call->tool);
    buf_putc(&detail, '\n');
    buf_append_str(&detail, arguments);
    crypt_sha256_hex(buf_data(&detail), buf_len(&detail), ret_digest);
    *ret_shown = show_lines(buf_str(&detail), &is_whole);
    buf_release(&detail);
    if (is_whole)
        return true;
    free(*ret_shown);
    *ret_shown = NULL;
    return false;
}

bool item_is_same(const struct item *item, const struct item *asked)
{
    const struct escalation_record *a = &item->pub.rec;
    const struct escalation_record *b = &asked->pub.rec;

    return item->is_shown && asked->is_shown && item->pub.risk == asked->pub.risk &&
           !item->host == !asked->host && !item->call == !asked->call &&
           strcmp(a->session, b->session) == 0 && strcmp(a->kind, b->kind) == 0 &&
           strcmp(a->digest, b->digest) == 0 && strcmp(a->subject, b->subject) == 0 &&
           strcmp(a->rule, b->rule) == 0 && strcmp(a->where, b->where) == 0 &&
           strcmp(a->policy_version, b->policy_version) == 0;
}

/* --- askers ----------------------------------------------------------------------------- */

void item_add(struct item *item, const struct asker *asker)
{
    unsigned count = item->pub.count;

    if ((count & (count - 1)) == 0)
        item->askers = xrealloc(item->askers, (count ? count * 2 : 1) * sizeof(*item->askers));
    item->askers[count] = *asker;
    item->pub.count++;
}

static void remove_at(struct item *item, unsigned at)
{
    item->pub.count--;
    memmove(item->askers + at, item->askers + at + 1,
            (item->pub.count - at) * sizeof(*item->askers));
}

bool item_has(const struct item *item, uint64_t ticket)
{
    for (unsigned i = 0; i < item->pub.count; i++)
        if (item->askers[i].ticket == ticket)
            return true;
    return false;
}

bool item_remove(struct item *item, uint64_t ticket)
{
    for (unsigned i = 0; i < item->pub.count; i++)
        if (item->askers[i].ticket == ticket) {
            remove_at(item, i);
            return true;
        }
    return false;
}

struct asker item_take(struct item *item)
{
    CHECK(item->pub.count > 0);
    struct asker first = item->askers[0];
    remove_at(item, 0);
    return first;
}

const struct call_request *item_call(const struct item *item)
{
    return item->call ? &item->call->request : NULL;
}

bool item_use(const struct item *item, struct net_request *req, struct grant_use *ret)
{
    *ret = (struct grant_use){
            .session = item->pub.rec.session,
            .risk = item->pub.risk,
            .uses = item->pub.count,
    };
    if (item->call) {
        ret->call = &item->call->request;
        ret->world = &item->call->world;
        return true;
    }
    if (!item->host)
        return false;
    *req = (struct net_request){
            .method = str_of(item->method),
            .scheme = str_of(item->scheme),
            .host = str_of(item->host),
            .port = item->port,
            .path = str_of(item->path),
    };
    ret->req = req;
    return true;
}
