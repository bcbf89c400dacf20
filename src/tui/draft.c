/* draft.c - see draft.h. Nothing here decides anything. */
#include "tui/draft.h"

/* What `t` goes through. */
static const struct {
    enum scope scope;
    uint64_t for_ms;
    uint32_t uses;
} times[] = {
        {SCOPE_TIME, 15 * 60 * 1000, 0},
        {SCOPE_TIME, 60 * 60 * 1000, 0},
        {SCOPE_USES, 0, 10},
};
#define TIMES (sizeof(times) / sizeof(times[0]))

/* From narrow to wide. */
static const enum width order[] = {WIDTH_EXACT, WIDTH_DIR, WIDTH_HOST, WIDTH_TOOL};
#define WIDTHS (int)(sizeof(order) / sizeof(order[0]))

static bool offers(const struct draft *draft, enum width width)
{
    return draft->rule[false][width][0] || draft->rule[true][width][0];
}

void draft_open(struct draft *draft, const struct gate *gate, const struct gate_item *item)
{
    *draft = (struct draft){.scope = SCOPE_ONCE, .width = WIDTH_EXACT};
    for (int allow = 0; allow < 2; allow++)
        for (enum width width = WIDTH_EXACT; width <= WIDTH_TOOL; width++)
            if (!gate_rule(gate, item->rec.id, allow, width, draft->rule[allow][width]))
                draft->rule[allow][width][0] = '\0';
    draft->is_call = item->call != NULL;
    draft->one_width = !draft->is_call && strcmp(draft->rule[false][WIDTH_EXACT],
                                                  draft->rule[false][WIDTH_HOST]) == 0;
    for (int i = 0; i < WIDTHS && !offers(draft, draft->width); i++)
        draft->width = order[i];
    if (!offers(draft, draft->width))
        draft->width = WIDTH_EXACT;
}

static bool set_scope(struct draft *draft, enum scope scope, const char **ret_why)
{
    if (scope == draft->scope)
        return false;
    if (scope != SCOPE_ONCE && !offers(draft, draft->width)) {
        *ret_why = "this can be answered once only";
        return false;
    }
    draft->scope = scope;
    return true;
}

/* The next width that is offered in this direction. */
static bool set_width(struct draft *draft, int step, const char **ret_why)
{
    int at = 0;

    if (draft->scope == SCOPE_ONCE)
        *ret_why = "once is exactly this; 2, 3 or t make it hold longer";
    else if (draft->one_width)
        *ret_why = "this has one width only";
    if (*ret_why)
        return false;
    while (order[at] != draft->width)
        at++;
    for (at += step; at >= 0 && at < WIDTHS; at += step)
        if (offers(draft, order[at])) {
            draft->width = order[at];
            return true;
        }
    *ret_why = step < 0 && draft->width != WIDTH_EXACT
                       ? "no rule can be written for exactly this"
                       : NULL;
    return false;
}

static bool next_time(struct draft *draft, const char **ret_why)
{
    bool was = draft->scope == SCOPE_TIME || draft->scope == SCOPE_USES;
    unsigned next = was ? (draft->time + 1) % TIMES : 0;

    if (!was && !set_scope(draft, times[next].scope, ret_why))
        return false;
    draft->time = next;
    draft->scope = times[next].scope;
    return true;
}

bool draft_key(struct draft *draft, enum action_id action, const char **ret_why)
{
    *ret_why = NULL;
    switch ((int)action) {
    case ACT_ONCE:
        return set_scope(draft, SCOPE_ONCE, ret_why);
    case ACT_SESSION:
        return set_scope(draft, SCOPE_SESSION, ret_why);
    case ACT_ALWAYS:
        return set_scope(draft, SCOPE_ALWAYS, ret_why);
    case ACT_TIME:
        return next_time(draft, ret_why);
    case ACT_NARROWER:
        return set_width(draft, -1, ret_why);
    case ACT_WIDER:
        return set_width(draft, 1, ret_why);
    default:
        return false;
    }
}

const char *draft_rule(const struct draft *draft, bool allow)
{
    return draft->scope == SCOPE_ONCE ? "" : draft->rule[allow][draft->width];
}

struct gate_answer draft_answer(const struct draft *draft, bool allow)
{
    return (struct gate_answer){
            .allow = allow,
            .scope = draft->scope,
            .width = draft->width,
            .for_ms = times[draft->time].for_ms,
            .uses = times[draft->time].uses,
            .rule = draft_rule(draft, allow),
            .message = draft->message[0] ? draft->message : NULL,
    };
}

static const char *width_word(const struct draft *draft)
{
    if (draft->scope == SCOPE_ONCE)
        return "exactly this";
    return draft->one_width ? "host:port" : width_name(draft->width);
}

void draft_title(const struct draft *draft, char *out, size_t cap)
{
    struct gate_answer answer = draft_answer(draft, true);
    char words[32];

    scope_words(&answer, words, sizeof(words));
    for (char *c = words; *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    snprintf(out, cap, "approve | %s | %s", words, width_word(draft));
}

void draft_choices(const struct draft *draft, char *out, size_t cap)
{
    struct gate_answer answer = {.scope = times[draft->time].scope,
            .for_ms = times[draft->time].for_ms,
            .uses = times[draft->time].uses};
    bool timed = draft->scope == SCOPE_TIME || draft->scope == SCOPE_USES;
    char words[32];

    if (!offers(draft, draft->width)) {
        snprintf(out, cap, "once: this request only, nothing is remembered");
        return;
    }
    scope_words(&answer, words, sizeof(words));
    snprintf(out, cap, "%s  %s  %st %s%s  %s",
            draft->scope == SCOPE_ONCE ? "[1 once]" : "1 once",
            draft->scope == SCOPE_SESSION ? "[2 session]" : "2 session", timed ? "[" : "",
            words, timed ? "]" : "", draft->scope == SCOPE_ALWAYS ? "[3 always]" : "3 always");
}

static void call_widths(const struct draft *draft, char *out, size_t cap)
{
    size_t used = 0;

    out[0] = '\0';
    for (int i = 0; i < WIDTHS; i++)
        if (offers(draft, order[i]))
            used += (size_t)snprintf(out + used, cap - used,
                    order[i] == draft->width ? "%s[%s]" : "%s%s", used ? "  " : "< > ",
                    width_name(order[i]));
}

void draft_widths(const struct draft *draft, char *out, size_t cap)
{
    if (draft->scope == SCOPE_ONCE)
        snprintf(out, cap, "%s", "");
    else if (draft->is_call)
        call_widths(draft, out, cap);
    else if (draft->one_width)
        snprintf(out, cap, "[host:port]  a tunnel: nothing inside is seen");
    else
        snprintf(out, cap, "< > %s  %s  with any query and body",
                draft->width == WIDTH_EXACT ? "[exact]" : "exact",
                draft->width == WIDTH_HOST ? "[host]" : "host");
}
