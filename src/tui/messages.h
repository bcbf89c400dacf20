/* messages.h - the last messages, newest first; a ring. */
#ifndef SRC_TUI_MESSAGES_H
#define SRC_TUI_MESSAGES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#define MESSAGES_MAX 100
#define MESSAGES_NOTES 20 /* of them notes at most: agents write these */
#define MESSAGE_LEN 320

struct message {
    int64_t at_ms;
    bool note;
    char text[MESSAGE_LEN];
};

struct messages {
    struct message ring[MESSAGES_MAX];
    unsigned count; /* ever written */
    bool showing;   /* the newest is in the last row until the next key */
};

void messages_put(struct messages *messages, int64_t now_ms, const char *fmt, va_list args)
        __attribute__((format(printf, 3, 0)));
/* The same, without a screen that is to be told. */
void messages_add(struct messages *messages, int64_t now_ms, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* Kept only, not shown in the last row. A new one pushes out the oldest note, nothing else. */
void messages_note(struct messages *messages, int64_t now_ms, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* What the last row shows until the next key, or NULL. */
const struct message *messages_shown(const struct messages *messages);
const struct message *messages_at(const struct messages *messages, unsigned index);

#endif
