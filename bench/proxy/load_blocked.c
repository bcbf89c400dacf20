/*
 * load_blocked.c - how long a request waits while the peer mints certificates.
 *
 * Another process opens a tunnel to a new host at a fixed pace. Meanwhile one request a
 * millisecond goes in turn through the peer and straight to the origin. A pace, not all that
 * the peer can do: a queue of work is no blocked loop. Three figures come of it:
 *
 * added    The longest delay through the peer minus the longest without it: what an agent would
 *          see. Another program that had the CPU meanwhile is in it.
 * held     Of each delay through the peer, the time in which neither the peer's loop, nor the
 *          origin, nor we were ready to run and waited for the CPU (the kernel keeps that sum
 *          for each thread). What is left is the request itself and all that the loop did
 *          before it, be it computing or waiting in the kernel.
 * blocked  The longest so held minus the longest so held before the first of those tunnels:
 *          what is due to them.
 *
 * The process of the tunnels has the policy SCHED_IDLE, so that it does not keep the requests
 * waiting, and is none of our threads, because then it could hold a lock meanwhile.
 *
 * Owns: a load here and one in the child. Blocks: sleeps between requests.
 */
#include "client.h"

#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_NS (10 * UINT64_C(1000000000))

/* In memory that both processes see. */
struct minter {
    atomic_bool stop;
    uint64_t minted, failures;
    char first_failure[200];
};

struct mint_load {
    struct load load;
    uint64_t minted;
};

struct prober {
    struct load load;
    bool waiting;
    int waits[3]; /* schedstat of the peer's loop, the origin and ourselves */
    struct samples delay[2];
    struct samples held;
};

/* --- new hosts ------------------------------------------------------------------------ */

static void minter_ready(struct load *load, struct conn *conn)
{
    ((struct mint_load *)load)->minted++;
    conn_close(conn);
}

static const struct load_ops minter_ops = {minter_ready, NULL, NULL, NULL};

/* In the child, until it is told to stop. */
static void mint(struct minter *minter, const struct options *options)
{
    const struct sched_param none = {0};
    const uint64_t period = (uint64_t)options->period_ms * 1000000;
    struct mint_load test = {.minted = 0};
    struct lane lane;
    unsigned next = options->first;

    (void)sched_setscheduler(0, SCHED_IDLE, &none);
    lane_to_peer(&lane, options);
    load_init(&test.load, &minter_ops, options->connections);
    for (uint64_t due = now_ns(); !atomic_load(&minter->stop); due += period) {
        char host[64];
        snprintf(host, sizeof(host), "h%06u.mint.test", next);
        struct conn *conn = &test.load.conn[next++ % test.load.count];
        conn_close(conn); /* one that took longer than all the others */
        conn_open(&test.load, conn, &lane, host);
        load_run(&test.load, due + period, NULL);
    }
    minter->minted = test.minted;
    minter->failures = test.load.failures;
    memcpy(minter->first_failure, test.load.first_failure, sizeof(minter->first_failure));
    load_release(&test.load);
    lane_release(&lane);
}

static struct minter *minter_start(const struct options *options, pid_t *ret_pid)
{
    struct minter *minter = mmap(
            NULL, sizeof(*minter), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (minter == MAP_FAILED || (*ret_pid = fork()) < 0)
        fail("no second process");
    if (*ret_pid > 0)
        return minter;
    mint(minter, options);
    _exit(0);
}

static void minter_stop(struct minter *minter, pid_t pid)
{
    int status = 0;
    atomic_store(&minter->stop, true);
    if (waitpid(pid, &status, 0) < 0 || status != 0)
        fail("the second process broke");
}

/* --- requests ------------------------------------------------------------------------- */

static void prober_ready(struct load *load, struct conn *conn)
{
    (void)load;
    (void)conn;
}

static void prober_done(struct load *load, struct conn *conn)
{
    (void)conn;
    ((struct prober *)load)->waiting = false;
}

static bool is_answered(struct load *load)
{
    return !((struct prober *)load)->waiting;
}

static const struct load_ops prober_ops = {prober_ready, prober_done, prober_done, NULL};

static int open_waits(const char *who)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%s/schedstat", who);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail("%s cannot be read", path);
    return fd;
}

/* The loop is the first thread of the first process. */
static void open_all_waits(struct prober *prober, const struct options *options)
{
    char peer[16], origin[16];
    if (options->watched.count == 0 || options->origin_pid == 0)
        fail("the processes are not named");
    snprintf(peer, sizeof(peer), "%d", (int)options->watched.pid[0]);
    snprintf(origin, sizeof(origin), "%u", options->origin_pid);
    prober->waits[0] = open_waits(peer);
    prober->waits[1] = open_waits(origin);
    prober->waits[2] = open_waits("thread-self");
}

/* Nanoseconds for which the three were ready and did not run, so far. */
static uint64_t waited_ns(const struct prober *prober)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < 3; i++) {
        char text[128], *at = NULL;
        ssize_t n = pread(prober->waits[i], text, sizeof(text) - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        (void)strtoull(text, &at, 10); /* nanoseconds on the CPU */
        sum += strtoull(at, NULL, 10);
    }
    return sum;
}

static void probe(struct prober *prober, unsigned lane)
{
    struct conn *conn = &prober->load.conn[lane];
    if (conn->state != CONN_READY)
        return;
    uint64_t waited = waited_ns(prober);
    prober->waiting = true;
    conn_ask(conn);
    load_run(&prober->load, now_ns() + ANSWER_NS, is_answered);
    uint64_t delay = now_ns() - conn->asked_ns;
    waited = waited_ns(prober) - waited;
    samples_add(&prober->delay[lane], delay);
    if (lane == 0)
        samples_add(&prober->held, delay > waited ? delay - waited : 0);
}

static void probe_for(struct prober *prober, double seconds)
{
    const struct timespec gap = {0, 1000000};
    uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
    for (unsigned i = 0; now_ns() < end; i++) {
        (void)nanosleep(&gap, NULL);
        probe(prober, i % 2);
    }
}

static void forget(struct prober *prober)
{
    for (unsigned k = 0; k < 2; k++)
        samples_release(&prober->delay[k]);
    samples_release(&prober->held);
}

static void put(
        struct prober *prober, const struct minter *minter, double quiet_max, json_t *ret)
{
    double added = samples_us(&prober->delay[0], 100) - samples_us(&prober->delay[1], 100);
    prober->load.failures += minter->failures;
    if (minter->failures > 0)
        memcpy(prober->load.first_failure, minter->first_failure,
                sizeof(prober->load.first_failure));
    load_put(&prober->load, ret);
    json_object_set_new(ret, "minted", json_integer((json_int_t)minter->minted));
    json_object_set_new(ret, "delay", samples_json(&prober->delay[0]));
    json_object_set_new(ret, "direct", samples_json(&prober->delay[1]));
    json_object_set_new(ret, "held", samples_json(&prober->held));
    json_object_set_new(ret, "blocked", json_real(samples_us(&prober->held, 100) - quiet_max));
    json_object_set_new(ret, "added_p99",
            json_real(samples_us(&prober->delay[0], 99) - samples_us(&prober->delay[1], 99)));
    json_object_set_new(ret, "added_max", json_real(added));
}

void load_blocked(const struct options *options, json_t *ret)
{
    struct prober prober = {.waiting = false};
    struct lane lanes[2];
    pid_t pid;

    lane_to_peer(&lanes[0], options);
    lane_to_origin(&lanes[1], options);
    load_init(&prober.load, &prober_ops, 2);
    for (unsigned k = 0; k < 2; k++) {
        lane_request(&lanes[k], "/v1/messages", "json", options->body);
        load_open_all(&prober.load, k, k + 1, &lanes[k]);
    }
    open_all_waits(&prober, options);
    probe_for(&prober, options->warm);
    forget(&prober);
    probe_for(&prober, options->seconds / 2);
    json_object_set_new(ret, "quiet", samples_json(&prober.held));
    double quiet_max = samples_us(&prober.held, 100);
    forget(&prober);

    struct minter *minter = minter_start(options, &pid);
    probe_for(&prober, options->seconds);
    minter_stop(minter, pid);

    put(&prober, minter, quiet_max, ret);
    forget(&prober);
    munmap(minter, sizeof(*minter));
    for (unsigned i = 0; i < 3; i++)
        close(prober.waits[i]);
    load_release(&prober.load);
    for (unsigned k = 0; k < 2; k++)
        lane_release(&lanes[k]);
}
