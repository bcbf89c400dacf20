/*
 * record.c - records to JSON, names to sessions.
 */
#include "cli/record.h"

#include "cli/out.h"

#include "base/file.h"
#include "base/str.h"

static json_t *not_before(int64_t value, int64_t first)
{
    return value < first ? json_null() : json_integer(value);
}

static void set_text(json_t *object, const char *key, const char *text)
{
    (void)json_object_set_new(object, key, out_text(text));
}

static json_t *object_new(const char *type)
{
    json_t *object = json_object();

    (void)json_object_set_new(object, "v", json_integer(1));
    set_text(object, "type", type);
    return object;
}

json_t *session_json(const struct session_record *rec)
{
    json_t *object = object_new("session");

    set_text(object, "id", rec->id);
    set_text(object, "label", rec->label);
    set_text(object, "agent", rec->agent);
    set_text(object, "runtime", rec->runtime);
    set_text(object, "workspace", rec->workspace);
    set_text(object, "box", rec->box);
    set_text(object, "state", session_state_name(rec->state));
    (void)json_object_set_new(object, "started", out_time(rec->started_ms));
    (void)json_object_set_new(object, "ended", out_time(rec->ended_ms));
    (void)json_object_set_new(object, "exit_status", not_before(rec->exit_status, 0));
    (void)json_object_set_new(object, "pid", not_before(rec->pid, 1));
    return object;
}

static void set_tokens(json_t *object, const char *key, const char *model, uint64_t tokens)
{
    json_t *value = model[0] ? json_integer((json_int_t)tokens) : json_null();

    (void)json_object_set_new(object, key, value);
}

/* Null where no model answered, so that sums and averages of scripts leave it out. */
static void set_usage(json_t *object, const struct request_record *rec)
{
    set_text(object, "model", rec->model);
    set_text(object, "stop_reason", rec->stop_reason);
    set_tokens(object, "input_tokens", rec->model, rec->input_tokens);
    set_tokens(object, "output_tokens", rec->model, rec->output_tokens);
    set_tokens(object, "cache_read_tokens", rec->model, rec->cache_read_tokens);
    set_tokens(object, "cache_write_tokens", rec->model, rec->cache_write_tokens);
    (void)json_object_set_new(object, "cost_usd",
            request_has_cost(rec) ? json_real((double)rec->cost_micro / 1e6) : json_null());
}

json_t *request_json(const struct request_record *rec)
{
    json_t *object = object_new("request");

    (void)json_object_set_new(object, "id", json_integer((json_int_t)rec->id));
    set_text(object, "session", rec->session);
    (void)json_object_set_new(object, "started", out_time(rec->started_ms));
    set_text(object, "kind", rec->kind);
    set_text(object, "provider", rec->provider);
    set_text(object, "method", rec->method);
    set_text(object, "host", rec->host);
    (void)json_object_set_new(object, "port", json_integer(rec->port));
    set_text(object, "path", rec->path);
    set_text(object, "decision", request_decision_name(rec->decision));
    (void)json_object_set_new(object, "status", not_before(rec->status, 1));
    set_text(object, "rule", rec->rule);
    set_text(object, "reason", rec->reason);
    (void)json_object_set_new(object, "key_swapped", json_boolean(rec->key_swapped));
    (void)json_object_set_new(object, "bytes_up", json_integer((json_int_t)rec->bytes_up));
    (void)json_object_set_new(object, "bytes_down", json_integer((json_int_t)rec->bytes_down));
    (void)json_object_set_new(object, "first_byte_ms", not_before(rec->first_byte_ms, 0));
    (void)json_object_set_new(object, "total_ms", not_before(rec->total_ms, 0));
    (void)json_object_set_new(object, "escalation", not_before((int64_t)rec->escalation, 1));
    (void)json_object_set_new(object, "done", json_boolean(rec->done));
    (void)json_object_set_new(object, "inspected", json_boolean(rec->inspected));
    set_text(object, "protocol", rec->protocol);
    set_usage(object, rec);
    set_text(object, "arguments", rec->arguments ? rec->arguments : "");
    set_text(object, "result", rec->result);
    (void)json_object_set_new(object, "waited_ms", json_integer((json_int_t)rec->waited_ms));
    return object;
}

json_t *escalation_json(const struct escalation_record *rec)
{
    json_t *object = object_new("escalation");

    (void)json_object_set_new(object, "id", json_integer((json_int_t)rec->id));
    (void)json_object_set_new(object, "number", json_integer(rec->number));
    set_text(object, "session", rec->session);
    set_text(object, "kind", rec->kind);
    set_text(object, "subject", rec->subject);
    set_text(object, "detail", rec->detail);
    set_text(object, "digest", rec->digest);
    set_text(object, "rule", rec->rule);
    set_text(object, "where", rec->where);
    set_text(object, "reason", rec->reason);
    set_text(object, "risk", rec->risk);
    set_text(object, "policy_version", rec->policy_version);
    (void)json_object_set_new(object, "asked", out_time(rec->asked_ms));
    (void)json_object_set_new(object, "decided", out_time(rec->decided_ms));
    set_text(object, "state", escalation_state_name(rec->state));
    set_text(object, "by", rec->by);
    set_text(object, "message", rec->message);
    set_text(object, "answer", rec->answer);
    set_text(object, "edited", rec->edited ? rec->edited : "");
    set_text(object, "edited_digest", rec->edited_digest);
    return object;
}

struct store_reader *record_open(struct err *err)
{
    char *path = path_join(path_home(), "ironcurtain.db");
    struct store_reader *reader = store_reader_open(path, err);

    free(path);
    return reader;
}

/* --- sessions by name ----------------------------------------------------------------- */

/* An exact id beats everything, a label beats a prefix: count the matches of each kind. */
struct search {
    struct str name;
    bool exact;
    unsigned labels, prefixes;
    char label_id[37], prefix_id[37];
    char candidates[200];
};

static bool look_at_session(void *ctx, const struct session_record *rec)
{
    struct search *search = ctx;
    struct str id = {rec->id, strlen(rec->id)};
    size_t n = strlen(search->candidates);

    if (str_eq(id, search->name)) {
        search->exact = true;
        return false;
    }
    bool label = str_eq(str_of(rec->label), search->name);
    bool prefix = str_starts(id, search->name);
    if (label && search->labels++ == 0)
        (void)str_copy(search->label_id, sizeof(search->label_id), id);
    if (prefix && search->prefixes++ == 0)
        (void)str_copy(search->prefix_id, sizeof(search->prefix_id), id);
    if (label || prefix)
        snprintf(search->candidates + n, sizeof(search->candidates) - n, " %s", rec->id);
    return true;
}

int record_find_session(
        struct store_reader *reader, const char *name, char ret_id[37], struct err *err)
{
    struct search search = {.name = str_of(name)};
    char shown[80];

    int rc = store_each_session(reader, look_at_session, &search, err);
    if (rc < 0)
        return rc;
    (void)str_vis(shown, sizeof(shown), search.name);
    if (search.exact)
        (void)str_copy(ret_id, 37, search.name);
    else if (search.name.n == 0 || (search.labels == 0 && search.prefixes == 0))
        return err_set(
                err, ERR_NOENT, "no session '%s'; 'ironcurtain ls --all' lists them", shown);
    else if (search.labels == 1 || (search.labels == 0 && search.prefixes == 1))
        (void)str_copy(ret_id, 37, str_of(search.labels ? search.label_id : search.prefix_id));
    else
        return err_set(err, ERR_USAGE, "'%s' may be any of these sessions:%s", shown,
                search.candidates);
    return 0;
}
