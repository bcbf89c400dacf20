/*
 * test_store.c - records in, rows out; the loop does not wait; what was answered is there.
 */
#include "unit/store/fixture.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/limits.h"

static bool keep_request(void *ctx, const struct request_record *rec)
{
    struct request_record *kept = ctx;

    *kept = *rec;
    kept->arguments = NULL;
    return false;
}

static bool keep_escalation(void *ctx, const struct escalation_record *rec)
{
    struct escalation_record *kept = ctx;
    *kept = *rec;
    kept->detail = xstrdup(rec->detail);
    kept->edited = xstrdup(rec->edited);
    return false;
}

/* Releases what was read. */
static void assert_same_escalation(
        struct escalation_record *got, const struct escalation_record *want)
{
    struct escalation_record same = *got;
    assert_string_equal(got->detail, want->detail);
    assert_string_equal(got->edited, want->edited);
    same.detail = want->detail;
    same.edited = want->edited;
    assert_memory_equal(&same, want, sizeof(same));
    escalation_release(got);
}

static bool keep_session(void *ctx, const struct session_record *rec)
{
    *(struct session_record *)ctx = *rec;
    return false;
}

static struct store_reader *open_reader(struct fixture *f)
{
    struct err err = {0};
    struct store_reader *reader = store_reader_open(f->path, &err);

    if (!reader)
        fail_msg("store_reader_open: %s", err.msg);
    return reader;
}

static void test_every_field_of_every_record_comes_back(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    struct request_record request = make_request(store_next_id(store), "s1");
    static char detail[100000];
    memset(detail, 'd', sizeof(detail) - 1);
    struct escalation_record escalation = make_escalation(store_next_id(store), "s1");
    struct session_record session = make_session("s1", SESSION_RUNNING, getpid());

    request.status = 200;
    request.decision = REQUEST_APPROVED;
    snprintf(request.rule, sizeof(request.rule), "allow 'x'; --");
    snprintf(request.reason, sizeof(request.reason), "bytes \xff\xfe \x1b[31m");
    request.key_swapped = true;
    request.bytes_up = UINT64_C(5000000000);
    request.bytes_down = 7;
    request.first_byte_ms = 12;
    request.total_ms = 34;
    request.escalation = escalation.id;
    request.done = true;
    request.inspected = true;
    snprintf(request.protocol, sizeof(request.protocol), "websocket");
    memset(request.model, 'm', sizeof(request.model) - 1);
    snprintf(request.stop_reason, sizeof(request.stop_reason), "end_turn");
    request.input_tokens = 11;
    request.output_tokens = 12;
    request.cache_read_tokens = UINT64_C(13000000000);
    request.cache_write_tokens = 14;
    request.cost_micro = -1;
    escalation.detail = detail;
    escalation.edited = "fs/write\n{}";
    memset(escalation.edited_digest, 'b', 64);
    memset(escalation.digest, 'a', 64);
    snprintf(escalation.rule, sizeof(escalation.rule), "r");
    snprintf(escalation.where, sizeof(escalation.where), "policy.rules:3");
    snprintf(escalation.reason, sizeof(escalation.reason), "why");
    snprintf(escalation.risk, sizeof(escalation.risk), "high");
    snprintf(escalation.policy_version, sizeof(escalation.policy_version), "0123456789abcdef");
    escalation.decided_ms = 1700000001000;
    escalation.state = ESC_DENIED;
    snprintf(escalation.by, sizeof(escalation.by), "human");
    snprintf(escalation.message, sizeof(escalation.message), "no \xe2\x82\xac");
    snprintf(session.box, sizeof(session.box), "box");
    store_put_request(store, &request);
    store_put_escalation(store, &escalation);
    store_put_session(store, &session);
    store_close(store);

    struct store_reader *reader = open_reader(f);
    struct request_record got_request;
    struct escalation_record got_escalation;
    struct session_record got_session;
    struct err err;
    assert_int_equal(store_each_request(reader, "s1", 0, keep_request, &got_request, &err), 0);
    assert_int_equal(
            store_each_escalation(reader, "s1", 0, keep_escalation, &got_escalation, &err), 0);
    assert_int_equal(store_each_session(reader, keep_session, &got_session, &err), 0);
    assert_memory_equal(&got_request, &request, sizeof(request));
    assert_same_escalation(&got_escalation, &escalation);
    assert_memory_equal(&got_session, &session, sizeof(session));
    assert_int_equal(store_find_request(reader, request.id, &got_request, &err), 0);
    assert_string_equal(got_request.arguments, "");
    request_release(&got_request);
    assert_memory_equal(&got_request, &request, sizeof(request));
    assert_int_equal(store_find_escalation(reader, escalation.id, &got_escalation, &err), 0);
    assert_same_escalation(&got_escalation, &escalation);
    assert_int_equal(store_find_request(reader, 99999, &got_request, &err), ERR_NOENT);
    store_reader_free(reader);
}

static void test_second_put_replaces_the_row(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    struct request_record rec = make_request(store_next_id(store), "s1");
    struct session_record session = make_session("s1", SESSION_RUNNING, getpid());

    store_put_request(store, &rec);
    store_put_session(store, &session);
    rec.status = 502;
    rec.done = true;
    session.state = SESSION_STOPPED;
    store_put_request(store, &rec);
    store_put_session(store, &session);
    store_close(store);
    assert_int_equal(sql_int(f->path, "SELECT count(*) FROM request"), 1);
    assert_int_equal(sql_int(f->path, "SELECT status FROM request WHERE done=1"), 502);
    assert_int_equal(sql_int(f->path, "SELECT count(*) FROM session WHERE state='stopped'"), 1);
}

static void test_words_are_stored_with_any_length(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    char *text = xmalloc(LIMIT_WORDS + 1);
    struct words_record rec = {.session = "s1", .at_ms = 5, .source = "typed", .text = text};

    memset(text, 'w', LIMIT_WORDS);
    text[LIMIT_WORDS] = '\0';
    store_put_words(store, &rec);
    /* The record was copied: what the caller does with its memory is its business. */
    memset(text, 'x', LIMIT_WORDS);
    rec.text = NULL;
    store_put_words(store, &rec);
    store_close(store);
    free(text);
    assert_int_equal(sql_int(f->path, "SELECT count(*) FROM words"), 2);
    assert_int_equal(sql_int(f->path, "SELECT length(text) FROM words WHERE text LIKE 'www%'"),
            LIMIT_WORDS);
}

static void test_reader_lists_newest_first_and_stops_at_limit_or_when_told(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    struct request_record got;
    struct err err;

    for (unsigned i = 0; i < 20; i++) {
        struct request_record rec = make_request(store_next_id(store), i % 2 ? "odd" : "even");

        store_put_request(store, &rec);
    }
    store_close(store);
    struct store_reader *reader = open_reader(f);
    assert_int_equal(store_each_request(reader, NULL, 0, keep_request, &got, &err), 0);
    assert_int_equal(got.id, 20);
    assert_int_equal(store_each_request(reader, "even", 1, keep_request, &got, &err), 0);
    assert_int_equal(got.id, 19);
    store_reader_free(reader);
}

/* --- answers -------------------------------------------------------------------------- */

struct seen {
    struct fixture *f;
    struct store *store;
    uint64_t id;
    bool there;
    unsigned count;
};

static void look_from_outside(void *ctx, const struct err *err)
{
    struct seen *seen = ctx;
    char sql[96];

    assert_null(err);
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM escalation WHERE id=%lu",
            (unsigned long)seen->id);
    seen->there = sql_int(seen->f->path, sql) == 1;
    seen->count++;
}

static void test_commit_calls_back_on_the_loop_when_the_row_is_there(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    struct seen seen = {.f = f, .store = store, .id = store_next_id(store)};
    struct escalation_record rec = make_escalation(seen.id, "s1");

    store_commit_escalation(store, &rec, look_from_outside, &seen);
    assert_int_equal(seen.count, 0); /* never from inside */
    while (!seen.count)
        loop_turn(f->loop, true);
    assert_true(seen.there);
    store_close(store);
    assert_int_equal(seen.count, 1);
}

static void commit_one_more(void *ctx, const struct err *err)
{
    struct seen *seen = ctx;

    assert_null(err);
    if (seen->count++ < 3) {
        struct escalation_record rec = make_escalation(store_next_id(seen->store), "chain");

        store_commit_escalation(seen->store, &rec, commit_one_more, seen);
    }
}

static void test_close_writes_the_queue_and_answers_also_what_callbacks_add(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    struct seen seen = {.f = f, .store = store};
    struct escalation_record rec = make_escalation(store_next_id(store), "chain");

    for (unsigned i = 0; i < 5000; i++) {
        struct request_record request = make_request(store_next_id(store), "s1");

        store_put_request(store, &request);
    }
    store_commit_escalation(store, &rec, commit_one_more, &seen);
    store_close(store);
    assert_int_equal(seen.count, 4);
    assert_int_equal(sql_int(f->path, "SELECT count(*) FROM request"), 5000);
    assert_int_equal(sql_int(f->path, "SELECT count(*) FROM escalation"), 4);
}

static void test_close_with_an_answer_on_its_way_is_silent_afterwards(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 30; i++) {
        struct store *store = fixture_open(f);
        struct escalation_record rec = make_escalation(store_next_id(store), "s1");
        unsigned before = f->answers;

        store_commit_escalation(store, &rec, on_answer, f);
        /* Long enough for the post to be queued in most rounds, without a turn of the loop. */
        while (i % 2 && sql_int(f->path, "SELECT count(*) FROM escalation") <= i)
            continue;
        store_close(store);
        assert_int_equal(f->answers, before + 1);
        loop_turn(f->loop, false);
        assert_int_equal(f->answers, before + 1);
    }
    assert_int_equal(f->errors, 0);
}

/* --- the loop does not wait ----------------------------------------------------------- */

struct drain {
    unsigned count;
};

static void on_drain(void *ctx)
{
    ((struct drain *)ctx)->count++;
}

/* How often this thread gave up the processor to wait: for a lock, for the disk. */
static long waits(void)
{
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_THREAD, &usage), 0);
    return usage.ru_nvcsw;
}

/*
 * Over 5 ms and waiting, that is the disk. Over 5 ms alone is also what a busy machine does
 * by running somebody else, and says nothing about us; so it is only printed.
 */
static void test_100000_rows_are_put_without_waiting_for_the_disk(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    struct drain drain = {0};
    unsigned slow = 0, waited = 0, fulls = 0;
    uint64_t worst_ns = 0;

    store_on_drain(store, on_drain, &drain);
    for (unsigned i = 0; i < 100000; i++) {
        struct request_record rec = make_request(store_next_id(store), "s1");
        long before_put = waits();
        uint64_t start = clock_ns();

        store_put_request(store, &rec);
        uint64_t took = clock_ns() - start;
        bool is_slow = took > 5000000;
        worst_ns = took > worst_ns ? took : worst_ns;
        slow += is_slow;
        waited += is_slow && waits() != before_put;
        if (!store_full(store))
            continue;
        /* What every caller must do: stop until it drains. */
        unsigned before = drain.count;
        fulls++;
        while (drain.count == before)
            loop_turn(f->loop, true);
        assert_false(store_full(store));
    }
    fixture_sync(f, store);
    assert_int_equal(f->errors, 0);
    print_message("worst put %.3f ms, %u over 5 ms, %u of them waiting, queue full %u times\n",
            (double)worst_ns / 1e6, slow, waited, fulls);
    assert_true(waited <= 5);
    assert_int_equal(drain.count, fulls);
    assert_int_equal(sql_int(f->path, "SELECT count(*) FROM request"), 100000);
    store_close(store);
}

static void test_full_holds_until_half_is_written_and_drain_comes_once(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    struct drain drain = {0};
    sqlite3 *other;
    size_t bytes = 0;

    store_on_drain(store, on_drain, &drain);
    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    while (bytes < LIMIT_AUDIT_QUEUE) {
        struct escalation_record rec = make_escalation(store_next_id(store), "s1");

        assert_true(bytes < LIMIT_AUDIT_QUEUE / 2 || !store_failed(store));
        store_put_escalation(store, &rec);
        bytes += sizeof(rec);
    }
    assert_true(store_full(store));
    loop_turn(f->loop, false);
    assert_int_equal(drain.count, 0);
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    while (!drain.count)
        loop_turn(f->loop, true);
    assert_false(store_full(store));
    fixture_sync(f, store);
    assert_int_equal(drain.count, 1);
    assert_false(store_failed(store));
    store_close(store);
}

/* --- other processes ------------------------------------------------------------------ */

static unsigned told; /* in the child */

static void tell_id(void *ctx, const struct err *err)
{
    const uint64_t *slot = ctx;

    if (err || write(3, slot, sizeof(*slot)) != sizeof(*slot))
        _exit(9);
    told++;
}

/* Writes ids to descriptor 3 as they are answered; dies without a word in the middle. */
static void child_that_dies(const char *path)
{
    static uint64_t ids[100000];
    struct err err;
    struct loop *loop = loop_new(&err);
    struct store *store = loop ? store_open(loop, path, &err) : NULL;

    if (!store)
        _exit(8);
    for (unsigned i = 0; i < 100000; i++) {
        ids[i] = store_next_id(store);
        struct escalation_record rec = make_escalation(ids[i], "dying");
        struct request_record request = make_request(store_next_id(store), "dying");

        store_put_request(store, &request);
        store_commit_escalation(store, &rec, tell_id, &ids[i]);
        loop_turn(loop, false);
        /* A fast program could be through before the disk has answered once. */
        while (i == 1000 && told == 0)
            loop_turn(loop, true);
        if (i == 3000)
            _exit(0);
    }
    _exit(7);
}

static void test_what_was_answered_survives_a_process_that_dies_mid_stream(void **state)
{
    struct fixture *f = *state;
    int fds[2], status;
    unsigned answered = 0;

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(fds[1], 3);
        child_that_dies(f->path);
    }
    close(fds[1]);
    static uint64_t ids[100000];
    for (size_t got = 0;;) {
        ssize_t n = read(fds[0], (char *)ids + got, sizeof(ids) - got);

        if (n <= 0)
            break;
        got += (size_t)n;
        answered = (unsigned)(got / sizeof(ids[0]));
    }
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(answered > 0);

    struct store_reader *reader = open_reader(f);
    struct escalation_record rec;
    struct err err;
    for (unsigned i = 0; i < answered; i++) {
        assert_int_equal(store_find_escalation(reader, ids[i], &rec, &err), 0);
        assert_string_equal(rec.session, "dying");
        escalation_release(&rec);
    }
    store_reader_free(reader);
    assert_int_equal(
            sql_int(f->path, "SELECT integrity_check='ok' FROM pragma_integrity_check"), 1);
    print_message("%u answered before the death, all there\n", answered);

    /* And the next process does not hand out the dead one's numbers again. */
    struct store *store = fixture_open(f);
    assert_true(
            (int64_t)store_next_id(store) > sql_int(f->path, "SELECT max(id) FROM escalation"));
    store_close(store);
}

static void child_that_writes(const char *path, const char *session, unsigned rows)
{
    struct fixture f = {.path = (char *)(uintptr_t)path};
    struct err err;

    f.loop = loop_new(&err);
    struct store *store = f.loop ? store_open(f.loop, path, &err) : NULL;
    if (!store)
        _exit(8);
    for (unsigned i = 0; i < rows; i++) {
        struct request_record rec = make_request(store_next_id(store), session);

        store_put_request(store, &rec);
        if (i % 50 == 0)
            fixture_sync(&f, store);
    }
    store_close(store);
    loop_free(f.loop);
    _exit(f.errors ? 7 : 0);
}

static void test_processes_share_one_new_database_and_never_a_number(void **state)
{
    struct fixture *f = *state;
    const char *names[] = {"a", "b", "c"};
    int status;

    for (unsigned i = 0; i < 3; i++) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
            child_that_writes(f->path, names[i], 1000);
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    /* A shared number would have replaced the other's row. */
    assert_int_equal(sql_int(f->path, "SELECT count(*) FROM request"), 3000);
    assert_int_equal(sql_int(f->path, "SELECT count(DISTINCT session) FROM request"), 3);
}

static void test_ids_are_unique_beyond_one_reserved_range_and_small_after_a_clean_end(
        void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    uint64_t last = 0;

    for (unsigned i = 0; i < LIMIT_AUDIT_IDS + LIMIT_AUDIT_IDS / 2; i++) {
        uint64_t id = store_next_id(store);

        assert_true(id > last);
        last = id;
        if (i == LIMIT_AUDIT_IDS / 2 + 1)
            fixture_sync(f, store); /* the next range comes with a commit */
    }
    assert_false(store_failed(store));
    store_close(store);
    store = fixture_open(f);
    uint64_t next = store_next_id(store);
    assert_true(next > last && next < last + 10);
    store_close(store);
}

static bool count_row(void *ctx, const struct request_record *rec)
{
    assert_string_equal(rec->host, "api.anthropic.com");
    ++*(unsigned *)ctx;
    return true;
}

static void test_reader_works_while_the_writer_writes(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    struct store_reader *reader = open_reader(f);
    unsigned last = 0;
    struct err err;

    for (unsigned round = 0; round < 40; round++) {
        unsigned rows = 0;

        for (unsigned i = 0; i < 100; i++) {
            struct request_record rec = make_request(store_next_id(store), "s1");

            store_put_request(store, &rec);
        }
        assert_int_equal(store_each_request(reader, NULL, 0, count_row, &rows, &err), 0);
        assert_true(rows >= last); /* whole commits, never fewer */
        last = rows;
    }
    fixture_sync(f, store);
    unsigned rows = 0;
    assert_int_equal(store_each_request(reader, NULL, 0, count_row, &rows, &err), 0);
    assert_int_equal(rows, 4000);
    assert_int_equal(f->errors, 0);
    store_reader_free(reader);
    store_close(store);
}

/* --- files ---------------------------------------------------------------------------- */

static void assert_private(const char *path, const char *suffix)
{
    char name[160];
    struct stat st;

    snprintf(name, sizeof(name), "%s%s", path, suffix);
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_files_are_private_whatever_the_umask(void **state)
{
    struct fixture *f = *state;
    mode_t before = umask(0);
    struct store *store = fixture_open(f);

    fixture_sync(f, store);
    umask(before);
    assert_private(f->path, "");
    assert_private(f->path, "-wal");
    assert_private(f->path, "-shm");
    store_close(store);

    /* One that was made too open is closed. */
    assert_int_equal(chmod(f->path, 0644), 0);
    store = fixture_open(f);
    fixture_sync(f, store);
    assert_private(f->path, "");
    assert_private(f->path, "-wal");
    store_close(store);
}

static void test_symlinks_special_files_and_missing_folders_are_refused(void **state)
{
    struct fixture *f = *state;
    struct err err;
    char target[96], linked[96];

    snprintf(target, sizeof(target), "%s/elsewhere.db", f->dir);
    assert_int_equal(symlink(target, f->path), 0);
    assert_null(store_open(f->loop, f->path, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.msg, "symlink"));
    assert_false(file_exists(target));
    assert_null(store_reader_open(f->path, &err));
    unlink(f->path);

    assert_int_equal(mkdir(f->path, 0700), 0);
    assert_null(store_open(f->loop, f->path, &err));
    assert_non_null(strstr(err.msg, "not a file"));
    rmdir(f->path);

    snprintf(target, sizeof(target), "%s/no/such.db", f->dir);
    assert_null(store_open(f->loop, target, &err));
    assert_int_equal(err.code, ERR_NOENT);
    assert_null(store_reader_open(f->path, &err));
    assert_int_equal(err.code, ERR_NOENT);

    /* A folder reached through a link is the user's choice. */
    snprintf(target, sizeof(target), "%s/real", f->dir);
    snprintf(linked, sizeof(linked), "%s/link", f->dir);
    assert_int_equal(mkdir(target, 0700), 0);
    assert_int_equal(symlink(target, linked), 0);
    char *path = path_join(linked, "x.db");
    struct store *store = store_open(f->loop, path, &err);
    assert_non_null(store);
    store_close(store);
    free(path);
}

static void test_a_file_that_is_no_database_is_refused_and_kept(void **state)
{
    struct fixture *f = *state;
    struct buf left = BUF_INIT;
    struct err err;
    char text[4096];

    memset(text, 'n', sizeof(text));
    assert_int_equal(file_write(f->path, text, sizeof(text), 0600, &err), 0);
    assert_null(store_open(f->loop, f->path, &err));
    assert_non_null(strstr(err.msg, "not a database"));
    assert_int_equal(file_read(f->path, 8192, &left, &err), 0);
    assert_int_equal(buf_len(&left), sizeof(text));
    assert_memory_equal(buf_data(&left), text, sizeof(text));
    buf_release(&left);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(test_every_field_of_every_record_comes_back),
            TEST(test_second_put_replaces_the_row),
            TEST(test_words_are_stored_with_any_length),
            TEST(test_reader_lists_newest_first_and_stops_at_limit_or_when_told),
            TEST(test_commit_calls_back_on_the_loop_when_the_row_is_there),
            TEST(test_close_writes_the_queue_and_answers_also_what_callbacks_add),
            TEST(test_close_with_an_answer_on_its_way_is_silent_afterwards),
            TEST(test_100000_rows_are_put_without_waiting_for_the_disk),
            TEST(test_full_holds_until_half_is_written_and_drain_comes_once),
            TEST(test_what_was_answered_survives_a_process_that_dies_mid_stream),
            TEST(test_processes_share_one_new_database_and_never_a_number),
            TEST(test_ids_are_unique_beyond_one_reserved_range_and_small_after_a_clean_end),
            TEST(test_reader_works_while_the_writer_writes),
            TEST(test_files_are_private_whatever_the_umask),
            TEST(test_symlinks_special_files_and_missing_folders_are_refused),
            TEST(test_a_file_that_is_no_database_is_refused_and_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
