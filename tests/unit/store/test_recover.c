/*
 * test_recover.c - what dead processes left is closed, what living ones do is left alone.
 */
#include "unit/store/fixture.h"

#include <sys/wait.h>

static int64_t count(struct fixture *f, const char *where)
{
    char sql[256];

    snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", where);
    return sql_int(f->path, sql);
}

/* A process that is gone, and reaped, so that even its pid is free. */
static int64_t dead_pid(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return pid;
}

static void put_open_things(struct store *store, const char *session, int64_t pid)
{
    struct session_record rec = make_session(session, SESSION_RUNNING, pid);
    struct escalation_record escalation = make_escalation(store_next_id(store), session);
    struct request_record request = make_request(store_next_id(store), session);

    request.decision = REQUEST_HELD;
    store_put_session(store, &rec);
    store_put_escalation(store, &escalation);
    store_put_request(store, &request);
}

static bool keep_state(void *ctx, const struct session_record *rec)
{
    *(enum session_state *)ctx = rec->state;
    return true;
}

static void test_sessions_of_a_dead_process_crash_and_their_questions_expire(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    struct err err = {0};

    put_open_things(store, "dead", dead_pid());
    fixture_sync(f, store);

    /* A reader tells the truth even before. */
    enum session_state seen = SESSION_STARTING;
    struct store_reader *reader = store_reader_open(f->path, &err);
    assert_int_equal(store_each_session(reader, keep_state, &seen, &err), 0);
    assert_int_equal(seen, SESSION_CRASHED);
    store_reader_free(reader);

    assert_int_equal(store_recover(f->path, &err), 1);
    assert_int_equal(count(f, "session WHERE state='crashed' AND ended_ms>started_ms"), 1);
    assert_int_equal(count(f, "escalation WHERE session='dead' AND state='expired'"
                              " AND \"by\"='shutdown' AND decided_ms>0"),
            1);
    assert_int_equal(count(f, "request WHERE done=1 AND decision='expired'"), 1);
    assert_int_equal(store_recover(f->path, &err), 0);
    store_close(store);
}

static void test_sessions_of_living_processes_are_left_alone(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    int fds[2];
    struct err err = {0};

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char c;

        close(fds[1]);
        _exit(read(fds[0], &c, 1) != 0); /* until our end is closed */
    }
    close(fds[0]);
    put_open_things(store, "mine", getpid());
    put_open_things(store, "other", pid);
    fixture_sync(f, store);
    assert_int_equal(store_recover(f->path, &err), 0);
    assert_int_equal(count(f, "session WHERE state='running'"), 2);
    assert_int_equal(count(f, "escalation WHERE state='waiting'"), 2);
    assert_int_equal(count(f, "request WHERE done=0 AND decision='held'"), 2);

    close(fds[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(store_recover(f->path, &err), 1);
    assert_int_equal(count(f, "session WHERE state='running' AND id='mine'"), 1);
    assert_int_equal(count(f, "session WHERE state='crashed' AND id='other'"), 1);
    store_close(store);
}

static void test_a_recycled_pid_does_not_keep_a_session_alive(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    struct err err = {0};

    put_open_things(store, "mine", getpid());
    fixture_sync(f, store);
    /* The same pid, but of a process that started at another time. */
    assert_int_equal(sql_int(f->path, "UPDATE session SET process=pid||' 1 '||"
                                      "substr(process, -36)"),
            -1);
    assert_int_equal(store_recover(f->path, &err), 1);
    store_close(store);
}

static void test_without_a_known_start_time_the_pid_decides(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    struct err err = {0};

    put_open_things(store, "mine", getpid());
    put_open_things(store, "dead", dead_pid());
    fixture_sync(f, store);
    assert_int_equal(sql_int(f->path, "UPDATE session SET process=''"), -1);
    assert_int_equal(store_recover(f->path, &err), 1);
    assert_int_equal(count(f, "session WHERE state='running' AND id='mine'"), 1);
    store_close(store);
}

static void test_questions_that_outlived_their_ended_session_expire(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    struct session_record rec = make_session("ended", SESSION_STOPPED, getpid());
    struct escalation_record escalation = make_escalation(store_next_id(store), "ended");
    struct escalation_record homeless = make_escalation(store_next_id(store), "no row");
    struct err err = {0};

    store_put_session(store, &rec);
    store_put_escalation(store, &escalation);
    store_put_escalation(store, &homeless);
    fixture_sync(f, store);
    assert_int_equal(store_recover(f->path, &err), 0);
    assert_int_equal(count(f, "escalation WHERE session='ended' AND state='expired'"), 1);
    assert_int_equal(count(f, "escalation WHERE session='no row' AND state='waiting'"), 1);
    store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(test_sessions_of_a_dead_process_crash_and_their_questions_expire),
            TEST(test_sessions_of_living_processes_are_left_alone),
            TEST(test_a_recycled_pid_does_not_keep_a_session_alive),
            TEST(test_without_a_known_start_time_the_pid_decides),
            TEST(test_questions_that_outlived_their_ended_session_expire),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
