/*
 * draft.h - what a commit key would do with the request under review: how long the answer
 * holds and how much it covers. Changed with plain keys, harmless by itself.
 *
 * The rule lines are made by the gate when the review opens, shown as they are, and given
 * back with the decision, which counts only if they are still the same.
 */
#ifndef SRC_TUI_DRAFT_H
#define SRC_TUI_DRAFT_H

#include "gate/gate.h"
#include "tui/keymap.h"

/* What a record has room for, less where it is made safe. */
#define DRAFT_MESSAGE 200

struct draft {
    enum scope scope;
    enum width width;
    unsigned time;  /* which time or number of uses, for their scopes */
    bool one_width; /* both widths are the same rule */
    bool is_call;
    char rule[2][WIDTH_TOOL + 1][RECIPE_LINE]; /* [allow][width]; "": cannot be */
    char message[DRAFT_MESSAGE];               /* for the agent, with either answer */
};

/* Once, exactly this: the start of every review, never remembered. */
void draft_open(struct draft *draft, const struct gate *gate, const struct gate_item *item);

/*
 * A draft key. True: the draft is another one now. False with *ret_why NULL: it was so
 * already; with a sentence: it cannot be so.
 */
bool draft_key(struct draft *draft, enum action_id action, const char **ret_why);

/* Borrows from the draft. */
struct gate_answer draft_answer(const struct draft *draft, bool allow);
/* The line a commit key would make a rule; "" for once or if that cannot be. */
const char *draft_rule(const struct draft *draft, bool allow);

/* "approve | THIS SESSION | host" */
void draft_title(const struct draft *draft, char *out, size_t cap);
/* "1 once  [2 session]  t for 15 min  3 always" */
void draft_choices(const struct draft *draft, char *out, size_t cap);
/* "< > [exact]  host  with any query and body": the width, and what the rule line cannot say;
 * "" for once, which is only what was shown. */
void draft_widths(const struct draft *draft, char *out, size_t cap);

#endif
