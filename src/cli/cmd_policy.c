/*
 * cmd_policy.c - `ironcurtain policy`:
 *
 *     check     reads a rule file and answers.rules as a session would and runs the tests
 *     explain   judges what comes as JSON lines on stdin (policy_explain.c)
 *     test      runs the tests of the file in a real workspace
 *     import    makes rules of what other programs have (policy_import.c)
 */
#include <stdio.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cmd.h"
#include "cli/options.h"
#include "cli/out.h"
#include "cli/policy_tools.h"
#include "gate/answers.h"

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

/* The tests once more, where the words of rules mean what they do in this workspace. */
static int test(const struct policy *policy, const struct options *options)
{
    struct explain_world *at;
    struct err err;
    int rc = explain_world_new(options->workspace, &at, &err);

    if (rc == 0) {
        rc = policy_run_tests(policy, explain_world_of(at), &err);
        explain_world_free(at);
    }
    if (rc < 0)
        return cmd_fail(&err);
    printf("%u tests passed\n", policy_test_count(policy));
    return EXIT_DONE;
}

static int run(const char *word, const struct options *options, const struct policy *policy)
{
    if (strcmp(word, "test") == 0)
        return test(policy, options);
    char *answers = path_join(path_home(), "answers.rules");
    int status = strcmp(word, "check") == 0 ? check(policy, answers, options->json)
                                            : policy_explain_lines(policy, answers, options);
    free(answers);
    return status;
}

int cmd_policy(int argc, char **argv)
{
    static const char *const words[] = {"check", "explain", "test", "import", NULL};
    const char *word = argc > 1 ? argv[1] : "";
    struct options options;
    struct err err;

    if (strcmp(word, "import") == 0)
        return policy_import(argc - 1, argv + 1);
    if (strcmp(word, "check") != 0 && strcmp(word, "explain") != 0 &&
            strcmp(word, "test") != 0) {
        const char *near = str_nearest(word, words);

        err_set(&err, ERR_USAGE,
                "usage: ironcurtain policy check|explain|test|import [--policy FILE] "
                "[--workspace DIR]%s%s%s",
                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        return cmd_fail(&err);
    }
    if (options_parse(&options, argc - 1, argv + 1, &err) < 0)
        return cmd_fail(&err);
    struct policy *policy = open_policy(&options, &err);
    if (!policy)
        return cmd_fail(&err);
    int status = run(word, &options, policy);
    policy_free(policy);
    return status;
}
