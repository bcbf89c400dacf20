/*
 * assets.c - looking up what the build has embedded; a dozen names, so a plain search.
 */
#include "base/assets.h"

struct str asset_get(const char *name)
{
    for (const struct asset *asset = asset_table; asset->name; asset++)
        if (strcmp(asset->name, name) == 0)
            return (struct str){asset->start, (size_t)(asset->end - asset->start)};
    return (struct str){NULL, 0};
}
