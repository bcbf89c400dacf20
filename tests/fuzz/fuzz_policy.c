/*
 * fuzz_policy.c - the first line is a URL, the rest a rule file. Whatever the rules say, a
 * private address stays denied, and an accepted file gives a verdict that can be printed.
 */
#include <stdlib.h>

#include "base/err.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rules = {(const char *)data, size};
    struct str url;
    struct verdict verdict;
    struct err err;

    str_cut(&rules, '\n', &url);
    struct policy *policy = policy_parse(rules, "fuzz.rules", &err);
    if (!policy) {
        CHECK(err.code == ERR_CONFIG && err.msg[0]);
        return 0;
    }
    policy_eval_url(policy, STR("GET"), STR("http://127.0.0.1/"), &verdict);
    CHECK(verdict.kind == VERDICT_DENY);
    policy_eval_url(policy, STR("GET"), url, &verdict);
    CHECK(verdict.rule[0] && verdict.where[0] && verdict.reason[0]);
    policy_eval_url(policy, STR("CONNECT"), url, &verdict);
    policy_free(policy);
    return 0;
}
