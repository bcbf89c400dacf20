/*
 * lookalike.c - host names that a reader takes for others.
 *
 * Two names look alike if they are the same after each letter has been replaced by the Latin
 * one it resembles, or if one small slip of a typist leads from one to the other. Names below
 * the same domain are not compared: their owner is the same.
 */
#include "base/punycode.h"
#include "policy/host.h"
#include "policy/risk.h"
#include "policy/rule.h"

#define SLIP_LEAST 6 /* in shorter names one letter more or less is another word */

/* Cyrillic, Greek and others that resemble a Latin letter. */
static const struct {
    uint32_t cp;
    char like;
} twins[] = {
        {0x0430, 'a'},
        {0x0435, 'e'},
        {0x043e, 'o'},
        {0x0440, 'p'},
        {0x0441, 'c'},
        {0x0443, 'y'},
        {0x0445, 'x'},
        {0x0455, 's'},
        {0x0456, 'i'},
        {0x0458, 'j'},
        {0x0501, 'd'},
        {0x051b, 'q'},
        {0x051d, 'w'},
        {0x04bb, 'h'},
        {0x0442, 't'},
        {0x043c, 'm'},
        {0x043a, 'k'},
        {0x043d, 'h'},
        {0x0432, 'b'},
        {0x0433, 'r'},
        {0x0475, 'v'},
        {0x04cf, 'l'},
        {0x03b1, 'a'},
        {0x03b5, 'e'},
        {0x03bf, 'o'},
        {0x03c1, 'p'},
        {0x03c5, 'u'},
        {0x03bd, 'v'},
        {0x03b9, 'i'},
        {0x03ba, 'k'},
        {0x03c7, 'x'},
        {0x03c4, 't'},
        {0x03b7, 'n'},
        {0x03c9, 'w'},
        {0x0561, 'w'},
        {0x0578, 'n'},
        {0x057d, 'u'},
        {0x0585, 'o'},
        {0x0570, 'h'},
        {0x0131, 'i'},
        {0x0142, 'l'},
        {0x00f8, 'o'},
        {0x0111, 'd'},
        {0x0261, 'g'},
        {0x0251, 'a'},
        {0x00e0, 'a'},
        {0x00e1, 'a'},
        {0x00e4, 'a'},
        {0x00e8, 'e'},
        {0x00e9, 'e'},
        {0x00ed, 'i'},
        {0x00f3, 'o'},
        {0x00f6, 'o'},
        {0x00fa, 'u'},
        {0x00fc, 'u'},
        {0x00f1, 'n'},
        {0x00e7, 'c'},
};

static char like(uint32_t cp)
{
    if (cp == '0')
        return 'o';
    if (cp == '1')
        return 'l';
    if (cp < 128)
        return (char)cp;
    for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++)
        if (twins[i].cp == cp)
            return twins[i].like;
    return '?';
}

/* The name as it looks: Latin letters, "rn" as "m" and "vv" as "w". */
static void skeleton(struct str host, char out[256])
{
    char letters[512];
    size_t n = 0;

    host_letters(host, letters, sizeof(letters));
    for (size_t i = 0, len = strlen(letters); i < len && n < 254;) {
        uint32_t cp = 0;
        int width = utf8_decode(letters + i, len - i, &cp);

        out[n++] = width > 0 ? like(cp) : '?';
        i += width > 0 ? (size_t)width : 1;
        if (n > 1 && out[n - 2] == 'r' && out[n - 1] == 'n')
            out[--n - 1] = 'm';
        else if (n > 1 && out[n - 2] == 'v' && out[n - 1] == 'v')
            out[--n - 1] = 'w';
    }
    out[n] = '\0';
}

/* "b.c" of "a.b.c" */
static struct str domain(struct str host)
{
    size_t dots = 0, at = host.n;

    while (at > 0 && (host.p[at - 1] != '.' || ++dots < 2))
        at--;
    return (struct str){host.p + at, host.n - at};
}

/* One letter more, less, another, or two in the other order. */
static bool is_slip(const char *a, const char *b)
{
    size_t an = strlen(a), bn = strlen(b), i = 0;

    if (an < bn) {
        const char *t = a;
        size_t tn = an;

        a = b, b = t, an = bn, bn = tn;
    }
    if (bn < SLIP_LEAST || an - bn > 1)
        return false;
    while (i < bn && a[i] == b[i])
        i++;
    if (an > bn)
        return strcmp(a + i + 1, b + i) == 0;
    if (i == an)
        return false;
    return strcmp(a + i + 1, b + i + 1) == 0 ||
           (a[i] == b[i + 1] && a[i + 1] == b[i] && a[i] && strcmp(a + i + 2, b + i + 2) == 0);
}

static bool is_taken_for(struct str host, const char *as, const char *allowed)
{
    struct str name = str_of(allowed);
    char shown[256];

    if (str_eq(host, name) || str_eq(domain(host), domain(name)))
        return false;
    skeleton(name, shown);
    if (strcmp(as, shown) == 0)
        return true;
    /* What differs must not be the whole of a short label. */
    return is_slip(as, shown);
}

const char *host_taken_for(const struct policy *policy, struct str host)
{
    char as[256];

    if (!policy || !host_is_name(host))
        return NULL;
    skeleton(host, as);
    for (size_t i = 0; i < policy->count; i++) {
        const struct rule *rule = &policy->rules[i];
        bool is_named = rule->net.kind == HOST_NAME || rule->net.kind == HOST_BELOW;

        if (rule->is_net && rule->verb != VERDICT_DENY && is_named &&
                is_taken_for(host, as, rule->net.host))
            return rule->net.host;
    }
    return NULL;
}

enum script { LATIN, GREEK, CYRILLIC, ARMENIAN, OTHER };

static enum script script_of(uint32_t cp)
{
    if (cp < 0x0250 || (cp >= 0x1e00 && cp < 0x1f00))
        return LATIN;
    if (cp >= 0x0370 && cp < 0x0400)
        return GREEK;
    if (cp >= 0x0400 && cp < 0x0530)
        return CYRILLIC;
    return cp >= 0x0530 && cp < 0x0590 ? ARMENIAN : OTHER;
}

bool host_is_mixed(struct str host)
{
    char letters[512];
    unsigned seen = 0;

    host_letters(host, letters, sizeof(letters));
    for (size_t i = 0, len = strlen(letters); i < len;) {
        uint32_t cp = 0;
        int width = utf8_decode(letters + i, len - i, &cp);

        i += width > 0 ? (size_t)width : 1;
        if (cp == '.')
            seen = 0;
        else if (cp >= 128 || (char_lower((char)cp) >= 'a' && char_lower((char)cp) <= 'z'))
            seen |= 1u << script_of(cp);
        if (seen & (seen - 1))
            return true;
    }
    return false;
}
