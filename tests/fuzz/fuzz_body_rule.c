/*
 * fuzz_body_rule.c - any bytes as a request body; the first chooses the rule. A second reader
 * (jansson) must find no forbidden tool in what goes out, and no harm where nothing changed.
 */
#include "base/json.h"
#include "proxy/body_rule.h"

static const struct {
    const char *provider, *method, *path;
} endpoints[] = {{"anthropic", "POST", "/v1/messages"}, {"openai", "POST", "/v1/responses"},
        {"openai", "GET", "/v1/responses"}, {"openai", "POST", "/v1/chat/completions"},
        {"google", "POST", "/v1beta/models/x:generateContent"},
        {"openrouter", "POST", "/api/v1/messages"},
        {"google", "POST", "/v1beta/models/x:countTokens"}};

static const struct provider_table *table(void)
{
    static struct provider_table shipped;
    struct err err;
    if (shipped.count == 0)
        CHECK(provider_table_load(&shipped, STR(""), "none", &err) == 0);
    return &shipped;
}

static bool keeps(const struct body_rule *rule, const char *word)
{
    for (size_t i = 0; word && i < rule->keep_count; i++) {
        if (strcmp(rule->keep[i], word) == 0)
            return true;
    }
    return false;
}

static void check_tools(const struct body_rule *rule, const json_t *tools)
{
    size_t i;
    json_t *tool, *value;
    const char *key;
    json_array_foreach(tools, i, tool)
    {
        const json_t *type = json_object_get(tool, "type");
        if (rule->api == API_GOOGLE) {
            json_object_foreach(tool, key, value) CHECK(keeps(rule, key));
            continue;
        }
        if (!type || json_is_null(type))
            CHECK(rule->keep_typeless);
        else
            CHECK(keeps(rule, json_string_value(type)));
        check_tools(rule, json_object_get(tool, "tools"));
    }
}

static void check_request(const struct body_rule *rule, const json_t *request)
{
    size_t i;
    json_t *item;
    check_tools(rule, json_object_get(request, "tools"));
    for (i = 0; i < rule->drop_count; i++)
        CHECK(!json_object_get(request, rule->drop[i]));
    if (rule->api == API_OPENAI)
        json_array_foreach(json_object_get(request, "input"), i, item)
                check_tools(rule, json_object_get(item, "tools"));
    for (i = 0; i < rule->inside_count; i++) {
        item = json_object_get(request, rule->inside[i]);
        if (item)
            check_request(rule, item);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); /* libFuzzer has no header */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The zeroth byte chooses, so that a corpus file is readable: '0' is the first rule. */
    size_t which = size ? (data[0] - '0') % (sizeof(endpoints) / sizeof(*endpoints)) : 0;
    struct str body = size ? (struct str){(const char *)data + 1, size - 1} : STR("");
    const struct provider *p =
            provider_find((struct provider_table *)table(), endpoints[which].provider);
    const struct body_rule *rule = provider_body_rule(
            p, str_of(endpoints[which].method), str_of(endpoints[which].path));
    struct buf out = BUF_INIT, again = BUF_INIT;
    struct body_change change;
    struct http_fault fault;

    if (body_rule_apply(rule, body, &out, &change, &fault) < 0) {
        CHECK(fault.status && fault.reason && buf_len(&out) == 0);
        return 0;
    }
    CHECK((change.count == 0) == (buf_len(&out) == 0));
    struct str sent = change.count ? buf_str(&out) : body;
    json_t *before = json_loadb(body.p, body.n, JSON_ALLOW_NUL, NULL);
    json_t *after = json_loadb(sent.p, sent.n, JSON_ALLOW_NUL, NULL);
    /* jansson has limits of its own: lone surrogates, large numbers. */
    CHECK(after || !before);
    if (after)
        check_request(rule, after);
    /* What was cleaned is clean. */
    CHECK(body_rule_apply(rule, sent, &again, &change, &fault) == 0 && change.count == 0);
    json_decref(before);
    json_decref(after);
    buf_release(&out);
    buf_release(&again);
    return 0;
}
