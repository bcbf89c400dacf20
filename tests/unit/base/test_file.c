/*
 * Files are whole or not there, symlinks are not followed, what an agent has nested is removed.
 */
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/tmpdir.h"
#include "unit/check.h"

static char dir[64];

static int up(void **state)
{
    (void)state;
    test_tmpdir(dir, sizeof(dir), "file");
    return 0;
}

static int down(void **state)
{
    (void)state;
    return file_remove_tree(dir, NULL);
}

/* A path in the test's folder; good until the fourth call after it. */
static const char *in_dir(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
    return path;
}

static void expect_content(const char *path, const char *content)
{
    struct buf b = BUF_INIT;

    assert_int_equal(file_read(path, 1000, &b, NULL), 0);
    assert_true(str_eq(buf_str(&b), str_of(content)));
    buf_release(&b);
}

static unsigned count_entries(const char *path)
{
    DIR *d = opendir(path);
    unsigned count = 0;

    assert_non_null(d);
    while (readdir(d))
        count++;
    closedir(d);
    return count - 2;
}

static mode_t mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

static void paths_are_joined_with_one_slash(void **state)
{
    static const struct {
        const char *a, *b, *joined;
    } cases[] = {
            {"a", "b", "a/b"},
            {"a/", "b", "a/b"},
            {"a//", "/b", "a/b"},
            {"/", "b", "/b"},
            {"", "b", "b"},
            {"a", "", "a/"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *path = path_join(cases[i].a, cases[i].b);

        assert_string_equal(path, cases[i].joined);
        free(path);
    }
    char *path = path_join3("/x", "y", "z");
    assert_string_equal(path, "/x/y/z");
    free(path);
}

static void a_file_is_replaced_whole_and_keeps_its_mode(void **state)
{
    const char *path = in_dir("f");

    (void)state;
    mode_t old = umask(077);
    assert_int_equal(file_write(path, "one", 3, 0644, NULL), 0);
    umask(old);
    expect_content(path, "one");
    assert_int_equal(mode_of(path), 0644);
    assert_int_equal(file_write(path, "", 0, 0600, NULL), 0);
    expect_content(path, "");
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(count_entries(dir), 1);
}

static void a_write_that_fails_leaves_the_old_file_and_no_other(void **state)
{
    const char *path = in_dir("f");
    struct rlimit limit;
    struct err err = {0};
    char big[8192] = {0};

    (void)state;
    assert_int_equal(file_write(path, "old", 3, 0600, NULL), 0);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 4096;
    setrlimit(RLIMIT_FSIZE, &limit);
    int rc = file_write(path, big, sizeof(big), 0600, &err);
    limit.rlim_cur = before;
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(rc, ERR_IO);
    expect_content(path, "old");
    assert_int_equal(count_entries(dir), 1);

    assert_int_equal(file_mkdir(in_dir("d"), NULL), 0);
    assert_int_equal(file_write(in_dir("d"), "x", 1, 0600, &err), ERR_IO);
    assert_int_equal(count_entries(dir), 2);
}

static void symlinks_are_not_written_through(void **state)
{
    struct err err = {0};

    (void)state;
    assert_int_equal(file_create(in_dir("target"), "safe", 4, 0600, NULL), 0);
    assert_int_equal(symlink(in_dir("target"), in_dir("link")), 0);
    assert_int_equal(file_write(in_dir("link"), "evil", 4, 0600, &err), ERR_IO);
    assert_int_equal(file_create(in_dir("link"), "evil", 4, 0600, &err), ERR_CONFLICT);
    assert_true(file_open_append(in_dir("link"), &err) < 0);
    assert_int_equal(symlink(in_dir("nowhere"), in_dir("dangling")), 0);
    assert_int_equal(file_create(in_dir("dangling"), "evil", 4, 0600, &err), ERR_CONFLICT);
    assert_true(file_exists(in_dir("dangling")));
    assert_false(file_exists(in_dir("nowhere")));
    expect_content(in_dir("target"), "safe");
}

static void a_file_that_exists_is_not_created_again(void **state)
{
    struct err err = {0};

    (void)state;
    assert_int_equal(file_create(in_dir("f"), "1", 1, 0600, &err), 0);
    assert_int_equal(file_create(in_dir("f"), "2", 1, 0600, &err), ERR_CONFLICT);
    expect_content(in_dir("f"), "1");
    int fd = file_open_append(in_dir("f"), &err);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "3", 1), 1);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    expect_content(in_dir("f"), "13");
}

static void reading_is_bounded_and_leaves_the_buffer_as_it_was(void **state)
{
    struct buf b = BUF_INIT;
    struct err err = {0};
    char text[40000];

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(file_create(in_dir("f"), text, sizeof(text), 0600, NULL), 0);
    buf_puts(&b, "before");
    buf_consume(&b, 2);
    assert_int_equal(file_read(in_dir("f"), sizeof(text) - 1, &b, &err), ERR_LIMIT);
    assert_true(str_eq(buf_str(&b), STR("fore")));
    assert_int_equal(file_read(in_dir("none"), 10, &b, &err), ERR_NOENT);
    assert_int_equal(file_read(dir, 10, &b, &err), ERR_IO);
    assert_true(str_eq(buf_str(&b), STR("fore")));
    assert_int_equal(file_read(in_dir("f"), sizeof(text), &b, &err), 0);
    assert_int_equal(buf_len(&b), 4 + sizeof(text));
    buf_release(&b);
}

static void folders_are_made_private_and_must_be_real(void **state)
{
    struct err err = {0};

    (void)state;
    assert_int_equal(file_mkdir(in_dir("a/b/c/"), &err), 0);
    assert_int_equal(mode_of(in_dir("a")), 0700);
    assert_int_equal(mode_of(in_dir("a/b/c")), 0700);
    assert_int_equal(file_mkdir(in_dir("a/b"), &err), 0);
    assert_int_equal(file_create(in_dir("f"), "", 0, 0600, NULL), 0);
    assert_int_equal(file_mkdir(in_dir("f"), &err), ERR_IO);
    assert_int_equal(file_mkdir(in_dir("f/x"), &err), ERR_IO);
    assert_int_equal(symlink(in_dir("a"), in_dir("link")), 0);
    assert_int_equal(file_mkdir(in_dir("link"), &err), ERR_IO);
    assert_int_equal(file_mkdir(in_dir("link/"), &err), ERR_IO);
    assert_int_equal(file_mkdir("", &err), ERR_IO);
}

static void a_tree_is_removed_and_nothing_outside_of_it(void **state)
{
    (void)state;
    assert_int_equal(file_create(in_dir("outside"), "o", 1, 0600, NULL), 0);
    assert_int_equal(file_mkdir(in_dir("other"), NULL), 0);
    assert_int_equal(file_create(in_dir("other/file"), "o", 1, 0600, NULL), 0);
    assert_int_equal(file_mkdir(in_dir("tree/sub/sub"), NULL), 0);
    assert_int_equal(symlink(in_dir("other"), in_dir("tree/sub/link")), 0);
    assert_int_equal(symlink(in_dir("outside"), in_dir("tree/link")), 0);
    assert_int_equal(mkfifo(in_dir("tree/fifo"), 0600), 0);
    assert_int_equal(file_remove_tree(in_dir("tree"), NULL), 0);
    assert_false(file_exists(in_dir("tree")));
    expect_content(in_dir("outside"), "o");
    expect_content(in_dir("other/file"), "o");
    assert_int_equal(file_remove_tree(in_dir("tree"), NULL), 0);
    assert_int_equal(symlink(in_dir("other"), in_dir("link")), 0);
    assert_true(file_remove_tree(in_dir("link"), NULL) < 0);
    expect_content(in_dir("other/file"), "o");
}

/* Deeper than descriptors reach, and without permissions, as an agent may leave it. */
static void make_deep(const char *top, int depth, mode_t mode)
{
    int fds[2] = {open(top, O_RDONLY | O_DIRECTORY), -1};

    for (int i = 0; i < depth; i++) {
        assert_int_equal(mkdirat(fds[0], "d", 0700), 0);
        fds[1] = openat(fds[0], "d", O_RDONLY | O_DIRECTORY);
        assert_true(fds[1] >= 0);
        close(openat(fds[0], "f", O_CREAT | O_WRONLY, 0600));
        assert_int_equal(fchmod(fds[0], mode), 0);
        close(fds[0]);
        fds[0] = fds[1];
    }
    close(fds[0]);
}

static void a_deep_tree_without_permissions_is_removed(void **state)
{
    (void)state;
    assert_int_equal(chmod(dir, 0755), 0);
    assert_int_equal(mkdir(in_dir("own"), 0700), 0);
    if (geteuid() == 0)
        assert_int_equal(chown(in_dir("own"), 65534, 65534), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        /* Root is asked for no permission, so this is tried as somebody else. */
        struct rlimit few = {64, 64};
        static const mode_t modes[] = {0700, 0500, 0100, 0000};

        if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
            _exit(2);
        setrlimit(RLIMIT_NOFILE, &few);
        for (int i = 0; i < 4; i++) {
            const char *top = in_dir("own/top");

            if (mkdir(top, 0700) < 0)
                _exit(3);
            make_deep(top, 200, modes[i]);
            if (file_remove_tree(top, NULL) < 0)
                _exit(10 + i);
        }
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(count_entries(in_dir("own")), 0);
}

static void the_home_is_absolute(void **state)
{
    (void)state;
    setenv("IRONCURTAIN_HOME", "rel/home", 1);
    assert_int_equal(path_home()[0], '/');
    assert_true(str_ends(str_of(path_home()), STR("/rel/home")));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(paths_are_joined_with_one_slash),
            TEST(a_file_is_replaced_whole_and_keeps_its_mode),
            TEST(a_write_that_fails_leaves_the_old_file_and_no_other),
            TEST(symlinks_are_not_written_through),
            TEST(a_file_that_exists_is_not_created_again),
            TEST(reading_is_bounded_and_leaves_the_buffer_as_it_was),
            TEST(folders_are_made_private_and_must_be_real),
            TEST(a_tree_is_removed_and_nothing_outside_of_it),
            TEST(a_deep_tree_without_permissions_is_removed),
            cmocka_unit_test(the_home_is_absolute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
