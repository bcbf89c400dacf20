/*
 * A line of answers.rules is taken out alone, and an answer that is written meanwhile is not
 * lost with the old file.
 */
#include "gate/answers.h"

#include <sys/stat.h>
#include <unistd.h>

#include "support/tmpdir.h"
#include "unit/check.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"

struct fixture {
    char dir[64];
    char *path;
    struct loop *loop;
};

static int up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err;

    test_tmpdir(f->dir, sizeof(f->dir), "revoke");
    f->path = path_join(f->dir, "answers.rules");
    f->loop = loop_new(&err);
    alarm(60);
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    loop_free(f->loop);
    assert_int_equal(file_remove_tree(f->dir, NULL), 0);
    free(f->path);
    free(f);
    return 0;
}

static void put(struct fixture *f, const char *text)
{
    assert_int_equal(file_write(f->path, text, strlen(text), 0600, NULL), 0);
}

static const char *content(struct fixture *f)
{
    static char text[1000];
    struct buf read = BUF_INIT;

    assert_int_equal(file_read(f->path, sizeof(text) - 1, &read, NULL), 0);
    (void)str_copy(text, sizeof(text), buf_str(&read));
    buf_release(&read);
    return text;
}

#define ONE "allow net:GET https://a.org/x  # 1"
#define TWO "deny net:* b.org:443"

static void only_that_line_goes(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct stat st;

    put(f, "# note\n\n" ONE "\n" TWO "\n");
    assert_int_equal(answers_remove(f->path, 3, STR(ONE), &err), 0);
    assert_string_equal(content(f), "# note\n\n" TWO "\n");
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(answers_remove(f->path, 3, STR(TWO), &err), 0);
    assert_string_equal(content(f), "# note\n\n");
}

static void what_is_another_line_by_now_stays(void **state)
{
    struct fixture *f = *state;
    struct err err;

    put(f, ONE "\n" TWO "\n# note\n");
    assert_int_equal(answers_remove(f->path, 2, STR(ONE), &err), ERR_CONFLICT);
    assert_int_equal(answers_remove(f->path, 4, STR(""), &err), ERR_CONFLICT);
    assert_int_equal(answers_remove(f->path, 0, STR(ONE), &err), ERR_CONFLICT);
    assert_int_equal(answers_remove(f->path, 3, STR("# note"), &err), ERR_CONFLICT);
    assert_string_equal(content(f), ONE "\n" TWO "\n# note\n");
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(answers_remove(f->path, 1, STR(ONE), &err), ERR_NOENT);
    assert_false(file_exists(f->path));
}

static void on_appended(void *ctx, const struct err *err)
{
    assert_null(err);
    *(bool *)ctx = true;
}

static void an_answer_written_meanwhile_is_in_the_new_file(void **state)
{
    struct fixture *f = *state;
    bool done = false;
    struct err err;

    put(f, ONE "\n");
    struct answers *answers = answers_open(f->path, &err);
    assert_non_null(answers);
    int fd = answers_lock(f->path, false, &err);
    assert_true(fd >= 0);
    answers_append(answers, f->loop, TWO, "2", on_appended, &done);
    put(f, "# taken out\n"); /* a new file in its place */
    close(fd);
    while (!done)
        loop_turn(f->loop, true);
    assert_string_equal(content(f), "# taken out\n" TWO "  # 2\n");
    answers_free(answers);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)
    const struct CMUnitTest tests[] = {
            TEST(only_that_line_goes),
            TEST(what_is_another_line_by_now_stays),
            TEST(an_answer_written_meanwhile_is_in_the_new_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
