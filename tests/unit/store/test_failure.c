/*
 * test_failure.c - a disk that is full, and a queue that nobody throttles: the store fails
 * once, says why, and says it to everybody who asks for a commit afterwards.
 */
#include "unit/store/fixture.h"

#include <signal.h>
#include <sys/resource.h>

#include "base/limits.h"

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

struct heard {
    unsigned failures, drains;
    char why[480];
};

static void on_failure(void *ctx, const char *why)
{
    struct heard *heard = ctx;

    heard->failures++;
    snprintf(heard->why, sizeof(heard->why), "%s", why);
}

static void on_drain(void *ctx)
{
    ((struct heard *)ctx)->drains++;
}

static void put_requests(struct store *store, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct request_record rec = make_request(store_next_id(store), "s1");

        store_put_request(store, &rec);
    }
}

static void test_a_full_disk_latches_and_every_later_commit_hears_why(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    struct heard heard = {0};

    store_on_failure(store, on_failure, &heard);
    put_requests(store, 10);
    fixture_sync(f, store);
    assert_int_equal(f->errors, 0);
    assert_false(store_failed(store));
    assert_string_equal(store_error(store), "");

    set_file_limit(64 * 1024); /* the WAL may not grow beyond this */
    put_requests(store, 2000);
    fixture_sync(f, store);
    assert_int_equal(f->errors, 1);
    assert_true(store_failed(store));
    assert_int_equal(heard.failures, 1);
    assert_string_equal(heard.why, store_error(store));
    assert_string_equal(f->why, store_error(store));
    assert_non_null(strstr(heard.why, "cannot write '"));
    print_message("%s\n", heard.why);

    /* There is room again, but a log with a hole is not taken up again. */
    set_file_limit(RLIM_INFINITY);
    put_requests(store, 10);
    fixture_sync(f, store);
    assert_int_equal(f->errors, 2);
    assert_int_equal(heard.failures, 1);
    store_close(store);

    /* What was answered before is there, what failed is not, and the file is sound. */
    assert_int_equal(sql_int(f->path, "SELECT count(*) FROM request"), 10);
    assert_int_equal(
            sql_int(f->path, "SELECT integrity_check='ok' FROM pragma_integrity_check"), 1);
    store = fixture_open(f);
    f->errors = 0;
    put_requests(store, 10);
    fixture_sync(f, store);
    assert_int_equal(f->errors, 0);
    store_close(store);
}

static void test_a_failure_during_close_is_answered_too(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    struct heard heard = {0};
    struct escalation_record rec = make_escalation(store_next_id(store), "s1");

    store_on_failure(store, on_failure, &heard);
    set_file_limit(32 * 1024);
    put_requests(store, 2000);
    store_commit_escalation(store, &rec, on_answer, f);
    store_close(store);
    set_file_limit(RLIM_INFINITY);
    assert_int_equal(f->answers, 1);
    assert_int_equal(f->errors, 1);
    assert_int_equal(heard.failures, 1);
}

static void test_a_database_that_cannot_be_made_is_an_error_and_leaves_no_thread(void **state)
{
    struct fixture *f = *state;
    struct err err;

    set_file_limit(0);
    assert_null(store_open(f->loop, f->path, &err));
    set_file_limit(RLIM_INFINITY);
    assert_non_null(strstr(err.msg, "ironcurtain.db"));
    store_close(fixture_open(f));
}

static void test_a_queue_that_nobody_throttles_fails_instead_of_growing(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    struct heard heard = {0};
    sqlite3 *other;

    store_on_failure(store, on_failure, &heard);
    store_on_drain(store, on_drain, &heard);
    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    put_requests(store, LIMIT_AUDIT_HARD / sizeof(struct request_record) + 10);
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    fixture_sync(f, store);
    assert_true(store_failed(store));
    assert_int_equal(heard.failures, 1);
    assert_int_equal(f->errors, 1);
    assert_non_null(strstr(heard.why, "wait for the disk"));
    /* Failed or not, those who stopped reading must hear that they may go on. */
    while (store_full(store))
        loop_turn(f->loop, true);
    assert_int_equal(heard.drains, 1);
    store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(test_a_full_disk_latches_and_every_later_commit_hears_why),
            TEST(test_a_failure_during_close_is_answered_too),
            TEST(test_a_database_that_cannot_be_made_is_an_error_and_leaves_no_thread),
            TEST(test_a_queue_that_nobody_throttles_fails_instead_of_growing),
    };

    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
