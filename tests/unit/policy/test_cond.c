/*
 * What conditions make of arguments: one line a case, in a real folder with links in it.
 */
#include "policy/risk.h"
#include "unit/policy/world.h"

struct sample {
    const char
            *expect; /* allow deny ask: the rule's verb or, for "-", that it does not match */
    const char *rule;
    const char *arguments;
};

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

/* What is dangerous about it is where a path leads, not how it is written. */
static void a_link_that_leads_out_is_a_risk_and_one_that_stays_in_is_none(void **state)
{
    static const struct {
        const char *arguments;
        bool is_out;
    } samples[] = {
            {"{\"p\":\"a.txt\"}", false},
            {"{\"p\":\"in/b.txt\"}", false},
            {"{\"p\":\"two/new\"}", false},
            {"{\"p\":\"/workspace/sub/back\"}", false},
            {"{\"p\":\"/workspace\"}", false},
            {"{\"p\":\"out/a\"}", true},
            {"{\"p\":\"/workspace/out/a\"}", true},
            {"{\"p\":\"deep\"}", true},
            {"{\"p\":\"in/../out\"}", true},
            {"{\"p\":[\"a.txt\",{\"q\":\"dang\"}]}", true},
            {"{\"url\":\"https://example.com/out/a\"}", false},
            {"{\"text\":\"the out/a of it\"}", false},
    };
    struct policy *policy = parse("ask s/*");

    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct call_request call = {STR("s"), STR("get"), str_of(samples[i].arguments)};
        struct verdict verdict;

        policy_eval_call(policy, &world, &call, &verdict, NULL);
        bool is_out = verdict.hazards & hazard_bit(HAZARD_OUTSIDE);
        if (is_out != samples[i].is_out || (is_out && verdict.risk != RISK_HIGH))
            fail_msg("%s: %d", samples[i].arguments, is_out);
    }
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
            cmocka_unit_test(a_link_that_leads_out_is_a_risk_and_one_that_stays_in_is_none),
    };

    return cmocka_run_group_tests(tests, build, destroy);
}
