/*
 * slice.c - members and elements found by jscan, as views.
 *
 * The text is walked to its end whatever is found in between, so that what is no JSON is told
 * as such and not as what went before. Nothing is allocated: time and stack are those of
 * jscan, whatever the text.
 */
#include "base/slice.h"

#include "base/jscan.h"
#include "base/limits.h"

/* The depth stays above its limit when that was what failed. */
static int not_json(const struct jscan *scan, struct err *err)
{
    return err_set(
            err, scan->depth > LIMIT_JSON_DEPTH ? ERR_LIMIT : ERR_PROTO, "%s", scan->why);
}

static int begin(struct jscan *scan, struct str text, char bracket, struct err *err)
{
    jscan_init(scan, text);
    if (jscan_peek(scan) != bracket)
        return err_set(err, ERR_PROTO, "not a JSON %s", bracket == '{' ? "object" : "array");
    (void)jscan_enter(scan);
    return 0;
}

/* One value, as it stands there. */
static bool take_value(struct jscan *scan, struct str *ret)
{
    (void)jscan_peek(scan);
    const char *start = scan->p;
    if (!jscan_skip(scan))
        return false;
    *ret = (struct str){start, (size_t)(scan->p - start)};
    return true;
}

static int take_member(const struct jscan_string *name, struct str value,
        struct json_member *members, size_t count, struct err *err)
{
    if (name->escaped)
        return err_set(err, ERR_CONFLICT, "a member's name contains an escape");
    for (size_t i = 0; i < count; i++) {
        if (!str_eq(name->text, str_of(members[i].name)))
            continue;
        if (members[i].value.p)
            return err_set(err, ERR_CONFLICT, "member '%s' appears twice", members[i].name);
        members[i].value = value;
    }
    return 0;
}

int json_slice_object(
        struct str text, struct json_member *members, size_t count, struct err *err)
{
    struct jscan scan;
    struct jscan_string name;
    struct str value;
    for (size_t i = 0; i < count; i++)
        members[i].value = (struct str){NULL, 0};
    int rc = begin(&scan, text, '{', err);
    if (rc < 0)
        return rc;
    for (bool first = true; jscan_member(&scan, &first, &name);) {
        if (take_value(&scan, &value) && rc == 0)
            rc = take_member(&name, value, members, count, err);
    }
    return jscan_end(&scan) ? rc : not_json(&scan, err);
}

int json_slice_array(
        struct str text, struct str *items, size_t max, size_t *ret_count, struct err *err)
{
    struct jscan scan;
    struct str value;
    size_t count = 0;
    int rc = begin(&scan, text, '[', err);
    if (rc < 0)
        return rc;
    for (bool first = true; jscan_element(&scan, &first);) {
        if (!take_value(&scan, &value) || rc < 0)
            continue;
        if (count == max)
            rc = err_set(err, ERR_LIMIT, "more than %zu elements", max);
        else
            items[count++] = value;
    }
    if (!jscan_end(&scan))
        return not_json(&scan, err);
    if (rc == 0)
        *ret_count = count;
    return rc;
}

/* --- what a value is -------------------------------------------------------------------- */

bool json_raw_is_valid(struct str raw)
{
    struct jscan scan;
    jscan_init(&scan, raw);
    return jscan_skip(&scan) && jscan_end(&scan);
}

bool json_raw_is_string(struct str raw, struct str *content)
{
    struct jscan scan;
    struct jscan_string string;
    jscan_init(&scan, raw);
    if (!jscan_string(&scan, &string) || !jscan_end(&scan))
        return false;
    *content = string.text;
    return true;
}

bool json_raw_is_number(struct str raw)
{
    return raw.n && (raw.p[0] == '-' || (raw.p[0] >= '0' && raw.p[0] <= '9')) &&
           json_raw_is_valid(raw);
}

bool json_raw_is_object(struct str raw)
{
    return raw.n > 0 && raw.p[0] == '{';
}

void json_put_string(struct buf *out, struct str text)
{
    buf_putc(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\')
            buf_putc(out, '\\');
        buf_putc(out, text.p[i]);
    }
    buf_putc(out, '"');
}
