/*
 * redact.h - arguments of a call as they may stand in the audit: what looks like a secret is
 * masked, what is long is cut.
 */
#ifndef SRC_MCP_REDACT_H
#define SRC_MCP_REDACT_H

#include "base/buf.h"
#include "base/str.h"

/* `json` is valid JSON; at most `max` bytes are appended. Reads no more than it writes, but for
 * what is masked or skipped. */
void redact(struct str json, size_t max, struct buf *ret);

#endif
