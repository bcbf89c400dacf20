/* messages.h - the last messages, newest first; a ring. */
#ifndef SRC_TUI_MESSAGES_H
#define SRC_TUI_MESSAGES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#define MESSAGES_MAX 100
#define MESSAGE_LEN 320

struct message {
    int64_t at_ms;
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
const struct message *messages_at(const struct messages *messages, unsigned index);

#endif
