/*
 * bench_store.c - how many audit rows a second reach the disk, and what a put costs the loop.
 *
 *     bench_store [ROWS [FOLDER]]     prints one JSON line
 *
 * Rows are put as fast as the queue takes them, waiting for on_drain when it is full, so
 * rows_per_s is the disk's side and put_ns the loop's. commit_ms is one escalation at a time:
 * put, transaction, fsync, callback.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "io/loop.h"
#include "store/store.h"

#define COMMITS 200

struct bench {
    struct loop *loop;
    struct store *store;
    unsigned drains, answers, errors;
    uint64_t put_ns, worst_ns;
};

static void on_drain(void *ctx)
{
    ((struct bench *)ctx)->drains++;
}

static void on_answer(void *ctx, const struct err *err)
{
    struct bench *bench = ctx;

    bench->answers++;
    if (err)
        bench->errors++;
}

static void commit_and_wait(struct bench *bench)
{
    struct escalation_record rec = {.id = store_next_id(bench->store), .session = "bench"};
    unsigned before = bench->answers;

    store_commit_escalation(bench->store, &rec, on_answer, bench);
    while (bench->answers == before)
        loop_turn(bench->loop, true);
}

static void put_rows(struct bench *bench, unsigned rows)
{
    struct request_record rec = {.session = "6e1c52a5-0000-4000-8000-000000000000",
            .kind = "llm",
            .provider = "anthropic",
            .method = "POST",
            .host = "api.anthropic.com",
            .port = 443,
            .path = "/v1/messages",
            .status = 200,
            .done = true,
            .inspected = true,
            .protocol = "http/1.1",
            .model = "claude-opus-4-1-20250805",
            .stop_reason = "end_turn",
            .input_tokens = 3200,
            .output_tokens = 812,
            .cache_read_tokens = 31000,
            .cache_write_tokens = 400,
            .cost_micro = 31000};

    for (unsigned i = 0; i < rows; i++) {
        rec.id = store_next_id(bench->store);
        rec.started_ms = (int64_t)i;
        uint64_t start = clock_ns();
        store_put_request(bench->store, &rec);
        uint64_t took = clock_ns() - start;
        bench->put_ns += took;
        bench->worst_ns = took > bench->worst_ns ? took : bench->worst_ns;
        unsigned before = bench->drains;
        if (store_full(bench->store))
            while (bench->drains == before)
                loop_turn(bench->loop, true);
    }
    commit_and_wait(bench);
}

static int run(struct bench *bench, unsigned rows)
{
    uint64_t start = clock_ns();
    put_rows(bench, rows);
    double seconds = (double)(clock_ns() - start) / 1e9;

    start = clock_ns();
    for (unsigned i = 0; i < COMMITS; i++)
        commit_and_wait(bench);
    double commit_ms = (double)(clock_ns() - start) / 1e6 / COMMITS;

    printf("{\"bench\":\"store\",\"rows\":%u,\"rows_per_s\":%.0f,\"put_ns\":%.0f,"
           "\"put_worst_us\":%.0f,\"commit_ms\":%.2f,\"errors\":%u}\n",
            rows, (double)rows / seconds, (double)bench->put_ns / rows,
            (double)bench->worst_ns / 1e3, commit_ms, bench->errors);
    return bench->errors ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    struct err err;
    char dir[512];
    uint64_t rows = 200000;

    if (argc > 1 && (!str_u64(str_of(argv[1]), UINT32_MAX, &rows) || rows == 0)) {
        fprintf(stderr, "usage: bench_store [ROWS [FOLDER]]\n");
        return 2;
    }
    snprintf(dir, sizeof(dir), "%s/bench-store-XXXXXX", argc > 2 ? argv[2] : "/tmp");
    if (!mkdtemp(dir)) {
        perror(dir);
        return 1;
    }
    char *path = path_join(dir, "ironcurtain.db");
    int status = 1;
    bench.loop = loop_new(&err);
    bench.store = bench.loop ? store_open(bench.loop, path, &err) : NULL;
    if (bench.store) {
        store_on_drain(bench.store, on_drain, &bench);
        status = run(&bench, (unsigned)rows);
        store_close(bench.store);
    } else {
        fprintf(stderr, "bench_store: %s\n", err.msg);
    }
    loop_free(bench.loop);
    (void)file_remove_tree(dir, NULL);
    free(path);
    return status;
}
