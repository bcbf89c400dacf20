/*
 * host.c - host names and addresses.
 *
 * This judges the name as written; what it resolves to is checked again when the connection
 * is made, because a public name may point to a private address.
 */
#include "policy/host.h"

#include "base/ip.h"

static bool is_label(struct str label)
{
    if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++) {
        char c = label.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            return false;
    }
    return true;
}

bool host_is_name(struct str host)
{
    struct str rest = host;
    struct str label;
    bool more = true;

    if (host.n > 253)
        return false;
    while (more) {
        more = str_cut(&rest, '.', &label);
        if (!is_label(label))
            return false;
    }
    return !ip_looks_numeric(host);
}

bool host_is_lookalike(struct str host)
{
    struct str label;
    bool more = true;

    while (more) {
        more = str_cut(&host, '.', &label);
        if (str_starts(label, STR("xn--")))
            return true;
    }
    return false;
}

bool host_is_forbidden(struct str host, char *why, size_t cap)
{
    struct ip ip;
    char shown[100];

    str_vis(shown, sizeof(shown), host);
    if (ip_parse(host, &ip)) {
        const char *what = ip_special(&ip);

        if (what)
            snprintf(why, cap, "address '%s' is not public (%s)", shown, what);
        return what != NULL;
    }
    if (!host_is_name(host)) {
        snprintf(why, cap, "'%s' is not a valid host name", shown);
        return true;
    }
    if (name_is_local(host)) {
        snprintf(why, cap, "'%s' is a name of this machine or its local network", shown);
        return true;
    }
    return false;
}
