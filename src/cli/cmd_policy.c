/*
 * cmd_policy.c - `ironcurtain policy check` reads a rule file as a session would and runs its
 * tests; `ironcurtain policy explain` judges requests given as JSON lines on stdin, one
 * decision a line, so that a script can ask without a session.
 *
 *     {"method":"GET","url":"https://docs.python.org/3/"}      a request
 *     {"method":"CONNECT","url":"example.org:443"}             a tunnel
 *     {"server":"git","tool":"push","arguments":{}}            a tool call: denied here
 */
#include <stdio.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/options.h"
#include "cli/out.h"
#include "policy/policy.h"

/* The file given, else policy.rules in the home if there, else the shipped policy. */
static struct policy *open_policy(const struct options *options, struct err *err)
{
    const char *file = options->policy ? options->policy : options->dir;
    char *standard = path_join(path_home(), "policy.rules");

    if (!file && file_exists(standard))
        file = standard;
    struct policy *policy = policy_load(file, err);
    free(standard);
    return policy;
}

static int check(const struct policy *policy, bool as_json)
{
    unsigned deny = policy_rule_count(policy, VERDICT_DENY);
    unsigned ask = policy_rule_count(policy, VERDICT_ASK);
    unsigned allow = policy_rule_count(policy, VERDICT_ALLOW);
    unsigned tests = policy_test_count(policy);
    char name[200];

    if (!as_json) {
        printf("%s: ok; %u deny, %u ask, %u allow; %u tests passed; version %s\n",
                str_vis(name, sizeof(name), str_of(policy_name(policy))), deny, ask, allow,
                tests, policy_version(policy));
        return EXIT_DONE;
    }
    json_t *o = json_pack("{s:i, s:o, s:i, s:i, s:i, s:i, s:s}", "v", 1, "file",
            out_text(policy_name(policy)), "deny", (int)deny, "ask", (int)ask, "allow",
            (int)allow, "tests", (int)tests, "version", policy_version(policy));
    (void)json_dumpf(o, stdout, JSON_COMPACT);
    json_decref(o);
    printf("\n");
    return EXIT_DONE;
}

/* Whatever is no request is denied, as it would be on the wire. */
static void refuse(struct verdict *verdict, const char *reason)
{
    *verdict = (struct verdict){.kind = VERDICT_DENY, .risk = RISK_MED};
    snprintf(verdict->rule, sizeof(verdict->rule), "structural: input");
    snprintf(verdict->where, sizeof(verdict->where), "built in");
    snprintf(verdict->reason, sizeof(verdict->reason), "%s", reason);
}

/* False if the line is not understood. */
static bool judge(const struct policy *policy, struct str line, struct verdict *verdict)
{
    json_error_t why;
    json_t *o = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, &why);
    const json_t *method = json_object_get(o, "method");
    const json_t *url = json_object_get(o, "url");
    bool understood = true;

    if (json_is_string(method) && json_is_string(url)) {
        policy_eval_url(policy,
                (struct str){json_string_value(method), json_string_length(method)},
                (struct str){json_string_value(url), json_string_length(url)}, verdict);
    } else if (json_is_string(json_object_get(o, "tool"))) {
        refuse(verdict, "tool calls are not judged in this version");
    } else {
        refuse(verdict, "not a JSON object with \"method\" and \"url\"");
        understood = false;
    }
    json_decref(o);
    return understood;
}

static void print_verdict(const struct verdict *verdict)
{
    json_t *o = json_pack("{s:s, s:o, s:o, s:o, s:s}", "decision", verdict_name(verdict->kind),
            "rule", out_text(verdict->rule), "where", out_text(verdict->where), "reason",
            out_text(verdict->reason), "risk", risk_name(verdict->risk));

    (void)json_dumpf(o, stdout, JSON_COMPACT);
    json_decref(o);
    printf("\n");
    (void)fflush(stdout); /* whoever asks line by line waits for the answer */
}

static int explain(const struct policy *policy)
{
    char *text = xmalloc(LIMIT_EXPLAIN_LINE);
    int status = EXIT_DONE;

    while (fgets(text, LIMIT_EXPLAIN_LINE, stdin)) {
        struct str line = str_of(text);
        struct verdict verdict;

        if (line.n && line.p[line.n - 1] == '\n')
            line.n--;
        if (str_trim(line).n == 0)
            continue;
        if (!judge(policy, line, &verdict))
            status = EXIT_FAILED;
        print_verdict(&verdict);
    }
    free(text);
    return ferror(stdin) || ferror(stdout) ? EXIT_FAILED : status;
}

int cmd_policy(int argc, char **argv)
{
    static const char *const words[] = {"check", "explain", NULL};
    const char *word = argc > 1 ? argv[1] : "";
    struct options options;
    struct err err;

    if (strcmp(word, "check") != 0 && strcmp(word, "explain") != 0) {
        const char *near = str_nearest(word, words);

        err_set(&err, ERR_USAGE,
                "usage: ironcurtain policy check|explain [--policy FILE]%s%s%s",
                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        return cmd_fail(&err);
    }
    if (options_parse(&options, argc - 1, argv + 1, &err) < 0)
        return cmd_fail(&err);
    struct policy *policy = open_policy(&options, &err);
    if (!policy)
        return cmd_fail(&err);
    int status = strcmp(word, "check") == 0 ? check(policy, options.json) : explain(policy);
    policy_free(policy);
    return status;
}
