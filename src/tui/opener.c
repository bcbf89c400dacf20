/*
 * opener.c - see opener.h. setsid(1) puts the program into a session of its own and ends, so
 * that a browser that was started for a link goes on when we end.
 */
#include "tui/opener.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "io/child.h"
#include "tui/v_links.h"

struct opener {
    struct child *child; /* owns */
};

static void on_exit_status(void *ctx, int exit_status, int term_signal)
{
    struct opener *opener = ctx;

    (void)exit_status; /* setsid's, which has seen nothing of the program */
    (void)term_signal;
    child_free(opener->child);
    free(opener);
}

/* setsid(1) does not say that there is no such program. */
static bool is_program(const char *name)
{
    char *path = file_in_path(name);
    bool is = path != NULL;

    free(path);
    return is;
}

static const char **make_argv(char *const *command, const char *link)
{
    size_t count = 0, n = 0;

    while (command[count])
        count++;
    const char **argv = xcalloc(count + 4, sizeof *argv);
    argv[n++] = "setsid";
    argv[n++] = "-f";
    for (size_t i = 0; i < count; i++)
        argv[n++] = command[i];
    argv[n] = link;
    return argv;
}

int opener_open(struct loop *loop, char *const *command, const char *link, struct err *err)
{
    static char *const standard[] = {(char *)"xdg-open", NULL};
    const char *why;

    command = command && command[0] ? command : standard;
    if (!link_can_open(link, &why))
        return err_set(err, ERR_DENIED, "not opened: %s", why);
    if (!is_program(command[0]))
        return err_set(err, ERR_NOENT,
                "there is no program '%s'; set open.command in config.yaml", command[0]);

    struct opener *opener = xcalloc(1, sizeof *opener);
    const char **argv = make_argv(command, link);
    struct child_spec spec = {.argv = argv, .on_exit = on_exit_status, .ctx = opener};
    opener->child = child_spawn(loop, &spec, err);
    free(argv);
    if (!opener->child) {
        free(opener);
        return err->code;
    }
    child_background(opener->child);
    return 0;
}
