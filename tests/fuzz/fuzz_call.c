/*
 * fuzz_call.c - the first line is a condition, the second the arguments of a call, the rest
 * goes to the tool's name. Whatever they are: the verdict can be printed; what is denied by a
 * rule is not allowed by the same condition; edits belong to the arguments and leave JSON; a
 * line that is offered as an answer takes its call.
 */
#include <stdlib.h>

#include "base/err.h"
#include "base/slice.h"
#include "policy/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const guarded[] = {"/nonexistent/home/.ironcurtain", NULL};
static const struct policy_world world = {.home = "/nonexistent/home",
        .workspace = "/nonexistent/home/ws",
        .box_workspace = "/workspace",
        .guarded = guarded};

static struct policy *rule(const char *verb, struct str condition)
{
    struct buf text = BUF_INIT;
    struct err err;

    buf_printf(&text, "%s s/* if %.*s\ndefault mcp ask\n", verb, STR_ARG(condition));
    struct policy *policy = policy_parse(buf_str(&text), "fuzz.rules", &err);
    CHECK(policy || (err.code == ERR_CONFIG && err.msg[0]));
    buf_release(&text);
    return policy;
}

static void check_sent(struct str arguments, const struct call_edits *edits)
{
    struct buf sent = BUF_INIT;

    CHECK(call_rewrite(arguments, edits, &sent));
    CHECK(arguments.n == 0 || json_raw_is_valid(buf_str(&sent)));
    buf_release(&sent);
}

static void ignore(void *ctx, const char *line)
{
    *(size_t *)ctx += strlen(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    struct str condition;
    struct call_request call = {.server = STR("s")};
    struct call_edits edits;
    struct verdict allowed;
    struct verdict denied;
    char line[RECIPE_LINE];
    size_t told = 0;

    str_cut(&rest, '\n', &condition);
    str_cut(&rest, '\n', &call.arguments);
    call.tool = rest;
    struct policy *allows = rule("allow", condition);
    struct policy *denies = rule("deny", condition);
    for (enum width width = WIDTH_EXACT; width <= WIDTH_TOOL; width++)
        (void)recipe_call(&call, &world, VERDICT_ALLOW, width, line);
    if (allows && denies) {
        policy_eval_call(allows, &world, &call, &allowed, &edits);
        CHECK(allowed.rule[0] && allowed.where[0] && allowed.reason[0]);
        if (allowed.kind != VERDICT_DENY)
            check_sent(call.arguments, &edits);
        call_edits_release(&edits);
        policy_eval_call(denies, &world, &call, &denied, NULL);
        /* What surely holds when it would allow, holds when it would deny. */
        CHECK(allowed.kind != VERDICT_ALLOW || denied.kind == VERDICT_DENY);
        policy_explain_call(allows, &world, &call, ignore, &told);
        CHECK(told > 0);
    }
    policy_free(allows);
    policy_free(denies);
    return 0;
}
