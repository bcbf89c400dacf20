/*
 * box_checks.h - what must hold in a box of any runtime, seen from inside it. *state is the
 * name of the runtime.
 */
#ifndef TESTS_UNIT_DOCKER_BOX_CHECKS_H
#define TESTS_UNIT_DOCKER_BOX_CHECKS_H

#include "boxes.h"

static void the_exit_status_of_the_agent_is_that_of_the_box(void **state)
{
    struct world *w = world_new(*state);
    world_run(w, "echo hello from the box; exit 37");
    assert_printed(w, "hello from the box");
    assert_int_equal(w->status, 37);
    world_free(w);
}

static void there_is_no_network_but_lo_and_no_name_is_resolved(void **state)
{
    struct world *w = world_new(*state);
    world_run(w, "echo interfaces: $(tail -n +3 /proc/net/dev | cut -d: -f1);"
                 "getent hosts debian.org >/dev/null && echo resolved || echo unresolved;"
                 "bash -c 'exec 3<>/dev/tcp/10.0.0.1/53' 2>&1;"
                 "cat /proc/net/route | wc -l");
    assert_printed(w, "interfaces: lo\r\n");
    assert_printed(w, "unresolved");
    assert_printed(w, "unreachable");
    world_free(w);
}

static void the_proxy_is_on_the_loopback_port(void **state)
{
    struct world *w = world_new(*state);
    world_run(w, "bash -c 'exec 3<>/dev/tcp/127.0.0.1/18080 && echo connected'");
    assert_printed(w, "connected");
    world_free(w);
}

static void files_of_the_host_outside_the_mounts_are_absent(void **state)
{
    struct world *w = world_new(*state);
    char *secret = path_join(w->dir, "session.json");
    char *script =
            xasprintf("cat %s; ls -d %s /root/.* /home/*; cat /etc/shadow; ls /run/*; true",
                    secret, w->dir);
    assert_int_equal(file_write(secret, "top-secret", 10, 0644, NULL), 0);
    world_run(w, script);
    assert_not_printed(w, "top-secret");
    assert_not_printed(w, "root:");
    assert_not_printed(w, ".bashrc");
    assert_printed(w, "/home/agent");
    free(script);
    free(secret);
    world_free(w);
}

static void only_workspace_home_guest_and_temporary_folders_are_writable(void **state)
{
    struct world *w = world_new(*state);
    world_run(w, "for d in /workspace /home/agent /run/ironcurtain/guest /tmp /var/tmp; do"
                 "  echo new >$d/made && echo yes:$d; done;"
                 "for d in / /etc /etc/ironcurtain /run/ironcurtain /usr /usr/bin /opt"
                 "  /opt/ironcurtain /proc/sys/kernel /home /var /run; do"
                 "  (echo new >$d/made) 2>/dev/null && echo NO:$d; done;"
                 "(echo x >>/opt/ironcurtain/icguest) 2>/dev/null && echo NO:icguest;"
                 "(echo x >>/etc/passwd) 2>/dev/null && echo NO:passwd; true");
    assert_printed(w, "yes:/workspace");
    assert_printed(w, "yes:/home/agent");
    assert_printed(w, "yes:/run/ironcurtain/guest");
    assert_printed(w, "yes:/tmp");
    assert_not_printed(w, "NO:");
    char *made = path_join(w->workspace, "made");
    struct stat st;
    assert_int_equal(stat(made, &st), 0);
    assert_int_equal(st.st_uid, geteuid());
    free(made);
    world_free(w);
}

static void there_is_no_privilege_and_none_to_be_had(void **state)
{
    struct world *w = world_new(*state);
    world_run(w, "grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' /proc/self/status |"
                 "  tr '\\t' ' ';"
                 "unshare --user true 2>/dev/null && echo NO:userns;"
                 "mount -t tmpfs none /tmp 2>/dev/null && echo NO:mount;"
                 "chroot / true 2>/dev/null && echo NO:chroot; true");
    assert_printed(w, "CapPrm: 0000000000000000");
    assert_printed(w, "CapEff: 0000000000000000");
    assert_printed(w, "CapBnd: 0000000000000000");
    assert_printed(w, "NoNewPrivs: 1");
    assert_printed(w, "Seccomp: 2");
    assert_not_printed(w, "NO:");
    world_free(w);
}

static void sockets_that_reach_past_the_network_namespace_are_refused(void **state)
{
    struct world *w = world_new(*state);
    world_run(w, "python3 -c '\nimport socket\nfor family in (40, 38, 17, 29):\n"
                 "    try:\n        socket.socket(family, socket.SOCK_DGRAM); print(\"NO\", "
                 "family)\n"
                 "    except OSError as e: print(\"refused\", family)\n"
                 "for family in (1, 2, 10): socket.socket(family, socket.SOCK_STREAM)\n"
                 "print(\"ordinary ones work\")'");
    assert_printed(w, "refused 40");
    assert_printed(w, "ordinary ones work");
    assert_not_printed(w, "NO");
    world_free(w);
}

static void the_environment_is_what_was_given(void **state)
{
    static const char *const env[] = {
            "HOME=/home/agent", "PATH=/usr/bin:/bin", "TERM=xterm", "A=b=c d\te", NULL};
    struct world *w = world_new(*state);
    setenv("IC_TEST_SECRET", "from-the-host", 1);
    w->spec.env = env;
    world_run(w, "env; tr '\\0' '\\n' </proc/1/environ");
    assert_printed(w, "A=b=c d\te\r\n");
    assert_not_printed(w, "from-the-host");
    world_free(w);
}

static void the_agent_has_a_name_a_home_and_a_terminal_of_its_own(void **state)
{
    struct world *w = world_new(*state);
    world_run(w, "echo I am $(whoami) in $(pwd); tty; stty size; cd ~ && pwd;"
                 "hostname 2>/dev/null || cat /proc/sys/kernel/hostname");
    assert_printed(w, "I am agent in /workspace");
    assert_printed(w, "/dev/pts/");
    assert_printed(w, "30 100");
    assert_printed(w, "/home/agent");
    assert_printed(w, "box\r\n");
    world_free(w);
}

static void a_command_that_does_not_exist_ends_the_box_with_127(void **state)
{
    static const char *const argv[] = {"no-such-agent", NULL};
    struct world *w = world_new(*state);
    world_start(w, argv);
    WAIT_FOR(w, w->failed || w->exited);
    assert_true(w->exited);
    assert_int_equal(w->status, 127);
    world_free(w);
}

static void what_an_earlier_box_left_in_the_guest_folder_is_gone(void **state)
{
    struct world *w = world_new(*state);
    char *guest = path_join(w->sockets, "guest");
    char *link = path_join(guest, "pty.sock");
    assert_int_equal(file_mkdir(guest, NULL), 0);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    world_run(w, "ls -l /run/ironcurtain/guest");
    assert_not_printed(w, "passwd");
    free(link);
    free(guest);
    world_free(w);
}

static void a_box_can_be_given_up_at_every_moment(void **state)
{
    static const char *const argv[] = {"/bin/cat", NULL};
    for (int turns = 0; turns < 40; turns += 1 + turns / 4) {
        struct world *w = world_new(*state);
        world_start(w, argv);
        for (int i = 0; i < turns && !w->started && !w->failed; i++)
            loop_turn(w->loop, true);
        box_free(w->box);
        w->box = NULL;
        w->started = w->failed = w->exited = false;
        for (int i = 0; i < 3; i++)
            loop_turn(w->loop, false);
        assert_false(w->started || w->failed || w->exited);
        world_free(w);
    }
}

#define BOX_CHECKS(runtime)                                                                    \
    CHECK_OF(the_exit_status_of_the_agent_is_that_of_the_box, runtime),                        \
            CHECK_OF(there_is_no_network_but_lo_and_no_name_is_resolved, runtime),             \
            CHECK_OF(the_proxy_is_on_the_loopback_port, runtime),                              \
            CHECK_OF(files_of_the_host_outside_the_mounts_are_absent, runtime),                \
            CHECK_OF(only_workspace_home_guest_and_temporary_folders_are_writable, runtime),   \
            CHECK_OF(there_is_no_privilege_and_none_to_be_had, runtime),                       \
            CHECK_OF(sockets_that_reach_past_the_network_namespace_are_refused, runtime),      \
            CHECK_OF(the_environment_is_what_was_given, runtime),                              \
            CHECK_OF(the_agent_has_a_name_a_home_and_a_terminal_of_its_own, runtime),          \
            CHECK_OF(a_command_that_does_not_exist_ends_the_box_with_127, runtime),            \
            CHECK_OF(what_an_earlier_box_left_in_the_guest_folder_is_gone, runtime),           \
            CHECK_OF(a_box_can_be_given_up_at_every_moment, runtime)
#define CHECK_OF(test, runtime) cmocka_unit_test_prestate(test, (void *)(runtime))

#endif
