/*
 * chord.h - a key by its name: "C-\", "F12", "C-Space".
 *
 * It is how a configuration names the prefix, the one key that the agent does not get.
 */
#ifndef SRC_PTY_CHORD_H
#define SRC_PTY_CHORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct chord {
    char name[12]; /* as it is shown */
    int byte;      /* the control byte a terminal sends for it; -1: none */
    uint32_t cp;   /* the character with Ctrl; 0: a function key */
    int key;       /* VT_KEY_F1 + n; 0: a character */
};

/* C-\ */
extern const struct chord CHORD_DEFAULT;

/* ERR_CONFIG: no such key, or one that people and agents cannot do without; the message says
 * which and why. */
int chord_parse(const char *name, struct chord *ret, struct err *err);

#endif
