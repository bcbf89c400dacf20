/*
 * queue.c - see queue.h. Blocks: on the database and on the server's answer.
 */
#include "cli/queue.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/record.h"
#include "cli/server.h"
#include "cli/wire.h"
#include "io/loop.h"

/* --- what waits --------------------------------------------------------------------------- */

static bool take(void *ctx, const struct escalation_record *rec)
{
    struct waiting_list *list = ctx;

    list->items = xrealloc(list->items, (list->count + 1) * sizeof(*list->items));
    struct waiting *item = &list->items[list->count++];
    *item = (struct waiting){.rec = *rec};
    item->rec.detail = xstrdup(rec->detail);
    item->rec.edited = NULL; /* while it waits */
    return true;
}

/* Sessions are few. Those of a dead process come as crashed. */
static bool name_session(void *ctx, const struct session_record *rec)
{
    struct waiting_list *list = ctx;

    if (rec->state != SESSION_STARTING && rec->state != SESSION_RUNNING)
        return true;
    for (size_t i = 0; i < list->count; i++) {
        struct waiting *item = &list->items[i];

        if (strcmp(item->rec.session, rec->id) != 0)
            continue;
        str_copy(item->label, sizeof(item->label), str_of(rec->label));
        str_copy(item->agent, sizeof(item->agent), str_of(rec->agent));
    }
    return true;
}

static void drop_dead(struct waiting_list *list)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].label[0])
            list->items[kept++] = list->items[i];
        else
            escalation_release(&list->items[i].rec);
    }
    list->count = kept;
}

int waiting_read(struct waiting_list *list, struct err *err)
{
    *list = (struct waiting_list){0};
    struct store_reader *reader = record_open(err);
    if (!reader)
        return err->code == ERR_NOENT ? 0 : (int)err->code;
    int rc = store_each_waiting(reader, take, list, err);
    if (rc == 0 && list->count > 0)
        rc = store_each_session(reader, name_session, list, err);
    store_reader_free(reader);
    drop_dead(list);
    return rc;
}

void waiting_release(struct waiting_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        escalation_release(&list->items[i].rec);
    free(list->items);
    *list = (struct waiting_list){0};
}

const struct waiting *waiting_find(
        const struct waiting_list *list, const char *name, struct err *err)
{
    struct str text = str_of(*name == '#' ? name + 1 : name);
    const struct waiting *found = NULL;
    char shown[40];
    uint64_t n;

    if (!str_u64(text, INT64_MAX, &n)) {
        err_set(err, ERR_USAGE, "'%s' is not the number of a request",
                str_vis(shown, sizeof(shown), str_of(name)));
        return NULL;
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct waiting *item = &list->items[i];

        if (item->rec.id == n && *name != '#')
            return item;
        if ((uint64_t)item->rec.number != n)
            continue;
        if (found) {
            err_set(err, ERR_USAGE,
                    "several sessions have a request #%" PRIu64
                    "; use the id that 'ironcurtain pending' shows",
                    n);
            return NULL;
        }
        found = item;
    }
    if (!found)
        err_set(err, ERR_NOENT,
                "no request '%s' waits; 'ironcurtain pending' lists those that do",
                str_vis(shown, sizeof(shown), str_of(name)));
    return found;
}

/* --- showing one -------------------------------------------------------------------------- */

static void print_line(const char *label, struct str text)
{
    size_t cap = text.n * 8 + 1;
    char *shown = xmalloc(cap);

    printf("%-7s%s\n", label, str_vis(shown, cap, text));
    free(shown);
}

void waiting_print(const struct waiting *item)
{
    const struct escalation_record *rec = &item->rec;
    struct str rest = str_of(rec->detail), line;
    char text[800];

    snprintf(text, sizeof(text), "session %s, %s", item->label, item->agent);
    print_line("WHO", str_of(text));
    print_line("WHAT", str_of(rec->subject));
    while (rest.n > 0) {
        str_cut(&rest, '\n', &line);
        print_line("", line);
    }
    print_line("WHY", str_of(rec->reason[0] ? rec->reason : "no reason was given"));
    snprintf(text, sizeof(text), "rule %s   %s", rec->rule, rec->where);
    print_line("", str_of(text));
    print_line("RISK", str_of(rec->risk));
    snprintf(text, sizeof(text), "%" PRId64 " s, digest %s",
            (clock_wall_ms() - rec->asked_ms) / 1000, rec->digest);
    print_line("WAITS", str_of(text));
}

/* --- the server --------------------------------------------------------------------------- */

static int talk(const struct buf *message, struct buf *answer, struct err *err)
{
    int fd = server_connect(NULL, NULL, err);

    if (fd == ERR_NOENT)
        return err_set(err, ERR_NOENT,
                "no server runs; a session in the foreground is answered on its own screen");
    if (fd < 0)
        return fd;
    int rc = wire_send(fd, buf_str(message), -1, err);
    if (rc == 0 && (wire_receive(fd, answer) == 0 || !wire_ok(buf_str(answer))))
        rc = err_set(err, ERR_IO, "the server went away without an answer");
    close(fd);
    return rc;
}

static void begin(struct buf *message, const char *verb, const struct waiting *item)
{
    char id[24];

    snprintf(id, sizeof(id), "%" PRIu64, item->rec.id);
    wire_begin(message, verb);
    wire_put(message, "version", IC_VERSION);
    wire_put(message, "id", id);
}

static int told(struct str answer, struct err *err)
{
    const char *text = wire_get(answer, "text");

    switch (wire_number(answer, "code", EXIT_FAILED)) {
    case EXIT_USAGE:
        return err_set(err, ERR_USAGE, "%s", text ? text : "refused");
    case EXIT_NOT_FOUND:
        return err_set(err, ERR_NOENT, "%s", text ? text : "not found");
    case EXIT_CONFLICT:
        return err_set(err, ERR_CONFLICT, "%s", text ? text : "changed");
    default:
        return err_set(err, ERR_IO, "%s", text ? text : "the server failed");
    }
}

int waiting_rule(const struct waiting *item, bool allow, enum width width,
        char line[RECIPE_LINE], struct err *err)
{
    struct buf message = BUF_INIT, answer = BUF_INIT;

    begin(&message, "RULE", item);
    wire_put(&message, "allow", allow ? "1" : NULL);
    wire_put(&message, "width", width_name(width));
    int rc = talk(&message, &answer, err);
    const char *rule = rc == 0 ? wire_get(buf_str(&answer), "line") : NULL;
    if (rc == 0 && !rule)
        rc = told(buf_str(&answer), err);
    else if (rc == 0 && !str_copy(line, RECIPE_LINE, str_of(rule)))
        rc = err_set(err, ERR_IO, "the server's rule is too long");
    buf_release(&message);
    buf_release(&answer);
    return rc;
}

static const char *scope_name(enum scope scope)
{
    switch (scope) {
    case SCOPE_ONCE:
        return "once";
    case SCOPE_USES:
        return "uses";
    case SCOPE_TIME:
        return "time";
    case SCOPE_SESSION:
        return "session";
    case SCOPE_ALWAYS:
        return "always";
    }
    CHECK_UNREACHABLE();
}

int waiting_decide(const struct waiting *item, const struct gate_answer *answer)
{
    struct buf message = BUF_INIT, reply = BUF_INIT;
    char number[24];
    struct err err;
    int status;

    begin(&message, "DECIDE", item);
    wire_put(&message, "digest", item->rec.digest);
    wire_put(&message, "policy", item->rec.policy_version);
    wire_put(&message, "allow", answer->allow ? "1" : NULL);
    wire_put(&message, "scope", scope_name(answer->scope));
    snprintf(number, sizeof(number), "%" PRIu64, answer->for_ms);
    wire_put(&message, "for_ms", answer->for_ms ? number : NULL);
    wire_put_number(&message, "uses", (long)answer->uses);
    wire_put(&message, "width", width_name(answer->width));
    wire_put(&message, "rule", answer->rule);
    wire_put(&message, "message", answer->message);
    if (talk(&message, &reply, &err) < 0) {
        status = cmd_fail(&err);
    } else {
        const char *text = wire_get(buf_str(&reply), "text");

        status = (int)wire_number(buf_str(&reply), "code", EXIT_FAILED);
        cmd_say(text ? text : "the server gave no answer");
    }
    buf_release(&message);
    buf_release(&reply);
    return status;
}
