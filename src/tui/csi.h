/* csi.h - a complete control sequence taken apart, and the tables of keys. Pure. */
#ifndef SRC_TUI_CSI_H
#define SRC_TUI_CSI_H

#include <stdbool.h>
#include <stddef.h>

struct csi {
    char leader; /* one of < = > ? or 0 */
    char inter;  /* last intermediate or 0 */
    char final;
    unsigned count;
    unsigned p[4];
    unsigned event; /* kitty: sub-parameter of the second parameter */
};

/* seq: ESC [ ... final, complete. */
void csi_parse(struct csi *ret, const char *seq, size_t len);
/* VT_MOD_* of the second parameter. */
int csi_mods(const struct csi *csi);
/* What only a terminal sends by itself: reports of cursor, attributes, modes, size. */
bool csi_is_reply(const struct csi *csi);
/* VT_KEY_* of CSI number ~, as the VT220 numbers them; 0: none. */
int csi_tilde_sym(unsigned n);
/* VT_KEY_* of the final letter of CSI 1 ; mods X and of SS3 X; 0: none. */
int csi_letter_sym(char final);

#endif
