/*
 * inflate.c - zlib, brotli and zstd behind one call.
 *
 * Each decoder is asked for 16 KiB at a time into a buffer on the stack; after each the
 * limits are looked at, so that a piece of a bomb costs what the limits say and not more.
 * Memory: zlib has a fixed window, zstd is told the largest one, brotli gets an allocator
 * that refuses.
 *
 * Blocks: no. Owns: the decoder's state.
 */
#include "proxy/inflate.h"

#define ZLIB_CONST
#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include "base/err.h"
#include "base/held.h"
#include "base/limits.h"
#include "base/mem.h"

#define OUT 16384
/* What zlib takes (zconf.h), and what a decoder may take however much is held by all. */
#define ZLIB_MEMORY (40u << 10)
#define MEMORY_FREE (64u << 10)
/* Below so much the ratio says nothing: a window of zeros is small. */
#define RATIO_FREE (1u << 20)

enum coding { GZIP, DEFLATE, BROTLI, ZSTD };

struct inflate {
    enum coding coding;
    enum inflate_state state;
    bool whole;   /* of GZIP and ZSTD: one member or frame has ended, no other has begun */
    bool started; /* of DEFLATE: the first byte told zlib from raw */
    uint64_t in, out;
    size_t memory;  /* of BROTLI */
    size_t counted; /* held_add() knows of so much */
    z_stream zlib;
    BrotliDecoderState *brotli; /* owns */
    ZSTD_DStream *zstd;         /* owns */
};

/* In front of each block that brotli gets. */
union block {
    size_t size;
    max_align_t align;
};

static void *brotli_alloc(void *opaque, size_t n)
{
    struct inflate *self = opaque;
    if (n > LIMIT_INFLATE_MEMORY - self->memory)
        return NULL;
    union block *block = xmalloc(sizeof(*block) + n);
    block->size = n;
    self->memory += n;
    return block + 1;
}

static void brotli_free(void *opaque, void *p)
{
    struct inflate *self = opaque;
    if (!p)
        return;
    union block *block = (union block *)p - 1;
    self->memory -= block->size;
    free(block);
}

static bool start(struct inflate *self)
{
    switch (self->coding) {
    case GZIP:
        return inflateInit2(&self->zlib, 15 + 16) == Z_OK;
    case DEFLATE:
        return inflateInit2(&self->zlib, 15) == Z_OK;
    case BROTLI:
        self->brotli = BrotliDecoderCreateInstance(brotli_alloc, brotli_free, self);
        return self->brotli != NULL;
    case ZSTD:
        self->zstd = ZSTD_createDStream();
        return self->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(self->zstd,
                                     ZSTD_d_windowLogMax, LIMIT_INFLATE_WINDOW_LOG));
    }
    CHECK_UNREACHABLE();
}

struct inflate *inflate_new(struct str content_encoding)
{
    static const struct {
        const char *name;
        enum coding coding;
    } codings[] = {{"gzip", GZIP}, {"x-gzip", GZIP}, {"deflate", DEFLATE}, {"br", BROTLI},
            {"zstd", ZSTD}};
    for (size_t i = 0; i < sizeof(codings) / sizeof(*codings); i++) {
        if (!str_eq_icase(str_of(codings[i].name), str_trim(content_encoding)))
            continue;
        struct inflate *self = xcalloc(1, sizeof(*self));
        self->coding = codings[i].coding;
        if (start(self))
            return self;
        inflate_free(self);
        break;
    }
    return NULL;
}

void inflate_free(struct inflate *self)
{
    if (!self)
        return;
    (void)inflateEnd(&self->zlib); /* an error where it was not begun */
    if (self->brotli)
        BrotliDecoderDestroyInstance(self->brotli);
    ZSTD_freeDStream(self->zstd);
    held_drop(self->counted);
    free(self);
}

/* --- one step: up to OUT bytes ---------------------------------------------------------- */

enum result { MORE_IN, MORE_OUT, END, LOST };

/* Behind what is whole: bytes that are not the beginning of another one, which clients ignore,
 * too. */
static enum result broken(const struct inflate *self)
{
    return self->whole ? END : LOST;
}

/* "deflate" is zlib's format, but some send raw deflate; only the header tells. */
static bool deflate_kind(struct inflate *self, struct str in)
{
    unsigned char first = (unsigned char)in.p[0];
    self->started = true;
    if ((first & 0x0f) == Z_DEFLATED && first >> 4 <= 7)
        return true;
    return inflateReset2(&self->zlib, -15) == Z_OK;
}

static enum result step_zlib(struct inflate *self, struct str *in, char *out, size_t *made)
{
    z_stream *z = &self->zlib;
    if (self->coding == DEFLATE && !self->started && !deflate_kind(self, *in))
        return LOST;
    z->next_in = (const Bytef *)in->p;
    z->avail_in = (uInt)in->n;
    z->next_out = (Bytef *)out;
    z->avail_out = OUT;
    int rc = inflate(z, Z_NO_FLUSH);
    *made = OUT - z->avail_out;
    *in = (struct str){(const char *)z->next_in, z->avail_in};
    if (rc == Z_STREAM_END) {
        /* A gzip body may be several of them, one after the other. */
        self->whole = self->coding == GZIP && inflateReset(z) == Z_OK;
        return self->whole ? MORE_IN : END;
    }
    if (rc != Z_OK && rc != Z_BUF_ERROR)
        return broken(self);
    self->whole = self->whole && *made == 0;
    return z->avail_out == 0 ? MORE_OUT : MORE_IN;
}

static enum result step_brotli(struct inflate *self, struct str *in, char *out, size_t *made)
{
    const uint8_t *next_in = (const uint8_t *)in->p;
    uint8_t *next_out = (uint8_t *)out;
    size_t room = OUT;
    BrotliDecoderResult rc = BrotliDecoderDecompressStream(
            self->brotli, &in->n, &next_in, &room, &next_out, NULL);
    *made = OUT - room;
    in->p = (const char *)next_in;
    if (rc == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT)
        return MORE_OUT;
    if (rc == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT)
        return MORE_IN;
    return rc == BROTLI_DECODER_RESULT_SUCCESS ? END : LOST;
}

static enum result step_zstd(struct inflate *self, struct str *in, char *out, size_t *made)
{
    ZSTD_inBuffer from = {in->p, in->n, 0};
    ZSTD_outBuffer to = {NULL, OUT, 0};
    to.dst = out;
    size_t rc = ZSTD_decompressStream(self->zstd, &to, &from);
    *made = to.pos;
    *in = (struct str){in->p + from.pos, in->n - from.pos};
    if (ZSTD_isError(rc))
        return broken(self);
    self->whole = rc == 0;
    return to.pos == OUT ? MORE_OUT : MORE_IN;
}

static enum result step(struct inflate *self, struct str *in, char *out, size_t *made)
{
    switch (self->coding) {
    case GZIP:
    case DEFLATE:
        return step_zlib(self, in, out, made);
    case BROTLI:
        return step_brotli(self, in, out, made);
    case ZSTD:
        return step_zstd(self, in, out, made);
    }
    CHECK_UNREACHABLE();
}

/* False: there is no room for what it takes. */
static bool count_memory(struct inflate *self)
{
    size_t now = self->coding == BROTLI ? self->memory
                 : self->coding == ZSTD ? ZSTD_sizeof_DStream(self->zstd)
                                        : ZLIB_MEMORY;
    held_add(now);
    held_drop(self->counted);
    self->counted = now;
    return now <= MEMORY_FREE || held_room() > 0;
}

static bool is_bomb(const struct inflate *self)
{
    return self->out > RATIO_FREE && self->out - RATIO_FREE > self->in * LIMIT_INFLATE_RATIO;
}

enum inflate_state inflate_feed(
        struct inflate *self, struct str in, http_sink_fn sink, void *ctx)
{
    char out[OUT];
    enum result result = MORE_IN;
    self->in += in.n;
    while (self->state == INFLATE_MORE && (in.n > 0 || result == MORE_OUT)) {
        size_t made = 0, before = in.n;
        result = step(self, &in, out, &made);
        self->out += made;
        if (made > 0)
            sink(ctx, (struct str){out, made});
        bool stuck = before > 0 && result == MORE_IN && made == 0 && in.n == before;
        if (result == END)
            self->state = INFLATE_END;
        else if (result == LOST || stuck || is_bomb(self))
            self->state = INFLATE_LOST;
    }
    if (self->state == INFLATE_MORE && !count_memory(self))
        self->state = INFLATE_LOST;
    return self->state;
}
