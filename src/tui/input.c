/*
 * input.c - the key decoder.
 *
 *   GROUND --ESC--> ESC --[--> CSI --final--> GROUND
 *                    |--O--> SS3             (CSI 200 ~ --> PASTE --CSI 201 ~--> GROUND)
 *                    |--] P _--> STRING_OPEN --plausible--> STRING --ST or BEL--> GROUND
 *                    `--other--> GROUND (Alt + key)
 *   GROUND --lead byte--> UTF8 --> GROUND
 *
 * Alt-[ , Alt-O, Alt-] and friends begin like sequences, therefore what has one or two bytes
 * is given up after INPUT_ESC_MS. Longer beginnings wait longer: nobody types ESC [ 1 within
 * 20 ms, but a terminal's answer may be cut there by a slow line, and its rest must not be
 * taken for typing.
 */
#include "tui/input.h"

#include "base/err.h"
#include "tui/csi.h"

enum {
    ST_GROUND,
    ST_UTF8,
    ST_ESC,
    ST_SS3,
    ST_CSI,
    ST_STRING_OPEN,
    ST_STRING,
    ST_STRING_ESC,
    ST_PASTE
};

#define STRING_MAX 4096 /* an answer longer than this is none */

static const char PASTE_END[] = "\033[201~";

struct sink {
    input_emit_fn emit;
    void *ctx;
};

static void send_key(struct input *in, const struct sink *to, struct key *key)
{
    key->raw = (struct str){in->seq, in->len};
    to->emit(to->ctx, key);
    in->len = 0;
    in->alt = false;
    in->state = ST_GROUND;
}

static void send_raw(struct input *in, const struct sink *to)
{
    if (in->len == 0)
        return;
    struct key key = {.kind = KEY_RAW};
    send_key(in, to, &key);
}

static void send_char(struct input *in, const struct sink *to, uint32_t cp, int mods)
{
    struct key key = {.kind = KEY_CHAR, .cp = cp, .mods = mods};
    send_key(in, to, &key);
}

static void send_sym(struct input *in, const struct sink *to, int sym, int mods)
{
    struct key key = {.kind = KEY_SYM, .sym = sym, .mods = mods};
    send_key(in, to, &key);
}

static void send_reply(
        struct input *in, const struct sink *to, enum key_reply reply, unsigned a, unsigned b)
{
    struct key key = {.kind = KEY_REPLY, .reply = reply, .param = {a, b}};
    send_key(in, to, &key);
}

static void send_kind(struct input *in, const struct sink *to, enum key_kind kind)
{
    struct key key = {.kind = kind};
    send_key(in, to, &key);
}

/* --- control sequences ---------------------------------------------------------------- */

static void csi_kitty(struct input *in, const struct csi *csi, const struct sink *to)
{
    struct key key = {
            .kind = KEY_CHAR, .cp = csi->p[0], .mods = csi_mods(csi), .repeat = csi->event > 1};
    if (csi->p[0] == 27)
        key = (struct key){.kind = KEY_SYM, .sym = KEY_SYM_ESC, .mods = key.mods};
    send_key(in, to, &key);
}

static void csi_plain(struct input *in, const struct csi *csi, const struct sink *to)
{
    int sym = csi_letter_sym(csi->final);
    if (csi->final == 'I' && csi->count == 0) {
        send_kind(in, to, KEY_FOCUS_IN);
    } else if (csi->final == 'O' && csi->count == 0) {
        send_kind(in, to, KEY_FOCUS_OUT);
    } else if (csi->final == 'R' && csi->count >= 2 && !(csi->p[0] == 1 && csi_mods(csi))) {
        /* A cursor report; CSI 1 ; 2..16 R also is F3 with modifiers, and we never ask. */
        send_reply(in, to, REPLY_OTHER, 0, 0);
    } else if (csi->final == 'Z') {
        send_sym(in, to, KEY_SYM_BACKTAB, VT_MOD_SHIFT);
    } else if (sym) {
        struct key key = {.kind = KEY_SYM, .sym = sym, .mods = csi_mods(csi)};
        key.repeat = csi->event > 1;
        send_key(in, to, &key);
    } else if (csi->final == '~' && csi->p[0] == 200) {
        in->len = 0;
        in->mark = 0;
        in->chunk_len = 0;
        in->state = ST_PASTE;
    } else if (csi->final == '~' && csi->p[0] == 201) {
        send_kind(in, to, KEY_MOUSE); /* an end without a beginning: swallowed */
    } else if (csi->final == '~' && csi_tilde_sym(csi->p[0])) {
        send_sym(in, to, csi_tilde_sym(csi->p[0]), csi_mods(csi));
    } else if (csi->final == 'u' && csi->count > 0) {
        csi_kitty(in, csi, to);
    } else {
        send_raw(in, to);
    }
}

static void csi_done(struct input *in, const struct sink *to)
{
    struct csi csi;
    csi_parse(&csi, in->seq, in->len);
    if (csi_is_reply(&csi)) {
        enum key_reply reply = REPLY_OTHER;
        if (csi.final == 'n' && !csi.leader && csi.count <= 1 && csi.p[0] == 0)
            reply = REPLY_READY;
        else if (csi.final == 'y' && csi.leader == '?')
            reply = REPLY_MODE;
        send_reply(in, to, reply, csi.p[0], csi.p[1]);
    } else if (csi.leader == '<' && (csi.final == 'M' || csi.final == 'm')) {
        send_kind(in, to, KEY_MOUSE);
    } else if (csi.leader || csi.inter) {
        send_raw(in, to);
    } else {
        csi_plain(in, &csi, to);
    }
}

/* --- one byte ------------------------------------------------------------------------- */

static void begin(struct input *in, int state, unsigned char b)
{
    in->seq[in->len++] = (char)b;
    in->state = state;
    if (state != ST_UTF8 || in->len == 1)
        in->started++;
}

static void step_ground(struct input *in, unsigned char b, const struct sink *to)
{
    if (b == 0x1b) {
        begin(in, ST_ESC, b);
        return;
    }
    int mods = in->alt ? VT_MOD_ALT : 0;
    if (b >= 0xc2 && b <= 0xf4) {
        in->need = b < 0xe0 ? 1 : b < 0xf0 ? 2 : 3;
        begin(in, ST_UTF8, b);
        return;
    }
    in->seq[in->len++] = (char)b;
    if (b < 0x80)
        send_char(in, to, b, mods);
    else
        send_raw(in, to);
}

static void send_esc(struct input *in, const struct sink *to)
{
    send_sym(in, to, KEY_SYM_ESC, 0);
}

/* What is held is given up: one or two bytes are Alt and a key, more go on as they are. */
static void give_up(struct input *in, const struct sink *to)
{
    if (in->len == 1 && in->seq[0] == 0x1b)
        send_esc(in, to);
    else if (in->len == 2 && in->seq[0] == 0x1b && (unsigned char)in->seq[1] < 0x80)
        send_char(in, to, (unsigned char)in->seq[1], VT_MOD_ALT);
    else
        send_raw(in, to);
    in->state = ST_GROUND;
}

static void step_utf8(struct input *in, unsigned char b, const struct sink *to)
{
    if ((b & 0xc0) != 0x80) {
        send_raw(in, to);
        step_ground(in, b, to);
        return;
    }
    in->seq[in->len++] = (char)b;
    if (--in->need > 0)
        return;
    size_t at = in->alt ? 1 : 0;
    uint32_t cp = 0;
    if (utf8_decode(in->seq + at, in->len - at, &cp) > 0)
        send_char(in, to, cp, in->alt ? VT_MOD_ALT : 0);
    else
        send_raw(in, to);
}

static void step_esc(struct input *in, unsigned char b, const struct sink *to)
{
    if (b == 0x1b || b == in->prefix) {
        send_esc(in, to);
        step_ground(in, b, to);
        return;
    }
    switch (b) {
    case '[':
        begin(in, ST_CSI, b);
        return;
    case 'O':
        begin(in, ST_SS3, b);
        return;
    case ']':
    case 'P':
    case '_':
        begin(in, ST_STRING_OPEN, b);
        return;
    default:
        in->alt = true;
        step_ground(in, b, to);
    }
}

static void step_ss3(struct input *in, unsigned char b, const struct sink *to)
{
    if (b < 0x20 || b >= 0x7f) {
        give_up(in, to);
        step_ground(in, b, to);
        return;
    }
    in->seq[in->len++] = (char)b;
    int sym = csi_letter_sym((char)b);
    if (sym)
        send_sym(in, to, sym, 0);
    else
        send_raw(in, to);
}

static void step_csi(struct input *in, unsigned char b, const struct sink *to)
{
    if (b < 0x20 || b >= 0x7f || in->len == INPUT_SEQ_MAX) {
        give_up(in, to);
        step_ground(in, b, to);
        return;
    }
    in->seq[in->len++] = (char)b;
    if (b >= 0x40)
        csi_done(in, to);
}

/* Answers begin in known ways; anything else was Alt and a key, and then typing. */
static void step_string_open(struct input *in, unsigned char b, const struct sink *to)
{
    bool plausible = false;
    if (in->seq[1] == ']')
        plausible = b >= '0' && b <= '9';
    else if (in->seq[1] == 'P')
        plausible = (b >= '0' && b <= '9') || b == '>' || b == '!' || b == '$' || b == '+';
    else
        plausible = b == 'G';
    if (!plausible) {
        give_up(in, to);
        step_ground(in, b, to);
        return;
    }
    in->string_len = 0;
    begin(in, ST_STRING, b);
}

static void step_string(struct input *in, unsigned char b, const struct sink *to)
{
    if (in->state == ST_STRING_ESC) {
        if (b == '\\') {
            send_reply(in, to, REPLY_OTHER, 0, 0);
            return;
        }
        in->len = 0;
        begin(in, ST_ESC, 0x1b);
        step_esc(in, b, to);
        return;
    }
    if (b == 0x07) {
        send_reply(in, to, REPLY_OTHER, 0, 0);
    } else if (b == 0x1b) {
        in->state = ST_STRING_ESC;
    } else if (b == in->prefix || b == 0x18 || b == 0x1a || ++in->string_len > STRING_MAX) {
        send_reply(in, to, REPLY_OTHER, 0, 0);
        if (b == in->prefix)
            step_ground(in, b, to);
    }
}

static void flush_chunk(struct input *in, const struct sink *to)
{
    if (in->chunk_len == 0)
        return;
    struct key key = {.kind = KEY_PASTE, .in_paste = true, .raw = {in->chunk, in->chunk_len}};
    to->emit(to->ctx, &key);
    in->chunk_len = 0;
}

static void chunk_put(struct input *in, const char *p, size_t n, const struct sink *to)
{
    for (size_t i = 0; i < n; i++) {
        if (in->chunk_len == INPUT_CHUNK)
            flush_chunk(in, to);
        in->chunk[in->chunk_len++] = p[i];
    }
}

static void end_paste(struct input *in, const struct sink *to)
{
    chunk_put(in, PASTE_END, in->mark, to);
    flush_chunk(in, to);
    in->mark = 0;
    in->len = 0;
    struct key key = {.kind = KEY_PASTE_END, .in_paste = true};
    send_key(in, to, &key);
}

static void step_paste(struct input *in, unsigned char b, const struct sink *to)
{
    if (b == (unsigned char)PASTE_END[in->mark]) {
        if (++in->mark < sizeof PASTE_END - 1)
            return;
        in->mark = 0;
        end_paste(in, to);
        return;
    }
    chunk_put(in, PASTE_END, in->mark, to);
    in->mark = 0;
    if (b == 0x1b)
        in->mark = 1;
    else
        chunk_put(in, &(char){(char)b}, 1, to);
}

static void step(struct input *in, unsigned char b, const struct sink *to)
{
    switch (in->state) {
    case ST_GROUND:
        step_ground(in, b, to);
        return;
    case ST_UTF8:
        step_utf8(in, b, to);
        return;
    case ST_ESC:
        step_esc(in, b, to);
        return;
    case ST_SS3:
        step_ss3(in, b, to);
        return;
    case ST_CSI:
        step_csi(in, b, to);
        return;
    case ST_STRING_OPEN:
        step_string_open(in, b, to);
        return;
    case ST_STRING:
    case ST_STRING_ESC:
        step_string(in, b, to);
        return;
    case ST_PASTE:
        step_paste(in, b, to);
        return;
    default:
        CHECK_UNREACHABLE();
    }
}

/* --- face ----------------------------------------------------------------------------- */

void input_init(struct input *in, unsigned char prefix)
{
    memset(in, 0, sizeof *in);
    in->prefix = prefix;
}

void input_feed(struct input *in, struct str bytes, input_emit_fn emit, void *ctx)
{
    struct sink to = {emit, ctx};
    for (size_t i = 0; i < bytes.n; i++)
        step(in, (unsigned char)bytes.p[i], &to);
    if (in->state == ST_PASTE) {
        flush_chunk(in, &to);
        if (bytes.n > 0)
            in->started++;
    }
}

unsigned input_wait_ms(const struct input *in)
{
    if (in->state == ST_GROUND)
        return 0;
    if (in->state == ST_PASTE)
        return INPUT_PASTE_MS;
    if (in->state == ST_STRING || in->state == ST_STRING_ESC || in->state == ST_UTF8)
        return INPUT_PARTIAL_MS;
    return in->len <= 2 ? INPUT_ESC_MS : INPUT_PARTIAL_MS;
}

unsigned input_wait_id(const struct input *in)
{
    return in->started;
}

void input_timeout(struct input *in, input_emit_fn emit, void *ctx)
{
    struct sink to = {emit, ctx};
    if (in->state == ST_GROUND)
        return;
    if (in->state == ST_PASTE)
        end_paste(in, &to);
    else if (in->state == ST_STRING || in->state == ST_STRING_ESC)
        send_reply(in, &to, REPLY_OTHER, 0, 0);
    else
        give_up(in, &to);
}

bool key_is_prefix(const struct input *in, const struct key *key)
{
    if (key->kind != KEY_CHAR)
        return false;
    if (key->cp == in->prefix && key->mods == 0)
        return true;
    /* C-\ as CSI 92;5u; C-4 sends the same on VT220-like keyboards. */
    return in->prefix == 0x1c && key->mods == VT_MOD_CTRL && (key->cp == 92 || key->cp == 52);
}

bool key_is_text(const struct key *key)
{
    return key->kind == KEY_CHAR && (key->mods & (VT_MOD_ALT | VT_MOD_CTRL)) == 0 &&
           key->cp >= 0x20 && key->cp != 0x7f && !(key->cp >= 0x80 && key->cp < 0xa0);
}
