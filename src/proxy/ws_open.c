/*
 * ws_open.c - the opening handshake of ws.h.
 *
 * Read strictly on both sides (RFC 6455 section 4): what the agent's library and the upstream
 * could understand in two ways would let them disagree about where HTTP ends.
 *
 * Blocks: no. Owns: nothing.
 */
#include "io/crypt.h"
#include "proxy/ws.h"

static int fault_set(struct http_fault *fault, int status, const char *reason)
{
    *fault = (struct http_fault){status, reason};
    return -1;
}

/* How often the field is there; *ret is the first one's value. */
static unsigned field_count(const struct http_head *head, struct str name, struct str *ret)
{
    const struct http_field *field;
    unsigned count = 0;
    *ret = STR("");
    for (size_t i = 0; (field = http_next(head, name, &i)) != NULL; count++) {
        if (count == 0)
            *ret = field->value;
    }
    return count;
}

static bool upgrades_to_websocket(const struct http_head *head)
{
    struct str value;
    return head->upgrade && field_count(head, STR("upgrade"), &value) == 1 &&
           str_eq_icase(value, STR("websocket"));
}

/* 16 bytes: 21 digits of six bits, one of which only two count, and the padding. */
static bool key_is_well_formed(struct str key)
{
    static const char last[] = {'A', 'Q', 'g', 'w'};
    if (key.n != 24 || !str_ends(key, STR("==")) || !memchr(last, key.p[21], sizeof(last)))
        return false;
    for (size_t i = 0; i < 22; i++) {
        char c = key.p[i];
        if (!char_is_alnum(c) && c != '+' && c != '/')
            return false;
    }
    return true;
}

static void accept_of(struct str key, char out[29])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t hash[SHA1_LEN];
    char text[24 + sizeof(guid)];
    memcpy(text, key.p, 24);
    memcpy(text + 24, guid, sizeof(guid));
    crypt_sha1(text, sizeof(text) - 1, hash);
    crypt_base64(hash, sizeof(hash), out);
}

/* False: no room, or an empty name. */
static bool protocols_add(struct ws_offer *offer, struct str list)
{
    struct str item;
    size_t n = strlen(offer->protocols);
    for (bool more = true; more;) {
        more = str_cut(&list, ',', &item);
        item = str_trim(item);
        if (item.n == 0 || n + item.n + 2 > sizeof(offer->protocols))
            return false;
        if (n > 0)
            offer->protocols[n++] = ',';
        memcpy(offer->protocols + n, item.p, item.n);
        n += item.n;
        offer->protocols[n] = '\0';
    }
    return true;
}

static bool was_offered(const struct ws_offer *offer, struct str name)
{
    struct str list = str_of(offer->protocols), item;
    for (bool more = list.n > 0; more;) {
        more = str_cut(&list, ',', &item);
        if (str_eq(item, name))
            return true;
    }
    return false;
}

int ws_check_request(
        const struct http_head *head, struct ws_offer *ret, struct http_fault *fault)
{
    struct str value;
    if (!str_eq(head->method, STR("GET")) || head->minor != 1)
        return fault_set(fault, 400, "WebSocket handshake is not a GET of HTTP/1.1");
    if (!upgrades_to_websocket(head))
        return fault_set(fault, 400, "Upgrade to something other than websocket");
    if (head->framing != HTTP_NO_BODY || head->expect_continue)
        return fault_set(fault, 400, "WebSocket handshake with a body");
    if (field_count(head, STR("sec-websocket-version"), &value) != 1 ||
            !str_eq(value, STR("13")))
        return fault_set(fault, 400, "Sec-WebSocket-Version is not 13");
    if (field_count(head, STR("sec-websocket-key"), &value) != 1 || !key_is_well_formed(value))
        return fault_set(fault, 400, "malformed Sec-WebSocket-Key");
    accept_of(value, ret->accept);
    ret->protocols[0] = '\0';
    const struct http_field *field;
    for (size_t i = 0; (field = http_next(head, STR("sec-websocket-protocol"), &i)) != NULL;) {
        if (!protocols_add(ret, field->value))
            return fault_set(fault, 400, "malformed Sec-WebSocket-Protocol");
    }
    return 0;
}

int ws_check_response(
        const struct http_head *head, const struct ws_offer *offer, struct http_fault *fault)
{
    struct str value;
    if (head->status != 101 || head->minor != 1 || !upgrades_to_websocket(head))
        return fault_set(fault, 502, "upstream switched to something other than websocket");
    if (head->length > 0 || field_count(head, STR("transfer-encoding"), &value) > 0)
        return fault_set(fault, 502, "upstream's 101 has a body");
    if (field_count(head, STR("sec-websocket-accept"), &value) != 1 ||
            !str_eq(value, str_of(offer->accept)))
        return fault_set(fault, 502, "upstream's Sec-WebSocket-Accept is wrong");
    if (field_count(head, STR("sec-websocket-extensions"), &value) > 0)
        return fault_set(fault, 502, "upstream agreed on an extension nobody asked for");
    unsigned count = field_count(head, STR("sec-websocket-protocol"), &value);
    if (count > 1 || (count == 1 && !was_offered(offer, value)))
        return fault_set(fault, 502, "upstream agreed on a subprotocol nobody asked for");
    return 0;
}

bool ws_field_is_ours(struct str name)
{
    return str_eq_icase(name, STR("sec-websocket-extensions"));
}
