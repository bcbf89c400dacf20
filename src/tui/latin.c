/*
 * latin.c - commands are keys in a place on the keyboard, whatever layout is on.
 *
 * Russian (with the letters that Ukrainian and Belarusian put elsewhere) and Greek, by their
 * standard layouts; terminals with the kitty protocol say the place themselves.
 */
#include "tui/latin.h"

#include <stddef.h>

/* U+0430 to U+044F in order: the letters a to ya. */
static const char CYRILLIC[] = "f,dult;pbqrkvyjghcnea[wxio]sm'.z";
/* U+03B1 to U+03C9 in order: alpha to omega, with the final sigma. */
static const char GREEK[] = "abgdezhuiklmnjoprwstyfxcv";

static const struct {
    uint32_t cp;
    char key;
} OTHERS[] = {{0x451, '`'}, {0x401, '~'}, /* io */
        {0x456, 's'}, {0x406, 'S'},       /* Ukrainian i */
        {0x457, ']'}, {0x407, '}'},       /* yi */
        {0x454, '\''}, {0x404, '"'},      /* ye */
        {0x45e, 'o'}, {0x40e, 'O'},       /* Belarusian short u */
        {0x3ac, 'a'}, {0x3ad, 'e'}, {0x3ae, 'h'}, {0x3af, 'i'}, {0x3cc, 'o'}, {0x3cd, 'y'},
        {0x3ce, 'v'}, {0x37e, 'q'}};

static uint32_t shifted(char key)
{
    static const char plain[] = "`[];',.", upper[] = "~{}:\"<>";
    for (size_t i = 0; plain[i]; i++)
        if (key == plain[i])
            return (uint32_t)upper[i];
    return key >= 'a' && key <= 'z' ? (uint32_t)(key - 'a' + 'A') : (uint32_t)key;
}

uint32_t latin_key(uint32_t cp)
{
    if (cp >= 0x430 && cp <= 0x44f)
        return (uint32_t)CYRILLIC[cp - 0x430];
    if (cp >= 0x410 && cp <= 0x42f)
        return shifted(CYRILLIC[cp - 0x410]);
    if (cp >= 0x3b1 && cp <= 0x3c9)
        return (uint32_t)GREEK[cp - 0x3b1];
    if (cp >= 0x391 && cp <= 0x3a9 && cp != 0x3a2)
        return shifted(GREEK[cp - 0x391]);
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++)
        if (cp == OTHERS[i].cp)
            return (uint32_t)OTHERS[i].key;
    return cp;
}
