/* csi.c - see csi.h. */
#include "tui/csi.h"

#include <string.h>

#include "pty/vt.h"

static unsigned *slot_of(struct csi *csi, unsigned sub)
{
    if (sub == 0)
        return csi->count < 4 ? &csi->p[csi->count] : NULL;
    if (csi->count == 0)
        return sub == 1 ? &csi->shifted : sub == 2 ? &csi->base : NULL;
    return csi->count == 1 && sub == 1 ? &csi->event : NULL;
}

void csi_parse(struct csi *ret, const char *seq, size_t len)
{
    *ret = (struct csi){.final = seq[len - 1]};
    unsigned sub = 0;
    bool any = false;
    for (size_t i = 2; i + 1 < len; i++) {
        char c = seq[i];
        if (c >= '<' && c <= '?') {
            ret->leader = c;
        } else if (c == ';') {
            ret->count++;
            sub = 0;
            any = true;
        } else if (c == ':') {
            sub++;
        } else if (c < '0') {
            ret->inter = c;
        } else {
            any = true;
            unsigned *slot = slot_of(ret, sub);
            if (slot && *slot < 100000)
                *slot = *slot * 10 + (unsigned)(c - '0');
        }
    }
    if (any)
        ret->count++;
}

int csi_mods(const struct csi *csi)
{
    unsigned m = csi->p[1] > 1 ? csi->p[1] - 1 : 0;
    return (int)(m & 7) | (m & 0x38 ? CSI_MOD_OTHER : 0);
}

#define KEYPAD_0 57399u
#define KEYPAD_LAST 57426u

bool csi_keypad(unsigned code, uint32_t *ret_cp, int *ret_sym)
{
    static const char chars[] = "0123456789./*-+\r=,";
    static const int syms[] = {VT_KEY_LEFT, VT_KEY_RIGHT, VT_KEY_UP, VT_KEY_DOWN,
            VT_KEY_PAGE_UP, VT_KEY_PAGE_DOWN, VT_KEY_HOME, VT_KEY_END, VT_KEY_INSERT,
            VT_KEY_DELETE};
    if (code < KEYPAD_0 || code > KEYPAD_LAST)
        return false;
    unsigned at = code - KEYPAD_0, count = sizeof chars - 1;
    *ret_cp = at < count ? (uint32_t)chars[at] : 0;
    *ret_sym = at < count ? 0 : syms[at - count];
    return true;
}

bool csi_is_modifier(unsigned code)
{
    return (code >= 57358 && code <= 57360) || (code >= 57441 && code <= 57454);
}

int csi_tilde_sym(unsigned n)
{
    static const struct {
        unsigned n;
        int sym;
    } table[] = {
            {1, VT_KEY_HOME},
            {2, VT_KEY_INSERT},
            {3, VT_KEY_DELETE},
            {4, VT_KEY_END},
            {5, VT_KEY_PAGE_UP},
            {6, VT_KEY_PAGE_DOWN},
            {7, VT_KEY_HOME},
            {8, VT_KEY_END},
            {11, VT_KEY_F1},
            {12, VT_KEY_F1 + 1},
            {13, VT_KEY_F1 + 2},
            {14, VT_KEY_F1 + 3},
            {15, VT_KEY_F1 + 4},
            {17, VT_KEY_F1 + 5},
            {18, VT_KEY_F1 + 6},
            {19, VT_KEY_F1 + 7},
            {20, VT_KEY_F1 + 8},
            {21, VT_KEY_F1 + 9},
            {23, VT_KEY_F1 + 10},
            {24, VT_KEY_F1 + 11},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].n == n)
            return table[i].sym;
    return 0;
}

int csi_letter_sym(char final)
{
    switch (final) {
    case 'A':
        return VT_KEY_UP;
    case 'B':
        return VT_KEY_DOWN;
    case 'C':
        return VT_KEY_RIGHT;
    case 'D':
        return VT_KEY_LEFT;
    case 'H':
        return VT_KEY_HOME;
    case 'F':
        return VT_KEY_END;
    case 'P':
        return VT_KEY_F1;
    case 'Q':
        return VT_KEY_F1 + 1;
    case 'R':
        return VT_KEY_F1 + 2;
    case 'S':
        return VT_KEY_F1 + 3;
    default:
        return 0;
    }
}

bool csi_is_reply(const struct csi *csi)
{
    if (csi->leader == '?')
        return strchr("cRnuSt", csi->final) || (csi->final == 'y' && csi->inter == '$');
    if (csi->leader == '>' || csi->leader == '=')
        return csi->final == 'c';
    if (csi->leader)
        return false;
    if (csi->final == 'y')
        return csi->inter == '$';
    return !csi->inter && strchr("nctx", csi->final);
}
