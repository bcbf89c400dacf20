/*
 * server_rules.c - the answers that hold in the memory of the server, told to a client and
 * taken back for one. A list goes out in pieces, each as large as a client reads at once.
 */
#include "cli/server_priv.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "gate/revoke.h"

/* Names, numbers and a rule of one answer. */
#define ANSWER_ROOM 2048

struct waiter {
    struct server *server; /* borrows */
    uint64_t serial;       /* of the client, which may be gone by then */
};

static const char *label_of(struct server *server, const char *session)
{
    const struct tab *tab = sessions_by_id(server->stage.sessions, session);

    return tab ? session_rec(tab->session)->label : "";
}

static void put(struct server *server, struct buf *message, const struct held_answer *answer)
{
    char number[24];

    wire_put_number(message, "number", answer->number);
    wire_put(message, "session", answer->session);
    wire_put(message, "label", label_of(server, answer->session));
    wire_put(message, "scope", answer->scope);
    snprintf(number, sizeof(number), "%u", (unsigned)answer->uses_left);
    wire_put(message, "uses", number);
    snprintf(number, sizeof(number), "%" PRIu64, answer->left_ms);
    wire_put(message, "left", number);
    wire_put(message, "rule", answer->rule);
}

static void on_grants(struct client *client, struct str text)
{
    struct server *server = client->server;
    struct grants *grants = gate_grants(server->stage.app.gate);
    unsigned i = (unsigned)wire_number(text, "from", 0);
    struct buf message = BUF_INIT;
    struct held_answer answer;

    wire_begin(&message, "GRANTS");
    for (; buf_len(&message) + ANSWER_ROOM < LIMIT_PACKET_ANSWER &&
            grants_at(grants, i, &answer);
            i++)
        put(server, &message, &answer);
    packets_send(client->packets, buf_str(&message));
    buf_release(&message);
}

static void on_revoked(void *ctx, const struct err *err)
{
    struct waiter *waiter = ctx;
    struct client *client = waiter->server->clients;

    while (client && client->serial != waiter->serial)
        client = client->next;
    if (client && err)
        client_bye_err(client, err);
    else if (client)
        client_bye(client, EXIT_DONE, "taken back");
    free(waiter);
}

static void on_revoke(struct client *client, struct str text)
{
    struct gate *gate = client->server->stage.app.gate;
    int number = (int)wire_number(text, "number", 0);
    struct held_answer answer;
    unsigned i = 0;

    while (grants_at(gate_grants(gate), i, &answer) && answer.number != number)
        i++;
    if (number <= 0 || !grants_at(gate_grants(gate), i, &answer)) {
        client_bye(client, EXIT_NOT_FOUND, "that answer does not hold any more");
        return;
    }
    struct waiter *waiter = xmalloc(sizeof(*waiter));
    *waiter = (struct waiter){client->server, client->serial};
    gate_revoke(gate, &answer, on_revoked, waiter);
}

bool rules_message(struct client *client, const char *verb, struct str message)
{
    if (strcmp(verb, "GRANTS") == 0)
        on_grants(client, message);
    else if (strcmp(verb, "REVOKE") == 0)
        on_revoke(client, message);
    else
        return false;
    return true;
}
