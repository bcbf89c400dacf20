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

struct item *item_new(const struct gate_question *question)
{
    struct item *item = xcalloc(1, sizeof(*item));

    describe(item, question);
    if (!item->is_shown)
        item_cut(item);
    else if (question->net)
        keep_net(item, question->net);
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
    free(item);
}

bool item_is_same(const struct item *item, const struct item *asked)
{
    const struct escalation_record *a = &item->pub.rec;
    const struct escalation_record *b = &asked->pub.rec;

    return item->is_shown && asked->is_shown && item->pub.risk == asked->pub.risk &&
           !item->host == !asked->host && strcmp(a->session, b->session) == 0 &&
           strcmp(a->kind, b->kind) == 0 && strcmp(a->digest, b->digest) == 0 &&
           strcmp(a->subject, b->subject) == 0 && strcmp(a->rule, b->rule) == 0 &&
           strcmp(a->where, b->where) == 0 && strcmp(a->policy_version, b->policy_version) == 0;
}

/* --- askers ----------------------------------------------------------------------------- */

void item_add(struct item *item, uint64_t ticket, gate_done_fn done, void *ctx)
{
    unsigned count = item->pub.count;

    if ((count & (count - 1)) == 0)
        item->askers = xrealloc(item->askers, (count ? count * 2 : 1) * sizeof(*item->askers));
    item->askers[count] = (struct asker){ticket, done, ctx};
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

bool item_net(const struct item *item, struct net_request *ret)
{
    if (!item->host)
        return false;
    *ret = (struct net_request){
            .method = str_of(item->method),
            .scheme = str_of(item->scheme),
            .host = str_of(item->host),
            .port = item->port,
            .path = str_of(item->path),
    };
    return true;
}

struct grant_use item_use(const struct item *item, struct net_request *req)
{
    CHECK(item_net(item, req));
    return (struct grant_use){
            .session = item->pub.rec.session,
            .req = req,
            .risk = item->pub.risk,
            .uses = item->pub.count,
    };
}
