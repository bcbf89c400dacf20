/*
 * policy_import.c - `ironcurtain policy import FILE...` prints rules made of what another
 * program has: two files are IronCurtain's compiled-policy.json and tool-annotations.json, one
 * is Claude Code's settings.json. What is printed has been read back: it is a rule file.
 */
#include <stdio.h>

#include "base/file.h"
#include "base/limits.h"
#include "cli/cmd.h"
#include "cli/policy_tools.h"
#include "policy/import.h"

static int import_files(int count, char **files, struct buf *out, struct err *err)
{
    char shown[200];
    struct buf texts[2] = {BUF_INIT, BUF_INIT};
    int rc = 0;

    for (int i = 0; rc == 0 && i < count; i++)
        rc = file_read(files[i], LIMIT_FILE, &texts[i], err);
    if (rc == 0) {
        for (int i = 0; i < count; i++)
            buf_printf(out, "# from %s\n", str_vis(shown, sizeof(shown), str_of(files[i])));
        rc = count == 2 ? import_ironcurtain(buf_str(&texts[0]), buf_str(&texts[1]), out, err)
                        : import_claude(buf_str(&texts[0]), out, err);
        if (rc < 0)
            rc = err_wrap(err, "import '%s'", files[0]);
    }
    buf_release(&texts[0]);
    buf_release(&texts[1]);
    return rc;
}

int policy_import(int argc, char **argv)
{
    struct buf out = BUF_INIT;
    struct err err;
    int rc;

    if (argc < 2 || argc > 3 || argv[1][0] == '-') {
        err_set(&err, ERR_USAGE,
                "usage: ironcurtain policy import compiled-policy.json tool-annotations.json, "
                "or "
                "settings.json of Claude Code");
        return cmd_fail(&err);
    }
    rc = import_files(argc - 1, argv + 1, &out, &err);
    if (rc == 0) {
        struct policy *policy = policy_parse(buf_str(&out), "imported", &err);
        rc = policy ? 0 : err.code;
        policy_free(policy);
    }
    if (rc == 0)
        (void)fwrite(buf_data(&out), 1, buf_len(&out), stdout);
    buf_release(&out);
    return rc < 0 ? cmd_fail(&err) : ferror(stdout) ? EXIT_FAILED : EXIT_DONE;
}
