/*
 * cmd_pane.c - `ironcurtain pane -- CMD`: a command in the pane, not boxed, with no proxy and
 * no keys; for tests and benchmarks of the terminal. It refuses to run with a provider key
 * in the environment, so that nobody takes it for a box.
 */
#include "cli/cmd.h"
#include "cli/options.h"
#include "cli/screen.h"

static const char *key_in_environment(void)
{
    static const char *const names[] = {"ANTHROPIC_API_KEY", "OPENAI_API_KEY", "CODEX_API_KEY",
            "GEMINI_API_KEY", "GOOGLE_API_KEY", NULL};

    for (size_t i = 0; names[i]; i++)
        if (getenv(names[i]))
            return names[i];
    return NULL;
}

int cmd_pane(int argc, char **argv)
{
    struct options options;
    struct err err;
    const char *key = key_in_environment();

    if (options_parse(&options, argc, argv, &err) < 0)
        return cmd_fail(&err);
    if (!options.command) {
        err_set(&err, ERR_USAGE, "usage: ironcurtain pane -- CMD");
        return cmd_fail(&err);
    }
    if (key) {
        err_set(&err, ERR_DENIED,
                "%s is in the environment and the pane is not boxed: the command could read "
                "it; unset it first",
                key);
        return cmd_fail(&err);
    }
    int rc = screen_check_terminal();
    if (rc)
        return rc;

    struct screen_spec spec = {
            .app = {.config = options.config, .ask = true},
            .session = {.name = "pane",
                    .runtime = "none",
                    .unboxed = true,
                    .argv = options.command},
            .mark = "UNBOXED",
            .panels = true,
            .ascii = options.ascii,
            .quit_at_end = true,
    };
    return screen_run(&spec);
}
