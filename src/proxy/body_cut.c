/*
 * body_cut.c - the ranges of a body that are left out, and names that must not be mistaken.
 *
 * Blocks: no. Owns: nothing; the pass owns its lists.
 */
#include "proxy/body_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"

bool body_refuse(struct pass *pass, int status, const char *reason)
{
    *pass->fault = (struct http_fault){status, reason};
    return false;
}

/* --- what goes ------------------------------------------------------------------------- */

/* The list of names is for people: printable, short, cut with a mark. */
void body_note(struct pass *pass, struct str what)
{
    char shown[64];
    char *names = pass->change->names;
    size_t used = strlen(names), room = sizeof(pass->change->names) - used;
    str_vis(shown, sizeof(shown), what);
    pass->change->count++;
    if (used && str_ends(str_of(names), STR(", ..")))
        return;
    if (strlen(shown) + sizeof(", , ..") > room)
        snprintf(names + used, room, ", ..");
    else
        snprintf(names + used, room, "%s%s", used ? ", " : "", shown);
}

bool body_cut(struct pass *pass, const char *from, const char *to)
{
    if (pass->cut_count == LIMIT_BODY_CUTS)
        return body_refuse(pass, 400, "more forbidden tools than a request can need");
    if ((pass->cut_count & (pass->cut_count - 1)) == 0)
        pass->cuts = xrealloc(pass->cuts, (pass->cut_count * 2 + 1) * sizeof(*pass->cuts));
    pass->cuts[pass->cut_count++] = (struct cut){from, to};
    return true;
}

/* body_cut() bounds how many there can be. */
void body_remember(struct pass *pass, struct str what)
{
    if (what.n == 0)
        return;
    pass->gone = xrealloc(pass->gone, (pass->gone_count + 1) * sizeof(*pass->gone));
    pass->gone[pass->gone_count++] = what;
}

bool body_is_gone(const struct pass *pass, struct str what)
{
    for (size_t i = 0; i < pass->gone_count; i++) {
        if (str_eq(pass->gone[i], what))
            return true;
    }
    return false;
}

void body_list_piece(struct pass *pass, struct list *list, const char *start)
{
    if (list->is_open)
        pass->cuts[pass->cut_count - 1].to = start;
    list->is_open = false;
}

bool body_list_judge(struct pass *pass, struct list *list, const char *start, bool keep)
{
    const char *end = pass->scan.p;
    bool ok = keep || body_cut(pass, list->kept ? list->prev_end : start, end);
    list->is_open = !keep && !list->kept;
    list->kept = list->kept || keep;
    list->prev_end = end;
    return ok;
}

/* --- names ----------------------------------------------------------------------------- */

bool body_is_in(char *const *list, size_t count, struct str word)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(str_of(list[i]), word))
            return true;
    }
    return false;
}

bool body_keeps(const struct pass *pass, struct str word)
{
    return body_is_in(pass->rule->keep, pass->rule->keep_count, word);
}

/*
 * The index of a name in a table that ends with NULL, or its length. False: escaped, or like
 * one in the table but for its case, which some readers take for the same.
 */
static bool find_name(struct pass *pass, const struct jscan_string *name,
        const char *const *table, size_t *ret)
{
    size_t i = 0;
    if (name->escaped)
        return body_refuse(pass, 400, BODY_ODD_NAME);
    while (table[i] && !str_eq_icase(name->text, str_of(table[i])))
        i++;
    *ret = i;
    return !table[i] || str_eq(name->text, str_of(table[i])) ||
           body_refuse(pass, 400, BODY_ODD_NAME);
}

bool body_find_once(struct pass *pass, const struct jscan_string *name,
        const char *const *table, unsigned *seen, size_t *ret)
{
    if (!find_name(pass, name, table, ret))
        return false;
    if (table[*ret] && (*seen & 1u << *ret))
        return body_refuse(pass, 400, BODY_TWICE);
    *seen |= 1u << *ret;
    return true;
}
