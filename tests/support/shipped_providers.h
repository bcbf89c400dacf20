/*
 * shipped_providers.h - the provider table that ships with the program, as the state of a
 * group of cmocka tests.
 */
#ifndef TESTS_SUPPORT_SHIPPED_PROVIDERS_H
#define TESTS_SUPPORT_SHIPPED_PROVIDERS_H

#include "unit/check.h"

#include "proxy/provider.h"

static inline int shipped_providers_setup(void **state)
{
    static struct provider_table table;
    struct err err = {0};
    if (provider_table_load(&table, STR(""), "config.yaml", &err) < 0)
        fail_msg("%s", err.msg);
    *state = &table;
    return 0;
}

static inline int shipped_providers_teardown(void **state)
{
    provider_table_release(*state);
    return 0;
}

#endif
