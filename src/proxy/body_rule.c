/*
 * body_rule.c - what is taken out of a request body: the rule itself.
 */
#include "proxy/body_rule.h"

#include "proxy/provider_raw.h"

void body_rule_release(struct body_rule *rule)
{
    free(rule->endpoint.pattern);
    provider_strings_free(rule->keep, rule->keep_count);
    provider_strings_free(rule->drop, rule->drop_count);
    provider_strings_free(rule->inside, rule->inside_count);
    provider_strings_free(rule->deny_model, rule->deny_model_count);
    *rule = (struct body_rule){0};
}
