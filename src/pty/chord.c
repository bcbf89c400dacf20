/* chord.c - see chord.h. */
#include "pty/chord.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "pty/vt.h"

const struct chord CHORD_DEFAULT = {"C-\\", 0x1c, '\\', 0};

/* Control keys that are Enter, Tab, Backspace, Escape, or that end, suspend and interrupt. */
static const char TAKEN[] = "cdzhijm[?";

static int from_control(const char *name, const char *key, struct chord *ret, struct err *err)
{
    char c = strcmp(key, "Space") == 0 ? ' ' : key[1] == '\0' ? char_lower(key[0]) : '\0';
    bool is_known = (c >= 'a' && c <= 'z') || (c && strchr(" @[\\]^_", c));

    if (c && strchr(TAKEN, c))
        return err_set(
                err, ERR_CONFIG, "'%s' cannot be the prefix: programs need that key", name);
    if (!is_known)
        return err_set(
                err, ERR_CONFIG, "'%s' is no key with Ctrl; write C-\\, C-b, C-Space", name);
    *ret = (struct chord){.byte = c & 0x1f, .cp = (uint32_t)c};
    if (c == ' ')
        snprintf(ret->name, sizeof(ret->name), "C-Space");
    else
        snprintf(ret->name, sizeof(ret->name), "C-%c", c);
    return 0;
}

int chord_parse(const char *name, struct chord *ret, struct err *err)
{
    bool is_control = (name[0] == 'C' || name[0] == 'c') && name[1] == '-' && name[2];
    bool is_function = (name[0] == 'F' || name[0] == 'f') && name[1];
    uint64_t n = 0;

    if (is_control)
        return from_control(name, name + 2, ret, err);
    if (is_function && str_u64(str_of(name + 1), 12, &n) && n >= 1) {
        *ret = (struct chord){.byte = -1, .key = VT_KEY_F1 + (int)n - 1};
        snprintf(ret->name, sizeof(ret->name), "F%u", (unsigned)n);
        return 0;
    }
    return err_set(err, ERR_CONFIG,
            "'%s' cannot be the prefix; a key with Ctrl can (C-\\, C-^, C-b, C-Space), or F1 "
            "to F12",
            name);
}
