/*
 * record.h - audit records as the JSON objects that commands print, and the sessions that
 * commands are given by name.
 */
#ifndef SRC_CLI_RECORD_H
#define SRC_CLI_RECORD_H

#include "base/json.h"
#include "store/store.h"

/* Caller owns the object. Times are RFC 3339, what is not known is null. */
json_t *session_json(const struct session_record *rec);
json_t *request_json(const struct request_record *rec);
json_t *escalation_json(const struct escalation_record *rec);

/* The audit of $IRONCURTAIN_HOME. NULL with ERR_NOENT: there was never a session. */
struct store_reader *record_open(struct err *err);

/* A session by id, by its label, or by the beginning of its id. ERR_NOENT if none is meant,
 * ERR_USAGE with the candidates if several are. */
int record_find_session(
        struct store_reader *reader, const char *name, char ret_id[37], struct err *err);

#endif
