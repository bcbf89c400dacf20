/*
 * What goes wrong around a box: scripts named docker and npm, first in PATH, play the tools.
 * Each writes its calls into a log, so that a test sees what was asked of it.
 */
#include "boxes.h"

#include <dirent.h>

#include "base/proc.h"
#include "docker/program.h"

static char *original_path;

/* A tool of this test. $LOG is the log, $DIR the folder of the tools. */
static void tool(struct world *w, const char *name, const char *script)
{
    char *bin = world_folder(w, "bin");
    char *path = path_join(bin, name);
    char *text = xasprintf("#!/bin/sh\nDIR=%s; LOG=%s/log\necho \"%s $*\" >>$LOG\n%s\n", bin,
            bin, name, script);
    assert_int_equal(file_write(path, text, strlen(text), 0755, NULL), 0);
    free(text);
    free(path);
    path = xasprintf("%s:%s", bin, original_path);
    setenv("PATH", path, 1);
    free(path);
    free(bin);
}

/* Nothing but what the test makes itself and what scripts need. */
static void only_tools(struct world *w)
{
    static const char *const needed[] = {"timeout", "tar", "gzip", "cat", "cp", NULL};
    char *bin = world_folder(w, "bin");
    for (const char *const *name = needed; *name; name++) {
        char *from = path_join("/usr/bin", *name);
        char *to = path_join(bin, *name);
        assert_int_equal(symlink(from, to), 0);
        free(from);
        free(to);
    }
    setenv("PATH", bin, 1);
    free(bin);
}

static bool was_called(struct world *w, const char *part)
{
    struct buf text = BUF_INIT;
    char *path = path_join(w->dir, "bin/log");
    (void)file_read(path, 1 << 20, &text, NULL);
    buf_putc(&text, '\0');
    bool yes = strstr(buf_data(&text), part) != NULL;
    buf_release(&text);
    free(path);
    return yes;
}

static struct world *failing_world(void)
{
    setenv("PATH", original_path, 1);
    return world_new("docker");
}

static void run_until_failed(struct world *w, const char *part)
{
    static const char *const argv[] = {"true", NULL};
    world_start(w, argv);
    WAIT_FOR(w, w->failed || w->exited);
    assert_true(w->failed);
    assert_false(w->exited);
    if (!strstr(w->err.msg, part))
        fail_msg("'%s' does not say '%s'", w->err.msg, part);
}

#define INSPECT_FINE "case \"$*\" in *inspect*) echo sha256:base; exit 0;; esac\n"

static void a_missing_engine_is_said(void **state)
{
    (void)state;
    struct world *w = failing_world();
    only_tools(w);
    run_until_failed(w, "docker");
    world_free(w);
}

static void an_engine_that_does_not_answer_is_said_in_its_own_words(void **state)
{
    (void)state;
    struct world *w = failing_world();
    tool(w, "docker", "echo 'Cannot connect to the Docker daemon at unix:///x' >&2; exit 1");
    run_until_failed(w, "Cannot connect to the Docker daemon");
    assert_false(was_called(w, "docker rm"));
    world_free(w);
}

static void under_a_rootless_engine_the_user_is_root_inside(void **state)
{
    (void)state;
    struct world *w = failing_world();
    tool(w, "docker",
            INSPECT_FINE
            "case $1 in info) echo '[\"name=seccomp,profile=default\",\"name=rootless\"]';;"
            " create) echo stop >&2; exit 1;; esac");
    run_until_failed(w, "docker create: stop");
    assert_true(was_called(w, " --user=0:0 "));
    world_free(w);
}

static void a_refused_create_is_cleaned_up_after(void **state)
{
    (void)state;
    struct world *w = failing_world();
    tool(w, "docker",
            INSPECT_FINE
            "case $1 in create) echo \"odd$(printf '\\033')[2Jerror\" >&2; exit 125;; esac");
    run_until_failed(w, "docker create: odd<U+001B>[2Jerror");
    assert_true(was_called(w, "docker rm --force --volumes -- ironcurtain-"));
    world_free(w);
}

static void a_container_that_dies_at_once_says_why_and_is_removed(void **state)
{
    (void)state;
    struct world *w = failing_world();
    tool(w, "docker",
            INSPECT_FINE
            "case $1 in start) echo 'icguest: cannot listen' >&2; exit 125;; esac");
    run_until_failed(w, "icguest: cannot listen");
    assert_true(was_called(w, "docker start --attach"));
    assert_true(was_called(w, "docker rm --force"));
    world_free(w);
}

static void a_container_that_ends_well_before_it_is_ready_has_failed_too(void **state)
{
    (void)state;
    struct world *w = failing_world();
    tool(w, "docker", INSPECT_FINE);
    run_until_failed(w, "ended before it was ready");
    world_free(w);
}

static void giving_up_during_create_removes_what_create_makes(void **state)
{
    static const char *const argv[] = {"true", NULL};
    (void)state;
    struct world *w = failing_world();
    tool(w, "docker",
            INSPECT_FINE
            "case $1 in create) touch $DIR/creating; while [ ! -e $DIR/go ]; do :; done;"
            " echo created >>$LOG;; esac");
    char *creating = path_join(w->dir, "bin/creating");
    char *go = path_join(w->dir, "bin/go");
    world_start(w, argv);
    while (!file_exists(creating))
        loop_turn(w->loop, false);
    box_free(w->box);
    w->box = NULL;
    assert_false(was_called(w, "docker rm"));
    assert_int_equal(file_write(go, "", 0, 0600, NULL), 0);
    timer_free(w->deadline);
    loop_free(w->loop); /* waits until all is gone */
    w->loop = loop_new(NULL);
    w->deadline = timer_new(w->loop, on_late, w);
    assert_true(was_called(w, "created\ndocker rm --force"));
    assert_false(was_called(w, "docker start"));
    free(creating);
    free(go);
    world_free(w);
}

/* --- image and program --------------------------------------------------------------- */

static void use_image(struct world *w)
{
    snprintf(w->agent.name, sizeof(w->agent.name), "tester");
    w->agent.host_binary = (char *)"tester";
    w->agent.image = (char *)"ironcurtain-tester";
    w->agent.dockerfile = (char *)"claude-code.dockerfile";
}

static void use_npm(struct world *w)
{
    use_image(w);
    w->agent.npm = (char *)"@scope/tester-{arch}";
    w->agent.version = (char *)"1.2.3";
    w->agent.npm_file = (char *)"package/tester";
}

static unsigned entries_of(const char *folder, const char *prefix)
{
    char *path = path_join(path_home(), folder);
    DIR *dir = opendir(path);
    unsigned count = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    if (dir)
        closedir(dir);
    free(path);
    return count;
}

#define NO_IMAGE_YET                                                                           \
    "case \"$*\" in *ironcurtain-tester*inspect*|*inspect*ironcurtain-tester*)"                \
    " echo 'Error: No such image: ironcurtain-tester' >&2; exit 1;;"                           \
    " *network*inspect*) echo '[]'; exit 1;; *inspect*) echo sha256:base; exit 0;; esac\n"

static void a_build_that_fails_leaves_no_folder_and_shows_its_lines_escaped(void **state)
{
    (void)state;
    struct world *w = failing_world();
    tool(w, "docker",
            NO_IMAGE_YET "case $1 in build) printf 'Step 1\\nStep \\033]0;x\\007 2\\n'; echo "
                         "'no space left' >&2;"
                         " exit 1;; esac");
    char *program = path_join(w->dir, "bin/tester");
    assert_int_equal(symlink("/usr/bin/true", program), 0);
    use_image(w);
    run_until_failed(
            w, "cannot build image 'ironcurtain-tester:latest': docker build: no space");
    assert_true(was_called(w, "docker build --pull=false --network=host"));
    assert_true(was_called(w, "--build-arg=BASE=ironcurtain-base:latest"));
    assert_int_equal(entries_of("cache", "build-"), 0);
    buf_putc(&w->progress, '\0');
    assert_non_null(strstr(buf_data(&w->progress), "Step <U+001B>]0;x<U+0007> 2"));
    assert_null(strchr(buf_data(&w->progress), 033));
    free(program);
    world_free(w);
}

static void an_image_whose_hash_fits_is_not_built_again(void **state)
{
    (void)state;
    struct world *w = failing_world();
    /* The first build says its hash; after that the image has it. */
    tool(w, "docker",
            "case \"$*\" in *inspect*ironcurtain-tester*) [ -e $DIR/hash ] && "
            "{ echo \"sha256:image $(cat $DIR/hash)\"; exit 0; };"
            " echo 'Error: No such image: x' >&2; exit 1;; *inspect*) echo sha256:base; exit "
            "0;;"
            " build*) for a; do case $a in --label=ironcurtain.build-hash=*)"
            " echo ${a#*hash=} >$DIR/hash;; esac; done; exit 0;;"
            " create*) echo \"stop here\" >&2; exit 1;; esac");
    char *program = path_join(w->dir, "bin/tester");
    char *log = path_join(w->dir, "bin/log");
    assert_int_equal(symlink("/usr/bin/true", program), 0);
    use_image(w);
    run_until_failed(w, "stop here");
    assert_true(was_called(w, "docker build"));
    box_free(w->box);
    w->failed = false;
    assert_int_equal(unlink(log), 0);
    run_until_failed(w, "stop here");
    assert_false(was_called(w, "docker build"));
    free(log);
    free(program);
    world_free(w);
}

struct found {
    bool done;
    char *path, *id;
    struct err err;
};

static void on_found(void *ctx, const char *path, const char *id, const struct err *err)
{
    struct found *found = ctx;
    found->done = true;
    found->path = xstrdup(path);
    found->id = xstrdup(id);
    if (err)
        found->err = *err;
}

static void no_progress(void *ctx, const char *line)
{
    (void)ctx;
    (void)line;
}

static struct found find(struct world *w, enum program_order order)
{
    struct found found = {0};
    assert_non_null(program_find(w->loop, &w->agent, order, no_progress, on_found, &found));
    assert_false(found.done);
    WAIT_FOR(w, found.done);
    return found;
}

static void found_free(struct found *found)
{
    free(found->path);
    free(found->id);
}

/* npm that packs one native program. */
#define NPM_FINE                                                                               \
    "mkdir package && cp /usr/bin/true package/tester && tar -czf tester-1.2.3.tgz package "   \
    "&& "                                                                                      \
    "rm -r package && echo tester-1.2.3.tgz"

static void the_pinned_program_is_fetched_once(void **state)
{
    (void)state;
    struct world *w = failing_world();
    char *cache = path_join(path_home(), "cache/agents");
    assert_int_equal(file_remove_tree(cache, NULL), 0);
    tool(w, "npm", NPM_FINE);
    use_npm(w);
    struct found found = find(w, PROGRAM_PINNED_FIRST);
    if (!found.path)
        fail_msg("%s", found.err.msg);
    assert_true(was_called(w, "npm pack --silent --ignore-scripts --pack-destination"));
    assert_true(was_called(w, "@1.2.3"));
    assert_memory_equal(found.id, "npm:@scope/tester-", 18);
    assert_int_equal(access(found.path, X_OK), 0);
    found_free(&found);
    tool(w, "npm", "echo again >>$LOG; exit 1");
    found = find(w, PROGRAM_PINNED_FIRST);
    assert_non_null(found.path);
    assert_false(was_called(w, "again"));
    found_free(&found);
    assert_int_equal(entries_of("cache", "fetch-"), 0);
    assert_int_equal(file_remove_tree(cache, NULL), 0);
    free(cache);
    world_free(w);
}

static void the_files_beside_the_program_come_along(void **state)
{
    (void)state;
    struct world *w = failing_world();
    char *beside[] = {(char *)"helper", NULL};
    struct argv parts = ARGV_INIT;
    tool(w, "npm",
            "mkdir -p package/x64 && cp /usr/bin/true package/x64/tester && "
            "cp /usr/bin/true package/x64/helper && tar -czf a.tgz package && echo a.tgz");
    use_npm(w);
    w->agent.version = (char *)"2.0-{arch}";
    w->agent.npm_file = (char *)"package/{arch}/tester";
    w->agent.beside = beside;
    struct found found = find(w, PROGRAM_PINNED_FIRST);
    if (!found.path)
        fail_msg("%s", found.err.msg);
    assert_non_null(strstr(found.path, "/tester-2.0-x64-x64/tester"));
    program_parts(&w->agent, found.path, &parts);
    assert_int_equal(parts.n, 2);
    assert_string_equal(parts.v[0], found.path);
    assert_non_null(strstr(parts.v[1], "/tester-2.0-x64-x64/helper"));
    assert_int_equal(access(parts.v[1], X_OK), 0);
    argv_release(&parts);
    found_free(&found);
    world_free(w);
}

static void a_script_comes_with_its_package(void **state)
{
    (void)state;
    struct world *w = failing_world();
    struct argv parts = ARGV_INIT;
    tool(w, "npm",
            "mkdir -p package/lib && echo '#!/usr/bin/env node' >package/lib/t.js && "
            "echo '{}' >package/package.json && tar -czf a.tgz package && echo a.tgz");
    use_npm(w);
    w->agent.version = (char *)"3.0";
    w->agent.npm_file = (char *)"package/lib/t.js";
    w->agent.runner = (char *)"node";
    struct found found = find(w, PROGRAM_PINNED_FIRST);
    if (!found.path)
        fail_msg("%s", found.err.msg);
    assert_int_equal(access(found.path, X_OK), 0);
    program_parts(&w->agent, found.path, &parts);
    assert_int_equal(parts.n, 1);
    assert_non_null(strstr(parts.v[0], "/tester-3.0-x64/package"));
    char *inner = program_inner_path(&w->agent, found.path);
    assert_string_equal(inner, "package/lib/t.js");
    char *other = path_join(parts.v[0], "package.json");
    assert_int_equal(access(other, R_OK), 0);
    free(other);
    free(inner);
    argv_release(&parts);
    found_free(&found);
    world_free(w);
}

static void a_fetch_that_goes_wrong_is_an_error_and_leaves_nothing(void **state)
{
    static const struct {
        const char *npm, *part;
    } cases[] = {
            {"echo 'E404 not found' >&2; exit 1", "E404 not found"},
            {"echo ../../etc/x.tgz", "did not print the name of an archive"},
            {"echo -x.tgz", "did not print the name of an archive"},
            {"echo absent.tgz", "tar:"},
            {"mkdir package && echo '#!/bin/sh' >package/tester && tar -czf a.tgz package && "
             "echo a.tgz",
                    "not a native program"},
            {"mkdir package && ln -s /usr/bin/true package/tester && tar -czf a.tgz package && "
             "echo a.tgz",
                    "not a native program"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world *w = failing_world();
        tool(w, "npm", cases[i].npm);
        use_npm(w);
        struct found found = find(w, PROGRAM_PINNED_FIRST);
        assert_null(found.path);
        if (!strstr(found.err.msg, cases[i].part))
            fail_msg("'%s' does not say '%s'", found.err.msg, cases[i].part);
        assert_int_equal(entries_of("cache", "fetch-"), 0);
        assert_int_equal(entries_of("cache/agents/tester-1.2.3-x64", "tester"), 0);
        found_free(&found);
        world_free(w);
    }
}

static void the_program_of_the_host_is_the_second_choice_for_an_image(void **state)
{
    (void)state;
    struct world *w = failing_world();
    tool(w, "npm", "exit 1");
    char *program = path_join(w->dir, "bin/tester");
    assert_int_equal(symlink("/usr/bin/true", program), 0);
    use_npm(w);
    struct found found = find(w, PROGRAM_PINNED_FIRST);
    assert_string_equal(found.path, "/usr/bin/true");
    assert_memory_equal(found.id, "host:/usr/bin/true:", 19);
    found_free(&found);
    assert_true(was_called(w, "npm pack"));
    found = find(w, PROGRAM_HOST_FIRST);
    assert_string_equal(found.path, "/usr/bin/true");
    found_free(&found);
    free(program);
    world_free(w);
}

static void a_script_of_the_host_is_not_taken_for_the_program(void **state)
{
    (void)state;
    struct world *w = failing_world();
    tool(w, "tester", "exit 0");
    use_image(w);
    struct found found = find(w, PROGRAM_HOST_FIRST);
    assert_null(found.path);
    assert_non_null(strstr(found.err.msg, "put a native 'tester' into PATH"));
    found_free(&found);
    world_free(w);
}

/* --- probe and collect --------------------------------------------------------------- */

static void on_probe(void *ctx, const struct err *err)
{
    struct world *w = ctx;
    w->exited = true;
    w->failed = err != NULL;
    if (err)
        w->err = *err;
}

static void the_probe_tells_missing_from_silent(void **state)
{
    (void)state;
    struct world *w = failing_world();
    only_tools(w);
    runtime_probe(w->loop, "docker", on_probe, w);
    assert_false(w->exited);
    WAIT_FOR(w, w->exited);
    assert_string_equal(w->err.msg, "docker is not installed");
    tool(w, "docker", "echo 'Cannot connect' >&2; exit 1");
    w->exited = false;
    runtime_probe(w->loop, "docker", on_probe, w);
    WAIT_FOR(w, w->exited);
    assert_string_equal(w->err.msg, "docker: Cannot connect");
    world_free(w);
}

static void on_collected(void *ctx, unsigned count, const struct err *err)
{
    struct world *w = ctx;
    w->exited = true;
    w->status = err ? -1 : (int)count;
}

static void collecting_touches_only_readable_labels_of_dead_owners(void **state)
{
    (void)state;
    struct world *w = failing_world();
    struct proc_id self;
    char alive[80], script[1024];
    assert_true(proc_identify(getpid(), &self));
    proc_format(&self, alive);
    /* Alive; dead (another start time); no owner; garbage; an option instead of an id. */
    snprintf(script, sizeof(script),
            "case $1 in ps) printf '%s\\t%s\\n%s\\t%d 1 %s\\n%s\\t\\n%s\\tx y z\\n--all\\t%d 1 "
            "%s\\n';;"
            " esac",
            "aaaaaaaaaaaa", alive, "bbbbbbbbbbbb", (int)getpid(), self.boot, "cccccccccccc",
            "dddddddddddd", (int)getpid(), self.boot);
    tool(w, "docker", script);
    box_collect(w->loop, "/the/home", false, on_collected, w);
    WAIT_FOR(w, w->exited);
    assert_int_equal(w->status, 1);
    assert_true(was_called(w, "--filter label=ironcurtain.managed=true"));
    assert_true(was_called(w, "--filter label=ironcurtain.home=/the/home"));
    assert_true(was_called(w, "docker rm --force --volumes bbbbbbbbbbbb\n"));
    world_free(w);
}

static void without_an_engine_there_is_nothing_to_collect(void **state)
{
    (void)state;
    struct world *w = failing_world();
    only_tools(w);
    box_collect(w->loop, "/the/home", false, on_collected, w);
    WAIT_FOR(w, w->exited);
    assert_int_equal(w->status, 0);
    world_free(w);
}

int main(void)
{
    char home[64];
    original_path = getenv("PATH") ? strdup(getenv("PATH")) : NULL;
    if (!original_path || !getenv("IC_BUILD"))
        return 1;
    test_tmpdir(home, sizeof(home), "home");
    setenv("IRONCURTAIN_HOME", home, 1);
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_missing_engine_is_said),
            cmocka_unit_test(an_engine_that_does_not_answer_is_said_in_its_own_words),
            cmocka_unit_test(under_a_rootless_engine_the_user_is_root_inside),
            cmocka_unit_test(a_refused_create_is_cleaned_up_after),
            cmocka_unit_test(a_container_that_dies_at_once_says_why_and_is_removed),
            cmocka_unit_test(a_container_that_ends_well_before_it_is_ready_has_failed_too),
            cmocka_unit_test(giving_up_during_create_removes_what_create_makes),
            cmocka_unit_test(a_build_that_fails_leaves_no_folder_and_shows_its_lines_escaped),
            cmocka_unit_test(an_image_whose_hash_fits_is_not_built_again),
            cmocka_unit_test(the_pinned_program_is_fetched_once),
            cmocka_unit_test(the_files_beside_the_program_come_along),
            cmocka_unit_test(a_script_comes_with_its_package),
            cmocka_unit_test(a_fetch_that_goes_wrong_is_an_error_and_leaves_nothing),
            cmocka_unit_test(the_program_of_the_host_is_the_second_choice_for_an_image),
            cmocka_unit_test(a_script_of_the_host_is_not_taken_for_the_program),
            cmocka_unit_test(the_probe_tells_missing_from_silent),
            cmocka_unit_test(collecting_touches_only_readable_labels_of_dead_owners),
            cmocka_unit_test(without_an_engine_there_is_nothing_to_collect),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)file_remove_tree(home, NULL);
    free(original_path);
    return failed;
}
