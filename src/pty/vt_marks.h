/*
 * vt_marks.h - which characters have no cell of their own.
 */
#ifndef SRC_PTY_VT_MARKS_H
#define SRC_PTY_VT_MARKS_H

#include <stdbool.h>
#include <stdint.h>

enum vt_char_kind {
    VT_CHAR_PLAIN,
    VT_CHAR_MARK,   /* belongs to the character before it */
    VT_CHAR_FORMAT, /* invisible, dropped */
};

/* For cp >= U+00A0. */
enum vt_char_kind vt_char_kind(uint32_t cp);

#endif
