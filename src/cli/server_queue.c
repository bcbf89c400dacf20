/*
 * server_queue.c - the queue for programs without a screen: the rule that an answer would be,
 * the answer, and a word when the queue changes.
 *
 * What waits is in the database, whole; a client reads it there and gives the digest of what
 * it showed back with its answer, which the gate compares as it does for the screen.
 */
#include "cli/server_priv.h"

#include "cli/cmd.h"

static uint64_t get_number(struct str message, const char *name)
{
    const char *value = wire_get(message, name);
    uint64_t number = 0;

    if (value)
        (void)str_u64(str_of(value), INT64_MAX, &number);
    return number;
}

static bool get_width(struct str message, enum width *ret)
{
    const char *name = wire_get(message, "width");

    for (enum width width = WIDTH_EXACT; name && width <= WIDTH_TOOL; width++) {
        if (strcmp(name, width_name(width)) == 0) {
            *ret = width;
            return true;
        }
    }
    return false;
}

static bool get_scope(struct str message, enum scope *ret)
{
    static const char *const names[] = {[SCOPE_ONCE] = "once",
            [SCOPE_USES] = "uses",
            [SCOPE_TIME] = "time",
            [SCOPE_SESSION] = "session",
            [SCOPE_ALWAYS] = "always"};
    const char *name = wire_get(message, "scope");

    for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret = (enum scope)i;
            return true;
        }
    }
    return false;
}

static void on_rule(struct client *client, struct str message)
{
    struct gate *gate = client->server->stage.app.gate;
    uint64_t id = get_number(message, "id");
    char line[RECIPE_LINE];
    struct buf answer = BUF_INIT;
    enum width width;

    if (!get_width(message, &width) ||
            !gate_rule(gate, id, wire_is_set(message, "allow"), width, line)) {
        client_bye(client, EXIT_USAGE,
                gate_find(gate, id) ? "it can be answered for once only, or not so widely"
                                    : "it does not wait any more");
        return;
    }
    wire_begin(&answer, "RULE");
    wire_put(&answer, "line", line);
    packets_send(client->packets, buf_str(&answer));
    buf_release(&answer);
}

static void on_decide(struct client *client, struct str message)
{
    struct gate *gate = client->server->stage.app.gate;
    uint64_t id = get_number(message, "id");
    const char *digest = wire_get(message, "digest"), *policy = wire_get(message, "policy");
    struct gate_answer answer = {.allow = wire_is_set(message, "allow"),
            .uses = (uint32_t)wire_number(message, "uses", 0),
            .for_ms = get_number(message, "for_ms"),
            .rule = wire_get(message, "rule"),
            .message = wire_get(message, "message")};
    char text[600];
    struct err err;

    if (!digest || !policy || !get_scope(message, &answer.scope) ||
            (answer.scope != SCOPE_ONCE && !get_width(message, &answer.width))) {
        client_bye(client, EXIT_USAGE, "the answer is not complete");
        return;
    }
    const struct gate_item *item = gate_find(gate, id);
    int number = item ? item->rec.number : 0;
    if (gate_decide(gate, id, digest, policy, &answer, &err) < 0) {
        client_bye_err(client, &err);
        return;
    }
    snprintf(text, sizeof(text), "#%d %s", number, answer.allow ? "approved" : "denied");
    client_bye(client, EXIT_DONE, text);
}

bool queue_message(struct client *client, const char *verb, struct str message)
{
    if (strcmp(verb, "RULE") == 0)
        on_rule(client, message);
    else if (strcmp(verb, "DECIDE") == 0)
        on_decide(client, message);
    else if (strcmp(verb, "WATCH") == 0)
        client->watches = true;
    else
        return false;
    return true;
}

/* Whoever is told looks into the database, so the change must be there. */
static void on_written(void *ctx, const struct err *err)
{
    struct server *server = ctx;
    struct buf message = BUF_INIT;

    (void)err;
    server->telling = false;
    wire_begin(&message, "CHANGED");
    for (struct client *client = server->clients; client; client = client->next)
        if (client->watches && client->packets)
            (void)packets_send(client->packets, buf_str(&message)); /* a full one will look */
    buf_release(&message);
    if (server->tell_again)
        queue_changed(server);
}

void queue_changed(struct server *server)
{
    bool watched = false;

    for (struct client *client = server->clients; client; client = client->next)
        watched = watched || client->watches;
    server->tell_again = watched && server->telling;
    if (!watched || server->telling)
        return;
    server->telling = true;
    store_barrier(server->stage.app.store, on_written, server);
}
