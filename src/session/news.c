/*
 * news.c - see news.h. A busy agent is known by its bytes in a second; the timer runs only
 * while it is busy, to find out when it is not any more.
 */
#include "session/news.h"

#include "base/limits.h"

#define WINDOW_MS 1000

static void on_timer(void *ctx)
{
    struct news *news = ctx;

    if (news->window_bytes >= LIMIT_BUSY_BYTES) {
        news->window_bytes = 0;
        timer_start(news->timer, WINDOW_MS);
        return;
    }
    news->busy = false;
    news->ops->on_busy(news->ctx);
}

void news_init(struct news *news, struct loop *loop, const struct news_ops *ops, void *ctx)
{
    *news = (struct news){.loop = loop, .ops = ops, .ctx = ctx, .credit = LIMIT_NEWS};
    news->timer = timer_new(loop, on_timer, news);
}

void news_release(struct news *news)
{
    timer_free(news->timer);
    news->timer = NULL;
    buf_release(&news->clipboard);
}

/* May a line be said? One that may not is counted. */
static bool may_say(struct news *news)
{
    uint64_t now = loop_now_ms(news->loop);
    uint64_t earned = (now - news->credit_at) / LIMIT_NEWS_MS;

    if (earned > 0) {
        news->credit = earned < LIMIT_NEWS - news->credit ? news->credit + (unsigned)earned
                                                          : LIMIT_NEWS;
        news->credit_at = now;
    }
    if (news->credit == 0) {
        news->left_out++;
        return false;
    }
    news->credit--;
    return true;
}

void news_notice(struct news *news, struct str text)
{
    char safe[200], line[260];

    if (!may_say(news))
        return;
    str_vis(safe, sizeof(safe), text);
    if (news->left_out > 0)
        snprintf(line, sizeof(line), "agent says ~\"%s\"; %u before it were left out", safe,
                news->left_out);
    else
        snprintf(line, sizeof(line), "agent says ~\"%s\"", safe);
    news->left_out = 0;
    news->ops->on_notice(news->ctx, line);
}

/* The text is always the last one, also if nothing is said about it. */
void news_clipboard(struct news *news, struct str text)
{
    buf_clear(&news->clipboard);
    buf_append_str(&news->clipboard, text);
    if (may_say(news))
        news->ops->on_clipboard(news->ctx);
}

void news_output(struct news *news, size_t n)
{
    if (!news->busy) {
        uint64_t now = loop_now_ms(news->loop);

        if (now - news->window_at >= WINDOW_MS) {
            news->window_at = now;
            news->window_bytes = 0;
        }
    }
    news->window_bytes += n;
    if (news->busy || news->window_bytes < LIMIT_BUSY_BYTES)
        return;
    news->busy = true;
    news->window_bytes = 0;
    timer_start(news->timer, WINDOW_MS);
    news->ops->on_busy(news->ctx);
}
