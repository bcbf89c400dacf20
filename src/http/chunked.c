/*
 * chunked.c - the chunked coding as a state machine, one byte at a time but for the data.
 *
 *     SIZE --;--> EXT... --CR--> SIZE_LF --> DATA --> DATA_CR --> DATA_LF --> SIZE
 *                                   +-- size 0 --> LINE --> NAME --> VALUE --> LINE_LF --> LINE
 *                                                    +--CR--> END_LF --> DONE
 *
 * llhttp is not used for it: in its strict mode, too, a bare LF ends the trailers.
 *
 * Blocks: no. Owns: nothing.
 */
#include "http/chunked.h"

#include "base/err.h"
#include "base/limits.h"
#include "http/token.h"

enum state {
    SIZE,       /* digits, then ';' or CR */
    EXT,        /* the first byte of an extension's name */
    EXT_NAME,   /* the others */
    EXT_VALUE,  /* the first byte behind '=' */
    EXT_TOKEN,  /* the others */
    EXT_QUOTED, /* inside of '"' */
    EXT_PAIR,   /* behind a backslash in there */
    EXT_END,    /* behind the closing '"' */
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    LINE, /* the first byte of a trailer field or of the last line */
    NAME,
    VALUE,
    LINE_LF,
    END_LF,
    DONE
};

static bool size_step(struct chunked *c, char byte);
static bool extension_step(struct chunked *c, char byte);
static bool trailer_step(struct chunked *c, char byte);

/* The byte must be that one. */
static bool expect(struct chunked *c, char byte, char wanted, enum state next)
{
    c->state = (int)next;
    return byte == wanted;
}

static bool step(struct chunked *c, char byte)
{
    switch ((enum state)c->state) {
    case SIZE:
        return size_step(c, byte);
    case EXT:
    case EXT_NAME:
    case EXT_VALUE:
    case EXT_TOKEN:
    case EXT_QUOTED:
    case EXT_PAIR:
    case EXT_END:
        c->dropped++;
        return extension_step(c, byte);
    case SIZE_LF:
        return expect(c, byte, '\n', c->left > 0 ? DATA : LINE);
    case DATA_CR:
        return expect(c, byte, '\r', DATA_LF);
    case DATA_LF:
        c->digits = 0;
        return expect(c, byte, '\n', SIZE);
    case LINE:
    case NAME:
    case VALUE:
        c->dropped++;
        return trailer_step(c, byte);
    case LINE_LF:
        return expect(c, byte, '\n', LINE);
    case END_LF:
        return expect(c, byte, '\n', DONE);
    case DATA:
    case DONE:
        break;
    }
    CHECK_UNREACHABLE();
}

long chunked_feed(
        struct chunked *c, struct str in, http_sink_fn sink, void *ctx, const char **reason)
{
    size_t i = 0;
    while (i < in.n && c->state != DONE) {
        if (c->state == DATA) {
            size_t n = in.n - i < c->left ? in.n - i : (size_t)c->left;
            sink(ctx, (struct str){in.p + i, n});
            c->left -= n;
            c->state = c->left > 0 ? DATA : DATA_CR;
            i += n;
        } else if (!step(c, in.p[i++])) {
            *reason = "malformed chunked body";
            return -1;
        } else if (c->dropped > LIMIT_HTTP_HEAD) {
            *reason = "too much chunk framing";
            return -1;
        }
    }
    return (long)i;
}

bool chunked_done(const struct chunked *c)
{
    return c->state == DONE;
}

/* Sixteen digits fill the number; what has more is refused even if it begins with zeros. */
static bool size_step(struct chunked *c, char byte)
{
    int digit = char_hex(byte);
    if (digit >= 0) {
        c->left = (c->digits == 0 ? 0 : c->left << 4) | (uint64_t)digit;
        return ++c->digits <= 16;
    }
    c->state = byte == '\r' ? SIZE_LF : EXT;
    return c->digits > 0 && (byte == '\r' || byte == ';');
}

/* No control byte but the tab: neither in a quoted string nor in a value. */
static bool is_text(char byte)
{
    return (unsigned char)byte >= 0x20 ? byte != 0x7f : byte == '\t';
}

/* Between extensions, or behind the last one. */
static bool extension_over(struct chunked *c, char byte)
{
    c->state = byte == '\r' ? SIZE_LF : EXT;
    return byte == '\r' || byte == ';';
}

static bool extension_step(struct chunked *c, char byte)
{
    switch (c->state) {
    case EXT_NAME:
        if (!token_char(byte) && byte != '=')
            return extension_over(c, byte);
        c->state = byte == '=' ? EXT_VALUE : EXT_NAME;
        return true;
    case EXT_VALUE:
        c->state = byte == '"' ? EXT_QUOTED : EXT_TOKEN;
        return byte == '"' || token_char(byte);
    case EXT_TOKEN:
        return token_char(byte) || extension_over(c, byte);
    case EXT_QUOTED:
        if (byte == '"' || byte == '\\')
            c->state = byte == '"' ? EXT_END : EXT_PAIR;
        return is_text(byte);
    case EXT_PAIR:
        c->state = EXT_QUOTED;
        return is_text(byte);
    case EXT_END:
        return extension_over(c, byte);
    }
    c->state = EXT_NAME; /* from EXT */
    return token_char(byte);
}

static bool trailer_step(struct chunked *c, char byte)
{
    if (c->state == VALUE && is_text(byte))
        return true;
    if (c->state != NAME && byte == '\r') {
        c->state = c->state == LINE ? END_LF : LINE_LF;
        return true;
    }
    bool colon = c->state == NAME && byte == ':';
    bool name = c->state != VALUE && token_char(byte);
    c->state = colon ? VALUE : NAME;
    return colon || name;
}
