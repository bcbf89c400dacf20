/*
 * session.c - a session as others see it: made from its parts, asked, typed at, freed.
 * How it starts, runs and ends is in steps.c.
 */
#include "session/session_priv.h"

#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/crypt.h"
#include "pty/guest.h"
#include "session/environment.h"

/* --- making and freeing --------------------------------------------------------------------
 */

static void on_words_sent(void *ctx, const struct words_entry *entry)
{
    struct session *s = ctx;
    struct words_record rec = {
            .at_ms = entry->at_ms,
            .unsure = entry->unsure,
            .text = entry->text,
    };

    memcpy(rec.session, s->rec.id, sizeof(rec.session));
    str_copy(rec.source, sizeof(rec.source), entry->pasted ? STR("pasted") : STR("typed"));
    store_put_words(s->env.store, &rec);
    if (s->ops.on_change)
        s->ops.on_change(s->ctx);
}

static void on_vt_reply(void *ctx, struct str bytes)
{
    struct session *s = ctx;

    if (s->guest && guest_input(s->guest, bytes, NULL) < 0)
        s->dropped++;
}

static void on_vt_bell(void *ctx)
{
    struct session *s = ctx;

    if (s->ops.on_bell)
        s->ops.on_bell(s->ctx);
}

static void on_vt_sync_end(void *ctx)
{
    struct session *s = ctx;

    if (s->ops.on_whole)
        s->ops.on_whole(s->ctx);
}

static void on_vt_title(void *ctx, const char *title)
{
    struct session *s = ctx;

    (void)title; /* the screen asks vt_title() */
    if (s->ops.on_marks)
        s->ops.on_marks(s->ctx);
}

static void on_vt_clipboard(void *ctx, struct str text)
{
    struct session *s = ctx;

    if (!s->no_clipboard)
        news_clipboard(&s->news, text);
}

static void on_vt_notice(void *ctx, struct str text)
{
    struct session *s = ctx;

    news_notice(&s->news, text);
}

static void on_news_notice(void *ctx, const char *text)
{
    struct session *s = ctx;

    if (s->ops.on_agent)
        s->ops.on_agent(s->ctx, text);
}

static void on_news_clipboard(void *ctx)
{
    struct session *s = ctx;

    log_info("session", "id=%s agent wants to copy %zu bytes", s->rec.id,
            buf_len(&s->news.clipboard));
    if (s->ops.on_clipboard)
        s->ops.on_clipboard(s->ctx);
}

static void on_news_busy(void *ctx)
{
    struct session *s = ctx;

    if (s->ops.on_marks)
        s->ops.on_marks(s->ctx);
}

static const struct news_ops news_ops = {
        .on_notice = on_news_notice,
        .on_clipboard = on_news_clipboard,
        .on_busy = on_news_busy,
};

static const struct vt_ops vt_ops = {
        .on_reply = on_vt_reply,
        .on_bell = on_vt_bell,
        .on_title = on_vt_title,
        .on_clipboard = on_vt_clipboard,
        .on_sync_end = on_vt_sync_end,
        .on_notice = on_vt_notice,
};

void session_on_request(void *ctx, const struct request_record *rec)
{
    struct session *s = ctx;

    for (unsigned i = 0; i < s->request_count; i++) {
        unsigned at = (s->request_head + SESSION_REQUESTS - 1 - i) % SESSION_REQUESTS;

        if (s->requests[at].id == rec->id) {
            s->requests[at] = *rec;
            s->requests[at].arguments = NULL; /* which are the caller's */
            if (s->ops.on_change)
                s->ops.on_change(s->ctx);
            return;
        }
    }
    s->requests[s->request_head] = *rec;
    s->requests[s->request_head].arguments = NULL;
    s->request_head = (s->request_head + 1) % SESSION_REQUESTS;
    if (s->request_count < SESSION_REQUESTS)
        s->request_count++;
    if (s->ops.on_change)
        s->ops.on_change(s->ctx);
}

static int make_proxy(struct session *s, struct err *err)
{
    const struct config *config = s->env.config;
    struct proxy_config pc = {
            .loop = s->env.loop,
            .store = s->env.store,
            .gate = s->env.gate,
            .grants = s->env.grants,
            .policy = s->env.policy,
            .ca = s->env.ca,
            .providers = s->env.providers,
            .credentials = s->env.credentials,
            .prices = s->env.prices,
            .session = s->rec.id,
            .label = s->rec.label,
            .agent = s->rec.agent,
            .resolve = config->resolve,
            .resolve_count = config->resolve_count,
            .via = s->env.via,
            .extra_ca = config->upstream_ca,
            .on_request = session_on_request,
            .ctx = s,
    };
    s->proxy = proxy_new(&pc, err);
    return s->proxy ? 0 : err->code;
}

int session_check(
        const struct session_env *env, const struct session_spec *spec, struct err *err)
{
    if (spec->unboxed && strcmp(spec->runtime, "none") == 0)
        return spec->argv ? 0 : err_set(err, ERR_USAGE, "no command given");
    if (strcmp(spec->runtime, "auto") != 0 && strcmp(spec->runtime, "docker") != 0 &&
            strcmp(spec->runtime, "bwrap") != 0)
        return err_set(err, ERR_USAGE, "no runtime '%s'; there are auto, docker and bwrap",
                spec->runtime);

    const struct agent *agent = agent_find(env->agents, spec->agent);
    if (!agent)
        return err_set(err, ERR_NOENT,
                "no agent '%s'; add it under 'agents:' in the configuration", spec->agent);
    for (char **names = agent->providers; names && *names; names++) {
        if (!session_provider(env, *names, err))
            return err_wrap(err, "agent '%s'", spec->agent);
    }
    return 0;
}

/* What the user can do about it. */
static void no_credential(
        const struct session_env *env, const struct provider *p, struct err *err)
{
    const char *why = credential_problem(credential_of(env->credentials, p));
    const char *variable = NULL;

    for (size_t i = 0; !variable && i < p->key_from_count; i++)
        variable = p->key_from[i].is_file ? NULL : p->key_from[i].name;
    if (*why)
        err_set(err, ERR_CREDENTIAL, "needs a key or login of provider '%s': %s", p->name, why);
    else if (variable)
        err_set(err, ERR_CREDENTIAL,
                "needs a key of provider '%s'; set %s in the environment%s", p->name, variable,
                p->oauth ? ", or log in with its own program" : "");
    else
        err_set(err, ERR_CREDENTIAL,
                "needs a login of provider '%s'; log in with its own program", p->name);
}

const struct provider *session_provider(
        const struct session_env *env, const char *names, struct err *err)
{
    struct str rest = str_of(names), name;
    char one[32];

    for (bool more = true; more;) {
        more = str_cut(&rest, '|', &name);
        (void)str_copy(one, sizeof(one), name);
        const struct provider *p = provider_find(env->providers, one);
        if (!p) {
            err_set(err, ERR_CONFIG, "needs provider '%s', which is not known", one);
            return NULL;
        }
        if (credential_kind(credential_of(env->credentials, p)) != CREDENTIAL_NONE)
            return p;
        no_credential(env, p, err);
    }
    if (strchr(names, '|'))
        err_set(err, ERR_CREDENTIAL,
                "needs a key or login of one of '%s'; 'ironcurtain keys ls' says what is found",
                names);
    return NULL;
}

static int make_parts(struct session *s, const struct session_spec *spec, struct err *err)
{
    int rc = session_check(&s->env, spec, err);

    if (rc < 0 || strcmp(spec->runtime, "none") == 0)
        return rc;
    s->agent = agent_find(s->env.agents, spec->agent);
    return make_proxy(s, err);
}

static void name_session(struct session *s, const struct session_spec *spec)
{
    const char *slash = spec->workspace ? strrchr(spec->workspace, '/') : NULL;
    const char *base = slash && slash[1] ? slash + 1 : spec->agent;
    const char *given = spec->name ? spec->name : base ? base : "session";

    crypt_uuid(s->rec.id);
    str_vis(s->rec.label, sizeof(s->rec.label), str_of(given));
    str_copy(s->rec.agent, sizeof(s->rec.agent), str_of(spec->agent ? spec->agent : "none"));
    s->auto_runtime = strcmp(spec->runtime, "auto") == 0;
    str_copy(s->rec.runtime, sizeof(s->rec.runtime), str_of(spec->runtime));
    str_vis(s->rec.workspace, sizeof(s->rec.workspace),
            str_of(spec->workspace ? spec->workspace : ""));
    s->rec.started_ms = clock_wall_ms();
    s->rec.state = SESSION_STARTING;
    s->rec.exit_status = -1;
    s->rec.pid = getpid();
}

struct session *session_start(const struct session_env *env, const struct session_spec *spec,
        const struct session_ops *ops, void *ctx, struct err *err)
{
    struct session *s = xcalloc(1, sizeof(*s));

    s->env = *env;
    s->ops = *ops;
    s->ctx = ctx;
    s->cols = spec->cols;
    s->rows = spec->rows;
    s->argv = environment_copy_list(spec->argv);
    s->extra_env = environment_copy_list(spec->env);
    name_session(s, spec);
    s->vt = vt_new(s->cols, s->rows, env->config->scrollback, &vt_ops, s);
    vt_keep_screens(s->vt, env->config->screens);
    s->words = words_new(on_words_sent, s);
    news_init(&s->news, env->loop, &news_ops, s);
    s->no_clipboard = env->config->clipboard == CLIPBOARD_DENY;
    snprintf(s->status, sizeof(s->status), "preparing the session ...");
    if (make_parts(s, spec, err) < 0 || steps_begin(s, spec, err) < 0) {
        s->step = ENDED;
        session_free(s);
        return NULL;
    }
    store_put_session(env->store, &s->rec);
    return s;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    if (s->step != ENDED) {
        s->step = ENDED;
        steps_record_end(s, SESSION_STOPPED, -1);
    }
    steps_take_down(s);
    grants_end_session(s->env.grants, s->rec.id);
    vt_free(s->vt);
    words_free(s->words);
    news_release(&s->news);
    environment_free_list(s->argv);
    environment_free_list(s->extra_env);
    free(s);
}

/* --- what the screen asks and says -----------------------------------------------------------
 */

enum session_state session_state(const struct session *s)
{
    return s->rec.state;
}

const char *session_status(const struct session *s)
{
    return s->status;
}

const struct session_record *session_rec(const struct session *s)
{
    return &s->rec;
}

struct vt *session_vt(struct session *s)
{
    return s->vt;
}

struct words *session_words(struct session *s)
{
    return s->words;
}

const struct request_record *session_request(const struct session *s, unsigned index)
{
    if (index >= s->request_count)
        return NULL;
    return &s->requests[(s->request_head + SESSION_REQUESTS - 1 - index) % SESSION_REQUESTS];
}

unsigned session_request_count(const struct session *s)
{
    return s->request_count;
}

static void send_to_agent(struct session *s, struct str bytes)
{
    if (s->step != RUNNING) {
        if (s->step != ENDED)
            session_notice(s, "the agent is not there yet; that key went nowhere");
        return;
    }
    if (guest_input(s->guest, bytes, NULL) < 0) {
        if (s->dropped++ == 0)
            session_notice(s, "the agent does not read its input; keys are dropped");
    }
}

void session_input(struct session *s, struct str bytes)
{
    send_to_agent(s, bytes);
    if (s->step == RUNNING)
        words_feed(s->words, bytes, clock_wall_ms());
}

void session_paste(struct session *s, struct str text)
{
    struct buf wire = BUF_INIT;

    vt_encode_paste(s->vt, text, &wire);
    send_to_agent(s, buf_str(&wire));
    buf_release(&wire);
    if (s->step == RUNNING) {
        int64_t now = clock_wall_ms();

        words_feed(s->words, STR("\033[200~"), now);
        words_feed(s->words, text, now);
        words_feed(s->words, STR("\033[201~"), now);
    }
}

void session_key(struct session *s, int key, int mods)
{
    char bytes[32];
    size_t n = vt_encode_key(s->vt, key, mods, bytes);

    if (n)
        session_input(s, (struct str){bytes, n});
}

void session_resize(struct session *s, int cols, int rows)
{
    if (cols == s->cols && rows == s->rows)
        return;
    s->cols = cols;
    s->rows = rows;
    vt_resize(s->vt, cols, rows);
    if (s->guest)
        guest_resize(s->guest, cols, rows);
}

struct str session_clipboard(const struct session *s)
{
    return buf_str(&s->news.clipboard);
}

void session_clipboard_done(struct session *s, bool refuse)
{
    buf_release(&s->news.clipboard);
    s->no_clipboard = s->no_clipboard || refuse;
}

bool session_busy(const struct session *s)
{
    return s->news.busy;
}

unsigned session_dropped(const struct session *s)
{
    return s->dropped;
}
