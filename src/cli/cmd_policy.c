/*
 * cmd_policy.c - `ironcurtain policy check` reads a rule file and answers.rules as a session
 * would and runs the tests; `ironcurtain policy explain` judges with both requests given as
 * JSON lines on stdin, one decision a line, so that a script can ask without a session.
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
#include "gate/answers.h"
#include "gate/grants.h"

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

static void print_counts(const struct policy *policy)
{
    char name[200];

    printf("%s: ok; %u deny, %u ask, %u allow; %u tests passed; version %s\n",
            str_vis(name, sizeof(name), str_of(policy_name(policy))),
            policy_rule_count(policy, VERDICT_DENY), policy_rule_count(policy, VERDICT_ASK),
            policy_rule_count(policy, VERDICT_ALLOW), policy_test_count(policy),
            policy_version(policy));
}

static json_t *counts_json(const struct policy *policy)
{
    return json_pack("{s:o, s:i, s:i, s:i, s:i, s:s}", "file", out_text(policy_name(policy)),
            "deny", (int)policy_rule_count(policy, VERDICT_DENY), "ask",
            (int)policy_rule_count(policy, VERDICT_ASK), "allow",
            (int)policy_rule_count(policy, VERDICT_ALLOW), "tests",
            (int)policy_test_count(policy), "version", policy_version(policy));
}

static int check(const struct policy *policy, const char *answers_file, bool as_json)
{
    struct err err;
    struct answers *answers = answers_open(answers_file, &err);
    bool has_answers = file_exists(answers_file);

    if (!answers)
        return cmd_fail(&err);
    if (!as_json) {
        print_counts(policy);
        if (has_answers)
            print_counts(answers_policy(answers));
    } else {
        json_t *o = counts_json(policy);

        (void)json_object_set_new(o, "v", json_integer(1));
        (void)json_object_set_new(
                o, "answers", has_answers ? counts_json(answers_policy(answers)) : json_null());
        (void)json_dumpf(o, stdout, JSON_COMPACT);
        json_decref(o);
        printf("\n");
    }
    answers_free(answers);
    return EXIT_DONE;
}

/* Whatever is no request is denied, as it would be on the wire. */
static void refuse(struct verdict *verdict, const char *rule, const char *reason)
{
    *verdict = (struct verdict){.kind = VERDICT_DENY, .risk = RISK_MED};
    snprintf(verdict->rule, sizeof(verdict->rule), "%s", rule);
    snprintf(verdict->where, sizeof(verdict->where), "built in");
    snprintf(verdict->reason, sizeof(verdict->reason), "%s", reason);
}

static void judge_url(struct grants *grants, const struct policy *policy, const json_t *method,
        const json_t *url, struct verdict *verdict)
{
    struct net_request req;
    char host[256];

    if (net_request_read((struct str){json_string_value(method), json_string_length(method)},
                (struct str){json_string_value(url), json_string_length(url)}, host, &req))
        grants_judge_net(grants, policy, NULL, &req, verdict);
    else
        refuse(verdict, "structural: url", "not a URL of the form https://host/path");
}

/* False if the line is not understood. */
static bool judge(struct grants *grants, const struct policy *policy, struct str line,
        struct verdict *verdict)
{
    json_error_t why;
    json_t *o = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, &why);
    const json_t *method = json_object_get(o, "method");
    const json_t *url = json_object_get(o, "url");
    bool understood = true;

    if (json_is_string(method) && json_is_string(url)) {
        judge_url(grants, policy, method, url, verdict);
    } else if (json_is_string(json_object_get(o, "tool"))) {
        refuse(verdict, "structural: input", "tool calls are not judged in this version");
    } else {
        refuse(verdict, "structural: input", "not a JSON object with \"method\" and \"url\"");
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

static int explain(const struct policy *policy, const char *answers_file)
{
    struct err err;
    /* Without a loop there are no sessions and times, only the file. */
    struct grants *grants = grants_new(NULL, answers_file, &err);
    int status = EXIT_DONE;

    if (!grants)
        return cmd_fail(&err);
    char *text = xmalloc(LIMIT_EXPLAIN_LINE);

    while (fgets(text, LIMIT_EXPLAIN_LINE, stdin)) {
        struct str line = str_of(text);
        struct verdict verdict;

        if (line.n && line.p[line.n - 1] == '\n')
            line.n--;
        if (str_trim(line).n == 0)
            continue;
        if (!judge(grants, policy, line, &verdict))
            status = EXIT_FAILED;
        print_verdict(&verdict);
    }
    free(text);
    grants_free(grants);
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
    char *answers = path_join(path_home(), "answers.rules");
    int status = strcmp(word, "check") == 0 ? check(policy, answers, options.json)
                                            : explain(policy, answers);
    free(answers);
    policy_free(policy);
    return status;
}
