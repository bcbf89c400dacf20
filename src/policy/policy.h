/*
 * policy.h - rules in, verdicts out; pure: no I/O after loading, no clock, no state.
 *
 * The language is docs/policy.md. A request is judged in a fixed order: structural rules,
 * any matching deny, then ask and allow in file order, then the default. What cannot be
 * judged counts as a match for deny and ask and as no match for allow.
 */
#ifndef SRC_POLICY_POLICY_H
#define SRC_POLICY_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum verdict_kind { VERDICT_DENY, VERDICT_ASK, VERDICT_ALLOW };
enum risk { RISK_LOW, RISK_MED, RISK_HIGH };

struct verdict {
    enum verdict_kind kind;
    enum risk risk;
    bool by_default;     /* no rule matched: the default decided */
    bool is_exact;       /* the rule names this method, host, port and path and no other */
    bool names_method;   /* the rule lists methods, this one among them */
    uint32_t timeout_ms; /* for ASK; 0: the gate's default */
    uint32_t hazards;    /* for ASK: see risk.h; `risk` is at least theirs */
    char taken_for[128]; /* for ASK: the name of a rule that the host looks like, or "" */
    char rule[128];      /* the line as written, or "default net ask", "structural: ..." */
    char where[128];     /* file:line, or "built in" */
    char reason[240];    /* the because text, or what the structural rule found */
};

const char *verdict_name(enum verdict_kind kind); /* "deny" "ask" "allow" */
const char *risk_name(enum risk risk);            /* "low" "med" "high" */

/* A network request as the proxy sees it. CONNECT has no path. */
struct net_request {
    struct str method; /* upper case */
    struct str scheme; /* "https", "http"; for CONNECT empty */
    struct str host;   /* lower case, no trailing dot, no port */
    uint16_t port;
    struct str path; /* raw, query cut; "" for CONNECT */
};

struct policy;

/* Parse rule text and run its tests; `name` is what file:line shows. ERR_CONFIG names line and
 * word. */
struct policy *policy_parse(struct str text, const char *name, struct err *err);
/* Load a file; path NULL: the shipped default policy, whose tests were run when it was built
 * (tests/unit/policy). */
struct policy *policy_load(const char *path, struct err *err);
/* The file of a human's answers (gate/answers.h): the same language, but rules that allow or
 * deny only, and every line ended, so that half an answer is not one. The narrowest that
 * allows is found first, not the first in the file. */
struct policy *policy_parse_answers(struct str text, const char *name, struct err *err);
/*
 * Rules that a workspace brings along (".ironcurtain.rules"). Somebody else wrote them, so
 * only its deny and ask lines count, and it is used beside a policy, never as one: see
 * policy_restrict_net() and policy_restrict_call(). The caller has it trusted by a person
 * first; policy_version() is that of what is left.
 */
struct policy *policy_parse_repository(struct str text, const char *name, struct err *err);
void policy_free(struct policy *policy);

/* Read its file again (path as for policy_load) and use it from now on: whoever holds the
 * pointer sees the new rules. On an error the policy stays as it was. Returns 0, or 1 if the
 * file says what it said before. */
int policy_reload(struct policy *policy, const char *path, struct err *err);

void policy_eval_net(
        const struct policy *policy, const struct net_request *req, struct verdict *ret);

/* What the repository's rules forbid or ask about is denied or asked about; they never make
 * anything easier. repository NULL: nothing changes. */
void policy_restrict_net(const struct policy *repository, const struct net_request *req,
        struct verdict *verdict);

/* Does a rule that asks or allows take https requests to this host and port, whatever their
 * method and path? They can be seen only if the tunnel to it is looked into. */
bool policy_names_https(const struct policy *policy, struct str host, uint16_t port);

/*
 * A URL as a person writes it: "https://host[:port]/path?query", for CONNECT "host:port".
 * False if it is no such URL. The request borrows from the texts and from `host`.
 */
bool net_request_read(
        struct str method, struct str url, char host[256], struct net_request *ret);

/* Judge such a URL; what is none is denied. */
void policy_eval_url(
        const struct policy *policy, struct str method, struct str url, struct verdict *ret);

/* Hash of the rules, 16 hex digits: the version a decision is bound to. */
const char *policy_version(const struct policy *policy);
unsigned policy_rule_count(const struct policy *policy, enum verdict_kind kind);
unsigned policy_test_count(const struct policy *policy); /* all passed */
const char *policy_name(const struct policy *policy);    /* what file:line shows */

#endif
