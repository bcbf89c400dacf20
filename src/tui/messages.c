/* messages.c - see messages.h. Text is made safe to print when it comes in. */
#include "tui/messages.h"

#include "base/mem.h"
#include "base/str.h"

void messages_put(struct messages *messages, int64_t now_ms, const char *fmt, va_list args)
{
    char raw[MESSAGE_LEN];
    struct message *message = &messages->ring[messages->count++ % MESSAGES_MAX];

    message->note = false;
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

static struct message *slot(struct messages *messages, unsigned index)
{
    return &messages->ring[(messages->count - 1 - index) % MESSAGES_MAX];
}

/* If there are as many notes as there may be, the oldest one goes. */
static void forget_note(struct messages *messages)
{
    unsigned kept = messages->count < MESSAGES_MAX ? messages->count : MESSAGES_MAX;
    unsigned notes = 0, oldest = 0;

    for (unsigned i = 0; i < kept; i++)
        if (slot(messages, i)->note) {
            notes++;
            oldest = i;
        }
    if (notes < MESSAGES_NOTES)
        return;
    for (unsigned i = oldest; i > 0; i--)
        *slot(messages, i) = *slot(messages, i - 1);
    messages->count--;
}

void messages_note(struct messages *messages, int64_t now_ms, const char *fmt, ...)
{
    bool showing = messages->showing;
    va_list args;

    forget_note(messages);
    va_start(args, fmt);
    messages_put(messages, now_ms, fmt, args);
    va_end(args);
    slot(messages, 0)->note = true;
    messages->showing = showing;
}

const struct message *messages_at(const struct messages *messages, unsigned index)
{
    unsigned kept = messages->count < MESSAGES_MAX ? messages->count : MESSAGES_MAX;
    if (index >= kept)
        return NULL;
    return &messages->ring[(messages->count - 1 - index) % MESSAGES_MAX];
}

const struct message *messages_shown(const struct messages *messages)
{
    const struct message *message = NULL;

    for (unsigned i = 0; messages->showing && (message = messages_at(messages, i)); i++)
        if (!message->note)
            break;
    return message;
}
