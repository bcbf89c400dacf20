/* csi.h - a complete control sequence taken apart, and the tables of keys. Pure. */
#ifndef SRC_TUI_CSI_H
#define SRC_TUI_CSI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct csi {
    char leader; /* one of < = > ? or 0 */
    char inter;  /* last intermediate or 0 */
    char final;
    unsigned count;
    unsigned p[4];
    /* kitty's sub-parameters: of the key, and of its modifiers */
    unsigned shifted, base, event;
};

/* seq: ESC [ ... final, complete. */
void csi_parse(struct csi *ret, const char *seq, size_t len);
/* Super, Hyper or Meta: not to be mistaken for the key without it. */
#define CSI_MOD_OTHER 8
/* VT_MOD_* and CSI_MOD_OTHER of the second parameter; Caps Lock and Num Lock do not count. */
int csi_mods(const struct csi *csi);
/* What only a terminal sends by itself: reports of cursor, attributes, modes, size. */
bool csi_is_reply(const struct csi *csi);
/* VT_KEY_* of CSI number ~, as the VT220 numbers them; 0: none. */
int csi_tilde_sym(unsigned n);
/* What a key of the kitty protocol's private range is: true and *ret_cp or *ret_sym for one of
 * the number pad. */
bool csi_keypad(unsigned code, uint32_t *ret_cp, int *ret_sym);
/* A modifier by itself. */
bool csi_is_modifier(unsigned code);
/* VT_KEY_* of the final letter of CSI 1 ; mods X and of SS3 X; 0: none. */
int csi_letter_sym(char final);

#endif
