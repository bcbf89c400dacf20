/*
 * inner.c - the program in the pane. It draws a mark at once, and then obeys lines that come
 * from the bench through a Unix socket, so that nothing but what is measured passes the pane.
 *
 *   load PATH            keep this file                                 -> ok
 *   send TIMES MARK      write it so often, clear, draw the mark        -> done T0 T1 BYTES
 *   frame I PAUSE_MS     write its I-th frame (frames end with ESU), with a pause inside
 *   again MARK           write all of it and the mark with one write()  -> done T0 T1 BYTES
 *   echo                 answer each key with the next of the glyphs    -> ok
 *   flood region|screen|deaf   write it without end, 1 kB a time: below row 3 while row 1 has
 *                        the answers; all over until a key; or taking no keys  -> ok
 *   stop                 end the flood                                  -> ok
 *   requests PORT MS     see requests.c                                 -> ok
 *
 * One thread and poll, as a terminal program is; T0 and T1 are CLOCK_MONOTONIC nanoseconds.
 * Marks and glyphs are Braille signs, which nothing else on the screens is.
 */
#include "modes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define GLYPHS 200 /* of the answers: U+2801 and so on; marks are above */
#define CHUNK 1024 /* of a flood */

enum flood { FLOOD_NONE, FLOOD_REGION, FLOOD_SCREEN, FLOOD_DEAF };

struct inner {
    int control;
    char *data; /* owns; the loaded file */
    size_t size;
    enum flood flood;
    size_t at, end; /* what is written of the current piece of the flood */
    unsigned keys;  /* typed and not yet answered */
    unsigned answered;
    int cols, rows;
    char line[4096]; /* of commands */
    size_t line_len;
    bool echo;
};

/* Out of all that a workload may leave on. */
static const char RESET[] =
        "\033[?2026l\033[?1049l\033[r\033[?6l\033[4l\033[m\033[?25h\033[H\033[2J";

static long long now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void say(struct inner *in, const char *text)
{
    write_all(in->control, text, strlen(text));
}

static void say_done(struct inner *in, long long from, size_t bytes)
{
    char text[100];

    snprintf(text, sizeof(text), "done %lld %lld %zu\n", from, now(), bytes);
    say(in, text);
}

/* UTF-8 of U+2800 + number (decimal text or not). */
static size_t glyph(unsigned number, char out[3])
{
    out[0] = (char)0xe2;
    out[1] = (char)(0xa0 | (number >> 6 & 3));
    out[2] = (char)(0x80 | (number & 63));
    return 3;
}

static size_t mark(const char *text, char out[3])
{
    return glyph((unsigned)strtoul(text, NULL, 10), out);
}

static void load(struct inner *in, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0) {
        say(in, "error cannot open the workload\n");
        exit(1);
    }
    free(in->data);
    in->size = (size_t)st.st_size;
    in->data = malloc(in->size + 1);
    if (!in->data || read(fd, in->data, in->size) != st.st_size)
        exit(1);
    in->data[in->size] = '\0';
    close(fd);
    say(in, "ok\n");
}

static void send_all(struct inner *in, const char *words)
{
    char *rest, sign[3];
    unsigned long times = strtoul(words, &rest, 10);
    long long from = now();

    for (unsigned long i = 0; i < times; i++)
        for (size_t at = 0; at < in->size; at += 65536)
            write_all(STDOUT_FILENO, in->data + at,
                    in->size - at < 65536 ? in->size - at : 65536);
    long long written = now();
    write_all(STDOUT_FILENO, RESET, sizeof(RESET) - 1);
    write_all(STDOUT_FILENO, sign, mark(rest, sign));
    char text[100];
    snprintf(text, sizeof(text), "done %lld %lld %lu\n", from, written, times * in->size);
    say(in, text);
}

/* The n-th part of the file that ends with the end of a synchronized update. */
static const char *frame_at(const struct inner *in, unsigned long n, size_t *size)
{
    static const char ESU[] = "\033[?2026l";
    const char *at = in->data;

    for (;;) {
        const char *end = strstr(at, ESU);
        if (!end)
            return NULL;
        end += sizeof(ESU) - 1;
        if (n-- == 0) {
            *size = (size_t)(end - at);
            return at;
        }
        at = end;
    }
}

static void send_frame(struct inner *in, const char *words)
{
    char *rest;
    size_t size = 0;
    const char *frame = frame_at(in, strtoul(words, &rest, 10), &size);
    int pause_ms = (int)strtol(rest, NULL, 10);
    size_t first = pause_ms ? size / 2 : 0;

    if (!frame)
        exit(1);
    if (pause_ms) {
        write_all(STDOUT_FILENO, frame, first);
        poll(NULL, 0, pause_ms);
    }
    long long from = now();
    write_all(STDOUT_FILENO, frame + first, size - first);
    say_done(in, from, size);
}

static void send_again(struct inner *in, const char *words)
{
    char sign[3];
    char *all = malloc(in->size + sizeof(sign));

    if (!all)
        exit(1);
    memcpy(all, in->data, in->size);
    memcpy(all + in->size, sign, mark(words, sign));
    long long from = now();
    write_all(STDOUT_FILENO, all, in->size + sizeof(sign));
    say_done(in, from, in->size + sizeof(sign));
    free(all);
}

/* The next piece: whole lines, so that an answer is never inside of a sequence. */
static void next_piece(struct inner *in)
{
    in->at = in->end >= in->size ? 0 : in->end;
    in->end = in->size - in->at < CHUNK ? in->size : in->at + CHUNK;
    while (in->end < in->size && in->data[in->end - 1] != '\n')
        in->end--;
}

static void start_flood(struct inner *in, const char *how)
{
    char text[64];

    in->flood = strcmp(how, "region") == 0   ? FLOOD_REGION
                : strcmp(how, "screen") == 0 ? FLOOD_SCREEN
                                             : FLOOD_DEAF;
    if (in->flood == FLOOD_REGION) {
        int n = snprintf(text, sizeof(text), "\033[2J\033[3;%dr\033[%d;1H", in->rows, in->rows);
        write_all(STDOUT_FILENO, text, (size_t)n);
    }
    in->keys = in->answered = 0;
    in->end = in->size;
    next_piece(in);
    say(in, "ok\n");
}

static void end_flood(struct inner *in)
{
    write_all(STDOUT_FILENO, in->data + in->at, in->end - in->at);
    write_all(STDOUT_FILENO, RESET, sizeof(RESET) - 1);
    in->flood = FLOOD_NONE;
}

static void answer(struct inner *in)
{
    char text[64], sign[3];

    for (; in->keys > 0; in->keys--) {
        unsigned n = in->answered++;
        size_t len = glyph(1 + n % GLYPHS, sign);
        if (in->flood == FLOOD_REGION)
            len = (size_t)snprintf(text, sizeof(text), "\0337\033[1;%uH%.3s\0338",
                    1 + n % (unsigned)in->cols, sign);
        else
            memcpy(text, sign, len);
        write_all(STDOUT_FILENO, text, len);
    }
}

static void flood_step(struct inner *in)
{
    ssize_t n = write(STDOUT_FILENO, in->data + in->at, in->end - in->at);

    if (n < 0 && errno != EAGAIN && errno != EINTR)
        exit(0);
    in->at += n > 0 ? (size_t)n : 0;
    if (in->at < in->end)
        return;
    if (in->flood == FLOOD_SCREEN && in->keys > 0)
        end_flood(in);
    if (in->flood != FLOOD_DEAF)
        answer(in);
    if (in->flood != FLOOD_NONE)
        next_piece(in);
}

static void command(struct inner *in, char *line)
{
    char *rest = strchr(line, ' ');

    if (rest)
        *rest++ = '\0';
    else
        rest = line + strlen(line);
    if (strcmp(line, "load") == 0)
        load(in, rest);
    else if (strcmp(line, "send") == 0)
        send_all(in, rest);
    else if (strcmp(line, "frame") == 0)
        send_frame(in, rest);
    else if (strcmp(line, "again") == 0)
        send_again(in, rest);
    else if (strcmp(line, "flood") == 0)
        start_flood(in, rest);
    else {
        if (strcmp(line, "stop") == 0 && in->flood != FLOOD_NONE)
            end_flood(in);
        in->echo = strcmp(line, "echo") == 0;
        in->keys = in->answered = 0;
        if (strcmp(line, "requests") == 0) {
            char *period;
            int port = (int)strtol(rest, &period, 10);
            requests_start(port, (int)strtol(period, NULL, 10));
            in->echo = true;
        }
        say(in, "ok\n");
    }
}

static void read_commands(struct inner *in)
{
    ssize_t n = read(in->control, in->line + in->line_len, sizeof(in->line) - in->line_len - 1);

    if (n <= 0)
        exit(0);
    in->line_len += (size_t)n;
    for (char *end; (end = memchr(in->line, '\n', in->line_len));) {
        size_t used = (size_t)(end - in->line) + 1;
        *end = '\0';
        command(in, in->line);
        in->line_len -= used;
        memmove(in->line, in->line + used, in->line_len);
    }
}

static void read_keys(struct inner *in)
{
    unsigned char keys[4096];
    ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        exit(0);
    for (ssize_t i = 0; i < n; i++)
        in->keys += keys[i] >= ' ' && keys[i] < 0x7f;
    if (in->flood == FLOOD_NONE && in->echo)
        answer(in);
}

/* Keys come one by one and are not echoed; output is as a shell leaves it. */
static void set_terminal(void)
{
    struct termios t;

    if (tcgetattr(STDIN_FILENO, &t) < 0)
        exit(1);
    t.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | ISTRIP | IXON);
    t.c_lflag &= ~(tcflag_t)(ECHO | ICANON | IEXTEN | ISIG);
    tcsetattr(STDIN_FILENO, TCSANOW, &t);
    fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) | O_NONBLOCK);
}

static void hello(struct inner *in, const char *path, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct winsize size = {0};
    char text[200];

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    in->control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(in->control, (struct sockaddr *)&address, sizeof(address)) < 0) {
        perror(path);
        exit(1);
    }
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    in->cols = size.ws_col > 0 ? size.ws_col : 80;
    in->rows = size.ws_row;
    snprintf(text, sizeof(text), "hello %s %d %d\n", name, in->cols, in->rows);
    say(in, text);
}

int inner_main(const char *socket_path, const char *first, const char *name)
{
    static struct inner in;
    char sign[3];

    signal(SIGPIPE, SIG_IGN);
    set_terminal();
    write_all(STDOUT_FILENO, sign, mark(first, sign));
    hello(&in, socket_path, name);
    for (;;) {
        struct pollfd fds[] = {{in.control, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0},
                {STDOUT_FILENO, in.flood ? POLLOUT : 0, 0}};
        if (poll(fds, 3, -1) < 0)
            continue;
        if (fds[1].revents)
            read_keys(&in);
        if (fds[2].revents & (POLLERR | POLLHUP))
            return 0;
        if (fds[2].revents & POLLOUT && in.flood)
            flood_step(&in);
        if (fds[0].revents)
            read_commands(&in);
    }
}
