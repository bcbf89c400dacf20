/*
 * ip.c - literal IP addresses, and which addresses and names are not on the public Internet.
 *
 * The tables follow the IANA special-purpose registries (RFC 6890 and its updates). For IPv6
 * it is simpler to say what is public: 2000::/3 without a few holes. The first row that fits
 * counts, so the metadata services stand before the blocks they are in.
 *
 * An IPv6 address may carry an IPv4 address. Where a host or a gateway really sends packets
 * to that one (mapped, NAT64) it is judged instead; the other forms are dead or their layout
 * is a matter of the local network, so they are never public, but what they carry may make
 * them worse than that.
 */
#include "base/ip.h"

#include <arpa/inet.h>

/* How far away from the public Internet. */
enum place {
    PLACE_PUBLIC,
    PLACE_OWN,     /* this machine or a network of its operator */
    PLACE_SPECIAL, /* nobody has a service there */
    PLACE_METADATA /* link-local, or gives the machine's identity to whoever asks */
};

struct range {
    uint8_t net[16];
    unsigned bits;
    enum place place;
    const char *what;
};

static const struct range special4[] = {
        {{100, 100, 100, 200}, 32, PLACE_METADATA, "a cloud's metadata service"},
        {{168, 63, 129, 16}, 32, PLACE_METADATA, "a cloud's metadata service"},
        {{169, 254}, 16, PLACE_METADATA,
                "link-local, where clouds keep their metadata service"},
        {{0}, 8, PLACE_SPECIAL, "this network"},
        {{10}, 8, PLACE_OWN, "private"},
        {{100, 64}, 10, PLACE_OWN, "carrier-grade NAT"},
        {{127}, 8, PLACE_OWN, "loopback"},
        {{172, 16}, 12, PLACE_OWN, "private"},
        {{192, 0, 0}, 24, PLACE_SPECIAL, "reserved"},
        {{192, 0, 2}, 24, PLACE_SPECIAL, "documentation"},
        {{192, 88, 99}, 24, PLACE_SPECIAL, "reserved"},
        {{192, 168}, 16, PLACE_OWN, "private"},
        {{198, 18}, 15, PLACE_SPECIAL, "benchmark"},
        {{198, 51, 100}, 24, PLACE_SPECIAL, "documentation"},
        {{203, 0, 113}, 24, PLACE_SPECIAL, "documentation"},
        {{224}, 4, PLACE_SPECIAL, "multicast"},
        {{240}, 4, PLACE_SPECIAL, "reserved"},
};

static const struct range special6[] = {
        {{0xfd, 0x00, 0x0e, 0xc2}, 32, PLACE_METADATA, "a cloud's metadata service"},
        {{0xfd, 0x20, 0x00, 0xce}, 32, PLACE_METADATA, "a cloud's metadata service"},
        {{0xfd, 0x00, 0x00, 0xc1}, 32, PLACE_METADATA, "a cloud's metadata service"},
        {{0xfe, 0x80}, 10, PLACE_METADATA, "link-local"},
        {{[15] = 1}, 128, PLACE_OWN, "loopback"},
        {{0xfc}, 7, PLACE_OWN, "private"},
        {{0xff}, 8, PLACE_SPECIAL, "multicast"},
        {{0x20, 0x01, 0x00}, 23, PLACE_SPECIAL, "reserved"},
        {{0x20, 0x01, 0x0d, 0xb8}, 32, PLACE_SPECIAL, "documentation"},
        {{0x20, 0x02}, 16, PLACE_SPECIAL, "6to4"},
        {{0x3f, 0xff, 0x00}, 20, PLACE_SPECIAL, "documentation"},
        {{0x20}, 3, PLACE_PUBLIC, NULL},
        {{0}, 0, PLACE_SPECIAL, "reserved"},
};

/* Where an IPv4 address stands in an IPv6 one. */
static const struct carrier {
    uint8_t net[16];
    unsigned bits;
    unsigned at;   /* of its four bytes */
    uint8_t flip;  /* Teredo stores its client's address inverted */
    bool replaced; /* packets go to the IPv4 address: nothing else counts */
} carriers[] = {
        {{[10] = 0xff, [11] = 0xff}, 96, 12, 0, true},            /* mapped */
        {{0x00, 0x64, 0xff, 0x9b}, 96, 12, 0, true},              /* NAT64, RFC 6052 */
        {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, 12, 0, false}, /* local NAT64, RFC 8215 */
        {{0}, 96, 12, 0, false},                                  /* compatible */
        {{[8] = 0xff, [9] = 0xff}, 96, 12, 0, false},             /* translated, RFC 2765 */
        {{0x20, 0x02}, 16, 2, 0, false},                          /* 6to4 */
        {{0x20, 0x01, 0x00, 0x00}, 32, 4, 0, false},              /* Teredo: server */
        {{0x20, 0x01, 0x00, 0x00}, 32, 12, 0xff, false},          /* Teredo: client */
};

/* Names that stand for this machine or the network it is in (RFC 6761, 6762, 8375). */
static const char *const local_names[] = {"localhost", "local", "internal", "localdomain",
        "home.arpa", "in-addr.arpa", "ip6.arpa", NULL};

/* Names of metadata services; those without a dot come from search domains. */
static const char *const metadata_names[] = {"metadata", "instance-data", "metadata.goog",
        "metadata.google.internal", "metadata.azure.internal", "instance-data.ec2.internal",
        "metadata.tencentyun.com", NULL};

static bool in_net(const uint8_t *ip, const uint8_t *net, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;

    if (memcmp(ip, net, whole) != 0)
        return false;
    return rest == 0 || ip[whole] >> (8 - rest) == net[whole] >> (8 - rest);
}

static bool parse4(struct str text, struct ip *ret)
{
    struct ip ip = {.is_v6 = false};

    for (int i = 0; i < 4; i++) {
        struct str part;
        uint64_t value = 0;
        bool more = str_cut(&text, '.', &part);

        if (more != (i < 3) || !str_u64(part, 255, &value))
            return false;
        if (part.n > 1 && part.p[0] == '0')
            return false;
        ip.bytes[i] = (uint8_t)value;
    }
    *ret = ip;
    return true;
}

bool ip_parse(struct str text, struct ip *ret)
{
    struct ip ip = {.is_v6 = true};
    char cstr[INET6_ADDRSTRLEN];

    if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
        text = (struct str){text.p + 1, text.n - 2};
    else if (parse4(text, ret))
        return true;
    if (text.n == 0 || memchr(text.p, '\0', text.n) || !memchr(text.p, ':', text.n))
        return false;
    if (!str_copy(cstr, sizeof(cstr), text) || inet_pton(AF_INET6, cstr, ip.bytes) != 1)
        return false;
    *ret = ip;
    return true;
}

bool ip_looks_numeric(struct str text)
{
    if (str_ends(text, STR(".")))
        text.n--;
    size_t start = text.n;
    while (start > 0 && text.p[start - 1] != '.')
        start--;
    struct str last = {text.p + start, text.n - start};
    if (last.n >= 2 && last.p[0] == '0' && (last.p[1] == 'x' || last.p[1] == 'X'))
        return true;
    for (size_t i = 0; i < last.n; i++)
        if (last.p[i] < '0' || last.p[i] > '9')
            return false;
    return last.n > 0;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
    return a->is_v6 == b->is_v6 && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool ip_in_net(const struct ip *ip, const struct ip *net, unsigned bits)
{
    return ip->is_v6 == net->is_v6 && in_net(ip->bytes, net->bytes, bits);
}

/* --- what is public ---------------------------------------------------------------- */

static const struct range public_range = {.place = PLACE_PUBLIC};

static const struct range *look_up(const uint8_t *ip, const struct range *table, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (in_net(ip, table[i].net, table[i].bits))
            return &table[i];
    return &public_range;
}

static const struct range *look_up4(const uint8_t ip[4])
{
    return look_up(ip, special4, sizeof(special4) / sizeof(special4[0]));
}

static const struct range *look_up6(const uint8_t ip[16])
{
    const struct range *worst = look_up(ip, special6, sizeof(special6) / sizeof(special6[0]));

    /* The loopback address and the empty one are in the block of "compatible" ones. */
    if (worst->place == PLACE_OWN)
        return worst;
    for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++) {
        const struct carrier *c = &carriers[i];
        uint8_t inner[4];

        if (!in_net(ip, c->net, c->bits))
            continue;
        for (unsigned k = 0; k < 4; k++)
            inner[k] = ip[c->at + k] ^ c->flip;
        const struct range *carried = look_up4(inner);
        if (c->replaced)
            return carried;
        if (carried->place > worst->place)
            worst = carried;
    }
    return worst;
}

static const struct range *range_of(const struct ip *ip)
{
    return ip->is_v6 ? look_up6(ip->bytes) : look_up4(ip->bytes);
}

const char *ip_special(const struct ip *ip)
{
    const char *what = range_of(ip)->what;

    if (what || !ip->is_v6)
        return what;
    for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++)
        if (in_net(ip->bytes, carriers[i].net, carriers[i].bits))
            return "an IPv4 address inside";
    return NULL;
}

const char *ip_refused(const struct ip *ip, bool own)
{
    const struct range *range = range_of(ip);

    if (range->place == PLACE_PUBLIC || (own && range->place == PLACE_OWN))
        return NULL;
    return range->what;
}

/* `name` itself or something below it; a final dot says nothing. */
static bool name_in(struct str name, const char *const *list)
{
    if (str_ends(name, STR(".")))
        name.n--;
    for (; *list; list++) {
        struct str entry = str_of(*list);

        if (name.n < entry.n)
            continue;
        struct str tail = {name.p + (name.n - entry.n), entry.n};
        if (str_eq_icase(tail, entry) && (name.n == entry.n || tail.p[-1] == '.'))
            return true;
    }
    return false;
}

bool name_is_local(struct str name)
{
    struct str first = name;

    if (str_ends(first, STR(".")))
        first.n--;
    return !memchr(first.p, '.', first.n) || name_in(name, local_names);
}

bool name_is_metadata(struct str name)
{
    return name_in(name, metadata_names);
}
