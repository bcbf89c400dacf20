/*
 * policy_explain.c - `ironcurtain policy explain`: the policy and answers.rules asked without a
 * session, by scripts or by a person who wonders. One JSON object a line on stdin:
 *
 *     {"method":"GET","url":"https://docs.python.org/3/"}      a request
 *     {"method":"CONNECT","url":"example.org:443"}             a tunnel
 *     {"server":"git","tool":"push","arguments":{}}            a tool call
 *
 * and one decision a line on stdout, or with --steps how it came about, as text. The arguments
 * of a call are judged as they stand in the line, byte for byte, as on the wire.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/policy_tools.h"
#include "gate/grants.h"

/* --- the world -------------------------------------------------------------------------- */

struct explain_world {
    struct policy_world world;
    char *home, *workspace, *ours; /* own */
    const char *guarded[2];
};

/* The real path, or the path itself if it is not there yet. Owned by the caller. */
static char *real(const char *path)
{
    char found[PATH_MAX];

    return xstrdup(path && realpath(path, found) ? found : path);
}

int explain_world_new(const char *workspace, struct explain_world **ret, struct err *err)
{
    char found[PATH_MAX];

    if (!realpath(workspace ? workspace : ".", found))
        return err_set(err, ERR_NOENT, "workspace '%s': %s", workspace ? workspace : ".",
                strerror(errno));
    struct explain_world *at = xcalloc(1, sizeof(*at));
    at->workspace = xstrdup(found);
    at->home = real(getenv("HOME"));
    at->ours = real(path_home());
    at->guarded[0] = at->ours;
    at->world = (struct policy_world){.home = at->home,
            .workspace = at->workspace,
            .box_workspace = "/workspace",
            .guarded = at->guarded};
    *ret = at;
    return 0;
}

const struct policy_world *explain_world_of(const struct explain_world *at)
{
    return &at->world;
}

void explain_world_free(struct explain_world *at)
{
    if (!at)
        return;
    free(at->home);
    free(at->workspace);
    free(at->ours);
    free(at);
}

/* --- one line --------------------------------------------------------------------------- */

struct asker {
    const struct policy *policy;
    const struct policy_world *world;
    struct grants *grants;
    bool with_steps;
};

/* What came of a line. */
struct answer {
    struct verdict verdict;
    struct buf arguments; /* in the form in which they would be sent, if it is another one */
    bool understood;
};

/* Whatever is no request is denied, as it would be on the wire. */
static void refuse(struct verdict *verdict, const char *rule, const char *reason)
{
    *verdict = (struct verdict){.kind = VERDICT_DENY, .risk = RISK_MED};
    snprintf(verdict->rule, sizeof(verdict->rule), "%s", rule);
    snprintf(verdict->where, sizeof(verdict->where), "built in");
    snprintf(verdict->reason, sizeof(verdict->reason), "%s", reason);
}

static void judge_url(const struct asker *asker, const json_t *method, const json_t *url,
        struct answer *answer)
{
    struct net_request req;
    char host[256];

    if (net_request_read((struct str){json_string_value(method), json_string_length(method)},
                (struct str){json_string_value(url), json_string_length(url)}, host, &req))
        grants_judge_net(asker->grants, asker->policy, NULL, &req, &answer->verdict);
    else
        refuse(&answer->verdict, "structural: url", "not a URL of the form https://host/path");
}

static void print_step(void *ctx, const char *line)
{
    (void)ctx;
    printf("%s\n", line);
}

static void judge_call(
        const struct asker *asker, const struct call_request *call, struct answer *answer)
{
    struct call_edits edits;

    if (asker->with_steps) {
        printf("call   %.*s/%.*s\n", STR_ARG(call->server), STR_ARG(call->tool));
        policy_explain_call(asker->policy, asker->world, call, print_step, NULL);
    }
    grants_judge_call(
            asker->grants, asker->policy, NULL, call, asker->world, &answer->verdict, &edits);
    if (edits.count)
        (void)call_rewrite(call->arguments, &edits, &answer->arguments);
    call_edits_release(&edits);
}

/* A string member, decoded; NULL if it is none. */
static json_t *text_of(struct str raw)
{
    json_t *value = raw.p ? json_loadb(raw.p, raw.n, JSON_DECODE_ANY, NULL) : NULL;

    if (json_is_string(value))
        return value;
    json_decref(value);
    return NULL;
}

static void judge(const struct asker *asker, struct str line, struct answer *answer)
{
    struct json_member m[] = {{.name = "method"}, {.name = "url"}, {.name = "server"},
            {.name = "tool"}, {.name = "arguments"}};
    bool is_object = json_slice_object(line, m, 5, NULL) == 0;
    json_t *method = is_object ? text_of(m[0].value) : NULL;
    json_t *url = is_object ? text_of(m[1].value) : NULL;
    json_t *server = is_object ? text_of(m[2].value) : NULL;
    json_t *tool = is_object ? text_of(m[3].value) : NULL;

    answer->understood = true;
    if (method && url && !m[3].value.p) {
        judge_url(asker, method, url, answer);
    } else if (server && tool && !m[0].value.p) {
        struct call_request call = {{json_string_value(server), json_string_length(server)},
                {json_string_value(tool), json_string_length(tool)},
                m[4].value.p ? m[4].value : STR("")};
        judge_call(asker, &call, answer);
    } else {
        refuse(&answer->verdict, "structural: input",
                "not a JSON object with \"method\" and \"url\", or \"server\" and \"tool\"");
        answer->understood = false;
    }
    json_decref(method);
    json_decref(url);
    json_decref(server);
    json_decref(tool);
}

/* --- printing --------------------------------------------------------------------------- */

static void print_json(const struct answer *answer)
{
    const struct verdict *v = &answer->verdict;
    json_t *o = json_pack("{s:s, s:o, s:o, s:o, s:s}", "decision", verdict_name(v->kind),
            "rule", out_text(v->rule), "where", out_text(v->where), "reason",
            out_text(v->reason), "risk", risk_name(v->risk));
    char *text = json_dumps(o, JSON_COMPACT);

    json_decref(o);
    if (!text)
        return;
    size_t n = strlen(text);
    if (buf_len(&answer->arguments))
        printf("%.*s,\"arguments\":%.*s}\n", (int)n - 1, text,
                STR_ARG(buf_str(&answer->arguments)));
    else
        printf("%s\n", text);
    free(text);
}

static void print_text(const struct answer *answer)
{
    const struct verdict *v = &answer->verdict;
    char shown[400];

    printf("=> %s  by '%s' (%s): %s", verdict_name(v->kind), v->rule, v->where, v->reason);
    if (v->kind == VERDICT_ASK)
        printf("; risk %s", risk_name(v->risk));
    if (buf_len(&answer->arguments))
        printf("\n   sent as %s", str_vis(shown, sizeof(shown), buf_str(&answer->arguments)));
    printf("\n\n");
}

static int explain_all(const struct asker *asker)
{
    char *text = xmalloc(LIMIT_EXPLAIN_LINE);
    int status = EXIT_DONE;

    while (fgets(text, LIMIT_EXPLAIN_LINE, stdin)) {
        struct str line = str_of(text);
        struct answer answer = {.arguments = BUF_INIT};

        if (line.n && line.p[line.n - 1] == '\n')
            line.n--;
        if (str_trim(line).n == 0)
            continue;
        judge(asker, line, &answer);
        if (!answer.understood)
            status = EXIT_FAILED;
        if (asker->with_steps)
            print_text(&answer);
        else
            print_json(&answer);
        buf_release(&answer.arguments);
        (void)fflush(stdout); /* whoever asks line by line waits for the answer */
    }
    free(text);
    return ferror(stdin) || ferror(stdout) ? EXIT_FAILED : status;
}

int policy_explain_lines(
        const struct policy *policy, const char *answers_file, const struct options *options)
{
    struct explain_world *at = NULL;
    struct err err;

    if (explain_world_new(options->workspace, &at, &err) < 0)
        return cmd_fail(&err);
    /* Without a loop there are no sessions and times, only the file. */
    struct grants *grants = grants_new(NULL, answers_file, &err);
    if (!grants) {
        explain_world_free(at);
        return cmd_fail(&err);
    }
    const struct asker asker = {policy, explain_world_of(at), grants, options->steps};
    int status = explain_all(&asker);
    grants_free(grants);
    explain_world_free(at);
    return status;
}
