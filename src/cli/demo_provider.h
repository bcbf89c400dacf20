/*
 * demo_provider.h - a small local stand-in for an LLM provider: TLS with a CA of its own,
 * the Messages API with SSE, and one more host for the escalation. For the demo and for
 * end-to-end tests with real agents; it answers from the request, there is no model.
 */
#ifndef SRC_CLI_DEMO_PROVIDER_H
#define SRC_CLI_DEMO_PROVIDER_H

#include "io/loop.h"

#define DEMO_WEATHER_HOST "weather.demo.test"

struct demo_provider;

struct demo_provider_config {
    const char *dir;   /* its CA lives here; made if missing */
    uint16_t port;     /* on 127.0.0.1; 0: any */
    const char *key;   /* the only x-api-key that is accepted */
    const char *log;   /* JSON lines of what it saw, appended, or NULL */
    uint32_t delay_ms; /* between two words of a stream */
};

struct demo_provider *demo_provider_start(
        struct loop *loop, const struct demo_provider_config *config, struct err *err);
void demo_provider_free(struct demo_provider *provider);
uint16_t demo_provider_port(const struct demo_provider *provider);
const char *demo_provider_ca(const struct demo_provider *provider); /* PEM path */

#endif
