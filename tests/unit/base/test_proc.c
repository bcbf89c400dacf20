/*
 * Who a process is, and whether it still is.
 */
#include "base/proc.h"

#include "unit/check.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void this_process_is_alive_and_its_text_reads_back(void **state)
{
    struct proc_id id, same;
    char text[80];

    (void)state;
    assert_true(proc_identify(getpid(), &id));
    assert_true(proc_alive(&id));
    proc_format(&id, text);
    assert_true(proc_parse(text, &same));
    assert_int_equal(same.pid, id.pid);
    assert_int_equal(same.start, id.start);
    assert_string_equal(same.boot, id.boot);
}

static void another_start_time_or_boot_is_another_process(void **state)
{
    struct proc_id id, other;

    (void)state;
    assert_true(proc_identify(getpid(), &id));
    other = id;
    other.start--;
    assert_false(proc_alive(&other));
    other = id;
    other.boot[0] = other.boot[0] == 'a' ? 'b' : 'a';
    assert_false(proc_alive(&other));
}

static void a_killed_process_is_dead_before_it_is_reaped(void **state)
{
    struct proc_id id;
    siginfo_t info;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        for (;;)
            pause();
    }
    assert_true(proc_identify(pid, &id));
    assert_true(proc_alive(&id));
    kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_false(proc_alive(&id));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(proc_alive(&id));
}

static void garbage_is_not_a_process(void **state)
{
    static const char *const texts[] = {"", "x y z", "12", "12 13", "-1 5 b"};
    struct proc_id id;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(proc_parse(texts[i], &id) && proc_alive(&id));
    assert_false(proc_identify(0, &id));
}

static long resident_file_kb(void)
{
    char line[128];
    long kb = -1;
    FILE *f = fopen("/proc/self/status", "re");

    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, "RssFile:", 8) == 0)
            kb = strtol(line + 8, NULL, 10);
    assert_int_equal(fclose(f), 0);
    return kb;
}

static void a_program_that_is_forgotten_runs_on_and_takes_less(void **state)
{
    static int written = 1; /* what the process has changed stays as it is */
    char text[80];
    struct proc_id id;
    long before = resident_file_kb();

    (void)state;
    written = 7;
    proc_forget_program();
    long after = resident_file_kb();
    assert_int_equal(written, 7);
    assert_true(before > 0 && after < before);
    assert_true(proc_identify(getpid(), &id));
    proc_format(&id, text);
    assert_true(proc_parse(text, &id) && proc_alive(&id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(this_process_is_alive_and_its_text_reads_back),
            cmocka_unit_test(another_start_time_or_boot_is_another_process),
            cmocka_unit_test(a_killed_process_is_dead_before_it_is_reaped),
            cmocka_unit_test(garbage_is_not_a_process),
            cmocka_unit_test(a_program_that_is_forgotten_runs_on_and_takes_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
