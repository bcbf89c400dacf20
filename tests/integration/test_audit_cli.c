/*
 * test_audit_cli.c - `ironcurtain ls` and `ironcurtain audit` as a script and as a person
 * see them: the real program, over a database that the real store wrote.
 */
#include "support/tmpdir.h"
#include "unit/check.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "io/loop.h"
#include "store/store.h"

#define S1 "11111111-1111-4111-8111-111111111111"
#define S2 "11112222-2222-4222-8222-222222222222"

struct world {
    char home[64];
    char *db;            /* owns */
    char *program;       /* owns */
    struct buf out, err; /* of the last run */
    int status;
};

static void put_session(struct store *store, const char *id, const char *label, int state)
{
    struct session_record rec = {.agent = "shell",
            .runtime = "none",
            .started_ms = 1700000000000,
            .state = (enum session_state)state,
            .exit_status = state == SESSION_STOPPED ? 3 : -1,
            .pid = getpid()};

    (void)str_copy(rec.id, sizeof(rec.id), str_of(id));
    (void)str_copy(rec.label, sizeof(rec.label), str_of(label));
    (void)str_copy(rec.workspace, sizeof(rec.workspace),
            STR("/tmp/a\tb\n\x1b[2J/and/a/very/long/folder/name/that/does/not/fit/at/all"));
    store_put_session(store, &rec);
}

static void put_request(struct store *store, const char *session, uint64_t escalation)
{
    struct request_record rec = {.kind = "http",
            .method = "GET",
            .port = 443,
            .status = 200,
            .decision = REQUEST_APPROVED,
            .total_ms = 12,
            .first_byte_ms = -1,
            .escalation = escalation,
            .done = true};

    rec.id = store_next_id(store);
    rec.started_ms = 1700000000123 + (int64_t)rec.id * 1000;
    (void)str_copy(rec.session, sizeof(rec.session), str_of(session));
    snprintf(rec.host, sizeof(rec.host), "host%lu.example", (unsigned long)rec.id);
    (void)str_copy(rec.path, sizeof(rec.path), STR("/\xff\xe2\x82\xac"));
    if (escalation) {
        (void)str_copy(rec.model, sizeof(rec.model), STR("claude-opus-4-1"));
        (void)str_copy(rec.stop_reason, sizeof(rec.stop_reason), STR("end_turn"));
        (void)str_copy(rec.protocol, sizeof(rec.protocol), STR("h2"));
        rec.inspected = true;
        rec.input_tokens = 4;
        rec.output_tokens = 812;
        rec.cache_read_tokens = 31000;
        rec.cost_micro = 107460;
    }
    store_put_request(store, &rec);
}

/* Ids: 1 is a question, 2 its request, 3.. further ones of S2. */
static void fill(struct world *w)
{
    struct err err = {0};
    struct loop *loop = loop_new(&err);
    struct store *store = store_open(loop, w->db, &err);

    assert_non_null(store);
    struct escalation_record question = {.id = store_next_id(store),
            .session = S1,
            .kind = "net",
            .subject = "CONNECT host2.example:443",
            .asked_ms = 1700000000000,
            .state = ESC_APPROVED,
            .by = "human"};
    store_put_escalation(store, &question);
    put_session(store, S1, "first", SESSION_STOPPED);
    put_session(store, S2, "second", SESSION_RUNNING);
    put_request(store, S1, question.id);
    for (int i = 0; i < 20; i++)
        put_request(store, S2, 0);
    store_close(store);
    loop_free(loop);
}

static int up(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));
    const char *build = getenv("IC_BUILD");

    test_tmpdir(w->home, sizeof(w->home), "cli");
    w->db = path_join(w->home, "ironcurtain.db");
    assert_non_null(build);
    w->program = path_join(build, "ironcurtain");
    setenv("IRONCURTAIN_HOME", w->home, 1);
    alarm(100);
    *state = w;
    return 0;
}

static int up_filled(void **state)
{
    up(state);
    fill(*state);
    return 0;
}

static int down(void **state)
{
    struct world *w = *state;

    assert_int_equal(file_remove_tree(w->home, NULL), 0);
    buf_release(&w->out);
    buf_release(&w->err);
    free(w->db);
    free(w->program);
    free(w);
    return 0;
}

static void drain(int fd, struct buf *into)
{
    char part[4096];
    ssize_t n;

    while ((n = read(fd, part, sizeof(part))) > 0)
        buf_append(into, part, (size_t)n);
    close(fd);
    buf_putc(into, '\0');
}

/* Words separated by single spaces are the arguments; stdout is a pipe. */
static void run(struct world *w, const char *line)
{
    char words[256], *argv[16] = {w->program}, *rest = words;
    int argc = 1, out[2], err[2];

    snprintf(words, sizeof(words), "%s", line);
    for (char *word; argc < 15 && (word = strsep(&rest, " ")) != NULL;)
        argv[argc++] = word;
    buf_clear(&w->out);
    buf_clear(&w->err);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], 1);
        dup2(err[1], 2);
        execv(argv[0], argv);
        _exit(126);
    }
    close(out[1]);
    close(err[1]);
    drain(out[0], &w->out);
    drain(err[0], &w->err);
    assert_int_equal(waitpid(pid, &w->status, 0), pid);
    assert_true(WIFEXITED(w->status));
    w->status = WEXITSTATUS(w->status);
}

/* The same on a terminal of that width. */
static void run_on_terminal(struct world *w, unsigned short columns, char *const *args)
{
    struct winsize size = {.ws_row = 24, .ws_col = columns};
    char *argv[8] = {w->program};
    int fd;

    for (int i = 0; i < 6 && args[i]; i++)
        argv[i + 1] = args[i];
    buf_clear(&w->out);
    pid_t pid = forkpty(&fd, NULL, NULL, &size);
    if (pid == 0) {
        execv(argv[0], argv);
        _exit(126);
    }
    drain(fd, &w->out);
    assert_int_equal(waitpid(pid, &w->status, 0), pid);
    assert_int_equal(w->status, 0);
}

static unsigned lines_of(const struct buf *text)
{
    unsigned lines = 0;

    for (const char *p = buf_data(text); *p; p++)
        lines += *p == '\n';
    return lines;
}

static json_t *parse(struct world *w)
{
    json_error_t error;
    json_t *json = json_loads(buf_data(&w->out), 0, &error);

    if (!json)
        fail_msg("not JSON: %s in %s", error.text, buf_data(&w->out));
    return json;
}

static const char *text_of(const json_t *list, size_t index, const char *key)
{
    const char *text = json_string_value(json_object_get(json_array_get(list, index), key));

    assert_non_null(text);
    return text;
}

static json_int_t number_of(const json_t *list, size_t index, const char *key)
{
    return json_integer_value(json_object_get(json_array_get(list, index), key));
}

/* --- tests ---------------------------------------------------------------------------- */

static void test_without_a_database_lists_are_empty_and_show_finds_nothing(void **state)
{
    struct world *w = *state;

    run(w, "ls");
    assert_int_equal(w->status, 0);
    assert_string_equal(buf_data(&w->out), "");
    assert_non_null(strstr(buf_data(&w->err), "no sessions yet"));
    run(w, "audit ls --json");
    assert_int_equal(w->status, 0);
    json_t *list = parse(w);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    run(w, "audit show 1");
    assert_int_equal(w->status, 3);
    run(w, "audit ls --session first");
    assert_int_equal(w->status, 3);
    assert_false(file_exists(w->db)); /* looking makes nothing */
}

static void test_ls_shows_what_runs_and_all_what_ended(void **state)
{
    struct world *w = *state;

    run(w, "ls");
    assert_int_equal(w->status, 0);
    assert_int_equal(lines_of(&w->out), 1);
    assert_non_null(strstr(buf_data(&w->out), S2 "\tsecond\trunning\tshell\tnone\t"
                                                 "2023-11-14T22:13:20.000Z\t\t\t"));
    run(w, "ls --all --json");
    json_t *list = parse(w);
    assert_int_equal(json_array_size(list), 2);
    assert_int_equal(number_of(list, 0, "v"), 1);
    assert_string_equal(text_of(list, 0, "type"), "session");
    assert_string_equal(text_of(list, 0, "state"), "stopped");
    assert_int_equal(number_of(list, 0, "exit_status"), 3);
    assert_true(json_is_null(json_object_get(json_array_get(list, 1), "ended")));
    json_decref(list);
}

static void test_piped_rows_are_tab_separated_whole_and_safe(void **state)
{
    struct world *w = *state;

    run(w, "ls --all");
    assert_int_equal(lines_of(&w->out), 2);
    unsigned tabs = 0;
    for (const char *p = buf_data(&w->out); *p != '\n'; p++)
        tabs += *p == '\t';
    assert_int_equal(tabs, 9);
    /* The folder's own tab, newline and escape sequence are shown, not sent. */
    assert_null(strchr(buf_data(&w->out), '\x1b'));
    assert_non_null(strstr(buf_data(&w->out), "/that/does/not/fit/at/all\t\n"));
}

static void test_audit_ls_is_newest_first_and_limited(void **state)
{
    struct world *w = *state;

    run(w, "audit ls --limit 2 --json");
    assert_int_equal(w->status, 0);
    json_t *list = parse(w);
    assert_int_equal(json_array_size(list), 2);
    assert_int_equal(number_of(list, 0, "id"), 22);
    assert_int_equal(number_of(list, 1, "id"), 21);
    assert_string_equal(text_of(list, 0, "started"), "2023-11-14T22:13:42.123Z");
    assert_true(json_is_null(json_object_get(json_array_get(list, 0), "escalation")));
    assert_true(json_is_null(json_object_get(json_array_get(list, 0), "first_byte_ms")));
    json_decref(list);
    run(w, "audit ls --limit=0");
    assert_int_equal(lines_of(&w->out), 21);
}

static void test_tail_is_oldest_first(void **state)
{
    struct world *w = *state;

    run(w, "audit tail --limit 3 --jsonl");
    assert_int_equal(w->status, 0);
    assert_int_equal(lines_of(&w->out), 3);
    const char *a = strstr(buf_data(&w->out), "\"id\":20,");
    const char *b = strstr(buf_data(&w->out), "\"id\":21,");
    const char *c = strstr(buf_data(&w->out), "\"id\":22,");
    assert_true(a && b && c && a < b && b < c);
    run(w, "audit tail");
    assert_int_equal(lines_of(&w->out), 10);
}

static void test_session_is_found_by_name_id_or_beginning_but_not_guessed(void **state)
{
    struct world *w = *state;

    run(w, "audit ls --session first");
    assert_int_equal(lines_of(&w->out), 1);
    run(w, "audit ls --session " S1);
    assert_int_equal(lines_of(&w->out), 1);
    run(w, "audit ls --session 11112");
    assert_int_equal(lines_of(&w->out), 20);
    run(w, "audit ls --session 1111");
    assert_int_equal(w->status, 2);
    assert_non_null(strstr(buf_data(&w->err), S1));
    assert_non_null(strstr(buf_data(&w->err), S2));
    run(w, "audit ls --session nobody");
    assert_int_equal(w->status, 3);
}

static void test_show_tells_the_request_and_its_question(void **state)
{
    struct world *w = *state;

    run(w, "audit show 2 --json");
    assert_int_equal(w->status, 0);
    json_t *list = parse(w);
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(text_of(list, 0, "type"), "request");
    assert_string_equal(text_of(list, 0, "path"), "/<0xFF>\xe2\x82\xac");
    assert_string_equal(text_of(list, 1, "type"), "escalation");
    assert_string_equal(text_of(list, 1, "by"), "human");
    assert_string_equal(text_of(list, 0, "model"), "claude-opus-4-1");
    assert_string_equal(text_of(list, 0, "stop_reason"), "end_turn");
    assert_string_equal(text_of(list, 0, "protocol"), "h2");
    assert_int_equal(number_of(list, 0, "output_tokens"), 812);
    assert_int_equal(number_of(list, 0, "cache_read_tokens"), 31000);
    assert_non_null(strstr(buf_data(&w->out), "\"cost_usd\":0.10746,"));
    json_decref(list);
    run(w, "audit show 2");
    assert_non_null(strstr(buf_data(&w->out), "cost_usd\t0.107460\n"));
    run(w, "audit show 1");
    assert_int_equal(w->status, 0);
    assert_non_null(strstr(buf_data(&w->out), "subject\tCONNECT host2.example:443\n"));
    run(w, "audit show 999");
    assert_int_equal(w->status, 3);
}

static void test_wrong_arguments_are_named_and_exit_2(void **state)
{
    static const char *const wrong[] = {"audit", "audit frob", "audit ls --sesion x",
            "audit ls --limit", "audit ls --limit x", "audit show", "audit show x",
            "audit show 1 2", "audit show 1 --limit 3", "ls x", "ls --jsom"};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        run(w, wrong[i]);
        if (w->status != 2)
            fail_msg("'%s' exits with %d", wrong[i], w->status);
        assert_string_equal(buf_data(&w->out), "");
        assert_int_equal(lines_of(&w->err), 1);
    }
    run(w, "audit ls --sesion x");
    assert_non_null(strstr(buf_data(&w->err), "did you mean '--session'"));
    run(w, "audit --help");
    assert_int_equal(w->status, 0);
}

static void test_a_terminal_gets_a_table_that_fits(void **state)
{
    struct world *w = *state;
    char *const args[] = {(char[]){"ls"}, (char[]){"--all"}, NULL};
    size_t width = 0;

    run_on_terminal(w, 90, args);
    assert_int_equal(strncmp(buf_data(&w->out), "ID ", 3), 0);
    assert_int_equal(lines_of(&w->out), 3);
    for (const char *p = buf_data(&w->out); *p; p++) {
        width = *p == '\r' || *p == '\n' ? 0 : width + 1;
        assert_true(width <= 90);
    }
    assert_non_null(strstr(buf_data(&w->out), "11112222  second"));
    assert_null(strstr(buf_data(&w->out), S2));
    assert_null(strchr(buf_data(&w->out), '\x1b'));
}

static void test_the_audit_shows_the_use_of_models_where_there_is_room(void **state)
{
    char *const args[] = {
            (char[]){"audit"}, (char[]){"ls"}, (char[]){"--session"}, (char[]){"first"}, NULL};
    struct world *w = *state;

    run_on_terminal(w, 160, args);
    assert_non_null(strstr(buf_data(&w->out), "claude-opus-4-1"));
    assert_non_null(strstr(buf_data(&w->out), "0.107460"));
    run_on_terminal(w, 100, args);
    assert_null(strstr(buf_data(&w->out), "claude"));
    run(w, "audit ls --session first");
    assert_non_null(strstr(buf_data(&w->out), "\tclaude-opus-4-1\t4\t812\t31000\t0.107460\n"));
    run(w, "audit ls --session second --limit 1 --json");
    json_t *list = parse(w);
    assert_true(json_is_null(json_object_get(json_array_get(list, 0), "input_tokens")));
    assert_true(json_is_null(json_object_get(json_array_get(list, 0), "cost_usd")));
    json_decref(list);
}

static void test_a_full_output_is_a_failure(void **state)
{
    struct world *w = *state;
    int status;

    pid_t pid = fork();
    if (pid == 0) {
        int full = open("/dev/full", O_WRONLY);

        dup2(full, 1);
        execl(w->program, w->program, "audit", "ls", (char *)NULL);
        _exit(126);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 1);
}

#define EMPTY(name) cmocka_unit_test_setup_teardown(name, up, down)
#define FILLED(name) cmocka_unit_test_setup_teardown(name, up_filled, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
            EMPTY(test_without_a_database_lists_are_empty_and_show_finds_nothing),
            FILLED(test_ls_shows_what_runs_and_all_what_ended),
            FILLED(test_piped_rows_are_tab_separated_whole_and_safe),
            FILLED(test_audit_ls_is_newest_first_and_limited),
            FILLED(test_tail_is_oldest_first),
            FILLED(test_session_is_found_by_name_id_or_beginning_but_not_guessed),
            FILLED(test_show_tells_the_request_and_its_question),
            FILLED(test_wrong_arguments_are_named_and_exit_2),
            FILLED(test_a_terminal_gets_a_table_that_fits),
            FILLED(test_the_audit_shows_the_use_of_models_where_there_is_room),
            FILLED(test_a_full_output_is_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
