/*
 * prepare.h - the folders and files of one session, made off the loop.
 *
 *   run/<id12>/owner                  who we are, for the collector
 *   run/<id12>/sockets/               proxy.sock, mcp.sock; mounted read-only
 *   run/<id12>/sockets/guest/         pty.sock, made by the box
 *   run/<id12>/orientation/           ca-cert.pem, ca-bundle.pem; mounted read-only
 *   sessions/<uuid>/session.json      metadata, written once
 *   sessions/<uuid>/state/            the agent's home
 *   pty-registry/session-<uuid>.json  live registration
 */
#ifndef SRC_SESSION_PREPARE_H
#define SRC_SESSION_PREPARE_H

#include "docker/agent.h"
#include "io/loop.h"

struct prepare {
    /* in: set by the caller, borrowed until done */
    char session[37];
    char id12[13];
    char label[64];
    const struct agent *agent; /* NULL: no seed files */
    char runtime[16];
    char *workspace; /* owns; as the user gave it, real path afterwards; NULL: none is needed */
    char *fake_key, *fake_token, *account; /* own; or NULL; see struct agent_fakes */
    char *ca_pem;                          /* owns; or NULL */
    /* out; owns */
    char *run_dir, *sockets, *guest_socket, *orientation, *dir, *home, *registration;
};

/* Fill in the paths; ERR_LIMIT if a socket path would not fit. No file is touched. */
int prepare_paths(struct prepare *p, struct err *err);
/* The work: checks the workspace, makes everything. Undoes what it made on failure. */
int prepare_make(struct prepare *p, struct err *err);
/* Removes run/<id12> and the registration; the session's own folder stays. */
void prepare_undo(struct prepare *p);
void prepare_release(struct prepare *p);

/* Leftovers of dead owners: run/<id12> folders and registrations. Returns how many. */
unsigned prepare_collect(void);

/* View of the fakes. */
struct agent_fakes prepare_fakes(const struct prepare *p);

#endif
