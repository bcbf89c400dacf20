/*
 * mcp.h - stdin and stdout carried to a Unix socket: what the agent's MCP client starts.
 */
#ifndef SRC_GUEST_MCP_H
#define SRC_GUEST_MCP_H

/* Returns the exit status of the program. */
int mcp_stdio_run(const char *socket_path);

#endif
