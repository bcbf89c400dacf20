/*
 * files.c - see files.h.
 *
 * Each question has at most one piece of work in the pool at a time: its request is written,
 * its response read, or both are removed, in that order.
 *
 *     WRITE --> IDLE <--> READ            a watch of the folder, one for each session
 *       |        |         |              that waits, starts a READ
 *       +--------+---------+--> REMOVE --> gone        (it does not wait any more)
 */
#include "gate/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "gate/gate_priv.h"
#include "io/watch.h"

enum work { WORK_NONE, WORK_WRITE, WORK_READ, WORK_REMOVE };

struct folder {
    struct gate_files *files; /* borrows */
    char session[37];
    char *path;          /* owns */
    struct watch *watch; /* owns */
    unsigned users;
    struct folder *next;
};

struct question {
    struct gate_files *files; /* borrows; NULL: they are gone */
    struct folder *folder;    /* borrows */
    uint64_t id;
    char *request, *response;    /* own; paths */
    char *rules[WIDTH_TOOL + 1]; /* own; the candidates, in order; NULL-ended or full */
    enum width widths[WIDTH_TOOL + 1];
    enum work work;
    bool waits, read_again;
    /* Of the work: the pool's while it is there. */
    struct buf text; /* owns */
    int rc;
    struct question *next;
};

struct gate_files {
    struct loop *loop;          /* borrows */
    struct gate *gate;          /* borrows */
    char *home;                 /* owns */
    struct folder *folders;     /* owns */
    struct question *questions; /* owns */
};

static void start(struct question *q, enum work work);

/* --- in the pool -------------------------------------------------------------------------- */

static int open_response(const char *path, struct buf *ret)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return errno == ENOENT ? ERR_NOENT : ERR_IO;
    bool fine = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
                st.st_size <= LIMIT_RESPONSE;
    ssize_t n = fine ? read(fd, buf_reserve(ret, LIMIT_RESPONSE), LIMIT_RESPONSE) : -1;
    if (n > 0)
        buf_commit(ret, (size_t)n);
    close(fd);
    return n < 0 ? ERR_IO : 0;
}

static void work(void *ctx)
{
    struct question *q = ctx;
    struct err err;

    switch (q->work) {
    case WORK_WRITE:
        q->rc = file_write(q->request, buf_data(&q->text), buf_len(&q->text), 0600, &err);
        if (q->rc < 0)
            log_warn("gate", "%s", err.msg);
        break;
    case WORK_READ:
        q->rc = open_response(q->response, &q->text);
        break;
    case WORK_REMOVE:
        (void)unlink(q->request); /* first: who answers sees that it is too late */
        (void)unlink(q->response);
        break;
    case WORK_NONE:
        break;
    }
}

/* --- the request -------------------------------------------------------------------------- */

static void set(json_t *object, const char *name, const char *text)
{
    json_object_set_new(object, name, json_string(text));
}

static void set_str(json_t *object, const char *name, struct str text)
{
    char shown[512];

    set(object, name, str_vis(shown, sizeof(shown), text));
}

static json_t *candidates(struct question *q, const struct gate *gate)
{
    json_t *list = json_array();
    size_t n = 0;

    for (enum width width = WIDTH_EXACT; width <= WIDTH_TOOL; width++) {
        char line[RECIPE_LINE];
        json_t *one;

        if (!gate_rule(gate, q->id, true, width, line))
            continue;
        q->rules[n] = xstrdup(line);
        q->widths[n++] = width;
        one = json_object();
        set(one, "description", line);
        set(one, "width", width_name(width));
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *net_arguments(const struct item *item)
{
    json_t *arguments = json_object();

    set_str(arguments, "method", str_of(item->method ? item->method : ""));
    set(arguments, "target", item->pub.rec.subject);
    return arguments;
}

/* The arguments of a call go in as they came. */
static void describe(struct question *q, const struct item *item)
{
    const struct escalation_record *rec = &item->pub.rec;
    const struct call_request *call = item_call(item);
    json_t *object = json_object();
    char id[24];

    snprintf(id, sizeof(id), "%" PRIu64, rec->id);
    set(object, "escalationId", id);
    set_str(object, "serverName", call ? call->server : STR("net"));
    set_str(object, "toolName", call ? call->tool : str_of(item->method ? item->method : ""));
    set(object, "subject", rec->subject);
    set(object, "reason", rec->reason);
    set(object, "rule", rec->rule);
    set(object, "where", rec->where);
    set(object, "risk", rec->risk);
    set(object, "digest", rec->digest);
    set(object, "session", rec->session);
    set(object, "label", item->pub.label);
    json_object_set_new(object, "number", json_integer(rec->number));
    json_object_set_new(object, "whitelistCandidates", candidates(q, q->files->gate));
    if (!call)
        json_object_set_new(object, "arguments", net_arguments(item));
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    CHECK(text);
    size_t n = strlen(text);
    if (call) {
        buf_append(&q->text, text, n - 1); /* without the brace */
        buf_puts(&q->text, ",\"arguments\":");
        buf_append_str(&q->text, call->arguments.n ? call->arguments : STR("{}"));
        buf_putc(&q->text, '}');
    } else {
        buf_append(&q->text, text, n);
    }
    free(text);
}

/* --- the response ------------------------------------------------------------------------- */

static void decide(struct question *q, const struct gate_item *item, const char *decision,
        const json_t *response)
{
    json_t *selection = json_object_get(response, "whitelistSelection");
    struct gate_answer answer = {.allow = strcmp(decision, "approved") == 0,
            .message = json_string_value(json_object_get(response, "message"))};
    json_int_t n = json_is_integer(selection) ? json_integer_value(selection) : -1;
    char digest[65], version[17];
    struct err err;

    if (answer.allow && n >= 0 && n <= WIDTH_TOOL && q->rules[n]) {
        answer.scope = SCOPE_SESSION;
        answer.width = q->widths[n];
        answer.rule = q->rules[n];
    }
    snprintf(digest, sizeof(digest), "%s", item->rec.digest);
    snprintf(version, sizeof(version), "%s", item->rec.policy_version);
    if (gate_decide(q->files->gate, q->id, digest, version, &answer, &err) < 0)
        log_warn("gate", "%s: %s", q->response, err.msg);
}

/* What cannot be read is "denied"; what does not fit is no answer. */
static void take(struct question *q)
{
    const struct gate_item *item = gate_find(q->files->gate, q->id);
    json_t *response = q->rc == 0 ? json_loadb(buf_data(&q->text), buf_len(&q->text),
                                            JSON_REJECT_DUPLICATES, NULL)
                                  : NULL;
    const char *decision = json_string_value(json_object_get(response, "decision"));
    const char *digest = json_string_value(json_object_get(response, "digest"));

    if (!item || item->deciding || item->rec.state != ESC_WAITING)
        log_info("gate", "%s: too late", q->response);
    else if (!decision || !digest)
        decide(q, item, "denied", NULL);
    else if (strcmp(digest, item->rec.digest) != 0)
        log_warn("gate", "%s: the digest is not that of the request", q->response);
    else if (strcmp(decision, "approved") == 0 && item->risk == RISK_HIGH)
        log_warn("gate", "%s: high risk is approved by a person, on a terminal", q->response);
    else
        decide(q, item, decision, response);
    json_decref(response);
}

/* --- one question ------------------------------------------------------------------------- */

static void question_free(struct question *q)
{
    for (size_t i = 0; i <= WIDTH_TOOL; i++)
        free(q->rules[i]);
    free(q->request);
    free(q->response);
    buf_release(&q->text);
    free(q);
}

static void on_folder(void *ctx)
{
    struct folder *folder = ctx;

    for (struct question *q = folder->files->questions; q; q = q->next) {
        if (q->folder != folder || !q->waits)
            continue;
        if (q->work == WORK_NONE)
            start(q, WORK_READ);
        else
            q->read_again = true;
    }
}

static void leave_folder(struct question *q)
{
    struct folder *folder = q->folder;
    struct folder **at = &q->files->folders;

    q->folder = NULL;
    if (--folder->users > 0)
        return;
    while (*at != folder)
        at = &(*at)->next;
    *at = folder->next;
    watch_free(folder->watch);
    free(folder->path);
    free(folder);
}

static void forget(struct question *q)
{
    struct question **at = &q->files->questions;

    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    leave_folder(q);
    question_free(q);
}

static void done(void *ctx)
{
    struct question *q = ctx;
    enum work was = q->work;

    q->work = WORK_NONE;
    if (!q->files) {
        (void)unlink(q->request);
        (void)unlink(q->response);
        question_free(q);
        return;
    }
    if (was == WORK_REMOVE) {
        forget(q);
        return;
    }
    if (was == WORK_READ && q->rc != ERR_NOENT && q->waits)
        take(q); /* may end it: gate_files_look() */
    buf_release(&q->text);
    if (q->work != WORK_NONE)
        return;
    if (!q->waits)
        start(q, WORK_REMOVE);
    else if (q->read_again)
        start(q, WORK_READ);
}

static void start(struct question *q, enum work what)
{
    q->work = what;
    if (what == WORK_READ)
        q->read_again = false;
    loop_work(q->files->loop, work, done, q);
}

/* NULL: the folder is not there; such a session has no files. */
static struct folder *folder_of(struct gate_files *files, const char *session)
{
    struct err err;
    struct folder *folder = files->folders;

    while (folder && strcmp(folder->session, session) != 0)
        folder = folder->next;
    if (folder)
        return folder;
    char *base = path_join3(files->home, "sessions", session);
    folder = xcalloc(1, sizeof(*folder));
    folder->files = files;
    snprintf(folder->session, sizeof(folder->session), "%s", session);
    folder->path = path_join(base, "escalations");
    free(base);
    folder->watch = watch_new(files->loop, folder->path, on_folder, folder, &err);
    if (!folder->watch) {
        log_warn("gate", "%s", err.msg);
        free(folder->path);
        free(folder);
        return NULL;
    }
    folder->next = files->folders;
    files->folders = folder;
    return folder;
}

static void add(struct gate_files *files, const struct item *item)
{
    struct folder *folder = folder_of(files, item->pub.rec.session);

    if (!folder)
        return;
    struct question *q = xcalloc(1, sizeof(*q));
    q->files = files;
    q->folder = folder;
    folder->users++;
    q->id = item->pub.rec.id;
    q->request = xasprintf("%s/request-%" PRIu64 ".json", folder->path, q->id);
    q->response = xasprintf("%s/response-%" PRIu64 ".json", folder->path, q->id);
    q->waits = true;
    q->next = files->questions;
    files->questions = q;
    describe(q, item);
    start(q, WORK_WRITE);
}

/* --- all of them -------------------------------------------------------------------------- */

struct gate_files *gate_files_new(struct loop *loop, struct gate *gate, const char *home)
{
    struct gate_files *files = xcalloc(1, sizeof(*files));

    files->loop = loop;
    files->gate = gate;
    files->home = xstrdup(home);
    return files;
}

void gate_files_free(struct gate_files *files)
{
    if (!files)
        return;
    while (files->questions) {
        struct question *q = files->questions;

        files->questions = q->next;
        leave_folder(q);
        q->files = NULL;
        if (q->work != WORK_NONE)
            continue; /* done() has the rest */
        (void)unlink(q->request);
        (void)unlink(q->response);
        question_free(q);
    }
    free(files->home);
    free(files);
}

static struct question *find(const struct gate_files *files, uint64_t id)
{
    struct question *q = files->questions;

    while (q && q->id != id)
        q = q->next;
    return q;
}

void gate_files_look(struct gate_files *files)
{
    if (!files)
        return;
    for (size_t i = 0; i < files->gate->count; i++) {
        const struct item *item = files->gate->items[i];

        if (!item->pub.deciding && item->is_shown && !find(files, item->pub.rec.id))
            add(files, item);
    }
    for (struct question *q = files->questions, *next; q; q = next) {
        const struct item *item = gate_item(files->gate, q->id);

        next = q->next;
        q->waits = item && !item->pub.deciding;
        if (!q->waits && q->work == WORK_NONE)
            start(q, WORK_REMOVE);
    }
}
