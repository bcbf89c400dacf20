/* latin.h - which Latin key sits where a Cyrillic or Greek layout has this character. Pure. */
#ifndef SRC_TUI_LATIN_H
#define SRC_TUI_LATIN_H

#include <stdint.h>

/* Characters of no such layout come back as they are. */
uint32_t latin_key(uint32_t cp);

#endif
