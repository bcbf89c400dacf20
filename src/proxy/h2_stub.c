/* Replaced by h2_server.c and h2_client.c. */
#include "proxy/h2_client.h"
#include "proxy/proxy_priv.h"

struct h2_server *h2_server_new(struct tunnel *tunnel)
{
    (void)tunnel;
    CHECK(false);
    return NULL;
}
void h2_server_data(struct h2_server *h2)
{
    (void)h2;
}
void h2_server_drained(struct h2_server *h2)
{
    (void)h2;
}
void h2_server_free(struct h2_server *h2, const char *why)
{
    (void)h2;
    (void)why;
}
struct h2_client *h2_client_new(struct pool *p, struct origin *o, struct chan *c)
{
    (void)p;
    (void)o;
    (void)c;
    CHECK(false);
    return NULL;
}
struct upstream *h2_client_open(struct h2_client *c)
{
    (void)c;
    return NULL;
}
uint64_t h2_client_idle_since(const struct h2_client *c)
{
    (void)c;
    return 0;
}
struct h2_client *h2_client_next(const struct h2_client *c)
{
    (void)c;
    return NULL;
}
void h2_client_free(struct h2_client *c)
{
    (void)c;
}
