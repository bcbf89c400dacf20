/*
 * vtguard.c - the filter in front of libvterm.
 *
 * A run is a stretch of the input that needs no change; it is handed on without being copied.
 * Whatever does need a change ends the run first, so that order is kept. A sequence that
 * began in an earlier slice is rebuilt from its parsed form, so nothing but the beginning of a
 * character (3 bytes) and one string is ever stored. Owns that string; never blocks.
 *
 *   GROUND -ESC-> ESC -[-> CSI -> CSI_INTER -final-> GROUND
 *                  |        `----> CSI_SKIP --final-> GROUND
 *                  |-- ] P X ^ _ --> STRING -ESC-> STRING_ESC -\-> GROUND
 *                  `-- 0x30..0x7e ---> GROUND
 *   ESC starts anew everywhere, CAN and SUB cancel everywhere.
 */
#include "pty/vtguard.h"

#include <string.h>

#include "base/limits.h"
#include "pty/vt_marks.h"
#include "pty/vt_width.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* One slice being worked on. */
struct slice {
    const char *run; /* first byte not handed on yet */
    const char *seq; /* where the open sequence began, if seq_whole */
    const char *p;
    const char *end;
};

static void run_flush(struct vtguard *guard, struct slice *slice, const char *upto)
{
    if (upto > slice->run)
        guard->ops->on_plain(guard->ctx, slice->run, (size_t)(upto - slice->run));
    slice->run = upto;
}

/* The bytes from `upto` to the current one are not part of the run. */
static void run_skip(struct vtguard *guard, struct slice *slice, const char *upto)
{
    run_flush(guard, slice, upto);
    slice->run = slice->p;
}

static void put_replacement(struct vtguard *guard)
{
    guard->ops->on_plain(guard->ctx, REPLACEMENT, 3);
    guard->last_cp = 0xfffd;
    guard->after_text = true;
    guard->joining = false;
}

/* Emoji are made of several: joined ones, with a skin tone, and flags of two letters. */
static bool joins_emoji(const struct vtguard *guard, uint32_t cp)
{
    if (!guard->after_text)
        return false;
    if (guard->joining)
        return vt_is_picture(cp);
    if (vt_is_skin_tone(cp))
        return vt_is_picture(guard->last_cp);
    return vt_is_regional(cp) && vt_is_regional(guard->last_cp) && !guard->is_flag;
}

/* What a character that is not ASCII needs. True: it may stay in the run. */
static bool is_plain_char(const struct vtguard *guard, uint32_t cp)
{
    return cp >= 0xa0 && vt_char_kind(cp) == VT_CHAR_PLAIN &&
           !((guard->joining || cp >= 0x1f1e6) && joins_emoji(guard, cp));
}

/* It begins a cell. */
static void note_char(struct vtguard *guard, uint32_t cp)
{
    guard->last_cp = cp;
    guard->after_text = true;
    guard->joining = guard->is_flag = false;
}

static void put_odd_char(struct vtguard *guard, uint32_t cp)
{
    if (cp < 0xa0) {
        put_replacement(guard);
        return;
    }
    if (!guard->after_text || vt_char_kind(cp) == VT_CHAR_FORMAT)
        return;
    guard->is_flag = guard->is_flag || vt_is_regional(cp);
    guard->joining = cp == VT_ZWJ && vt_is_picture(guard->last_cp);
    guard->ops->on_mark(guard->ctx, cp);
}

/* Bytes of a character that began in an earlier slice. */
static void held_continue(struct vtguard *guard, struct slice *slice)
{
    while (guard->held_len && slice->p < slice->end) {
        uint32_t cp = 0;
        bool is_tail = ((unsigned char)*slice->p & 0xc0) == 0x80;
        int len = -1;

        if (is_tail) {
            guard->held[guard->held_len++] = *slice->p++;
            slice->run = slice->p;
            len = utf8_decode(guard->held, guard->held_len, &cp);
        }
        if (len == 0)
            continue;
        if (len < 0) {
            /* Each byte of it is bad on its own: a lead without its tail, stray tails. */
            for (unsigned i = 0; i < guard->held_len; i++)
                put_replacement(guard);
        } else if (is_plain_char(guard, cp)) {
            guard->ops->on_plain(guard->ctx, guard->held, guard->held_len);
            note_char(guard, cp);
        } else {
            put_odd_char(guard, cp);
        }
        guard->held_len = 0;
    }
}

static void ground_utf8(struct vtguard *guard, struct slice *slice)
{
    const char *start = slice->p;
    uint32_t cp = 0;
    int len = utf8_decode(start, (size_t)(slice->end - start), &cp);

    if (len > 0 && is_plain_char(guard, cp)) {
        slice->p += len;
        note_char(guard, cp);
        return;
    }
    if (len == 0) {
        guard->held_len = (unsigned)(slice->end - start);
        memcpy(guard->held, start, guard->held_len);
        slice->p = slice->end;
        run_skip(guard, slice, start);
        return;
    }
    slice->p += len < 0 ? 1 : len;
    run_skip(guard, slice, start);
    if (len < 0)
        put_replacement(guard);
    else
        put_odd_char(guard, cp);
}

static bool is_plain_control(char c)
{
    return c >= 0x07 && c <= 0x0d;
}

static void sequence_begin(struct vtguard *guard)
{
    guard->state = VTGUARD_ESC;
    guard->esc_inter = 0;
    guard->esc_odd = false;
    guard->seq_whole = false;
    guard->seq_len = 0;
}

/* The ESC was the byte before slice->p. */
static void sequence_begin_whole(struct vtguard *guard, struct slice *slice)
{
    sequence_begin(guard);
    guard->seq_whole = true;
    slice->seq = slice->p - 1;
}

/* The open sequence cannot be handed on as it came: what is before it goes now. */
static void sequence_detach(struct vtguard *guard, struct slice *slice)
{
    if (guard->seq_whole)
        run_flush(guard, slice, slice->seq);
    guard->seq_whole = false;
    slice->run = slice->p;
}

static void ground_control(struct vtguard *guard, struct slice *slice)
{
    char c = *slice->p++;

    if (c == 0x1b) {
        sequence_begin_whole(guard, slice);
        return;
    }
    guard->after_text = false;
    if (is_plain_control(c))
        return;
    run_skip(guard, slice, slice->p - 1);
    if (c == 0x0e || c == 0x0f)
        guard->ops->on_shift(guard->ctx, c == 0x0e);
}

static void ground(struct vtguard *guard, struct slice *slice)
{
    while (slice->p < slice->end && guard->state == VTGUARD_GROUND) {
        const char *p = slice->p;

        while (p < slice->end && (unsigned char)(*p - 0x20) < 0x5f)
            p++;
        if (p > slice->p) {
            guard->last_cp = (unsigned char)p[-1];
            guard->after_text = true;
            guard->joining = false;
            slice->p = p;
        } else if ((unsigned char)*p >= 0x80) {
            ground_utf8(guard, slice);
        } else {
            ground_control(guard, slice);
        }
    }
}

/*
 * C0 inside a sequence: ESC starts another, CAN and SUB cancel, the rest acts at once as if it
 * stood before the sequence. True: taken.
 */
static bool sequence_control(struct vtguard *guard, struct slice *slice, char c)
{
    if ((unsigned char)c >= 0x20 && c != 0x7f)
        return false;
    sequence_detach(guard, slice);
    if (c == 0x1b) {
        sequence_begin_whole(guard, slice);
        slice->run = slice->seq;
    } else if (c == 0x18 || c == 0x1a) {
        guard->state = VTGUARD_GROUND;
    } else if (is_plain_control(c)) {
        guard->after_text = false;
        guard->ops->on_plain(guard->ctx, &c, 1);
    } else if (c == 0x0e || c == 0x0f) {
        guard->after_text = false;
        guard->ops->on_shift(guard->ctx, c == 0x0e);
    }
    return true;
}

static void csi_begin(struct vtguard *guard)
{
    guard->state = VTGUARD_CSI;
    guard->csi.leader = 0;
    guard->csi.inter = 0;
    guard->csi.count = 0;
    guard->csi.sub = 0;
    guard->csi_clamped = false;
}

static void string_begin(struct vtguard *guard, struct slice *slice, char introducer)
{
    sequence_detach(guard, slice);
    guard->state = VTGUARD_STRING;
    guard->string_kind = introducer == ']'   ? VTGUARD_OSC
                         : introducer == 'P' ? VTGUARD_DCS
                                             : VTGUARD_OTHER;
    guard->string_over = guard->string_kind == VTGUARD_OTHER;
    guard->introducer = introducer;
    buf_clear(&guard->string);
}

static void esc_final(struct vtguard *guard, struct slice *slice, char c)
{
    char inter = guard->esc_inter;

    guard->state = VTGUARD_GROUND;
    guard->after_text = false;
    if (guard->esc_odd) {
        sequence_detach(guard, slice);
        return;
    }
    if (!guard->ops->is_plain_esc(guard->ctx, inter, c)) {
        sequence_detach(guard, slice);
        guard->ops->on_esc(guard->ctx, inter, c);
        return;
    }
    if (!guard->seq_whole) {
        char text[3] = {0x1b, inter ? inter : c, c};

        slice->run = slice->p;
        guard->ops->on_plain(guard->ctx, text, inter ? 3 : 2);
    }
}

static void in_esc(struct vtguard *guard, struct slice *slice)
{
    char c = *slice->p++;

    if (sequence_control(guard, slice, c))
        return;
    if (!guard->esc_inter && c == '[')
        csi_begin(guard);
    else if (!guard->esc_inter && strchr("]PX^_", c))
        string_begin(guard, slice, c);
    else if (c >= 0x20 && c <= 0x2f) {
        guard->esc_odd = guard->esc_inter != 0;
        guard->esc_inter = c;
    } else if (c >= 0x30 && c <= 0x7e) {
        esc_final(guard, slice, c);
    } else {
        /* A byte above 0x7f: the sequence is dropped, the byte is text. */
        slice->p--;
        sequence_detach(guard, slice);
        guard->state = VTGUARD_GROUND;
    }
}

static void csi_digit(struct vtguard *guard, char c)
{
    struct vtguard_csi *csi = &guard->csi;

    if (csi->count == 0)
        csi->param[csi->count++] = -1;

    int16_t *value = &csi->param[csi->count - 1];
    int next = (*value < 0 ? 0 : *value * 10) + (c - '0');

    guard->csi_clamped = guard->csi_clamped || next > VTGUARD_PARAM_MAX;
    *value = (int16_t)(next > VTGUARD_PARAM_MAX ? VTGUARD_PARAM_MAX : next);
}

/* False: more parameters than anything real has. */
static bool csi_separator(struct vtguard_csi *csi, char c)
{
    if (csi->count == 0)
        csi->param[csi->count++] = -1;
    if (csi->count == VTGUARD_PARAMS)
        return false;
    if (c == ':')
        csi->sub |= UINT64_C(1) << (csi->count - 1);
    csi->param[csi->count++] = -1;
    return true;
}

static void csi_final(struct vtguard *guard, struct slice *slice, char c)
{
    guard->state = VTGUARD_GROUND;
    guard->csi.final = c;
    if (c != 'm' || guard->csi.leader)
        guard->after_text = false;
    if (!guard->ops->is_plain_csi(guard->ctx, &guard->csi)) {
        sequence_detach(guard, slice);
        guard->ops->on_csi(guard->ctx, &guard->csi);
        return;
    }
    if (guard->csi_clamped)
        sequence_detach(guard, slice);
    if (!guard->seq_whole) {
        char text[VTGUARD_PARAMS * 5 + 8];

        slice->run = slice->p;
        guard->ops->on_plain(guard->ctx, text, vtguard_csi_text(&guard->csi, text));
    }
}

static void csi_byte(struct vtguard *guard, struct slice *slice, char c)
{
    struct vtguard_csi *csi = &guard->csi;
    bool in_params = guard->state == VTGUARD_CSI;

    if (c >= 0x40 && c <= 0x7e) {
        csi_final(guard, slice, c);
        return;
    }
    if (in_params && c >= '0' && c <= '9')
        csi_digit(guard, c);
    else if (in_params && (c == ';' || c == ':') && csi_separator(csi, c))
        return;
    else if (in_params && c >= '<' && c <= '?' && !csi->leader && csi->count == 0)
        csi->leader = c;
    else if (in_params && c >= 0x20 && c <= 0x2f) {
        csi->inter = c;
        guard->state = VTGUARD_CSI_INTER;
    } else {
        guard->state = VTGUARD_CSI_SKIP;
    }
}

/* The usual bytes of a sequence, without a look at everything that could be wrong. */
static void csi_params(struct vtguard *guard, struct slice *slice)
{
    const char *p = slice->p;

    while (p < slice->end && guard->seq_len < VTGUARD_SEQ_MAX) {
        if (*p >= '0' && *p <= '9')
            csi_digit(guard, *p);
        else if (*p != ';' || !csi_separator(&guard->csi, ';'))
            break;
        p++;
        guard->seq_len++;
    }
    slice->p = p;
}

static void in_csi(struct vtguard *guard, struct slice *slice)
{
    if (guard->state == VTGUARD_CSI) {
        csi_params(guard, slice);
        if (slice->p == slice->end)
            return;
    }

    char c = *slice->p++;

    if (sequence_control(guard, slice, c))
        return;
    if ((unsigned char)c >= 0x80) {
        slice->p--;
        sequence_detach(guard, slice);
        guard->state = VTGUARD_GROUND;
        return;
    }
    if (guard->state != VTGUARD_CSI_SKIP && ++guard->seq_len > VTGUARD_SEQ_MAX)
        guard->state = VTGUARD_CSI_SKIP;
    if (guard->state != VTGUARD_CSI_SKIP) {
        csi_byte(guard, slice, c);
    } else if (c >= 0x40 && c <= 0x7e) {
        guard->state = VTGUARD_GROUND;
        guard->after_text = false;
        sequence_detach(guard, slice);
    }
}

static void string_append(struct vtguard *guard, const char *p, size_t n)
{
    if (guard->string_over || n == 0)
        return;

    /* Only a clipboard text (OSC 52) may be long. */
    bool may_be_long =
            buf_len(&guard->string) >= 3 && memcmp(buf_data(&guard->string), "52;", 3) == 0;
    size_t max = guard->string_kind == VTGUARD_DCS ? VTGUARD_DCS_MAX
                 : may_be_long                     ? LIMIT_VT_CLIPBOARD
                                                   : LIMIT_VT_STRING;

    if (buf_len(&guard->string) < 3 && n > 3) {
        string_append(guard, p, 3);
        string_append(guard, p + 3, n - 3);
        return;
    }
    if (buf_len(&guard->string) + n > max) {
        guard->string_over = true;
        buf_release(&guard->string);
        return;
    }
    buf_append(&guard->string, p, n);
}

static void string_end(struct vtguard *guard, bool by_bell)
{
    guard->state = VTGUARD_GROUND;
    guard->after_text = false;
    if (guard->string_over) {
        if (guard->ops->on_dropped)
            guard->ops->on_dropped(guard->ctx, guard->introducer);
    } else if (guard->string_kind == VTGUARD_OSC) {
        guard->ops->on_osc(guard->ctx, buf_str(&guard->string), by_bell);
    } else {
        guard->ops->on_dcs(guard->ctx, buf_str(&guard->string));
    }
    if (guard->string.cap > LIMIT_VT_STRING)
        buf_release(&guard->string);
}

static void in_string(struct vtguard *guard, struct slice *slice)
{
    const char *start = slice->p;
    const char *p = start;

    while (p < slice->end && *p != 0x1b && *p != 0x18 && *p != 0x1a && *p != 0x07)
        p++;
    string_append(guard, start, (size_t)(p - start));
    slice->p = p;
    if (p < slice->end) {
        char c = *slice->p++;

        if (c == 0x1b)
            guard->state = VTGUARD_STRING_ESC;
        else if (c != 0x07)
            guard->state = VTGUARD_GROUND;
        else if (guard->string_kind == VTGUARD_OSC)
            string_end(guard, true);
    }
    slice->run = slice->p;
}

static void in_string_esc(struct vtguard *guard, struct slice *slice)
{
    if (*slice->p == '\\') {
        slice->p++;
        slice->run = slice->p;
        string_end(guard, false);
        return;
    }
    /* ESC and anything else cancels the string and begins a sequence. */
    sequence_begin(guard);
    slice->run = slice->p;
}

static void slice_write(struct vtguard *guard, const char *p, size_t n)
{
    struct slice slice = {p, NULL, p, p + n};

    guard->seq_whole = false;
    if (guard->held_len)
        held_continue(guard, &slice);
    while (slice.p < slice.end) {
        switch (guard->state) {
        case VTGUARD_GROUND:
            ground(guard, &slice);
            break;
        case VTGUARD_ESC:
            in_esc(guard, &slice);
            break;
        case VTGUARD_CSI:
        case VTGUARD_CSI_INTER:
        case VTGUARD_CSI_SKIP:
            in_csi(guard, &slice);
            break;
        case VTGUARD_STRING:
            in_string(guard, &slice);
            break;
        case VTGUARD_STRING_ESC:
            in_string_esc(guard, &slice);
            break;
        }
    }
    /* A sequence still open stays behind in its parsed form. */
    if (guard->state == VTGUARD_GROUND)
        run_flush(guard, &slice, slice.p);
    else
        sequence_detach(guard, &slice);
}

void vtguard_init(struct vtguard *guard, const struct vtguard_ops *ops, void *ctx)
{
    *guard = (struct vtguard){.ops = ops, .ctx = ctx};
}

void vtguard_release(struct vtguard *guard)
{
    buf_release(&guard->string);
}

void vtguard_write(struct vtguard *guard, struct str bytes)
{
    while (bytes.n) {
        size_t n = bytes.n < VTGUARD_SLICE ? bytes.n : VTGUARD_SLICE;

        slice_write(guard, bytes.p, n);
        bytes.p += n;
        bytes.n -= n;
    }
}

size_t vtguard_number(char *out, unsigned value)
{
    char digits[5];
    size_t n = 0;
    size_t len = 0;

    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (n)
        out[len++] = digits[--n];
    return len;
}

size_t vtguard_csi_text(const struct vtguard_csi *csi, char out[VTGUARD_PARAMS * 5 + 8])
{
    size_t n = 0;

    out[n++] = 0x1b;
    out[n++] = '[';
    if (csi->leader)
        out[n++] = csi->leader;
    for (unsigned i = 0; i < csi->count; i++) {
        if (csi->param[i] >= 0)
            n += vtguard_number(out + n, (unsigned)csi->param[i]);
        if (i + 1 < csi->count)
            out[n++] = csi->sub >> i & 1 ? ':' : ';';
    }
    if (csi->inter)
        out[n++] = csi->inter;
    out[n++] = csi->final;
    return n;
}
