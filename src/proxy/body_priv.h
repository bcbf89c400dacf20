/*
 * body_priv.h - the inside of the body rules, for the body_*.c files only.
 *
 *     body_cut.c      what goes, and names that must be unmistakable
 *     body_tools.c    lists of tools, the choice of one
 *     body_content.c  messages, models
 *     body_rule.c     the request as a whole
 *
 * All functions that return bool: false ends the walk, because the text is refused (fault is
 * set) or is not JSON (scan.why is set).
 */
#ifndef SRC_PROXY_BODY_PRIV_H
#define SRC_PROXY_BODY_PRIV_H

#include "base/jscan.h"
#include "proxy/body_rule.h"

#define BODY_ODD_NAME "a member's name is spelled in an unusual way"
#define BODY_TWICE "a member appears twice"
#define BODY_NOT_A_LIST "the tools are not a list of objects"

/* A range of the text that is left out. */
struct cut {
    const char *from, *to; /* borrow from the body */
};

/* What the tools at one place came to. */
struct tally {
    size_t kept, removed;
};

struct pass {
    const struct body_rule *rule; /* borrows */
    struct jscan scan;
    struct cut *cuts; /* owns */
    size_t cut_count;
    struct str *gone; /* owns; names and types of removed tools; borrow from the body */
    size_t gone_count;
    bool is_inside;             /* in the request that a message holds */
    struct body_change *change; /* borrows */
    struct http_fault *fault;   /* borrows; status 0: none yet */
};

/*
 * Members or elements of one container, in order. A piece goes together with the comma before
 * it, or, while nothing before it stays, with the one behind it.
 */
struct list {
    const char *prev_end; /* of the piece before, borrows */
    bool kept;            /* something before stays */
    bool is_open;         /* the last cut reaches to the next piece */
};

/* One tool, or a choice of one. */
struct tool {
    bool has_type;         /* a member "type" that is not null */
    struct str type, name; /* empty if no plain string */
    bool is_local;         /* "environment" says so */
    struct tally inner;    /* "tools" in it */
};

struct choice {
    bool is_object;
    struct tool tool;
    struct tally list; /* of an allowed_tools */
};

/* --- body_cut.c --- */

bool body_refuse(struct pass *pass, int status, const char *reason);
/* Count what went, and name it in the change. */
void body_note(struct pass *pass, struct str what);
bool body_cut(struct pass *pass, const char *from, const char *to);
/* Names and types of removed tools, for who refers to them. */
void body_remember(struct pass *pass, struct str what);
bool body_is_gone(const struct pass *pass, struct str what);
/* A piece begins; the piece that began at `start` and ends here stays or goes. */
void body_list_piece(struct pass *pass, struct list *list, const char *start);
bool body_list_judge(struct pass *pass, struct list *list, const char *start, bool keep);
bool body_is_in(char *const *list, size_t count, struct str word);
bool body_keeps(const struct pass *pass, struct str word); /* the rule's `keep` */
/*
 * The index of a name in a table that ends with NULL, or its length. Refused: an escape; one
 * like one of the table but for its case, which some readers take for the same; the second of
 * the same (`seen`).
 */
bool body_find_once(struct pass *pass, const struct jscan_string *name,
        const char *const *table, unsigned *seen, size_t *ret);

/* --- body_tools.c --- */

bool body_walk_tools(struct pass *pass, struct tally *tally);
bool body_walk_choice(struct pass *pass, struct choice *choice);
bool body_choice_stays(
        const struct pass *pass, const struct choice *choice, const struct tally *tools);

/* --- body_content.c --- */

bool body_walk_content(struct pass *pass);
bool body_check_model(struct pass *pass); /* a name, or a list of them */

#endif
