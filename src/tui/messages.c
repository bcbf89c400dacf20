/* messages.c - see messages.h. Text is made safe to print when it comes in. */
#include "tui/messages.h"

#include "base/mem.h"
#include "base/str.h"

void messages_put(struct messages *messages, int64_t now_ms, const char *fmt, va_list args)
{
    char raw[MESSAGE_LEN];
    struct message *message = &messages->ring[messages->count++ % MESSAGES_MAX];
    int n = vsnprintf(raw, sizeof raw, fmt, args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof raw ? (size_t)n : sizeof raw - 1;
    str_vis(message->text, sizeof message->text, (struct str){raw, len});
    message->at_ms = now_ms;
    messages->showing = true;
}

void messages_add(struct messages *messages, int64_t now_ms, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    messages_put(messages, now_ms, fmt, args);
    va_end(args);
}

const struct message *messages_at(const struct messages *messages, unsigned index)
{
    unsigned kept = messages->count < MESSAGES_MAX ? messages->count : MESSAGES_MAX;
    if (index >= kept)
        return NULL;
    return &messages->ring[(messages->count - 1 - index) % MESSAGES_MAX];
}
