/*
 * world.h - a home with a workspace in it, and links that lead out of it in many ways, for the
 * tests of what paths mean. In rules and arguments %H is the home folder, %W the workspace.
 */
#ifndef TESTS_UNIT_POLICY_WORLD_H
#define TESTS_UNIT_POLICY_WORLD_H

#include <sys/stat.h>
#include <unistd.h>

#include "support/tmpdir.h"
#include "unit/check.h"

#include "base/file.h"
#include "base/mem.h"
#include "policy/call.h"

static char home[128];
static char workspace[160];
static char guarded_path[160];
static const char *guarded[] = {guarded_path, NULL};
static struct policy_world world = {.home = home,
        .workspace = workspace,
        .box_workspace = "/workspace",
        .guarded = guarded};

/* --- a folder --------------------------------------------------------------------------- */

static inline char *at(const char *path)
{
    return path_join(home, path);
}

static inline void make_folder(const char *path)
{
    char *full = at(path);

    assert_int_equal(file_mkdir(full, NULL), 0);
    free(full);
}

static inline void make_file(const char *path)
{
    char *full = at(path);

    assert_int_equal(file_write(full, "x", 1, 0600, NULL), 0);
    free(full);
}

/* A target that begins with % is below the home. */
static inline void make_link(const char *path, const char *target)
{
    char *full = at(path);
    char *to = target[0] == '%' ? at(target + 1) : xstrdup(target);

    assert_int_equal(symlink(to, full), 0);
    free(full);
    free(to);
}

static inline int build(void **state)
{
    (void)state;
    test_tmpdir(home, sizeof(home), "cond");
    snprintf(workspace, sizeof(workspace), "%s/ws", home);
    snprintf(guarded_path, sizeof(guarded_path), "%s/.ironcurtain", home);
    static const char *const folders[] = {".ssh", ".ironcurtain", "docs", "docs/x", "real",
            "ws", "ws/sub", "ws/.git", "ws/.git/hooks", "ws2", "ws/f"};
    static const char *const files[] = {".ssh/id", ".ironcurtain/policy.rules", "docs/a",
            "real/a", "ws/a.txt", "ws/sub/b.txt", "ws2/a", "ws/[id].tsx", "ws/b c.txt"};
    static const char *const links[][2] = {{"linked", "real"}, {"ws/out", "%docs"},
            {"ws/keys", "%.ssh"}, {"ws/dang", "%.ssh/new"}, {"ws/dangin", "newfile"},
            {"ws/loop", "loop"}, {"ws/self", "."}, {"ws/up", ".."}, {"ws/in", "sub"},
            {"ws/abs", "/etc"}, {"ws/proc", "/proc/self"}, {"ws/sub/back", "../a.txt"},
            {"ws/deep", "%docs/x"}, {"ws/notext", "%docs/\xff"}, {"ws/hooks", ".git/hooks"},
            {"ws/https:", "%.ssh"}, {"ws/two", "in"}};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        make_folder(folders[i]);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        make_file(files[i]);
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
        make_link(links[i][0], links[i][1]);
    for (int i = 0; i < 41; i++) {
        char name[32];
        char target[32];

        snprintf(name, sizeof(name), "ws/c%d", i);
        snprintf(target, sizeof(target), i ? "c%d" : "a.txt", i - 1);
        make_link(name, target);
    }
    return 0;
}

static inline int destroy(void **state)
{
    (void)state;
    return file_remove_tree(home, NULL);
}

/* --- texts ------------------------------------------------------------------------------ */

static inline void expand(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (text[0] == '%' && (text[1] == 'H' || text[1] == 'W'))
            buf_puts(out, *++text == 'H' ? home : workspace);
        else
            buf_putc(out, *text);
    }
}

static inline struct policy *parse(const char *rule)
{
    struct buf text = BUF_INIT;
    struct err err = {0};

    expand(&text, rule);
    struct policy *policy = policy_parse(buf_str(&text), "t", &err);
    if (!policy)
        fail_msg("%s: %s", rule, err.msg);
    buf_release(&text);
    return policy;
}

#define ALLOW_WS "allow s/* if p within $WS"

#endif
