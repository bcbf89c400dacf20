/*
 * queue.h - what waits for an answer, for commands: read from the database, answered through
 * the server.
 */
#ifndef SRC_CLI_QUEUE_H
#define SRC_CLI_QUEUE_H

#include "gate/grants.h"
#include "store/store.h"

/* One that waits in a session that lives, and whose that is. */
struct waiting {
    struct escalation_record rec; /* owns its detail */
    char label[64];
    char agent[32];
};

struct waiting_list {
    struct waiting *items; /* owns; oldest first */
    size_t count;
};

int waiting_read(struct waiting_list *list, struct err *err);
void waiting_release(struct waiting_list *list);
/* "12" or "#12" as on the screen, or the id. ERR_NOENT; ERR_USAGE if several have that number.
 */
const struct waiting *waiting_find(
        const struct waiting_list *list, const char *name, struct err *err);

/* All that a person must see, on stdout; escaped. */
void waiting_print(const struct waiting *item);
/* The rule that an answer would be. */
int waiting_rule(const struct waiting *item, bool allow, enum width width,
        char line[RECIPE_LINE], struct err *err);
/* Answer it; says what came of it on stderr. Returns the exit status. */
int waiting_decide(const struct waiting *item, const struct gate_answer *answer);

#endif
