/*
 * smoke.c - runs a fuzz target without a fuzzer: every file of its corpus, then inputs made
 * from them by a fixed random sequence, for SECONDS or COUNT inputs, whichever ends first.
 * For the test suite; scripts/fuzz is the real thing.
 *
 *     smoke_x SECONDS COUNT [FILE...]
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INPUT_MAX 4096
#define SEEDS_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seed {
    uint8_t bytes[INPUT_MAX];
    size_t n;
};

static struct seed seeds[SEEDS_MAX];
static size_t seed_count;
static uint64_t state = 0x9e3779b97f4a7c15u;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void add_file(const char *path)
{
    FILE *f = fopen(path, "rb");

    if (!f || seed_count == SEEDS_MAX)
        exit(2);
    seeds[seed_count].n = fread(seeds[seed_count].bytes, 1, INPUT_MAX, f);
    seed_count++;
    fclose(f);
}

/* A seed with a few bytes changed, removed, doubled, or another seed's tail. */
static size_t mutate(uint8_t *out)
{
    const struct seed *a = &seeds[draw() % seed_count];
    size_t n = a->n;

    memcpy(out, a->bytes, n);
    for (uint64_t i = draw() % 6 + 1; i > 0; i--) {
        size_t at = n ? draw() % n : 0;
        const struct seed *b = &seeds[draw() % seed_count];
        size_t from = b->n ? draw() % b->n : 0;
        size_t tail = b->n - from;

        switch (draw() % 4) {
        case 0:
            if (n)
                out[at] = (uint8_t)draw();
            break;
        case 1:
            n = at;
            break;
        case 2:
            if (at + tail <= INPUT_MAX) {
                memcpy(out + at, b->bytes + from, tail);
                n = at + tail > n ? at + tail : n;
            }
            break;
        default:
            if (n < INPUT_MAX)
                out[n++] = (uint8_t)draw();
        }
    }
    return n;
}

int main(int argc, char **argv)
{
    static uint8_t input[INPUT_MAX];
    time_t end = time(NULL) + (argc > 1 ? strtol(argv[1], NULL, 10) : 2);
    long count = argc > 2 ? strtol(argv[2], NULL, 10) : 10000;
    long done = 0;

    for (int i = 3; i < argc; i++)
        add_file(argv[i]);
    if (seed_count == 0)
        seeds[seed_count++].n = 64; /* zeroes, to be mutated */
    for (size_t i = 0; i < seed_count; i++, done++)
        LLVMFuzzerTestOneInput(seeds[i].bytes, seeds[i].n);
    for (; done < count && time(NULL) < end; done++) {
        /* A copy of the exact size, so that a read behind the end is seen. */
        size_t n = mutate(input);
        uint8_t *copy = malloc(n ? n : 1);

        memcpy(copy, input, n);
        LLVMFuzzerTestOneInput(copy, n);
        free(copy);
    }
    printf("%ld inputs, no finding\n", done);
    return 0;
}
