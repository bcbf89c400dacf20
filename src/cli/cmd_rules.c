/*
 * cmd_rules.c - `ironcurtain rules`: the answers that hold, and taking one back. Those of the
 * sessions that run are the server's; those for always are lines of answers.rules, which are
 * read and written here.
 */
#include "cli/cmd.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/out.h"
#include "cli/server.h"
#include "cli/wire.h"
#include "gate/answers.h"
#include "gate/revoke.h"
#include "io/loop.h"

static const char usage[] =
        "usage: ironcurtain rules [ls] [--json | --jsonl]\n"
        "       ironcurtain rules rm ID...\n\n"
        "Your answers that hold for longer than once, of the sessions that run and of\n"
        "answers.rules. rm takes them back: 12 is the answer to request #12, answers.rules:3\n"
        "the line. What is taken back is recorded.\n";

static const struct out_column columns[] = {
        {"ID", "id", 0},
        {"HOLDS", "scope", 0},
        {"SESSION", "label", 0},
        {"LEFT", "left", OUT_RIGHT},
        {"RULE", "rule", 0},
};

struct list {
    struct held_answer *items; /* owns */
    char (*labels)[64];        /* owns; of their sessions */
    size_t count;
};

static char *answers_file(void)
{
    return path_join(path_home(), "answers.rules");
}

/* --- what holds --------------------------------------------------------------------------- */

static struct held_answer *add(struct list *list, const char *label)
{
    list->items = xrealloc(list->items, (list->count + 1) * sizeof(*list->items));
    list->labels = xrealloc(list->labels, (list->count + 1) * sizeof(*list->labels));
    (void)str_copy(list->labels[list->count], sizeof(*list->labels), str_of(label));
    list->items[list->count] = (struct held_answer){0};
    return &list->items[list->count++];
}

static void take_line(void *ctx, unsigned number, struct str line)
{
    struct held_answer *answer = add(ctx, "");

    answer->line = number;
    (void)str_copy(answer->scope, sizeof(answer->scope), STR("always"));
    (void)str_copy(answer->rule, sizeof(answer->rule), line);
}

/* One answer of the server's: as many as went into a packet. Returns how many. */
static size_t take_grants(struct list *list, struct str message)
{
    static const char *const names[] = {
            "number", "session", "label", "scope", "uses", "left", "rule"};
    enum { NUMBER, SESSION, LABEL, SCOPE, USES, LEFT, RULE, COUNT };
    size_t pos[COUNT] = {0}, n = 0;
    const char *value[COUNT];

    for (;; n++) {
        uint64_t number = 0, uses = 0, left = 0;

        for (int i = 0; i < COUNT; i++)
            if (!(value[i] = wire_next(message, names[i], &pos[i])))
                return n;
        if (!str_u64(str_of(value[NUMBER]), INT32_MAX, &number) || number == 0)
            return n;
        (void)str_u64(str_of(value[USES]), UINT32_MAX, &uses);
        (void)str_u64(str_of(value[LEFT]), UINT64_MAX / 2, &left);
        struct held_answer *answer = add(list, value[LABEL]);
        answer->number = (int)number;
        answer->uses_left = (uint32_t)uses;
        answer->left_ms = left;
        (void)str_copy(answer->session, sizeof(answer->session), str_of(value[SESSION]));
        (void)str_copy(answer->scope, sizeof(answer->scope), str_of(value[SCOPE]));
        (void)str_copy(answer->rule, sizeof(answer->rule), str_of(value[RULE]));
    }
}

/* Without a server there are none. */
static int read_grants(struct list *list, struct err *err)
{
    struct buf message = BUF_INIT;
    int fd = server_connect(NULL, NULL, err), rc = 0;
    size_t from = 0, got = 1;

    if (fd < 0)
        return fd == ERR_NOENT ? 0 : fd;
    while (rc == 0 && got > 0) {
        wire_begin(&message, "GRANTS");
        wire_put(&message, "version", IC_VERSION);
        wire_put_number(&message, "from", (long)from);
        rc = wire_send(fd, buf_str(&message), -1, err);
        if (rc == 0 && (wire_receive(fd, &message) == 0 || !wire_ok(buf_str(&message))))
            rc = err_set(err, ERR_IO, "the server went away without an answer");
        if (rc == 0 && strcmp(wire_verb(buf_str(&message)), "GRANTS") != 0) {
            const char *text = wire_get(buf_str(&message), "text");

            rc = err_set(err, ERR_IO, "%s", text ? text : "the server did not understand");
        }
        got = rc == 0 ? take_grants(list, buf_str(&message)) : 0;
        from += got;
    }
    buf_release(&message);
    close(fd);
    return rc;
}

static int read_all(struct list *list, struct err *err)
{
    char *path = answers_file();
    int rc = read_grants(list, err);

    if (rc == 0)
        rc = answers_each(path, take_line, list, err);
    free(path);
    return rc;
}

static void release(struct list *list)
{
    free(list->items);
    free(list->labels);
}

static void name_of(const struct held_answer *answer, char out[40])
{
    if (answer->number)
        snprintf(out, 40, "%d", answer->number);
    else
        snprintf(out, 40, "answers.rules:%u", answer->line);
}

static json_t *row_of(const struct held_answer *answer, const char *label)
{
    json_t *row = json_object();
    char id[40], left[32] = "";

    name_of(answer, id);
    if (answer->uses_left)
        snprintf(left, sizeof(left), "%u times", (unsigned)answer->uses_left);
    else if (answer->left_ms)
        snprintf(left, sizeof(left), "%" PRIu64 " s", answer->left_ms / 1000);
    (void)json_object_set_new(row, "v", json_integer(1));
    (void)json_object_set_new(row, "id", out_text(id));
    (void)json_object_set_new(row, "scope", out_text(answer->scope));
    (void)json_object_set_new(row, "session", out_text(answer->session));
    (void)json_object_set_new(row, "label", out_text(label));
    (void)json_object_set_new(row, "left", out_text(left));
    (void)json_object_set_new(row, "rule", out_text(answer->rule));
    return row;
}

static int ls(enum out_format format)
{
    struct list list = {0};
    struct err err;

    if (read_all(&list, &err) < 0) {
        release(&list);
        return cmd_fail(&err);
    }
    struct out *out = out_new(format, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < list.count; i++)
        out_row(out, row_of(&list.items[i], list.labels[i]));
    if (list.count == 0 && format == OUT_PLAIN && isatty(STDOUT_FILENO))
        cmd_say("no answer holds");
    release(&list);
    return out_end(out);
}

/* --- taking back -------------------------------------------------------------------------- */

struct wait {
    bool done;
    struct err err;
    int rc;
};

static void on_done(void *ctx, const struct err *err)
{
    struct wait *wait = ctx;

    wait->done = true;
    if (err) {
        wait->err = *err;
        wait->rc = err->code;
    }
}

static int remove_line(const struct held_answer *answer, struct err *err)
{
    char *path = answers_file(), *db = path_join(path_home(), "ironcurtain.db");
    struct wait wait = {0};
    struct loop *loop = loop_new(err);
    struct store *store = loop ? store_open(loop, db, err) : NULL;
    int rc = store ? 0 : (int)err->code;

    if (store)
        answer_revoke(loop, store, path, answer, on_done, &wait);
    while (store && !wait.done)
        loop_turn(loop, true);
    if (store && wait.rc < 0)
        rc = err_set(err, wait.err.code, "%s", wait.err.msg);
    if (store)
        store_close(store);
    if (loop)
        loop_free(loop);
    free(path);
    free(db);
    return rc;
}

static int remove_grant(const struct held_answer *answer, struct err *err)
{
    struct buf message = BUF_INIT, reply = BUF_INIT;
    int fd = server_connect(NULL, NULL, err), rc;

    if (fd < 0)
        return fd;
    wire_begin(&message, "REVOKE");
    wire_put(&message, "version", IC_VERSION);
    wire_put_number(&message, "number", answer->number);
    rc = wire_send(fd, buf_str(&message), -1, err);
    if (rc == 0 && (wire_receive(fd, &reply) == 0 || !wire_ok(buf_str(&reply))))
        rc = err_set(err, ERR_IO, "the server went away without an answer");
    if (rc == 0 && wire_number(buf_str(&reply), "code", EXIT_FAILED) != EXIT_DONE) {
        const char *text = wire_get(buf_str(&reply), "text");

        rc = err_set(err, ERR_CONFLICT, "%s", text ? text : "the server failed");
    }
    buf_release(&message);
    buf_release(&reply);
    close(fd);
    return rc;
}

static const struct held_answer *find(const struct list *list, const char *name)
{
    char id[40];

    name += *name == '#';
    for (size_t i = 0; i < list->count; i++) {
        name_of(&list->items[i], id);
        if (strcmp(name, id) == 0)
            return &list->items[i];
    }
    return NULL;
}

static int remove_one(const struct held_answer *answer)
{
    struct err err;
    int rc = answer->number ? remove_grant(answer, &err) : remove_line(answer, &err);

    if (rc < 0)
        return cmd_fail(&err);
    char *text = xasprintf("taken back: %s", answer->rule);
    cmd_say(text);
    free(text);
    return EXIT_DONE;
}

static int by_line(const void *a, const void *b)
{
    const struct held_answer *const *left = a, *const *right = b;

    return (*left)->line < (*right)->line ? 1 : (*left)->line > (*right)->line ? -1 : 0;
}

/* All names are looked up in what is there now; lines go from the last up, so that the numbers
 * of the others stay true. */
static int rm(int count, char **names)
{
    struct list list = {0};
    const struct held_answer **found = xcalloc((size_t)count + 1, sizeof(*found));
    int status = EXIT_DONE;
    struct err err;

    if (read_all(&list, &err) < 0)
        status = cmd_fail(&err);
    for (int i = 0; i < count && status == EXIT_DONE; i++) {
        found[i] = find(&list, names[i]);
        if (!found[i]) {
            err_set(&err, ERR_NOENT, "no answer '%s' holds; 'ironcurtain rules' lists them",
                    names[i]);
            status = cmd_fail(&err);
        }
        for (int j = 0; j < i && found[i]; j++)
            if (found[j] == found[i]) {
                err_set(&err, ERR_USAGE, "'%s' is named twice", names[i]);
                status = cmd_fail(&err);
            }
    }
    if (status == EXIT_DONE)
        qsort(found, (size_t)count, sizeof(*found), by_line);
    for (int i = 0; i < count && status == EXIT_DONE; i++)
        status = remove_one(found[i]);
    free(found);
    release(&list);
    return status;
}

static int usage_error(const char *argument)
{
    struct err err;

    if (argument)
        err_set(&err, ERR_USAGE, "rules does not take '%s'; see 'ironcurtain rules --help'",
                argument);
    else
        err_set(&err, ERR_USAGE, "which answer? 'ironcurtain rules' lists them");
    return cmd_fail(&err);
}

int cmd_rules(int argc, char **argv)
{
    enum out_format format = OUT_PLAIN;
    const char *verb = argc > 1 && argv[1][0] != '-' ? argv[1] : "ls";
    bool is_rm = strcmp(verb, "rm") == 0 || strcmp(verb, "delete") == 0;

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return EXIT_DONE;
        }
    if (getenv("IRONCURTAIN_SESSION")) {
        struct err err;

        err_set(&err, ERR_DENIED, "this is the inside of a box");
        return cmd_fail(&err);
    }
    if (is_rm && argc > 2)
        return rm(argc - 2, argv + 2);
    if (is_rm)
        return usage_error(NULL);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            format = OUT_JSON;
        else if (strcmp(argv[i], "--jsonl") == 0)
            format = OUT_JSONL;
        else if (i > 1 || (strcmp(argv[i], "ls") != 0 && strcmp(argv[i], "list") != 0))
            return usage_error(argv[i]);
    }
    return ls(format);
}
