/*
 * server_priv.h - the inside of the server: server.c has its life, its sessions and who has
 * the screen; server_client.c what one client says and is told; server_queue.c what waits, and
 * server_rules.c what answers hold, for those without a screen.
 */
#ifndef SRC_CLI_SERVER_PRIV_H
#define SRC_CLI_SERVER_PRIV_H

#include "cli/server.h"
#include "cli/stage.h"
#include "cli/wire.h"
#include "io/packet.h"

#define DETACHED "detached; 'ironcurtain attach' comes back"

/* What a client is told when the screen is off its terminal. */
enum parting { PART_NOT, PART_BYE, PART_SUSPEND, PART_EDIT };

struct client_terminal {
    int fd; /* owns; -1: none */
    char term[64];
    bool truecolor, styled, utf8, mono;
    enum frame_notice notice;
};

struct client {
    struct server *server; /* borrows */
    struct client *next, **prev;
    uint64_t serial;         /* no other client ever has it */
    struct packets *packets; /* owns; NULL: the other side is gone */
    bool greeted;            /* its version is ours */
    bool watches;            /* is told when the queue changes */

    struct client_terminal wanted;   /* the screen is to be on it */
    struct client_terminal terminal; /* the screen is on it */
    struct buf spec;                 /* owns; the NEW that waits for the CA; empty: none */

    enum parting parting;
    int code;
    char text[600];
    char out[40]; /* for its standard output */
};

struct server {
    struct stage stage;
    struct server_options options;
    struct packet_listener *listener; /* owns */
    struct client *clients;           /* owns; list */
    unsigned client_count;
    uint64_t client_serial; /* of the last */
    struct client *holder;  /* has the screen, or had it and waits for its terminal */
    struct client *claimer; /* gets it next */
    bool hiding;            /* the holder's terminal is not free yet */
    bool prepared;          /* the CA is being loaded */
    bool ready;             /* sessions can be started */
    struct err failed;      /* or never will be, and why; code 0: not so */
    bool ending;
    bool telling, tell_again; /* watchers: when what changed is in the database */
    struct sigwatch *term, *interrupt, *hangup; /* own */
    struct loop_hook check;                     /* is there anything left to do? */
};

/* server.c */
/* The client has a terminal and wants the screen on it; who had it is told. */
void server_claim(struct server *server, struct client *client);
/* Take the screen off the holder's terminal; client_part() comes when that is done. */
void server_hide(struct server *server);
/* Start what `spec` describes, as soon as that can be done. False: the client was told why
 * not, or asked for a key. */
bool server_start(struct server *server, struct client *client);
/* Something ended; whether it was the last is found out at the end of the turn. */
void server_check_soon(struct server *server);

/* server_client.c */
struct client *client_new(struct server *server, int fd);
void client_free(struct client *client);
/* From now on the wanted terminal is the one in use. */
void client_terminal(struct client *client, struct stage_terminal *ret);
/* Its terminal is free: close it, and tell the client what `parting` says. */
void client_part(struct client *client);
/* The last word, as soon as the screen is off its terminal. */
void client_bye(struct client *client, int code, const char *text);
void client_bye_err(struct client *client, const struct err *err);

/* server_queue.c */
/* False: the verb is not about the queue. */
bool queue_message(struct client *client, const char *verb, struct str message);
void queue_changed(struct server *server);

/* server_rules.c */
/* False: the verb is not about answers that hold. */
bool rules_message(struct client *client, const char *verb, struct str message);

#endif
