/*
 * options.c - session options. A small table instead of getopt_long, because errors should
 * name the nearest option and everything behind "--" is the command, untouched.
 */
#include "cli/options.h"

#include <stddef.h>

#include "base/str.h"

static const struct option_row {
    const char *name, *short_name;
    size_t offset;
    bool is_flag;
} rows[] = {
        {"--agent", "-a", offsetof(struct options, agent), false},
        {"--name", "-n", offsetof(struct options, name), false},
        {"--runtime", NULL, offsetof(struct options, runtime), false},
        {"--config", NULL, offsetof(struct options, config), false},
        {"--policy", "-p", offsetof(struct options, policy), false},
        {"--workspace", "-w", offsetof(struct options, workspace), false},
        {"--on-escalate", NULL, offsetof(struct options, on_escalate), false},
        {"--detach", "-d", offsetof(struct options, detach), true},
        {"--foreground", NULL, offsetof(struct options, foreground), true},
        {"--dry-run", NULL, offsetof(struct options, dry_run), true},
        {"--ascii", NULL, offsetof(struct options, ascii), true},
        {"--steps", NULL, offsetof(struct options, steps), true},
        {"--json", NULL, offsetof(struct options, json), true},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct option_row *find(const char *arg, size_t n)
{
    for (size_t i = 0; i < ROWS; i++)
        if ((strlen(rows[i].name) == n && memcmp(rows[i].name, arg, n) == 0) ||
                (rows[i].short_name && strlen(rows[i].short_name) == n &&
                        memcmp(rows[i].short_name, arg, n) == 0))
            return &rows[i];
    return NULL;
}

static int unknown(const char *arg, struct err *err)
{
    const char *names[ROWS + 1] = {0};
    char shown[80];

    for (size_t i = 0; i < ROWS; i++)
        names[i] = rows[i].name;
    const char *nearest = str_nearest(arg, names);
    return err_set(err, ERR_USAGE, "unknown option '%s'%s%s%s",
            str_vis(shown, sizeof(shown), str_of(arg)), nearest ? "; did you mean '" : "",
            nearest ? nearest : "", nearest ? "'" : "");
}

/* Returns how many arguments were used, or an error. */
static int parse_option(
        struct options *options, char **argv, const char *value_or_null, struct err *err)
{
    const char *arg = argv[0];
    size_t n = strcspn(arg, "=");
    const struct option_row *row = find(arg, n);
    char *place;

    if (!row)
        return unknown(arg, err);
    place = (char *)options + row->offset;
    if (row->is_flag) {
        if (arg[n])
            return err_set(err, ERR_USAGE, "option '%s' takes no value", row->name);
        *(bool *)place = true;
        return 1;
    }
    const char *value = arg[n] ? arg + n + 1 : value_or_null;
    if (!value || !*value)
        return err_set(err, ERR_USAGE, "option '%s' needs a value", row->name);
    memcpy(place, &value, sizeof(value));
    return arg[n] ? 1 : 2;
}

int options_parse(struct options *options, int argc, char **argv, struct err *err)
{
    *options = (struct options){0};
    for (int i = 1; i < argc;) {
        if (strcmp(argv[i], "--") == 0) {
            if (i + 1 == argc)
                return err_set(err, ERR_USAGE, "no command after '--'");
            options->command = (const char *const *)argv + i + 1;
            return 0;
        }
        if (argv[i][0] == '-' && argv[i][1]) {
            int used = parse_option(options, argv + i, i + 1 < argc ? argv[i + 1] : NULL, err);

            if (used < 0)
                return used;
            i += used;
            continue;
        }
        if (options->dir)
            return err_set(err, ERR_USAGE,
                    "two folders given: '%s' and '%s'; a command goes "
                    "behind '--'",
                    options->dir, argv[i]);
        options->dir = argv[i++];
    }
    return 0;
}
