/*
 * parse.c - rule text to rules.
 *
 *     line     = [ rule | default | test ] [ # comment ]
 *     rule     = ( deny | ask | allow ) target [ if condition { and condition } ] { option }
 *     target   = net:METHODS URL-PATTERN | SERVER/TOOL[,SERVER/TOOL...]
 *     option   = because "text" | risk low|med|high | timeout 30s|5m|1h
 *     default  = default net ask|deny | default mcp ask|deny|allow
 *     test     = test ( deny | ask | allow ) net:METHOD URL | test VERB SERVER/TOOL {json}
 *
 * One bad line refuses the file: a policy that is half read is not the one that was written.
 * Tests are run when all rules are known.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "policy/host.h"
#include "policy/lex.h"
#include "policy/rule.h"
#include "policy/selftest.h"

/* One line while it is read. */
struct reader {
    struct policy *policy; /* borrows */
    struct lex lex;
    unsigned line;
};

static const char *const verb_words[] = {"deny", "ask", "allow", "default", "test", NULL};
static const char *const kind_words[] = {"deny", "ask", "allow", NULL};
static const char *const option_words[] = {"because", "risk", "timeout", "if", NULL};
static const char *const risk_words[] = {"low", "med", "high", NULL};

static int parse_line(struct reader *reader, struct err *err);

/* The next line of text without its end; false when there is none. */
static bool next_line(struct str *text, struct str *line)
{
    if (text->n == 0)
        return false;
    str_cut(text, '\n', line);
    if (line->n && line->p[line->n - 1] == '\r')
        line->n--;
    return true;
}

static int check_line(struct str line, struct err *err)
{
    if (line.n > LIMIT_POLICY_LINE)
        return err_set(err, ERR_CONFIG, "line longer than %d bytes", LIMIT_POLICY_LINE);
    for (size_t i = 0; i < line.n;) {
        uint32_t cp = 0;
        int len = utf8_decode(line.p + i, line.n - i, &cp);

        if (len <= 0)
            return err_set(err, ERR_CONFIG, "not UTF-8 text");
        if ((cp < 0x20 && cp != '\t') || (cp >= 0x7f && cp < 0xa0))
            return err_set(err, ERR_CONFIG, "a control character");
        i += (size_t)len;
    }
    return 0;
}

int rules_parse(struct policy *policy, struct str text, struct err *err)
{
    struct reader reader = {.policy = policy};
    struct str rest = text;
    struct str line;
    int rc = 0;

    if (text.n > LIMIT_FILE)
        return err_set(err, ERR_LIMIT, "%s: larger than %d bytes", policy->name, LIMIT_FILE);
    policy->net.kind = VERDICT_ASK;
    policy->mcp.kind = VERDICT_ASK;
    if (str_starts(rest, STR("\xef\xbb\xbf")))
        rest = (struct str){rest.p + 3, rest.n - 3};
    while (rc == 0 && next_line(&rest, &line)) {
        reader.line++;
        rc = check_line(line, err);
        if (rc < 0)
            break;
        lex_start(&reader.lex, line);
        rc = parse_line(&reader, err);
    }
    if (rc < 0)
        return err_wrap(err, "%s:%u", policy->name, reader.line);
    index_build(&policy->index, policy);
    return 0;
}

/* --- pieces of a line ------------------------------------------------------------------- */

/* --- rules ------------------------------------------------------------------------------ */

/* A rule that permits what the program always denies is a misunderstanding worth telling. */
static int check_reachable(const struct rule *rule, struct err *err)
{
    char why[200];
    char host[sizeof(rule->net.host) + 2];

    if (rule->verb == VERDICT_DENY || rule->net.kind == HOST_ANY)
        return 0;
    snprintf(host, sizeof(host), "%s%s", rule->net.kind == HOST_BELOW ? "x." : "",
            rule->net.host);
    if (host_is_forbidden(str_of(host), why, sizeof(why)))
        return err_set(err, ERR_CONFIG, "%s, which is denied by the program itself", why);
    return 0;
}

static int parse_target(struct reader *reader, struct rule *rule, struct err *err)
{
    struct word word;
    struct word url;
    int rc = lex_need(&reader->lex, &word, "target", err);

    if (rc < 0)
        return rc;
    rule->is_net = str_starts(word.text, STR("net:"));
    if (!rule->is_net) {
        rc = targets_parse(word.text, &rule->targets, &rule->target_count, err);
        if (rc == 0 && lex_next_is(&reader->lex, "if")) {
            (void)lex_word(&reader->lex, &word, NULL);
            rc = conds_parse(&reader->lex, reader->policy->folders, rule->verb, &rule->conds,
                    &rule->cond_count, err);
        }
        return rc;
    }
    rc = lex_need(&reader->lex, &url, "URL pattern behind the methods", err);
    if (rc == 0)
        rc = pattern_parse(
                (struct str){word.text.p + 4, word.text.n - 4}, url.text, &rule->net, err);
    if (rc == 0 && lex_next_is(&reader->lex, "if"))
        return err_set(err, ERR_CONFIG, "conditions are for tool calls, a net rule has none");
    return rc < 0 ? rc : check_reachable(rule, err);
}

static int parse_timeout(const struct word *word, uint32_t *ret, struct err *err)
{
    static const struct {
        char unit;
        uint32_t ms;
    } units[] = {{'s', 1000}, {'m', 60 * 1000}, {'h', 60 * 60 * 1000}};
    struct str number = {word->text.p, word->text.n - (word->text.n > 0)};
    uint64_t value = 0;

    for (size_t i = 0; i < 3; i++) {
        if (word->text.n < 2 || word->text.p[number.n] != units[i].unit ||
                !str_u64(number, LIMIT_POLICY_TIMEOUT_MS / units[i].ms, &value) || value == 0)
            continue;
        *ret = (uint32_t)value * units[i].ms;
        return 0;
    }
    return err_set(err, ERR_CONFIG, "a timeout is written 30s, 5m or 1h, at most 24h");
}

static int parse_option(struct reader *reader, struct rule *rule, int option, struct err *err)
{
    struct word word;
    char text[240];
    int rc = lex_need(&reader->lex, &word, option_words[option], err);

    if (rc < 0)
        return rc;
    if (option == 0) {
        if (word.text.n >= sizeof(text))
            return err_set(
                    err, ERR_CONFIG, "the reason is longer than %zu bytes", sizeof(text) - 1);
        rule->reason = xstrdup(str_vis(text, sizeof(text), word.text));
        return 0;
    }
    if (option == 2)
        return parse_timeout(&word, &rule->timeout_ms, err);
    rc = lex_choose(&word, "unknown risk", risk_words, err);
    if (rc < 0)
        return rc;
    rule->has_risk = true;
    rule->risk = (enum risk)rc;
    return 0;
}

static int parse_options(struct reader *reader, struct rule *rule, struct err *err)
{
    struct word word;
    unsigned seen = 0;
    int rc;

    while ((rc = lex_word(&reader->lex, &word, err)) > 0) {
        int option = lex_choose(&word, "unknown word", option_words, err);

        if (option < 0)
            return option;
        if (option == 3)
            return err_set(err, ERR_CONFIG, "'if' must stand right behind the target");
        if (seen & 1u << option)
            return err_set(err, ERR_CONFIG, "'%s' stands here twice", option_words[option]);
        seen |= 1u << option;
        rc = parse_option(reader, rule, option, err);
        if (rc < 0)
            return rc;
    }
    return rc;
}

static int parse_rule(struct reader *reader, enum verdict_kind verb, struct err *err)
{
    struct policy *policy = reader->policy;
    char shown[128];

    if (policy->count >= LIMIT_POLICY_RULES)
        return err_set(err, ERR_CONFIG, "more than %d rules", LIMIT_POLICY_RULES);
    if ((policy->count & (policy->count - 1)) == 0)
        policy->rules = xrealloc(policy->rules,
                (policy->count ? policy->count * 2 : 1) * sizeof(*policy->rules));
    struct rule *rule = &policy->rules[policy->count++];
    *rule = (struct rule){.verb = verb, .line = reader->line};

    int rc = parse_target(reader, rule, err);
    if (rc == 0)
        rc = parse_options(reader, rule, err);
    if (rc < 0)
        return rc;
    struct str text = str_trim(reader->lex.line);
    text.n = (size_t)(reader->lex.end - text.p);
    rule->where = xasprintf("%s:%u", policy->name, reader->line);
    rule->text = xstrdup(str_vis(shown, sizeof(shown), text));
    return 0;
}

static int parse_default(struct reader *reader, struct err *err)
{
    static const char *const kinds[] = {"net", "mcp", NULL};
    struct fallback *defaults[] = {&reader->policy->net, &reader->policy->mcp};
    int which = lex_need_choice(&reader->lex, "kind", kinds, err);

    if (which < 0)
        return which;
    int verb = lex_need_choice(&reader->lex, "default", kind_words, err);
    if (verb < 0)
        return verb;
    if (which == 0 && verb == VERDICT_ALLOW)
        return err_set(err, ERR_CONFIG,
                "'allow' is refused as a default of net requests; use ask or deny");
    if (defaults[which]->line)
        return err_set(err, ERR_CONFIG, "this default was set on line %u already",
                defaults[which]->line);
    *defaults[which] = (struct fallback){(enum verdict_kind)verb, reader->line};
    return lex_need_end(&reader->lex, err);
}

/* --- a line ----------------------------------------------------------------------------- */

/*
 * The version covers what decides: the words of rules and defaults, not blanks, comments and
 * tests. FNV-1a, because this layer has no cryptography and needs none: the version ties a
 * human's answer to the rules it was shown with, and whoever can write the file could do
 * worse than look for a collision.
 */
static void hash_line(struct reader *reader)
{
    struct word word;
    uint64_t hash = reader->policy->hash;

    lex_start(&reader->lex, reader->lex.line);
    while (lex_word(&reader->lex, &word, NULL) > 0)
        for (size_t i = 0; i <= word.text.n; i++)
            hash = (hash ^ (unsigned char)word.text.p[i]) * UINT64_C(0x100000001b3);
    reader->policy->hash = (hash ^ '\n') * UINT64_C(0x100000001b3);
}

static int parse_line(struct reader *reader, struct err *err)
{
    struct word first;
    int rc = lex_word(&reader->lex, &first, err);

    if (rc <= 0)
        return rc;
    int verb = lex_choose(&first, "unknown word", verb_words, err);
    if (verb < 0)
        return verb;
    if (verb == 4)
        return selftest_parse(reader->policy, &reader->lex, reader->line, err);
    rc = verb == 3 ? parse_default(reader, err)
                   : parse_rule(reader, (enum verdict_kind)verb, err);
    if (rc == 0)
        hash_line(reader);
    return rc;
}
