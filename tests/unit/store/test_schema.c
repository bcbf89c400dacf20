/*
 * test_schema.c - from nothing, step by step, all or nothing, and not from the future.
 */
#include "unit/store/fixture.h"

#include "store/db.h"
#include "store/schema.h"

static sqlite3 *open_plain(struct fixture *f)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    return db;
}

static const char *const steps[] = {
        "CREATE TABLE t(a INTEGER); INSERT INTO t VALUES(1);",
        "ALTER TABLE t ADD COLUMN b INTEGER NOT NULL DEFAULT 7;",
        "INSERT INTO t VALUES(2, 8); CREATE TABLE broken(",
};

static void test_an_empty_database_gets_all_steps(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db = open_plain(f);
    struct err err;

    assert_int_equal(schema_migrate(db, steps, 2, &err), 0);
    sqlite3_close(db);
    assert_int_equal(sql_int(f->path, "SELECT b FROM t WHERE a=1"), 7);
    assert_int_equal(sql_int(f->path, "PRAGMA user_version"), 2);
}

static void test_an_old_database_gets_only_the_missing_steps_and_keeps_its_rows(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db = open_plain(f);
    struct err err;

    assert_int_equal(schema_migrate(db, steps, 1, &err), 0);
    assert_int_equal(sqlite3_exec(db, "INSERT INTO t VALUES(5)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(schema_migrate(db, steps, 2, &err), 0);
    assert_int_equal(schema_migrate(db, steps, 2, &err), 0);
    sqlite3_close(db);
    assert_int_equal(sql_int(f->path, "SELECT count(*) FROM t WHERE b=7"), 2);
}

static void test_a_step_that_fails_leaves_the_old_version_whole(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db = open_plain(f);
    struct err err;

    assert_int_equal(schema_migrate(db, steps, 1, &err), 0);
    assert_int_equal(schema_migrate(db, steps, 3, &err), ERR_IO);
    assert_non_null(strstr(err.msg, "migration to schema 3"));
    sqlite3_close(db);
    assert_int_equal(sql_int(f->path, "PRAGMA user_version"), 1);
    assert_int_equal(sql_int(f->path, "SELECT count(*) FROM t"), 1);
    assert_int_equal(sql_int(f->path, "SELECT count(*) FROM pragma_table_info('t')"), 1);
}

static void test_our_steps_lead_from_version_0_to_ours(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);

    store_close(store);
    assert_int_equal(sql_int(f->path, "PRAGMA user_version"), schema_version);
    assert_int_equal(sql_int(f->path, "SELECT count(*) FROM sqlite_schema WHERE type='table'"
                                      " AND name IN('session','request','escalation','words')"),
            4);
    assert_int_equal(sql_int(f->path, "SELECT journal_mode='wal' FROM pragma_journal_mode"), 1);
}

static void test_a_database_from_the_future_is_refused_with_advice_and_not_touched(void **state)
{
    struct fixture *f = *state;
    struct store *store = fixture_open(f);
    struct err err;

    store_close(store);
    assert_int_equal(sql_int(f->path, "PRAGMA user_version=99"), -1);
    assert_null(store_open(f->loop, f->path, &err));
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "newer ironcurtain (schema 99"));
    assert_non_null(strstr(err.msg, "IRONCURTAIN_HOME"));
    assert_null(store_reader_open(f->path, &err));
    assert_int_equal(err.code, ERR_CONFIG);
    assert_int_equal(sql_int(f->path, "PRAGMA user_version"), 99);
}

struct rows {
    struct request_record of[3];
    unsigned count;
};

static bool keep_row(void *ctx, const struct request_record *rec)
{
    struct rows *rows = ctx;

    assert_true(rows->count < 3);
    rows->of[rows->count] = *rec;
    rows->of[rows->count++].arguments = NULL;
    return true;
}

static void test_rows_of_version_1_are_read_after_the_migration_and_can_be_replaced(
        void **state)
{
    struct fixture *f = *state;
    sqlite3 *db = open_plain(f);
    struct rows rows = {.count = 0};
    struct err err;

    assert_int_equal(schema_migrate(db, schema_steps, 1, &err), 0);
    assert_int_equal(sqlite3_exec(db,
                             "INSERT INTO request VALUES(1,'s',1000,'llm','anthropic','POST',"
                             "'api.anthropic.com',443,'/v1/messages',200,'allow','r','',1,5,6,"
                             "7,8,0,1);"
                             "INSERT INTO request VALUES(2,'s',999,'net','','CONNECT',"
                             "'example.com',22,'',0,'approved','','',0,5,6,7,8,0,1);"
                             "UPDATE id_counter SET next=3",
                             NULL, NULL, NULL),
            SQLITE_OK);
    sqlite3_close(db);

    struct store *store = fixture_open(f);
    struct store_reader *reader = store_reader_open(f->path, &err);
    assert_non_null(reader);
    assert_int_equal(store_each_request(reader, NULL, 0, keep_row, &rows, &err), 0);
    assert_int_equal(rows.count, 2);
    assert_string_equal(rows.of[0].provider, "anthropic");
    assert_int_equal(rows.of[0].bytes_down, 6);
    assert_string_equal(rows.of[0].model, "");
    assert_int_equal(rows.of[0].cost_micro, -1);
    assert_true(rows.of[0].inspected);
    assert_string_equal(rows.of[0].protocol, "http/1.1");
    assert_false(rows.of[1].inspected);
    assert_string_equal(rows.of[1].protocol, "");

    (void)str_copy(rows.of[0].model, sizeof(rows.of[0].model), STR("claude-x"));
    rows.of[0].cost_micro = 17;
    store_put_request(store, &rows.of[0]);
    assert_int_equal(store_next_id(store), 3);
    store_close(store);
    struct request_record got;
    assert_int_equal(store_find_request(reader, 1, &got, &err), 0);
    assert_string_equal(got.model, "claude-x");
    assert_int_equal(got.cost_micro, 17);
    assert_true(request_has_cost(&got));
    request_release(&got);
    store_reader_free(reader);
}

static void test_rows_of_version_3_are_no_calls_and_calls_keep_what_was_called(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db = open_plain(f);
    struct rows rows = {.count = 0};
    struct request_record got;
    struct err err;

    assert_int_equal(schema_migrate(db, schema_steps, 3, &err), 0);
    assert_int_equal(
            sqlite3_exec(db,
                    "INSERT INTO request(id,session,started_ms,kind,provider,method,host,port,"
                    "path,status,decision,rule,reason,key_swapped,bytes_up,bytes_down,"
                    "first_byte_ms,total_ms,escalation,done) VALUES(1,'s',1000,'net','','GET',"
                    "'h',443,'/',200,'allow','r','',0,5,6,7,8,0,1);UPDATE id_counter SET "
                    "next=2",
                    NULL, NULL, NULL),
            SQLITE_OK);
    sqlite3_close(db);

    struct store *store = fixture_open(f);
    struct store_reader *reader = store_reader_open(f->path, &err);
    assert_non_null(reader);
    assert_int_equal(store_each_request(reader, NULL, 0, keep_row, &rows, &err), 0);
    assert_int_equal(rows.count, 1);
    assert_string_equal(rows.of[0].result, "");
    assert_int_equal(rows.of[0].waited_ms, 0);

    char arguments[] = "{\"path\":\"/a\"}";
    struct request_record call = rows.of[0];
    call.id = store_next_id(store);
    call.arguments = arguments;
    (void)str_copy(call.result, sizeof(call.result), STR("canceled"));
    call.waited_ms = 1234;
    store_put_request(store, &call);
    arguments[0] = '\0'; /* it was copied */
    store_close(store);
    assert_int_equal(store_find_request(reader, call.id, &got, &err), 0);
    assert_string_equal(got.arguments, "{\"path\":\"/a\"}");
    assert_string_equal(got.result, "canceled");
    assert_int_equal(got.waited_ms, 1234);
    request_release(&got);
    assert_int_equal(store_find_request(reader, 1, &got, &err), 0);
    assert_string_equal(got.arguments, "");
    request_release(&got);
    store_reader_free(reader);
}

static void test_a_reader_does_not_migrate(void **state)
{
    struct fixture *f = *state;
    struct err err;

    assert_int_equal(file_create(f->path, "", 0, 0600, NULL), 0);
    assert_null(store_reader_open(f->path, &err));
    assert_int_equal(err.code, ERR_NOENT);
    assert_int_equal(sql_int(f->path, "PRAGMA user_version"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(test_an_empty_database_gets_all_steps),
            TEST(test_an_old_database_gets_only_the_missing_steps_and_keeps_its_rows),
            TEST(test_a_step_that_fails_leaves_the_old_version_whole),
            TEST(test_our_steps_lead_from_version_0_to_ours),
            TEST(test_a_database_from_the_future_is_refused_with_advice_and_not_touched),
            TEST(test_rows_of_version_1_are_read_after_the_migration_and_can_be_replaced),
            TEST(test_rows_of_version_3_are_no_calls_and_calls_keep_what_was_called),
            TEST(test_a_reader_does_not_migrate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
