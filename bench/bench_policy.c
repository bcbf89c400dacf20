/*
 * bench_policy.c - what one decision costs with 1,000 rules.
 *
 *     bench_policy [MILLISECONDS]      per measurement, default 300; prints one JSON line
 *
 * The rules are those of 40 servers with 24 tools each, as people write them (folders, hosts,
 * words, numbers), and twenty for all tools in front. call_*_us: a path that exists, one that
 * does not yet, a URL, text of 4 KiB, a call that no rule names; each with eight guarded
 * places. net_us: a request. load_ms: reading the file.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "policy/call.h"

static uint64_t span_ns = 300000000;
static char workspace[256];

/* CPU time: what else runs on the machine does not count. */
static uint64_t cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void write_rules(struct buf *out)
{
    static const struct {
        const char *verb, *tool, *rest;
    } lines[] = {
            {"allow", "read", "if path within $WS ~/docs"},
            {"allow", "list", "if path within $WS"},
            {"ask", "write", "because \"writes\" risk high"},
            {"allow", "fetch", "if url host docs.python.org *.readthedocs.io"},
            {"allow", "send", "if amount <= 100 and to is alice bob"},
            {"deny", "query", "if sql matches \"DROP .*\""},
    };
    for (int i = 0; i < 10; i++)
        buf_printf(out, "deny */* if * within ~/.secret%d ~/.other%d because \"keys\"\n", i, i);
    buf_puts(out, "deny */* if * within $WS/.git/hooks\n");
    for (int i = 0; i < 9; i++)
        buf_printf(out, "deny */delete_all_%d\n", i);
    for (int server = 0; server < 40; server++)
        for (int tool = 0; tool < 24; tool++)
            buf_printf(out, "%s s%d/%s_%d %s\n", lines[tool % 6].verb, server,
                    lines[tool % 6].tool, tool, lines[tool % 6].rest);
    for (int i = 0; i < 20; i++)
        buf_printf(out, "allow net:GET https://host%d.example.org/**\n", i);
    buf_puts(out, "default mcp ask\n");
}

struct job {
    const struct policy *policy;
    struct policy_world world;
    struct call_request call;
    enum verdict_kind expect;
};

static double call_us(struct job *job)
{
    uint64_t start = cpu_ns(), calls = 0, now = start;
    while (now - start < span_ns) {
        for (int i = 0; i < 64; i++) {
            struct verdict v;
            struct call_edits edits;
            policy_eval_call(job->policy, &job->world, &job->call, &v, &edits);
            call_edits_release(&edits);
            if (v.kind != job->expect) {
                fprintf(stderr, "bench_policy: %.*s is '%s' by '%s' (%s)\n",
                        STR_ARG(job->call.tool), verdict_name(v.kind), v.rule, v.reason);
                exit(1);
            }
        }
        calls += 64;
        now = cpu_ns();
    }
    return (double)(now - start) / (double)calls / 1000;
}

static double net_us(const struct policy *policy)
{
    struct net_request req = {
            STR("GET"), STR("https"), STR("host19.example.org"), 443, STR("/a")};
    uint64_t start = cpu_ns(), calls = 0, now = start;
    while (now - start < span_ns) {
        for (int i = 0; i < 64; i++) {
            struct verdict v;
            policy_eval_net(policy, &req, &v);
        }
        calls += 64;
        now = cpu_ns();
    }
    return (double)(now - start) / (double)calls / 1000;
}

static void print_call(struct job *job, const char *name, const char *tool,
        enum verdict_kind expect, const char *format, ...)
        __attribute__((format(printf, 5, 6)));

static void print_call(struct job *job, const char *name, const char *tool,
        enum verdict_kind expect, const char *format, ...)
{
    char text[8192];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    job->call = (struct call_request){STR("s39"), str_of(tool), str_of(text)};
    job->expect = expect;
    printf("\"call_%s_us\":%.2f,", name, call_us(job));
}

/* src/policy/file.c and .git/hooks, as in a project. */
static void make_workspace(const char *folder)
{
    static const char *const folders[] = {"project", "project/src", "project/src/policy",
            "project/.git", "project/.git/hooks", "project/src/policy/file.c"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        (void)snprintf(workspace, sizeof(workspace), "%s/%s", folder, folders[i]);
        (void)mkdir(workspace, 0700);
    }
    (void)snprintf(workspace, sizeof(workspace), "%s/project", folder);
}

int main(int argc, char **argv)
{
    static const char *const guarded[] = {"/home/u/.ironcurtain", "/home/u/.claude/credentials",
            "/home/u/.codex/auth.json", "/home/u/.gemini", "/home/u/.config/ironcurtain",
            "/run/user/1000/ironcurtain", "/var/lib/ironcurtain", "/home/u/.ironcurtain/ca",
            NULL};
    char content[4096];
    struct buf rules = BUF_INIT;
    struct err err;
    uint64_t ms;
    if (argc > 1 && str_u64(str_of(argv[1]), 60000, &ms) && ms > 0)
        span_ns = ms * 1000000;
    char folder[] = "/tmp/ic-bench-policy-XXXXXX";
    if (!mkdtemp(folder))
        return 1;
    make_workspace(folder);
    write_rules(&rules);
    uint64_t start = cpu_ns();
    struct policy *policy = policy_parse(buf_str(&rules), "bench.rules", &err);
    uint64_t load = cpu_ns() - start;
    if (!policy) {
        fprintf(stderr, "bench_policy: %s\n", err.msg);
        return 1;
    }
    struct job job = {policy,
            {.home = "/home/u",
                    .workspace = workspace,
                    .box_workspace = "/workspace",
                    .guarded = guarded},
            {{0}, {0}, {0}}, VERDICT_ALLOW};
    memset(content, 'x', sizeof(content) - 1);
    content[sizeof(content) - 1] = '\0';
    printf("{\"bench\":\"policy\",\"rules\":%u,",
            policy_rule_count(policy, VERDICT_DENY) + policy_rule_count(policy, VERDICT_ASK) +
                    policy_rule_count(policy, VERDICT_ALLOW));
    print_call(&job, "path", "read_18", VERDICT_ALLOW,
            "{\"path\":\"%s/src/policy/file.c\",\"head\":20}", workspace);
    print_call(&job, "new_path", "read_18", VERDICT_ALLOW, "{\"path\":\"%s/src/policy/new.c\"}",
            workspace);
    print_call(&job, "boxed", "read_18", VERDICT_ALLOW,
            "{\"path\":\"/workspace/src/policy/file.c\"}");
    print_call(
            &job, "url", "fetch_21", VERDICT_ALLOW, "{\"url\":\"https://docs.python.org/3/\"}");
    print_call(&job, "number", "send_22", VERDICT_ALLOW, "{\"amount\":99.5,\"to\":\"bob\"}");
    print_call(&job, "text", "write_20", VERDICT_ASK,
            "{\"path\":\"%s/src/policy/file.c\",\"content\":\"%s\"}", workspace, content);
    print_call(&job, "unknown", "nothing", VERDICT_ASK, "{\"n\":1}");
    printf("\"net_us\":%.2f,\"load_ms\":%.2f}\n", net_us(policy), (double)load / 1e6);
    policy_free(policy);
    buf_release(&rules);
    return file_remove_tree(folder, &err) < 0;
}
