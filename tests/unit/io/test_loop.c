/*
 * test_loop.c - turns, hooks, timers, posts, work, signals, census.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/loop.h"

static struct loop *new_loop(void)
{
    struct err err;
    struct loop *loop = loop_new(&err);

    assert_non_null(loop);
    return loop;
}

static void count(void *ctx)
{
    ++*(int *)ctx;
}

static void test_an_empty_loop_ends_and_frees(void **state)
{
    (void)state;
    struct loop *loop = new_loop();

    loop_run(loop);
    loop_turn(loop, false);
    loop_free(loop);
    loop_free(NULL);
}

static void test_a_hook_runs_once_a_turn_however_often_deferred(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    int runs = 0;
    struct loop_hook hook = {.fn = count, .ctx = &runs};
    struct loop_hook gone = {.fn = count, .ctx = &runs};

    loop_defer(loop, &hook);
    loop_defer(loop, &hook);
    loop_defer(loop, &gone);
    loop_undefer(&gone);
    loop_undefer(&gone);
    loop_run(loop);
    assert_int_equal(runs, 1);
    loop_defer(loop, &hook);
    loop_turn(loop, false);
    assert_int_equal(runs, 2);
    loop_free(loop);
}

struct again {
    struct loop *loop;
    struct loop_hook hook, other;
    int runs, other_runs;
};

static void run_again(void *ctx)
{
    struct again *a = ctx;

    if (++a->runs < 100)
        loop_defer(a->loop, &a->hook);
    loop_undefer(&a->other);
}

static void test_hooks_may_queue_themselves_and_remove_others(void **state)
{
    (void)state;
    struct again a = {.loop = new_loop()};

    a.hook = (struct loop_hook){.fn = run_again, .ctx = &a};
    a.other = (struct loop_hook){.fn = count, .ctx = &a.other_runs};
    loop_defer(a.loop, &a.hook);
    loop_defer(a.loop, &a.other);
    loop_run(a.loop);
    assert_int_equal(a.runs, 100);
    assert_int_equal(a.other_runs, 0);
    loop_free(a.loop);
}

struct tick {
    struct timer *timer;
    int runs;
};

static void free_own_timer(void *ctx)
{
    struct tick *t = ctx;

    t->runs++;
    timer_free(t->timer);
}

static void test_a_timer_fires_once_not_early_and_may_free_itself(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    struct tick t = {0};
    int never = 0;
    struct timer *stopped = timer_new(loop, count, &never);

    t.timer = timer_new(loop, free_own_timer, &t);
    uint64_t start = clock_ns();
    timer_start(t.timer, 5);
    timer_start(t.timer, 20);
    timer_start(stopped, 1);
    assert_true(timer_running(stopped));
    timer_stop(stopped);
    assert_false(timer_running(stopped));
    loop_run(loop);
    assert_int_equal(t.runs, 1);
    assert_int_equal(never, 0);
    assert_true(clock_ns() - start >= 19 * 1000000ull);
    timer_free(stopped);
    timer_free(NULL);
    loop_free(loop);
}

struct poster {
    struct loop *loop;
    int got;
    int order_wrong;
};

struct note {
    struct poster *to;
    int n;
};

static void take_note(void *ctx)
{
    struct note *note = ctx;

    if (note->n != note->to->got++)
        note->to->order_wrong = 1;
    free(note);
}

static void *post_many(void *arg)
{
    struct poster *p = arg;

    for (int i = 0; i < 1000; i++) {
        struct note *note = malloc(sizeof(*note));

        *note = (struct note){p, i};
        loop_post(p->loop, take_note, note);
    }
    return NULL;
}

static void test_posts_of_another_thread_come_in_order(void **state)
{
    (void)state;
    struct poster p = {.loop = new_loop()};
    pthread_t thread;

    pthread_create(&thread, NULL, post_many, &p);
    while (p.got < 1000)
        loop_turn(p.loop, true);
    pthread_join(thread, NULL);
    assert_false(p.order_wrong);
    loop_free(p.loop);
}

static void drop_hold(void *ctx)
{
    struct poster *p = ctx;

    p->got++;
    loop_drop(p->loop, "worker");
}

static void *post_drop(void *arg)
{
    struct poster *p = arg;

    loop_post(p->loop, drop_hold, p);
    return NULL;
}

static void test_a_held_loop_runs_until_dropped(void **state)
{
    (void)state;
    struct poster p = {.loop = new_loop()};
    pthread_t thread;

    loop_hold(p.loop, "worker");
    pthread_create(&thread, NULL, post_drop, &p);
    loop_run(p.loop);
    assert_int_equal(p.got, 1);
    pthread_join(thread, NULL);
    loop_free(p.loop);
}

struct job {
    pthread_t ran_on;
    int done;
};

static void do_job(void *ctx)
{
    ((struct job *)ctx)->ran_on = pthread_self();
}

static void job_done(void *ctx)
{
    ((struct job *)ctx)->done++;
}

static void test_work_runs_elsewhere_and_is_done_even_at_shutdown(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    struct job job = {0};

    loop_work(loop, do_job, job_done, &job);
    loop_free(loop);
    assert_int_equal(job.done, 1);
    assert_false(pthread_equal(job.ran_on, pthread_self()));
}

struct signal_test {
    struct sigwatch *watch;
    int signo;
};

static void on_signal(void *ctx, int signo)
{
    struct signal_test *s = ctx;

    s->signo = signo;
    sigwatch_free(s->watch);
}

static void test_a_signal_reaches_its_watch(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    struct signal_test s = {0};

    s.watch = sigwatch_new(loop, SIGUSR1, on_signal, &s);
    kill(getpid(), SIGUSR1);
    loop_run(loop);
    assert_int_equal(s.signo, SIGUSR1);
    loop_free(loop);
}

static void test_a_forgotten_object_is_named_and_aborts(void **state)
{
    (void)state;
    int fds[2];
    char said[512] = "";

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], 2);
        struct loop *loop = loop_new(NULL);
        int runs = 0;

        timer_new(loop, count, &runs);
        loop_free(loop);
        _exit(0);
    }
    close(fds[1]);
    size_t got = 0;
    for (ssize_t n; (n = read(fds[0], said + got, sizeof(said) - 1 - got)) > 0;)
        got += (size_t)n;
    close(fds[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
    assert_non_null(strstr(said, "1 timer still open"));
}

static void test_clocks_are_sane(void **state)
{
    (void)state;
    struct loop *loop = new_loop();

    assert_true(clock_wall_ms() > 1600000000000);
    assert_true(clock_ns() > 0);
    assert_true(loop_now_ms(loop) <= clock_ns() / 1000000);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_an_empty_loop_ends_and_frees),
            cmocka_unit_test(test_a_hook_runs_once_a_turn_however_often_deferred),
            cmocka_unit_test(test_hooks_may_queue_themselves_and_remove_others),
            cmocka_unit_test(test_a_timer_fires_once_not_early_and_may_free_itself),
            cmocka_unit_test(test_posts_of_another_thread_come_in_order),
            cmocka_unit_test(test_a_held_loop_runs_until_dropped),
            cmocka_unit_test(test_work_runs_elsewhere_and_is_done_even_at_shutdown),
            cmocka_unit_test(test_a_signal_reaches_its_watch),
            cmocka_unit_test(test_a_forgotten_object_is_named_and_aborts),
            cmocka_unit_test(test_clocks_are_sane),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
