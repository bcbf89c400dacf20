/*
 * bench_vt.c - emulator throughput in MB per CPU second, from memory, 120x40, 4 KiB reads.
 *
 * Prints one JSON line. What a PTY and a drawer add is not in here.
 */
#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "pty/vt.h"

#define SIZE (16u << 20)
#define READ 4096

struct workload {
    const char *name;
    void (*fill)(struct buf *buf, unsigned i); /* one line */
};

static void fill_plain(struct buf *buf, unsigned i)
{
    static const char text[] = "the quick brown fox jumps over the lazy dog while the agent "
                               "explains what it did, ";

    buf_append(buf, text, 40 + i % 42);
    buf_puts(buf, "\r\n");
}

static void fill_wrap(struct buf *buf, unsigned i)
{
    for (int n = 0; n < 480; n++)
        buf_putc(buf, (char)('A' + i % 26));
}

static void fill_log(struct buf *buf, unsigned i)
{
    buf_printf(buf,
            "\033[2m12:%02u:%02u\033[0m \033[1;3%um%s\033[0m "
            "\033[38;5;%umsrc/file_%u.c\033[39m: "
            "compiled in \033[1m%u\033[22m ms\r\n",
            i / 60 % 60, i % 60, 1 + i % 7, i % 5 ? "INFO" : "WARNING", i % 256, i % 400,
            i % 9999);
}

static void fill_seq(struct buf *buf, unsigned i)
{
    buf_printf(buf, "%u\r\n", i);
}

static void fill_yes(struct buf *buf, unsigned i)
{
    (void)i;
    buf_puts(buf, "y\r\n");
}

static void fill_region(struct buf *buf, unsigned i)
{
    if (i % 1000 == 0)
        buf_puts(buf, "\033[5;30r\033[30H");
    buf_printf(buf, "line %u of the part that scrolls\r\n", i);
}

/* What an inline agent interface does: go up, erase, write a frame again. */
static void fill_frames(struct buf *buf, unsigned i)
{
    buf_puts(buf, "\033[?2026h\033[6A");
    for (unsigned row = 0; row < 6; row++)
        buf_printf(buf,
                "\033[2K\033[38;2;215;119;87m\xe2\x9c\xbb\033[39m Thinking\xe2\x80\xa6 "
                "\033[2m(%us \xc2\xb7 esc to interrupt)\033[22m\r\n",
                i + row);
    buf_puts(buf, "\033[?2026l");
}

static void fill_unicode(struct buf *buf, unsigned i)
{
    buf_printf(buf,
            "\xe2\x94\x82 \xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97 "
            "\xe2\x94\x80\xe2\x94\x80\xe2\x94\x80 "
            "e\xcc\x81 \xf0\x9f\x98\x80 %u \xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 "
            "\xe2\x94\x82\r\n",
            i);
}

static double run(const struct workload *workload)
{
    struct vt *vt = vt_new(120, 40, 10000, NULL, NULL);
    struct buf buf = BUF_INIT;

    for (unsigned i = 0; buf_len(&buf) < SIZE; i++)
        workload->fill(&buf, i);

    clock_t start = clock();
    struct str all = buf_str(&buf);
    for (size_t at = 0; at < all.n; at += READ) {
        size_t n = all.n - at < READ ? all.n - at : READ;

        vt_feed(vt, (struct str){all.p + at, n});
    }
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    double megabytes = (double)all.n / 1e6;

    buf_release(&buf);
    vt_free(vt);
    return megabytes / (seconds > 0 ? seconds : 1e-6);
}

int main(void)
{
    static const struct workload workloads[] = {{"plain", fill_plain}, {"wrap", fill_wrap},
            {"log", fill_log}, {"seq", fill_seq}, {"yes", fill_yes}, {"region", fill_region},
            {"frames", fill_frames}, {"unicode", fill_unicode}};

    printf("{\"bench\":\"vt\",\"unit\":\"MB/s\"");
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
        printf(",\"%s\":%.1f", workloads[i].name, run(&workloads[i]));
    printf("}\n");
    return 0;
}
