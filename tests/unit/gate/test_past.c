/*
 * What a rule would have taken of the record: the same tool in other sessions' workspaces, what
 * was refused then, and what cannot be told.
 */
#include "gate/past.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/tmpdir.h"
#include "unit/check.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"

#define S1 "5a1f0000-0000-4000-8000-000000000001"
#define S2 "5a1f0000-0000-4000-8000-000000000002"

struct fixture {
    char dir[64];
    char *db, *workspace;
    struct loop *loop;
    struct store *store;
};

static int up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    char resolved[PATH_MAX];
    struct err err;

    test_tmpdir(f->dir, sizeof(f->dir), "past");
    f->db = path_join(f->dir, "ironcurtain.db");
    assert_non_null(realpath(f->dir, resolved));
    f->workspace = path_join(resolved, "work");
    assert_int_equal(mkdir(f->workspace, 0700), 0);
    f->loop = loop_new(&err);
    f->store = store_open(f->loop, f->db, &err);
    assert_non_null(f->store);
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    store_close(f->store);
    loop_free(f->loop);
    assert_int_equal(file_remove_tree(f->dir, NULL), 0);
    free(f->db);
    free(f->workspace);
    free(f);
    return 0;
}

static void on_disk(void *ctx, const struct err *err)
{
    assert_null(err);
    *(bool *)ctx = true;
}

static void flush(struct fixture *f)
{
    bool done = false;

    store_barrier(f->store, on_disk, &done);
    while (!done)
        loop_turn(f->loop, true);
}

static void put_session(struct fixture *f, const char *id, const char *workspace)
{
    struct session_record rec = {.state = SESSION_STOPPED, .started_ms = 1};

    (void)str_copy(rec.id, sizeof(rec.id), str_of(id));
    (void)str_copy(rec.workspace, sizeof(rec.workspace), str_of(workspace));
    store_put_session(f->store, &rec);
}

static void put(struct fixture *f, const char *session, const char *kind, const char *method,
        const char *host, const char *path, const char *arguments,
        enum request_decision decision)
{
    static int64_t now = 1;
    struct request_record rec = {.id = store_next_id(f->store),
            .started_ms = now++,
            .decision = decision,
            .port = 443,
            .arguments = arguments,
            .done = true};

    (void)str_copy(rec.session, sizeof(rec.session), str_of(session));
    (void)str_copy(rec.kind, sizeof(rec.kind), str_of(kind));
    (void)str_copy(rec.method, sizeof(rec.method), str_of(method));
    (void)str_copy(rec.host, sizeof(rec.host), str_of(host));
    (void)str_copy(rec.path, sizeof(rec.path), str_of(path));
    store_put_request(f->store, &rec);
}

static void call(struct fixture *f, const char *session, const char *arguments,
        enum request_decision decision)
{
    put(f, session, "mcp", "call", "fs", "write", arguments, decision);
}

static char shown[600];

static const char *tell(
        struct fixture *f, const struct gate_item *item, const char *rule, bool allow)
{
    struct past *past = past_new(f->store, item, allow ? rule : "", allow ? "" : rule);

    flush(f);
    past_make(past);
    (void)str_copy(shown, sizeof(shown), str_of(past_text(past, allow)));
    past_free(past);
    return shown;
}

static void calls_are_judged_where_they_were_made(void **state)
{
    struct fixture *f = *state;
    struct policy_world world = {
            .home = f->dir, .workspace = f->workspace, .box_workspace = "/workspace"};
    struct call_request request = {STR("fs"), STR("write"), STR("{}")};
    struct gate_item item = {.call = &request, .world = &world};
    char rule[400];

    put_session(f, S1, f->workspace);
    put_session(f, S2, "/elsewhere");
    call(f, S1, "{\"path\":\"/workspace/a\"}", REQUEST_APPROVED);
    call(f, S1, "{\"path\":\"b\"}", REQUEST_REFUSED);
    call(f, S1, "{\"path\":\"../c\"}", REQUEST_REFUSED);
    call(f, S2, "{\"path\":\"/workspace/a\"}", REQUEST_ALLOW);
    call(f, S1, "{\"path\":\"cut she", REQUEST_ALLOW);
    put(f, S1, "mcp", "call", "fs", "read", "{\"path\":\"b\"}", REQUEST_ALLOW);
    put(f, S1, "mcp", "read", "fs", "resource:x", "", REQUEST_ALLOW);
    put(f, S1, "http", "GET", "fs", "/write", "", REQUEST_ALLOW);

    snprintf(rule, sizeof(rule), "allow fs/write if path within %s and . only path",
            f->workspace);
    assert_string_equal(tell(f, &item, rule, true),
            "takes 2 of 6 recorded calls, of 1 more it cannot be told, in 1 session; 1 of them "
            "was not allowed then: fs/write {\"path\":\"b\"}");
    item.rec.id = 77;
    assert_string_equal(tell(f, &item, "allow fs/list if . only", true),
            "takes 0 of 6 recorded calls, of 1 more it cannot be told");
}

static void requests_are_judged_by_method_host_and_path(void **state)
{
    struct fixture *f = *state;
    struct gate_item item = {.host = "a.org"};

    put(f, S1, "http", "GET", "a.org", "/x", "", REQUEST_ALLOW);
    put(f, S1, "http", "POST", "a.org", "/x", "", REQUEST_EXPIRED);
    put(f, S1, "net", "CONNECT", "a.org", "", "", REQUEST_DENY);
    put(f, S1, "llm", "POST", "api.a.org", "/v1", "", REQUEST_ALLOW);
    assert_string_equal(tell(f, &item, "allow net:GET,HEAD https://a.org/**", true),
            "takes 1 of 3 recorded requests; all of them were allowed");
    assert_string_equal(tell(f, &item, "deny net:* a.org:443", false),
            "takes 3 of 3 recorded requests; 1 of them was allowed then: GET a.org:443/x");
}

static void a_long_record_is_read_from_its_end(void **state)
{
    struct fixture *f = *state;
    struct gate_item item = {.host = "a.org"};

    put(f, S1, "http", "GET", "first.org", "/x", "", REQUEST_ALLOW);
    for (int i = 0; i < LIMIT_PAST; i++)
        put(f, S1, "http", "GET", "a.org", "/x", "", REQUEST_ALLOW);
    assert_non_null(strstr(tell(f, &item, "allow net:GET https://first.org/x", true),
            "takes 0 of 10000 recorded requests"));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)
    const struct CMUnitTest tests[] = {
            TEST(calls_are_judged_where_they_were_made),
            TEST(requests_are_judged_by_method_host_and_path),
            TEST(a_long_record_is_read_from_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
