/*
 * What conditions make of arguments: one line a case, in a real folder with links in it.
 *
 * In rules and arguments %H is the home folder, %W the workspace in it.
 */
#include "policy/call.h"

#include <sys/stat.h>
#include <unistd.h>

#include "support/tmpdir.h"
#include "unit/check.h"

#include "base/file.h"
#include "base/mem.h"

static char home[128];
static char workspace[160];
static char guarded_path[160];
static const char *guarded[] = {guarded_path, NULL};
static struct policy_world world = {.home = home,
        .workspace = workspace,
        .box_workspace = "/workspace",
        .guarded = guarded};

/* --- a folder --------------------------------------------------------------------------- */

static char *at(const char *path)
{
    return path_join(home, path);
}

static void make_folder(const char *path)
{
    char *full = at(path);

    assert_int_equal(file_mkdir(full, NULL), 0);
    free(full);
}

static void make_file(const char *path)
{
    char *full = at(path);

    assert_int_equal(file_write(full, "x", 1, 0600, NULL), 0);
    free(full);
}

/* A target that begins with % is below the home. */
static void make_link(const char *path, const char *target)
{
    char *full = at(path);
    char *to = target[0] == '%' ? at(target + 1) : xstrdup(target);

    assert_int_equal(symlink(to, full), 0);
    free(full);
    free(to);
}

static int build(void **state)
{
    (void)state;
    test_tmpdir(home, sizeof(home), "cond");
    snprintf(workspace, sizeof(workspace), "%s/ws", home);
    snprintf(guarded_path, sizeof(guarded_path), "%s/.ironcurtain", home);
    static const char *const folders[] = {".ssh", ".ironcurtain", "docs", "docs/x", "real",
            "ws", "ws/sub", "ws/.git", "ws/.git/hooks", "ws2", "ws/f"};
    static const char *const files[] = {".ssh/id", ".ironcurtain/policy.rules", "docs/a",
            "real/a", "ws/a.txt", "ws/sub/b.txt", "ws2/a", "ws/[id].tsx", "ws/b c.txt"};
    static const char *const links[][2] = {{"linked", "real"}, {"ws/out", "%docs"},
            {"ws/keys", "%.ssh"}, {"ws/dang", "%.ssh/new"}, {"ws/dangin", "newfile"},
            {"ws/loop", "loop"}, {"ws/self", "."}, {"ws/up", ".."}, {"ws/in", "sub"},
            {"ws/abs", "/etc"}, {"ws/proc", "/proc/self"}, {"ws/sub/back", "../a.txt"},
            {"ws/deep", "%docs/x"}, {"ws/notext", "%docs/\xff"}, {"ws/hooks", ".git/hooks"},
            {"ws/https:", "%.ssh"}, {"ws/two", "in"}};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        make_folder(folders[i]);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        make_file(files[i]);
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
        make_link(links[i][0], links[i][1]);
    for (int i = 0; i < 41; i++) {
        char name[32];
        char target[32];

        snprintf(name, sizeof(name), "ws/c%d", i);
        snprintf(target, sizeof(target), i ? "c%d" : "a.txt", i - 1);
        make_link(name, target);
    }
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    return file_remove_tree(home, NULL);
}

/* --- cases ------------------------------------------------------------------------------ */

struct sample {
    const char
            *expect; /* allow deny ask: the rule's verb or, for "-", that it does not match */
    const char *rule;
    const char *arguments;
};

static void expand(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (text[0] == '%' && (text[1] == 'H' || text[1] == 'W'))
            buf_puts(out, *++text == 'H' ? home : workspace);
        else
            buf_putc(out, *text);
    }
}

static struct policy *parse(const char *rule)
{
    struct buf text = BUF_INIT;
    struct err err = {0};

    expand(&text, rule);
    struct policy *policy = policy_parse(buf_str(&text), "t", &err);
    if (!policy)
        fail_msg("%s: %s", rule, err.msg);
    buf_release(&text);
    return policy;
}

/* The default is deny for what allows and asks, allow for what denies, so that it shows. */
static void check(const struct sample *sample)
{
    char *text = xasprintf("%s\ndefault mcp %s\n", sample->rule,
            strncmp(sample->rule, "deny", 4) == 0 ? "allow" : "deny");
    struct policy *policy = parse(text);
    struct buf arguments = BUF_INIT;
    struct verdict v;

    expand(&arguments, sample->arguments);
    struct call_request call = {STR("s"), STR("read_file"), buf_str(&arguments)};
    policy_eval_call(policy, &world, &call, &v, NULL);
    const char *got = v.by_default ? "-" : verdict_name(v.kind);
    if (strncmp(v.rule, "structural", 10) == 0)
        got = "never";
    if (strcmp(got, sample->expect) != 0)
        fail_msg("%s %s: %s by '%s' (%s), expected %s", sample->rule, sample->arguments, got,
                v.rule, v.reason, sample->expect);
    buf_release(&arguments);
    policy_free(policy);
    free(text);
}

static void check_all(const struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(&samples[i]);
}

#define CHECK_ALL(samples) check_all(samples, sizeof(samples) / sizeof((samples)[0]))

#define ALLOW_WS "allow s/* if p within $WS"
#define DENY_SSH "deny s/* if p within ~/.ssh"
#define DENY_ANY "deny s/* if * within ~/.ssh $WS/.git/hooks"

static void a_path_is_inside_in_every_reading_or_it_is_not_allowed(void **state)
{
    static const struct sample samples[] = {
            {"allow", ALLOW_WS, "{\"p\":\"%W/a.txt\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"%W\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"%W/\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"a.txt\"}"},
            {"allow", ALLOW_WS, "{\"p\":\".\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"./sub/../a.txt\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"%W//sub///b.txt\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"new/tail/of/names\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"b c.txt\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"[id].tsx\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"...\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"/workspace/a.txt\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"/workspace\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"file://%W/a.txt\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"file://%W/a%2etxt\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"file:%W/sub\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"file:///workspace/a.txt\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"in/b.txt\"}"}, /* a link that stays inside */
            {"allow", ALLOW_WS, "{\"p\":\"two/back\"}"}, /* a chain of them */
            {"allow", ALLOW_WS, "{\"p\":\"self/self/in\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"dangin\"}"},      /* to what will be inside */
            {"allow", ALLOW_WS, "{\"p\":\"c39\"}"},         /* forty links */
            {"allow", ALLOW_WS, "{\"\\u0070\":\"a.txt\"}"}, /* the name is what it means */
            {"allow", ALLOW_WS, "{\"p\":\"\\u0061.txt\"}"},
            {"-", ALLOW_WS, "{\"p\":\"c40\"}"}, /* one too many */
            {"-", ALLOW_WS, "{\"p\":\"loop\"}"},
            {"-", ALLOW_WS, "{\"p\":\"%H/ws2/a\"}"}, /* no component boundary */
            {"-", ALLOW_WS, "{\"p\":\"%H\"}"},
            {"-", ALLOW_WS, "{\"p\":\"%H/ws/../docs/a\"}"},
            {"-", ALLOW_WS, "{\"p\":\"..\"}"},
            {"-", ALLOW_WS, "{\"p\":\"../ws2\"}"},
            {"-", ALLOW_WS, "{\"p\":\"/workspace2/a\"}"},
            {"-", ALLOW_WS, "{\"p\":\"/workspace/../docs/a\"}"},
            {"-", ALLOW_WS, "{\"p\":\"/workspace/out/a\"}"},
            {"-", ALLOW_WS, "{\"p\":\"out/a\"}"}, /* the kernel leaves */
            {"-", ALLOW_WS, "{\"p\":\"out\"}"},
            {"-", ALLOW_WS, "{\"p\":\"dang\"}"}, /* a link to what is not there yet */
            {"-", ALLOW_WS, "{\"p\":\"abs/passwd\"}"},
            {"-", ALLOW_WS, "{\"p\":\"up/docs\"}"},
            {"-", ALLOW_WS, "{\"p\":\"deep/../a\"}"}, /* the text stays, the kernel leaves */
            {"-", ALLOW_WS, "{\"p\":\"up/ws/../docs/a\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"out/../ws/a.txt\"}"}, /* two files, both inside */
            {"-", ALLOW_WS,
                    "{\"p\":\"nothere/../a.txt\"}"}, /* a tail that is not there, then .. */
            {"-", ALLOW_WS, "{\"p\":\"nothere/../../docs\"}"},
            {"-", ALLOW_WS, "{\"p\":\"proc/cwd\"}"}, /* depends on who asks */
            {"-", ALLOW_WS, "{\"p\":\"/proc/self/cwd\"}"},
            {"-", ALLOW_WS, "{\"p\":\"notext\"}"},
            {"-", ALLOW_WS, "{\"p\":\"\"}"},
            {"-", ALLOW_WS, "{\"p\":\"a.txt\\u0000\"}"},
            {"-", ALLOW_WS, "{\"p\":\"\\ud800\"}"},
            {"-", ALLOW_WS, "{\"p\":\" %W/a.txt\"}"},
            {"-", ALLOW_WS, "{\"p\":\"a.txt \"}"},
            {"-", ALLOW_WS, "{\"p\":\"$HOME/x\"}"},
            {"-", ALLOW_WS, "{\"p\":\"sub/${X}\"}"},
            {"-", ALLOW_WS, "{\"p\":\"~\"}"},
            {"allow", ALLOW_WS, "{\"p\":\"~/ws/a.txt\"}"}, /* in the workspace either way */
            {"-", ALLOW_WS, "{\"p\":\"~root/x\"}"},
            {"-", ALLOW_WS, "{\"p\":\"https://example.org/a\"}"},
            {"-", ALLOW_WS, "{\"p\":\"*.txt\"}"}, /* may name a link that leads out */
            {"-", ALLOW_WS, "{\"p\":\"**/id\"}"},
            {"-", ALLOW_WS, "{\"p\":\"file://host/%W/a.txt\"}"},
            {"-", ALLOW_WS, "{\"p\":\"file://%W/%2e%2e/docs/a\"}"},
            {"-", ALLOW_WS, "{\"p\":\"file://%W/a%2f..%2f..%2fdocs\"}"},
            {"-", ALLOW_WS, "{\"p\":\"file://%W/a?x\"}"},
            {"-", ALLOW_WS, "{\"p\":\"file:a.txt\"}"},
            {"-", ALLOW_WS, "{\"p\":1}"},
            {"-", ALLOW_WS, "{\"p\":null}"},
            {"-", ALLOW_WS, "{\"p\":[\"a.txt\"]}"},
            {"-", ALLOW_WS, "{\"p\":{\"a\":\"a.txt\"}}"},
            {"-", ALLOW_WS, "{}"},
            {"-", ALLOW_WS, "{\"P\":\"a.txt\"}"},
            {"-", ALLOW_WS, "{\"p\":\"a.txt\",\"P\":\"/etc/passwd\"}"},
            {"allow", "allow s/* if p within ~/linked", "{\"p\":\"%H/linked/a\"}"},
            {"allow", "allow s/* if p within ~/linked", "{\"p\":\"%H/real/a\"}"},
            {"allow", "allow s/* if p within %H/docs $WS", "{\"p\":\"out/a\"}"},
            {"allow", "allow s/* if p within /", "{\"p\":\"/etc/passwd\"}"},
            {"allow", "allow s/* if p outside ~/.ssh", "{\"p\":\"a.txt\"}"},
            {"-", "allow s/* if p outside ~/.ssh", "{\"p\":\"keys/id\"}"},
            {"-", "allow s/* if p outside ~/.ssh", "{\"p\":\"nothere/..\"}"},
    };

    (void)state;
    CHECK_ALL(samples);
}

static void one_reading_inside_is_enough_to_deny(void **state)
{
    static const struct sample samples[] = {
            {"deny", DENY_SSH, "{\"p\":\"%H/.ssh/id\"}"},
            {"deny", DENY_SSH, "{\"p\":\"%H/.ssh\"}"},
            {"deny", DENY_SSH, "{\"p\":\"~/.ssh/id\"}"},
            {"deny", DENY_SSH, "{\"p\":\"../.ssh/id\"}"},
            {"deny", DENY_SSH, "{\"p\":\"keys/id\"}"},
            {"deny", DENY_SSH, "{\"p\":\"keys\"}"},
            {"deny", DENY_SSH, "{\"p\":\"dang\"}"},
            {"deny", DENY_SSH, "{\"p\":\"up/.ssh/x\"}"},
            {"deny", DENY_SSH, "{\"p\":\"nothere/../../.ssh/id\"}"},
            {"-", DENY_SSH, "{\"p\":\"keys/../a.txt\"}"}, /* up from there it is the home */
            {"deny", DENY_SSH, "{\"p\":\"file:///x%2e%2e\\u0000\"}"},
            {"deny", DENY_SSH, "{\"p\":7}"},
            {"deny", DENY_SSH, "{\"p\":\"%H/.s?h/id\"}"},
            {"never", DENY_SSH, "{\"p\":\"%H/*/id\"}"},
            {"never", DENY_SSH, "{\"p\":\"%H/{.ssh,docs}/id\"}"},
            {"never", DENY_SSH, "{\"p\":\"%H/**\"}"},
            {"deny", "deny s/* if all p[] within ~/.ssh", "{\"p\":[\"keys\",\"dang\"]}"},
            {"deny", "deny s/* if p[] within ~/.ssh", "{\"p\":[\"a.txt\",\"dang\"]}"},
            {"deny", "deny s/* if p outside $WS", "{\"p\":\"out\"}"},
            {"deny", "deny s/* if p outside $WS", "{\"p\":\"/etc\"}"},
            {"-", "deny s/* if p outside $WS", "{\"p\":\"in\"}"},
            {"-", "deny s/* if all p[] within ~/.ssh", "{\"p\":[\"a.txt\",\"dang\"]}"},
            {"-", DENY_SSH, "{\"p\":\"%H/.sshx/id\"}"},
            {"-", DENY_SSH, "{\"p\":\"%H\"}"},
            {"-", DENY_SSH, "{\"p\":\"%W/*/b.txt\"}"},
            {"-", DENY_SSH, "{\"p\":\"a.txt\"}"},
            {"-", DENY_SSH, "{\"q\":\"keys\"}"},
            {"-", "deny s/* if p within ~/nothere", "{\"p\":\"a.txt\"}"},
    };

    (void)state;
    CHECK_ALL(samples);
}

static void a_star_selects_what_looks_like_a_path(void **state)
{
    static const struct sample samples[] = {
            {"deny", DENY_ANY, "{\"x\":{\"y\":[1,{\"z\":\"~/.ssh/id\"}]}}"},
            {"deny", DENY_ANY, "{\"x\":\"keys\"}"}, /* a link in the server's folder */
            {"deny", DENY_ANY, "{\"x\":\".git/hooks/pre-commit\"}"},
            {"deny", DENY_ANY, "{\"x\":\"hooks/pre-commit\"}"},
            {"deny", DENY_ANY, "{\"%H/.ssh/id\":1}"},        /* the name of a member */
            {"deny", DENY_ANY, "{\"x\":\"$HOME/.ssh/id\"}"}, /* it cannot be told */
            {"deny", DENY_ANY, "{\"x\":\"~root/.ssh\"}"},
            {"deny", DENY_ANY, "{\"x\":\"/etc/\\u0000\"}"},
            {"deny", DENY_ANY, "{\"x\":\"id\\u0000\"}"},
            {"deny", DENY_ANY, "{\"x\":\"https://x.org\"}"}, /* there is a link of that name */
            {"deny", DENY_ANY, "{\"text\":\"~/.ssh/id\"}"},
            {"deny", DENY_ANY, "{\"x\":\"%H/.ssh/id and more words\"}"},
            {"never", DENY_ANY, "{\"x\":\"%H/.*/id\"}"},
            {"deny", DENY_ANY, "{\"x\":\"%H/.s*/id\"}"},
            {"-", DENY_ANY, "{\"x\":\"id\"}"},
            {"-", DENY_ANY, "{\"x\":\"hello world\"}"},
            {"-", DENY_ANY, "{\"x\":\"see a/b and $HOME/.ssh\"}"},
            {"-", DENY_ANY, "{\"content\":\"#!/bin/sh\\ncat $HOME/.ssh/id\\n\"}"},
            {"-", DENY_ANY, "{\"content\":\"~/.ssh/id is where the key is\"}"},
            {"-", DENY_ANY, "{\"oldText\":\"*/\"}"},
            {"-", DENY_ANY, "{\"x\":\"# Title\\n\\n- **a/b** and $X\\n\"}"},
            {"-", DENY_ANY, "{\"x\":\"http://x.org/\"}"},
            {"-", DENY_ANY, "{\"x\":1,\"y\":true,\"z\":null,\"n\":[]}"},
            {"-", DENY_ANY, "{}"},
            {"allow", "allow s/* if * within $WS", "{\"x\":\"a.txt\",\"y\":\"word\"}"},
            {"allow", "allow s/* if * within $WS", "{\"x\":\"%W/a.txt\",\"content\":\"a b\"}"},
            {"-", "allow s/* if * within $WS", "{\"y\":\"word\"}"}, /* no path at all */
            {"-", "allow s/* if * within $WS", "{\"x\":\"a.txt\",\"y\":\"/etc\"}"},
            {"-", "allow s/* if * within $WS", "{\"x\":\"a.txt\",\"y\":\"http://x.org/\"}"},
            {"-", "allow s/* if * within $WS", "{\"x\":\"a.txt\",\"y\":\"keys\"}"},
            {"deny", "deny s/* if * outside $WS", "{\"x\":\"a.txt\",\"y\":\"out\"}"},
            {"-", "deny s/* if * outside $WS", "{\"x\":\"a.txt\",\"y\":\"http://x.org/\"}"},
    };

    (void)state;
    CHECK_ALL(samples);
}

#define HOSTS "allow s/* if u host example.org *.docs.org xn--bcher-kva.example 9.9.9.9"

static void a_host_is_what_every_program_connects_to(void **state)
{
    static const struct sample samples[] = {
            {"allow", HOSTS, "{\"u\":\"https://example.org/x?y#z\"}"},
            {"allow", HOSTS, "{\"u\":\"HTTP://EXAMPLE.org\"}"},
            {"allow", HOSTS, "{\"u\":\"https://example.org.\"}"},
            {"allow", HOSTS, "{\"u\":\"https://example.org:443/\"}"},
            {"allow", HOSTS, "{\"u\":\"https://a.docs.org/@user/%41\"}"},
            {"allow", HOSTS, "{\"u\":\"https://a.b.docs.org?x\"}"},
            {"allow", HOSTS, "{\"u\":\"https://b\\u00fccher.example/\"}"},
            {"allow", HOSTS, "{\"u\":\"https://B\\u00dcCHER.example/\"}"},
            {"allow", HOSTS, "{\"u\":\"https://xn--bcher-kva.example/\"}"},
            {"allow", HOSTS, "{\"u\":\"https://9.9.9.9/\"}"},
            {"allow", "allow s/* if u host *", "{\"u\":\"https://x.org/\"}"},
            {"allow", "allow s/* if u host *.org", "{\"u\":\"https://x.org/\"}"},
            {"allow", "allow s/* if u host x.org:8443", "{\"u\":\"https://x.org:8443/\"}"},
            {"-", "allow s/* if u host x.org:8443", "{\"u\":\"https://x.org/\"}"},
            {"-", "allow s/* if u host *", "{\"u\":\"https://9.9.9.9/\"}"},
            {"-", HOSTS, "{\"u\":\"https://docs.org/\"}"},
            {"-", HOSTS, "{\"u\":\"https://evilexample.org/\"}"},
            {"-", HOSTS, "{\"u\":\"https://example.org.evil.com/\"}"},
            {"-", HOSTS, "{\"u\":\"https://example.org..\"}"},
            {"-", HOSTS, "{\"u\":\"https://example.org:8443/\"}"},
            {"-", HOSTS, "{\"u\":\"https://example.org:/\"}"},
            {"-", HOSTS, "{\"u\":\"https://example.org:0443/\"}"},
            {"-", HOSTS, "{\"u\":\"https://user@example.org/\"}"},
            {"-", HOSTS, "{\"u\":\"https://evil.com\\\\@example.org/\"}"},
            {"-", HOSTS, "{\"u\":\"https://example.org\\\\.evil.com/\"}"},
            {"-", HOSTS, "{\"u\":\"https://ex%61mple.org/\"}"},
            {"-", HOSTS, "{\"u\":\" https://example.org/\"}"},
            {"-", HOSTS, "{\"u\":\"https://exam\\tple.org/\"}"},
            {"-", HOSTS, "{\"u\":\"https://example.org/a b\"}"},
            {"-", HOSTS, "{\"u\":\"ftp://example.org/\"}"},
            {"-", HOSTS, "{\"u\":\"//example.org/\"}"},
            {"-", HOSTS, "{\"u\":\"example.org\"}"},
            {"-", HOSTS, "{\"u\":\"https:example.org\"}"},
            {"-", HOSTS, "{\"u\":\"https://\"}"},
            {"-", HOSTS, "{\"u\":\"https://ex\\u0430mple.org/\"}"},     /* a Cyrillic a */
            {"-", HOSTS, "{\"u\":\"https://example\\u3002org/\"}"},     /* a dot to some */
            {"-", HOSTS, "{\"u\":\"https://\\uff45xample.org/\"}"},     /* full width */
            {"-", HOSTS, "{\"u\":\"https://fa\\u00df.example/\"}"},     /* two standards */
            {"-", HOSTS, "{\"u\":\"https://bu\\u0308cher.example/\"}"}, /* a combining mark */
            {"-", HOSTS, "{\"u\":[\"https://example.org/\"]}"},
            {"-", HOSTS, "{}"},
            {"deny", "deny s/* if u host evil.com", "{\"u\":\"https://evil.com/\"}"},
            {"deny", "deny s/* if u host evil.com", "{\"u\":\"https://evil.com:8080/\"}"},
            {"deny", "deny s/* if u host evil.com", "{\"u\":\"https://x@y.org/\"}"},
            {"deny", "deny s/* if u host evil.com", "{\"u\":\"evil.com\"}"},
            {"deny", "deny s/* if u host evil.com", "{\"u\":5}"},
            {"-", "deny s/* if u host evil.com", "{\"u\":\"https://good.com/\"}"},
            {"never", HOSTS, "{\"u\":\"http://127.0.0.1/\"}"},
            {"never", HOSTS, "{\"u\":\"http://0x7f.1/\"}"},
            {"never", HOSTS, "{\"u\":\"http://2130706433/\"}"},
            {"never", HOSTS, "{\"u\":\"http://127.1/\"}"},
            {"never", HOSTS, "{\"u\":\"http://localhost:3000/\"}"},
            {"never", HOSTS, "{\"u\":\"http://localhost./\"}"},
            {"never", HOSTS, "{\"u\":\"http://[::1]/\"}"},
            {"never", HOSTS, "{\"u\":\"http://[fe80::1%25eth0]/\"}"},
            {"never", HOSTS, "{\"u\":\"http://[::ffff:10.0.0.1]/\"}"},
            {"never", HOSTS, "{\"u\":\"http://169.254.169.254/latest\"}"},
            {"never", HOSTS, "{\"u\":\"http://metadata.google.internal/\"}"},
            {"never", HOSTS, "{\"u\":\"http://x@10.0.0.1/\"}"},
            {"never", HOSTS, "{\"u\":\"http://good.com\\\\@127.0.0.1/\"}"},
            {"never", HOSTS, "{\"u\":\"http://127.0.0.1\\\\@good.com/\"}"},
            {"never", HOSTS, "{\"u\":\"http:\\\\\\\\127.0.0.1/\"}"},
            {"never", HOSTS, "{\"u\":\"http:127.0.0.1\"}"},
            {"never", HOSTS, "{\"u\":\"\\thttp://127.0.0.1\"}"},
            {"never", HOSTS, "{\"u\":\"http://127.0.0.%31/\"}"},
            {"never", HOSTS, "{\"u\":\"http://\\uff11\\uff12\\uff17.0.0.1/\"}"},
            {"never", HOSTS, "{\"u\":\"http://\\u2460\\u2461\\u2466\\u30020.0.1/\"}"},
            {"never", HOSTS, "{\"deep\":[{\"u\":\"ws://192.168.0.1/\"}]}"},
            {"never", HOSTS, "{\"u\":\"git+ssh://git@router/x\"}"},
            {"never", HOSTS, "{\"http://127.0.0.1/\":1}"},
            {"allow", "allow s/*",
                    "{\"u\":\"memory://notes\"}"}, /* a name of the server's own */
            {"allow", "allow s/*", "{\"content\":\"http://127.0.0.1/ is us\"}"},
            {"allow", "allow s/*", "{\"u\":\"fix http://127.0.0.1/\"}"},
            {"allow", "allow s/*", "{\"u\":\"http: the protocol\"}"},
    };

    (void)state;
    CHECK_ALL(samples);
}

static void numbers_are_compared_exactly(void **state)
{
    static const struct sample samples[] = {
            {"allow", "allow s/* if n <= 100", "{\"n\":100}"},
            {"allow", "allow s/* if n <= 100", "{\"n\":1e2}"},
            {"allow", "allow s/* if n <= 100", "{\"n\":100.0}"},
            {"allow", "allow s/* if n <= 100", "{\"n\":1000e-1}"},
            {"allow", "allow s/* if n <= 100", "{\"n\":-5}"},
            {"allow", "allow s/* if n <= 100", "{\"n\":0.1}"},
            {"allow", "allow s/* if n <= 0", "{\"n\":-0}"},
            {"allow", "allow s/* if n >= 0", "{\"n\":-0.0e9}"},
            {"allow", "allow s/* if n < 0.3", "{\"n\":0.29999999999999999999999999}"},
            {"allow", "allow s/* if n > 18446744073709551615", "{\"n\":18446744073709551616}"},
            {"allow", "allow s/* if n < 1e400", "{\"n\":9e399}"},
            {"allow", "allow s/* if n >= 9007199254740993", "{\"n\":9007199254740993}"},
            {"-", "allow s/* if n >= 9007199254740993", "{\"n\":9007199254740992}"},
            {"-", "allow s/* if n <= 100", "{\"n\":100.00000000000000000001}"},
            {"-", "allow s/* if n <= 100", "{\"n\":1e3}"},
            {"-", "allow s/* if n <= 100", "{\"n\":1e99999999999999999999999}"},
            {"-", "allow s/* if n <= 100", "{\"n\":\"5\"}"},
            {"-", "allow s/* if n <= 100", "{\"n\":true}"},
            {"-", "allow s/* if n <= 100", "{\"n\":null}"},
            {"-", "allow s/* if n <= 100", "{\"n\":[5]}"},
            {"-", "allow s/* if n <= 100", "{}"},
            {"-", "allow s/* if n < -1", "{\"n\":-1}"},
            {"allow", "allow s/* if n < -1", "{\"n\":-1.5}"},
            {"deny", "deny s/* if n > 100", "{\"n\":\"5\"}"},
            {"deny", "deny s/* if n > 100", "{\"n\":100.5}"},
            {"-", "deny s/* if n > 100", "{\"n\":100}"},
            {"-", "deny s/* if n > 100", "{}"},
            {"allow", "allow s/* if n[] > 1", "{\"n\":[2,3]}"},
            {"-", "allow s/* if n[] > 1", "{\"n\":[2,1]}"},
            {"allow", "allow s/* if any n[] > 1", "{\"n\":[2,1]}"},
            {"-", "allow s/* if n[] > 1", "{\"n\":[]}"},
            {"-", "allow s/* if n[] > 1", "{\"n\":5}"},
    };

    (void)state;
    CHECK_ALL(samples);
}

static void words_are_compared_as_what_they_are(void **state)
{
    static const struct sample samples[] = {
            {"allow", "allow s/* if a is alice bob", "{\"a\":\"bob\"}"},
            {"-", "allow s/* if a is alice bob", "{\"a\":\"Bob\"}"},
            {"-", "allow s/* if a is alice", "{\"a\":[\"alice\"]}"},
            {"deny", "deny s/* if a is alice", "{\"a\":[\"alice\"]}"},
            {"allow", "allow s/* if a.b is x", "{\"a\":{\"b\":\"x\"}}"},
            {"-", "allow s/* if a.b is x", "{\"a\":\"x\"}"},
            {"allow", "allow s/* if a[].b is x", "{\"a\":[{\"b\":\"x\"},{\"b\":\"x\"}]}"},
            {"-", "allow s/* if a[].b is x", "{\"a\":[{\"b\":\"x\"},{\"b\":\"y\"}]}"},
            {"allow", "allow s/* if a[][] is x", "{\"a\":[[\"x\"],[\"x\",\"x\"]]}"},
            {"allow", "allow s/* if \"a.b\" is x", "{\"a.b\":\"x\"}"},
            {"allow", "allow s/* if f is true", "{\"f\":true}"},
            {"-", "allow s/* if f is true", "{\"f\":\"true\"}"},
            {"deny", "deny s/* if f is true", "{\"f\":\"true\"}"},
            {"deny", "deny s/* if f is true", "{\"f\":1}"},
            {"deny", "deny s/* if f is true", "{\"f\":\"yes\"}"},
            {"-", "deny s/* if f is true", "{\"f\":false}"},
            {"-", "deny s/* if f is true", "{\"f\":null}"},
            {"-", "deny s/* if f is true", "{}"},
            {"allow", "allow s/* if f is \"true\"", "{\"f\":\"true\"}"},
            {"-", "allow s/* if f is \"true\"", "{\"f\":true}"},
            {"allow", "allow s/* if n is 5", "{\"n\":5.0}"},
            {"-", "allow s/* if n is 5", "{\"n\":\"5\"}"},
            {"allow", "allow s/* if n is \"5\"", "{\"n\":\"5\"}"},
            {"-", "allow s/* if n is \"5\"", "{\"n\":5}"},
            {"allow", "allow s/* if n is null", "{\"n\":null}"},
            {"allow", "allow s/* if a is \"\"", "{\"a\":\"\"}"},
            {"-", "allow s/* if a is x", "{\"a\":\"x\\u0000\"}"},
            {"allow", "allow s/* if a is \"[1, 2]\"", "{\"a\":[1, 2]}"},
            {"-", "allow s/* if a is \"[1, 2]\"", "{\"a\":[1,2]}"},
            {"allow", "allow s/* if a matches \"SELECT [^;]*\"", "{\"a\":\"SELECT 1\"}"},
            {"-", "allow s/* if a matches \"SELECT [^;]*\"", "{\"a\":\"SELECT 1; DROP\"}"},
            {"-", "allow s/* if a matches \"SELECT [^;]*\"", "{\"a\":\"x SELECT 1\"}"},
            {"-", "allow s/* if a matches \"SELECT [^;]*\"", "{\"a\":\"select 1\"}"},
            {"allow", "allow s/* if a matches a|bc", "{\"a\":\"bc\"}"},
            {"-", "allow s/* if a matches a|bc", "{\"a\":\"ac\"}"},
            {"-", "allow s/* if a matches a|bc", "{\"a\":\"abc\"}"},
            {"-", "allow s/* if a matches a", "{\"a\":\"a\\n\"}"},
            {"allow", "allow s/* if a matches \"a.b\"", "{\"a\":\"a\\nb\"}"},
            {"-", "allow s/* if a matches .*", "{\"a\":\"a\\u0000b\"}"},
            {"-", "allow s/* if a matches .*", "{\"a\":5}"},
            {"deny", "deny s/* if a matches x", "{\"a\":\"\\u0000\"}"},
            {"allow", "allow s/* if a matches x y z", "{\"a\":\"y\"}"},
            {"allow", "allow s/* if . lacks b c", "{\"a\":1}"},
            {"-", "allow s/* if . lacks b c", "{\"a\":1,\"c\":null}"},
            {"-", "allow s/* if . lacks b c", "{\"a\":1,\"C\":null}"},
            {"allow", "allow s/* if . only a b", "{\"a\":1}"},
            {"-", "allow s/* if . only a b", "{\"a\":1,\"c\":1}"},
            {"allow", "allow s/* if . only", "{}"},
            {"-", "allow s/* if . only", "{\"a\":1}"},
            {"allow", "allow s/* if o lacks b", "{}"},
            {"-", "allow s/* if o lacks b", "{\"o\":{\"b\":1}}"},
            {"allow", "allow s/* if o has b", "{\"o\":{\"b\":1}}"},
            {"allow", "allow s/* if l has bug", "{\"l\":[\"x\",\"bug\"]}"},
            {"allow", "allow s/* if t has DROP", "{\"t\":\"x DROP y\"}"},
            {"deny", "deny s/* if t has DROP", "{\"t\":5}"},
            {"allow", "allow s/* if a type string null", "{\"a\":null}"},
            {"-", "allow s/* if a type integer", "{\"a\":1.5}"},
            {"allow", "allow s/* if a type integer", "{\"a\":15e1,\"a \":1}"},
            {"allow", "allow s/* if a type integer", "{\"a\":1e2}"},
            {"allow", "allow s/* if a type boolean", "{\"a\":false}"},
            {"allow", "allow s/* if a type array object", "{\"a\":{}}"},
            {"allow", "allow s/* if a is 1 and b is 2", "{\"a\":1,\"b\":2}"},
            {"-", "allow s/* if a is 1 and b is 2", "{\"a\":1,\"b\":3}"},
            {"-", "allow s/* if a is 1 and b is 2", "{\"a\":1}"},
            {"ask", "ask s/* if a is 1 and b > 2", "{\"a\":1,\"b\":\"x\"}"},
            {"-", "ask s/* if a is 1 and b > 2", "{\"a\":2,\"b\":\"x\"}"},
    };

    (void)state;
    CHECK_ALL(samples);
}

/* --- what is sent, what is guarded ------------------------------------------------------- */

static void judge_call(const char *rule, const char *tool, const char *arguments,
        struct verdict *ret, struct buf *sent)
{
    struct policy *policy = parse(rule);
    struct buf text = BUF_INIT;
    struct call_edits edits;

    expand(&text, arguments);
    struct call_request call = {STR("s"), str_of(tool), buf_str(&text)};
    policy_eval_call(policy, &world, &call, ret, &edits);
    buf_clear(sent);
    assert_true(call_rewrite(buf_str(&text), &edits, sent));
    call_edits_release(&edits);
    buf_release(&text);
    policy_free(policy);
}

static void what_was_judged_is_what_is_sent(void **state)
{
    static const struct {
        const char *tool, *arguments, *sent;
    } cases[] = {
            {"read", "{\"p\":\"a.txt\"}", "{\"p\":\"a.txt\"}"},
            {"read", "{ \"p\" : \"./sub//b.txt\" }", "{ \"p\" : \"./sub//b.txt\" }"},
            {"read", "{\"p\":\"in/b.txt\"}", "{\"p\":\"%W/sub/b.txt\"}"},
            {"read", "{\"p\":\"in\",\"q\":\"in\",\"n\":1.0}",
                    "{\"p\":\"%W/sub\",\"q\":\"in\",\"n\":1.0}"},
            {"delete_file", "{\"p\":\"sub/back\"}", "{\"p\":\"%W/sub/back\"}"},
            {"read", "{\"p\":\"sub/back\"}", "{\"p\":\"%W/a.txt\"}"},
            {"write", "{\"p\":\"dangin\"}", "{\"p\":\"%W/newfile\"}"},
            {"read", "{\"p\":\"/workspace/a.txt\"}", "{\"p\":\"%W/a.txt\"}"},
            {"read", "{\"p\":\"/workspace\"}", "{\"p\":\"%W\"}"},
            {"read", "{\"p\":\"file:///workspace/b%20c.txt\"}",
                    "{\"p\":\"file://%W/b%20c.txt\"}"},
            {"read", "{\"p\":\"file://%W/in/b.txt\"}", "{\"p\":\"file://%W/sub/b.txt\"}"},
            {"read", "{\"p\":\"a.txt\",\"x\":[\"/workspace/b\",\"/workspacex\"]}",
                    "{\"p\":\"a.txt\",\"x\":[\"%W/b\",\"/workspacex\"]}"},
            {"read", "{\"p\":\"a.txt\",\"content\":\"/workspace/b is it\"}",
                    "{\"p\":\"a.txt\",\"content\":\"/workspace/b is it\"}"},
            {"read", "{\"p\":\"/workspace/\\u0022\\\\\"}", "{\"p\":\"%W/\\\"\\\\\"}"},
    };
    struct buf sent = BUF_INIT;
    struct buf want = BUF_INIT;
    struct verdict v;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        judge_call(ALLOW_WS, cases[i].tool, cases[i].arguments, &v, &sent);
        buf_clear(&want);
        expand(&want, cases[i].sent);
        if (v.kind != VERDICT_ALLOW || !str_eq(buf_str(&sent), buf_str(&want)))
            fail_msg("%s: %s, sent %.*s", cases[i].arguments, verdict_name(v.kind),
                    STR_ARG(buf_str(&sent)));
    }
    /* A human is asked: the box's paths are mapped all the same. */
    judge_call("ask s/*", "read", "{\"p\":\"/workspace/in\"}", &v, &sent);
    buf_clear(&want);
    expand(&want, "{\"p\":\"%W/in\"}");
    assert_true(str_eq(buf_str(&sent), buf_str(&want)));
    judge_call("allow s/* if p within ~/docs", "read", "{\"p\":\"~/docs/a\"}", &v, &sent);
    /* The text as it stands names a folder '~' in the workspace. */
    assert_int_equal(v.kind, VERDICT_ASK);
    buf_release(&sent);
    buf_release(&want);
}

static void what_guards_us_is_never_touched_nor_walked_through(void **state)
{
    static const struct {
        const char *tool, *arguments;
        bool is_never;
    } cases[] = {
            {"read", "{\"a\":\"%H/.ironcurtain/policy.rules\"}", true},
            {"read", "{\"a\":[{\"b\":\"~/.ironcurtain\"}]}", true},
            {"read", "{\"a\":\"../.ironcurtain/x\"}", true},
            {"read", "{\"a\":\"up/.ironcurtain/x\"}", true},
            {"read", "{\"a\":\"file://%H/.ironcurtain\"}", true},
            {"read", "{\"%H/.ironcurtain/x\":\"y\"}", true},
            {"read", "{\"a\":\"%H/.iron*/x\"}", true}, {"read", "{\"a\":\"%H/*/x\"}", true},
            {"read", "{\"a\":\"/**\"}", true}, {"read", "{\"a\":\"%H/.ironcurtainx\"}", false},
            {"list_directory", "{\"a\":\"%H\"}", false},
            {"list_directory", "{\"a\":\"%H\",\"recursive\":true}", true},
            {"list_directory", "{\"a\":\"%H\",\"isRecursive\":1}", true},
            {"list_directory", "{\"a\":\"%H\",\"recursive\":false}", false},
            {"directory_tree", "{\"a\":\"%H\"}", true}, {"searchFiles", "{\"a\":\"/\"}", true},
            {"move_file", "{\"a\":\"~\",\"b\":\"x\"}", true},
            {"DeleteAll", "{\"a\":\"up\"}", true}, {"delete_file", "{\"a\":\"a.txt\"}", false},
            {"search", "{\"a\":\".\"}", false},
            {"edit_file", "{\"p\":\"a.txt\",\"oldText\":\"/\",\"newText\":\"~\"}", false},
            {"write_file", "{\"content\":\"see ~/.ironcurtain/policy.rules\"}", false},
            {"settings_get", "{\"a\":\"%H\"}", false}, /* "settings" is not "set" */
    };
    struct buf sent = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct verdict v;

        judge_call("allow s/*", cases[i].tool, cases[i].arguments, &v, &sent);
        if ((v.kind == VERDICT_DENY) != cases[i].is_never)
            fail_msg("%s %s: %s (%s)", cases[i].tool, cases[i].arguments, verdict_name(v.kind),
                    v.reason);
        if (cases[i].is_never)
            assert_string_equal(v.rule, "structural: protected path");
    }
    buf_release(&sent);
}

/* The agent owns the workspace: what is a folder in one call is a link in the next. */
static void a_folder_that_becomes_a_link_is_seen_at_the_next_call(void **state)
{
    struct policy *policy = parse("deny s/* if p within $WS/.git/hooks\ndefault mcp allow\n");
    struct call_request call = {STR("s"), STR("write"), STR("{\"p\":\"f/pre-commit\"}")};
    char *hooks = at("ws/.git/hooks");
    char *away = at("ws/.git/was");
    char *folder = at("ws/f");
    struct verdict v;

    (void)state;
    policy_eval_call(policy, &world, &call, &v, NULL);
    assert_int_equal(v.kind, VERDICT_ALLOW);
    assert_int_equal(rename(hooks, away), 0);
    assert_int_equal(symlink(folder, hooks), 0);
    policy_eval_call(policy, &world, &call, &v, NULL);
    assert_int_equal(v.kind, VERDICT_DENY);
    assert_int_equal(unlink(hooks), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(symlink(away, folder), 0);
    assert_int_equal(rename(away, hooks), 0);
    policy_eval_call(policy, &world, &call, &v, NULL);
    assert_int_equal(v.kind, VERDICT_ALLOW); /* a link to what is not there any more */
    assert_int_equal(unlink(folder), 0);
    assert_int_equal(symlink(hooks, folder), 0);
    policy_eval_call(policy, &world, &call, &v, NULL);
    assert_int_equal(v.kind, VERDICT_DENY);
    free(hooks);
    free(away);
    free(folder);
    policy_free(policy);
}

static void without_a_workspace_nothing_is_in_it(void **state)
{
    struct policy_world bare = {.home = home};
    struct policy *policy =
            parse("allow s/* if p within $WS\ndeny s/* if * within $WS ~/.ssh\n");
    struct verdict v;
    struct buf text = BUF_INIT;

    (void)state;
    expand(&text, "{\"p\":\"%W/a.txt\"}");
    struct call_request call = {STR("s"), STR("read"), buf_str(&text)};
    policy_eval_call(policy, &bare, &call, &v, NULL);
    assert_int_equal(v.kind, VERDICT_ASK);
    call.arguments = STR("{\"p\":\"a/b\"}"); /* relative to nothing */
    policy_eval_call(policy, &bare, &call, &v, NULL);
    assert_int_equal(v.kind, VERDICT_DENY);
    call.arguments = STR("{\"p\":\"~/.ssh/id\"}");
    policy_eval_call(policy, &bare, &call, &v, NULL);
    assert_int_equal(v.kind, VERDICT_DENY);
    buf_release(&text);
    policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_path_is_inside_in_every_reading_or_it_is_not_allowed),
            cmocka_unit_test(one_reading_inside_is_enough_to_deny),
            cmocka_unit_test(a_star_selects_what_looks_like_a_path),
            cmocka_unit_test(a_host_is_what_every_program_connects_to),
            cmocka_unit_test(numbers_are_compared_exactly),
            cmocka_unit_test(words_are_compared_as_what_they_are),
            cmocka_unit_test(what_was_judged_is_what_is_sent),
            cmocka_unit_test(what_guards_us_is_never_touched_nor_walked_through),
            cmocka_unit_test(a_folder_that_becomes_a_link_is_seen_at_the_next_call),
            cmocka_unit_test(without_a_workspace_nothing_is_in_it),
    };

    return cmocka_run_group_tests(tests, build, destroy);
}
