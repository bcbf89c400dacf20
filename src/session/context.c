/*
 * context.c - user-context.json: the user's last words, for programs of the user's own that
 * answer questions (gate/files.h). Written when a question is raised and the words are others
 * than those written last, so that typing writes nothing.
 *
 *     {"userMessage":"...","timestamp":"...","source":"typed"|"pasted",
 *      "confidence":"exact"|"unsure"}
 *
 * Blocks: no, the pool writes.
 */
#include <time.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "session/session_priv.h"

struct writing {
    char *path, *text; /* own */
    struct err err;
    int rc;
};

static void write_file(void *ctx)
{
    struct writing *w = ctx;

    w->rc = file_write(w->path, w->text, strlen(w->text), 0600, &w->err);
}

static void written(void *ctx)
{
    struct writing *w = ctx;

    if (w->rc < 0)
        log_warn("session", "%s", w->err.msg);
    mem_wipe(w->text, strlen(w->text));
    free(w->text);
    free(w->path);
    free(w);
}

static char *describe(const struct words_entry *entry)
{
    json_t *object = json_object();
    char when[40];
    time_t seconds = (time_t)(entry->at_ms / 1000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
    json_object_set_new(object, "userMessage", json_string(entry->text));
    json_object_set_new(object, "timestamp", json_string(when));
    json_object_set_new(object, "source", json_string(entry->pasted ? "pasted" : "typed"));
    json_object_set_new(object, "confidence", json_string(entry->unsure ? "unsure" : "exact"));
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

void session_raised(struct session *s)
{
    struct words_entry entry;
    unsigned i = 0;

    while (words_at(s->words, i, &entry) && entry.draft)
        i++;
    if (!words_at(s->words, i, &entry) || entry.at_ms == s->context_ms || !s->paths.dir)
        return;
    s->context_ms = entry.at_ms;
    struct writing *w = xcalloc(1, sizeof(*w));
    w->path = path_join(s->paths.dir, "user-context.json");
    w->text = describe(&entry);
    CHECK(w->text);
    loop_work(s->env.loop, write_file, written, w);
}
