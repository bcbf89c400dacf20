/*
 * A file that changes, is replaced, goes and comes is told once each time, and whole.
 */
#include <unistd.h>

#include "support/tmpdir.h"
#include "unit/check.h"

#include "base/file.h"
#include "io/filewatch.h"
#include "io/loop.h"

struct seen {
    const char *path;
    int told;
    size_t size; /* of the file when it was told last */
};

static void on_change(void *ctx)
{
    struct seen *seen = ctx;
    struct buf text = BUF_INIT;

    seen->told++;
    (void)file_read(seen->path, 1 << 20, &text, NULL);
    seen->size = buf_len(&text);
    buf_release(&text);
}

static void on_late(void *ctx)
{
    *(bool *)ctx = true;
}

static void wait_for(struct loop *loop, const int *told, int want)
{
    bool late = false;
    struct timer *timer = timer_new(loop, on_late, &late);

    timer_start(timer, 10000);
    while (*told < want && !late)
        loop_turn(loop, true);
    timer_free(timer);
    assert_int_equal(*told, want);
}

static void a_file_is_told_about_when_it_changes_or_is_replaced(void **state)
{
    char dir[64];
    struct err err;
    struct loop *loop = loop_new(&err);
    struct seen seen = {0};

    (void)state;
    test_tmpdir(dir, sizeof(dir), "watch");
    char *path = path_join(dir, "f");
    char *other = path_join(dir, "g");
    seen.path = path;
    struct filewatch *watch = filewatch_new(loop, path, on_change, &seen, &err);
    assert_non_null(watch);
    assert_int_equal(file_write(other, "x", 1, 0600, &err), 0); /* not this one */
    assert_int_equal(file_write(path, "ab", 2, 0600, &err), 0); /* it comes to be */
    wait_for(loop, &seen.told, 1);
    assert_int_equal(seen.size, 2);
    assert_int_equal(file_write(path, "abc", 3, 0600, &err), 0); /* replaced */
    wait_for(loop, &seen.told, 2);
    assert_int_equal(seen.size, 3);
    int fd = file_open_append(path, &err);
    for (int i = 0; i < 5; i++)
        assert_int_equal(write(fd, "x", 1), 1); /* written in pieces */
    close(fd);
    wait_for(loop, &seen.told, 3);
    assert_int_equal(seen.size, 8);
    assert_int_equal(unlink(path), 0);
    wait_for(loop, &seen.told, 4);
    assert_int_equal(file_write(path, "y", 1, 0600, &err), 0);
    wait_for(loop, &seen.told, 5);
    assert_int_equal(file_write(path, "yz", 2, 0600, &err), 0);
    filewatch_free(watch); /* with a change that is not told any more */
    loop_run(loop);
    assert_int_equal(seen.told, 5);
    loop_free(loop);
    assert_int_equal(file_remove_tree(dir, &err), 0);
    free(path);
    free(other);
}

static void a_watch_does_not_keep_the_loop_alive(void **state)
{
    struct err err;
    struct loop *loop = loop_new(&err);
    struct filewatch *watch =
            filewatch_new(loop, "/etc/hostname-that-is-not", on_late, &err, &err);

    (void)state;
    assert_non_null(watch);
    loop_run(loop);
    filewatch_free(watch);
    assert_null(filewatch_new(loop, "/not/there/f", on_late, &err, &err));
    assert_int_equal(err.code, ERR_IO);
    filewatch_free(NULL);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_file_is_told_about_when_it_changes_or_is_replaced),
            cmocka_unit_test(a_watch_does_not_keep_the_loop_alive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
