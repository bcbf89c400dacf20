/*
 * resolve.c - see resolve.h. A name is judged before it is asked for, its addresses after.
 *
 * libuv cannot take a running getaddrinfo back: a canceled request is freed in its callback.
 */
#include "io/resolve.h"

#include <netdb.h>
#include <string.h>

#include "base/mem.h"
#include "io/addr.h"
#include "io/loop_priv.h"
#include "io/uverr.h"

/* Answers looked at; with more the name is refused, as some would go unjudged. */
#define ANSWERS 64

struct resolve {
    uv_getaddrinfo_t req;
    void (*done)(void *ctx, const struct resolved *found, const struct err *err);
    void *ctx; /* borrows */
    bool own;
};

/* Nothing else is in a host name. libuv would make ASCII of other letters and other dots, a
 * zone ("%eth0") makes sense for link-local addresses only, and some proxies cut dots off that
 * make one name look like another. */
static bool is_plain(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = char_lower(name.p[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !strchr("-._", c))
            return false;
        if (c == '.' && (i == 0 || name.p[i - 1] == '.'))
            return false;
    }
    return name.n > 0 && name.n < 256;
}

int resolve_check_name(const char *name, bool own, struct err *err)
{
    struct str host = str_of(name);

    if (!is_plain(host))
        return err_set(err, ERR_DENIED, "this is not a host name");
    if (ip_looks_numeric(host))
        return err_set(err, ERR_DENIED, "an unusual spelling of an address");
    if (name_is_metadata(host))
        return err_set(err, ERR_DENIED, "the name of a cloud's metadata service");
    if (!own && name_is_local(host))
        return err_set(err, ERR_DENIED, "a name of this machine or its local network");
    return 0;
}

static int judge(const struct sockaddr *addr, bool own, struct err *err)
{
    char text[64];
    struct ip ip;

    if (!addr_to_ip(addr, &ip))
        return err_set(err, ERR_DENIED, "the name has an address of an unknown kind");
    const char *what = ip_refused(&ip, own);
    if (!what)
        return 0;
    addr_text(addr, text, sizeof(text));
    return err_set(err, ERR_DENIED, "'%s' is not a public address (%s)", text, what);
}

int resolve_literal(
        const char *text, uint16_t port, bool own, struct resolved *ret, struct err *err)
{
    struct sockaddr_storage addr;
    struct ip ip;

    if (!ip_parse(str_of(text), &ip))
        return 0;
    addr_of_ip(&ip, port, &addr);
    int rc = judge((const struct sockaddr *)&addr, own, err);
    if (rc < 0)
        return rc;
    ret->addrs[0] = addr;
    ret->count = 1;
    return 1;
}

static bool is_known(const struct addrinfo *list, const struct addrinfo *a)
{
    for (; list != a; list = list->ai_next)
        if (list->ai_addrlen == a->ai_addrlen &&
                memcmp(list->ai_addr, a->ai_addr, a->ai_addrlen) == 0)
            return true;
    return false;
}

/* The next answer, from `a` on, that is of this family (or is not) and no repetition. */
static const struct addrinfo *next_of(
        const struct addrinfo *list, const struct addrinfo *a, int family, bool same)
{
    while (a && ((a->ai_family == family) != same || is_known(list, a)))
        a = a->ai_next;
    return a;
}

/*
 * The resolver's order (RFC 6724) is kept within a family; the families take turns, so that
 * one that leads nowhere costs one attempt (RFC 8305 section 4).
 */
static void put_in_order(const struct addrinfo *list, struct resolved *ret)
{
    int family = list->ai_family;
    const struct addrinfo *a = next_of(list, list, family, true);
    const struct addrinfo *b = next_of(list, list, family, false);
    bool turn = true;

    ret->count = 0;
    while ((a || b) && ret->count < RESOLVE_MAX) {
        const struct addrinfo **from = (turn && a) || !b ? &a : &b;

        memcpy(&ret->addrs[ret->count++], (*from)->ai_addr, (*from)->ai_addrlen);
        *from = next_of(list, (*from)->ai_next, family, from == &a);
        turn = !turn;
    }
}

static int take_answers(
        const struct addrinfo *list, bool own, struct resolved *ret, struct err *err)
{
    size_t count = 0;

    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        if (a->ai_addrlen > sizeof(ret->addrs[0]) || ++count > ANSWERS)
            return err_set(err, ERR_LIMIT, "the name has too many addresses");
        int rc = judge(a->ai_addr, own, err);
        if (rc < 0)
            return rc;
    }
    put_in_order(list, ret);
    return 0;
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct resolve *r = req->data;
    struct resolved found = {.count = 0};
    struct err err;
    int rc = 0;

    if (!r->done)
        rc = ERR_CANCELED;
    else if (status < 0 || !list)
        rc = err_uv(&err, status ? status : UV_EAI_NODATA, "cannot resolve the name");
    else
        rc = take_answers(list, r->own, &found, &err);
    uv_freeaddrinfo(list);
    if (r->done)
        r->done(r->ctx, rc < 0 ? NULL : &found, rc < 0 ? &err : NULL);
    free(r);
}

struct resolve *resolve_start(struct loop *loop, const struct resolve_query *query,
        void (*done)(void *ctx, const struct resolved *found, const struct err *err), void *ctx,
        struct err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct resolve *r = xcalloc(1, sizeof(*r));
    char service[8];

    r->done = done;
    r->ctx = ctx;
    r->own = query->own;
    r->req.data = r;
    snprintf(service, sizeof(service), "%u", query->port);
    int rc = uv_getaddrinfo(&loop->uv, &r->req, on_resolved, query->name, service, &hints);
    if (rc == 0)
        return r;
    err_uv(err, rc, "cannot resolve the name");
    free(r);
    return NULL;
}

void resolve_cancel(struct resolve *r)
{
    if (!r)
        return;
    r->done = NULL;
    uv_cancel((uv_req_t *)&r->req);
}
