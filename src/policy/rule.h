/*
 * rule.h - a rule file in memory; inside src/policy only.
 */
#ifndef SRC_POLICY_RULE_H
#define SRC_POLICY_RULE_H

#include "base/buf.h"
#include "policy/cond.h"
#include "policy/index.h"
#include "policy/pattern.h"
#include "policy/policy.h"
#include "policy/target.h"

struct rule {
    enum verdict_kind verb;
    bool is_net;            /* else a rule for tool calls */
    struct pattern net;     /* if is_net; owns its strings */
    struct target *targets; /* owns; of a rule for tool calls */
    size_t target_count;
    struct cond *conds; /* owns; all of them have to hold */
    size_t cond_count;
    char *text;   /* owns; the line as written, without comment, safe to print */
    char *where;  /* owns; file:line */
    char *reason; /* owns; the because text, safe to print, or NULL */
    unsigned line;
    bool has_risk;
    enum risk risk;
    uint32_t timeout_ms; /* 0: the gate's default */
};

/* A test of the file: of a net request or of a tool call. All texts owned. */
struct selftest {
    enum verdict_kind expect;
    char *method, *url;              /* a net request */
    char *server, *tool, *arguments; /* a tool call; NULL else */
    unsigned line;
};

/* The default of net requests or tool calls. */
struct fallback {
    enum verdict_kind kind;
    unsigned line; /* 0: not in the file */
};

struct policy {
    char name[96];      /* what file:line shows; the end of a long path */
    struct rule *rules; /* owns */
    size_t count;
    struct fallback net;
    struct fallback mcp;
    struct selftest *tests; /* owns; all have passed */
    size_t test_count;
    struct rule_index index; /* of the rules for tool calls */
    struct folders *folders; /* owns; named by conditions */
    uint64_t hash;
    char version[17]; /* hash in hex */
};

/* Fill a zeroed policy that has its name; runs no tests. What was read before an error stays in it. */
int rules_parse(struct policy *policy, struct str text, struct err *err);

#endif
