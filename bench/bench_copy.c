/*
 * bench_copy.c - copy mode over 100,000 lines: searching all of them, the longest turn of the
 * loop that a search takes, freezing and copying all. CPU milliseconds, best of five, one JSON
 * line.
 */
#include <stdio.h>
#include <time.h>

#include "io/loop.h"
#include "tui/copy.h"

#define LINES 100000u
#define ROUNDS 5
#define SLICE_NS 8000000u /* as ui_copy.c has it */

static struct vt *filled(void)
{
    struct vt *vt = vt_new(120, 40, LINES, NULL, NULL);
    char line[256];

    for (unsigned i = 0; i < LINES; i++) {
        int n = snprintf(line, sizeof line,
                "\033[2m12:%02u:%02u\033[0m \033[3%umINFO\033[0m src/file_%u.c: compiled in %u "
                "ms%s\r\n",
                i / 60 % 60, i % 60, 1 + i % 7, i % 400, i % 9999,
                i % 10 ? ""
                       : ", and a text behind it that is long enough to go on in the next row "
                         "of the terminal, as paths and messages often do");
        vt_feed(vt, (struct str){line, (size_t)n});
    }
    return vt;
}

/* Of this process alone: what else the machine does is not in it. */
static uint64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static double ms_since(uint64_t start)
{
    return (double)(cpu_ns() - start) / 1e6;
}

static void best(double *value, double ms)
{
    if (*value == 0 || ms < *value)
        *value = ms;
}

/* The whole time, and the longest piece of it. */
static double search(struct copy *copy, const char *text, double *longest)
{
    double all = 0;

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = cpu_ns();
        bool done = false;

        copy_search_open(copy, -1);
        copy_search_set(copy, str_of(text));
        while (!done) {
            uint64_t turn = cpu_ns();
            done = copy_search_run(copy, SLICE_NS);
            if (ms_since(turn) > *longest)
                *longest = ms_since(turn);
        }
        best(&all, ms_since(start));
    }
    return all;
}

int main(void)
{
    static const struct {
        const char *name, *text;
    } searches[] = {{"rare", "compiled in 9998"}, {"common", "compiled"}, {"capital", "INFO"},
            {"letter", "e"}, {"absent", "no such words"}, {"other_script", "\xc3\xa4pfel"}};
    struct vt *vt = filled();
    struct buf text = BUF_INIT;
    double longest = 0, open = 0, take = 0;
    struct copy copy;

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = cpu_ns();
        copy_open(&copy, vt, 120, 40);
        best(&open, ms_since(start));
        copy_close(&copy);
    }
    copy_open(&copy, vt, 120, 40);
    printf("{\"bench\":\"copy\",\"unit\":\"ms\",\"lines\":%u", LINES);
    for (size_t i = 0; i < sizeof searches / sizeof searches[0]; i++)
        printf(",\"%s\":%.1f", searches[i].name, search(&copy, searches[i].text, &longest));
    copy_move(&copy, COPY_TOP, 1);
    copy_select(&copy, COPY_LINES);
    copy_move(&copy, COPY_BOTTOM, 1);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = cpu_ns();
        buf_clear(&text);
        copy_take(&copy, &text);
        best(&take, ms_since(start));
    }
    printf(",\"longest_turn\":%.1f,\"open\":%.2f,\"copy_all\":%.1f,\"copied_mb\":%.1f}\n",
            longest, open, take, (double)buf_len(&text) / 1e6);
    buf_release(&text);
    copy_close(&copy);
    vt_free(vt);
    return 0;
}
