/*
 * tap.c - see tap.h: decoder, key check, event parser and reader of one response in a row.
 *
 * Blocks: no. Owns: all of them.
 */
#include "proxy/tap.h"

#include "base/err.h"
#include "http/sse.h"
#include "proxy/inflate.h"
#include "proxy/leak.h"

struct body_tap {
    const struct price_table *prices; /* borrows */
    bool reads;                       /* the usage is wanted */
    bool is_stream;                   /* of events; otherwise one JSON text */
    enum tap_result result;           /* so far */
    struct inflate *inflate;          /* owns; NULL: not compressed */
    struct leak leak;                 /* of the decoded bytes */
    struct sse sse;
    struct usage_reader reader;
};

static void on_event(void *ctx, struct str name, struct str data)
{
    struct body_tap *tap = ctx;
    usage_reader_event(&tap->reader, name, data);
}

/* Decoded bytes that hold no key. */
static void on_plain(void *ctx, struct str piece)
{
    struct body_tap *tap = ctx;
    if (!tap->reads)
        return;
    if (tap->is_stream)
        sse_feed(&tap->sse, piece);
    else
        usage_reader_body(&tap->reader, piece);
}

static void on_decoded(void *ctx, struct str piece)
{
    struct body_tap *tap = ctx;
    if (leak_feed(&tap->leak, piece, on_plain, tap) < 0)
        tap->result = TAP_KEY;
}

/* The media type without its parameters. */
static struct str media_type(struct str content_type)
{
    struct str type;
    (void)str_cut(&content_type, ';', &type);
    return str_trim(type);
}

static bool is_json(struct str type)
{
    return str_eq_icase(type, STR("application/json")) ||
           (type.n > 5 && str_eq_icase((struct str){type.p + type.n - 5, 5}, STR("+json")));
}

struct body_tap *body_tap_new(const struct tap_config *config)
{
    CHECK(config->key_count <= LEAK_KEYS);
    struct str type = media_type(config->content_type);
    bool stream = !config->websocket && str_eq_icase(type, STR("text/event-stream"));
    bool plain = str_trim(config->content_encoding).n == 0 ||
                 str_eq_icase(str_trim(config->content_encoding), STR("identity"));
    bool reads = config->dialect != API_NONE && (config->websocket || stream || is_json(type));
    struct inflate *inflate = NULL;
    if (!config->websocket && !plain) {
        if (reads || config->key_count > 0)
            inflate = inflate_new(config->content_encoding);
        if (!inflate && config->key_count == 0)
            return NULL;
    } else if (!reads) {
        return NULL;
    }
    /* Not cleared: most of it is scratch, and this is once a request. */
    struct body_tap *tap = xmalloc(sizeof(*tap));
    tap->leak = (struct leak)LEAK_INIT;
    tap->prices = config->prices;
    tap->reads = reads;
    tap->is_stream = stream;
    tap->inflate = inflate;
    tap->result = plain || inflate || config->websocket ? TAP_FINE : TAP_UNREADABLE;
    for (size_t i = 0; inflate && i < config->key_count; i++)
        leak_add(&tap->leak, config->keys[i]);
    sse_init(&tap->sse, on_event, tap);
    usage_reader_init(&tap->reader, config->dialect);
    return tap;
}

enum tap_result body_tap_feed(struct body_tap *tap, struct str piece)
{
    if (tap->result != TAP_FINE)
        return tap->result;
    if (!tap->inflate)
        on_plain(tap, piece);
    else if (inflate_feed(tap->inflate, piece, on_decoded, tap) == INFLATE_LOST &&
             tap->result == TAP_FINE && tap->leak.count > 0)
        tap->result = TAP_UNREADABLE;
    return tap->result;
}

void body_tap_message(struct body_tap *tap, struct str json)
{
    usage_reader_message(&tap->reader, json);
}

void body_tap_end(struct body_tap *tap, struct usage *ret)
{
    if (!tap)
        return;
    leak_finish(&tap->leak, on_plain, tap);
    bool wanted = ret && tap->reads;
    usage_reader_end(&tap->reader, wanted ? ret : NULL);
    if (wanted)
        ret->cost_micro = price_cost(tap->prices, ret);
    leak_release(&tap->leak);
    sse_release(&tap->sse);
    inflate_free(tap->inflate);
    free(tap);
}
