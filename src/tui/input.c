/*
 * input.c - the key decoder.
 *
 *   GROUND --ESC--> ESC --[--> CSI --final--> GROUND
 *                    |--O--> SS3             (CSI 200 ~ --> PASTE --CSI 201 ~--> GROUND)
 *                    |--] P _--> STRING_OPEN --plausible--> STRING --ST or BEL--> GROUND
 *                    `--other--> GROUND (Alt + key)
 *   GROUND --lead byte--> UTF8 --> GROUND      (CSI M --> MOUSE --3 bytes--> GROUND)
 *
 * Alt-[ , Alt-O, Alt-] and friends begin like sequences, therefore what has one or two bytes
 * is given up after INPUT_ESC_MS. Longer beginnings wait longer: nobody types ESC [ 1 within
 * 20 ms, but a terminal's answer may be cut there by a slow line, and its rest must not be
 * taken for typing.
 */
#include "tui/input.h"

#include "base/err.h"
#include "tui/csi.h"
#include "tui/latin.h"

enum {
    ST_GROUND,
    ST_UTF8,
    ST_ESC,
    ST_SS3,
    ST_CSI,
    ST_STRING_OPEN,
    ST_STRING,
    ST_STRING_ESC,
    ST_PASTE,
    ST_MOUSE
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

/* What was typed: the text where the terminal says it, else what Shift makes of the key. */
static uint32_t typed_char(const struct csi *csi, int mods)
{
    bool plain = !(mods & ~VT_MOD_SHIFT);
    if (plain && csi->count >= 3 && csi->p[2] >= 0x20)
        return csi->p[2];
    if (!(mods & VT_MOD_SHIFT))
        return csi->p[0];
    if (csi->shifted)
        return csi->shifted;
    return csi->p[0] >= 'a' && csi->p[0] <= 'z' ? csi->p[0] - 0x20 : csi->p[0];
}

static void set_event(struct key *key, const struct csi *csi)
{
    if (csi->event == 0 && csi->p[1] <= 16)
        return; /* as it always was */
    key->form = FORM_KITTY;
    key->repeat = csi->event > 1;
    key->release = csi->event == 3;
}

/* A key by its code point: Escape and Shift-Tab are symbols. */
static void name_key(struct key *key)
{
    if (key->cp == 27)
        *key = (struct key){.kind = KEY_SYM, .sym = KEY_SYM_ESC, .mods = key->mods};
    else if (key->cp == '\t' && key->mods & VT_MOD_SHIFT)
        *key = (struct key){.kind = KEY_SYM, .sym = KEY_SYM_BACKTAB, .mods = key->mods};
}

static void csi_kitty(struct input *in, const struct csi *csi, const struct sink *to)
{
    struct key key = {.kind = KEY_CHAR, .mods = csi_mods(csi), .base = csi->base};
    unsigned code = csi->p[0];
    key.cp = typed_char(csi, key.mods);
    if (csi_keypad(code, &key.cp, &key.sym))
        key.kind = key.sym ? KEY_SYM : KEY_CHAR;
    else if (code >= 0xe000 && code <= 0xf8ff)
        key = (struct key){.kind = KEY_RAW, .modifier = csi_is_modifier(code)};
    name_key(&key);
    set_event(&key, csi);
    key.form = FORM_KITTY;
    send_key(in, to, &key);
}

static void csi_other(struct input *in, const struct csi *csi, const struct sink *to)
{
    struct key key = {.kind = KEY_CHAR, .cp = csi->p[2], .mods = csi_mods(csi)};
    name_key(&key);
    key.form = FORM_OTHER;
    send_key(in, to, &key);
}

static void csi_sym(struct input *in, const struct csi *csi, int sym, const struct sink *to)
{
    struct key key = {.kind = KEY_SYM, .sym = sym, .mods = csi_mods(csi)};
    set_event(&key, csi);
    send_key(in, to, &key);
}

/* button as xterm numbers it, column and row from 1 */
static void send_mouse(
        struct input *in, const struct sink *to, unsigned button, unsigned col, unsigned row)
{
    struct key key = {.kind = KEY_MOUSE};
    key.mouse = (struct vt_mouse){
            .button = button & 0xff, .row = (int)row - 1, .col = (int)col - 1};
    char final = in->seq[in->len - 1];
    if (in->seq[2] == '<')
        key.mouse.release = final == 'm';
    else /* the forms of old do not say which button it was */
        key.mouse.release = (button & (VT_MOUSE_BUTTONS | VT_MOUSE_MOTION)) == VT_MOUSE_NONE;
    send_key(in, to, &key);
}

static void begin_paste(struct input *in)
{
    in->len = 0;
    in->mark = 0;
    in->chunk_len = 0;
    in->state = ST_PASTE;
}

static void csi_tilde(struct input *in, const struct csi *csi, const struct sink *to)
{
    int sym = csi_tilde_sym(csi->p[0]);
    if (csi->p[0] == 200)
        begin_paste(in);
    else if (csi->p[0] == 201)
        send_reply(in, to, REPLY_OTHER, 0, 0); /* an end without a beginning: swallowed */
    else if (csi->p[0] == 27 && csi->count == 3)
        csi_other(in, csi, to);
    else if (sym)
        csi_sym(in, csi, sym, to);
    else
        send_raw(in, to);
}

static void csi_plain(struct input *in, const struct csi *csi, const struct sink *to)
{
    int sym = csi_letter_sym(csi->final);
    bool is_f3 = csi->p[0] == 1 && csi->p[1] >= 2 && csi->p[1] <= 16;
    if (csi->final == 'I' && csi->count == 0) {
        send_kind(in, to, KEY_FOCUS_IN);
    } else if (csi->final == 'O' && csi->count == 0) {
        send_kind(in, to, KEY_FOCUS_OUT);
    } else if (csi->final == 'R' && csi->count >= 2 && !is_f3) {
        /* A cursor report; CSI 1 ; 2..16 R also is F3 with modifiers, and we never ask. */
        send_reply(in, to, REPLY_OTHER, 0, 0);
    } else if (csi->final == 'Z') {
        send_sym(in, to, KEY_SYM_BACKTAB, VT_MOD_SHIFT);
    } else if (sym) {
        csi_sym(in, csi, sym, to);
    } else if (csi->final == '~') {
        csi_tilde(in, csi, to);
    } else if (csi->final == 'u' && csi->count > 0) {
        csi_kitty(in, csi, to);
    } else if (csi->final == 'M' && csi->count == 0) {
        in->state = ST_MOUSE;
    } else if (csi->final == 'M' && csi->count == 3) {
        send_mouse(in, to, csi->p[0] - 32, csi->p[1], csi->p[2]);
    } else {
        send_raw(in, to);
    }
}

static enum key_reply reply_kind(const struct csi *csi)
{
    if (csi->final == 'n' && !csi->leader && csi->count <= 1 && csi->p[0] == 0)
        return REPLY_READY;
    if (csi->final == 'y' && csi->leader == '?')
        return REPLY_MODE;
    if (csi->final == 'u' && csi->leader == '?')
        return REPLY_KITTY;
    return csi->final == 'c' && csi->leader == '>' ? REPLY_MODEL : REPLY_OTHER;
}

static void csi_done(struct input *in, const struct sink *to)
{
    struct csi csi;
    csi_parse(&csi, in->seq, in->len);
    if (csi_is_reply(&csi))
        send_reply(in, to, reply_kind(&csi), csi.p[0], csi.p[1]);
    else if (csi.leader == '<' && (csi.final == 'M' || csi.final == 'm'))
        send_mouse(in, to, csi.p[0], csi.p[1], csi.p[2]);
    else if (csi.leader || csi.inter)
        send_raw(in, to);
    else
        csi_plain(in, &csi, to);
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
    if (b == 0x1b || (int)b == in->prefix.byte) {
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

/* "rgb:RRRR/GGGG/BBBB" with one to four digits each; the upper eight bits count. */
static bool parse_colour(struct str text, unsigned *ret)
{
    if (!str_starts(text, STR("rgb:")))
        return false;
    text = (struct str){text.p + 4, text.n - 4};
    *ret = 0;
    for (int i = 0; i < 3; i++) {
        struct str part = text;
        unsigned value = 0;
        if (i < 2 && !str_cut(&text, '/', &part))
            return false;
        if (part.n < 1 || part.n > 4)
            return false;
        for (size_t d = 0; d < 2; d++) {
            int digit = char_hex(part.p[d < part.n ? d : 0]);
            if (digit < 0)
                return false;
            value = value << 4 | (unsigned)digit;
        }
        *ret = *ret << 8 | value;
    }
    return true;
}

/* seq holds the beginning of it, ESC ] and the rest without its end. */
static void string_done(struct input *in, const struct sink *to)
{
    struct str body = {in->seq + 2, in->len - 2}, number;
    unsigned rgb = 0;
    bool is_colour = in->seq[1] == ']' && str_cut(&body, ';', &number) &&
                     (str_eq(number, STR("10")) || str_eq(number, STR("11"))) &&
                     parse_colour(body, &rgb);
    if (is_colour)
        send_reply(in, to, REPLY_COLOUR, number.p[1] == '0' ? 10 : 11, rgb);
    else
        send_reply(in, to, REPLY_OTHER, 0, 0);
}

static void step_string(struct input *in, unsigned char b, const struct sink *to)
{
    if (in->state == ST_STRING_ESC) {
        if (b == '\\') {
            string_done(in, to);
            return;
        }
        in->len = 0;
        begin(in, ST_ESC, 0x1b);
        step_esc(in, b, to);
        return;
    }
    if (b == 0x07) {
        string_done(in, to);
    } else if (b == 0x1b) {
        in->state = ST_STRING_ESC;
    } else if ((int)b == in->prefix.byte || b == 0x18 || b == 0x1a ||
               ++in->string_len > STRING_MAX) {
        send_reply(in, to, REPLY_OTHER, 0, 0);
        if ((int)b == in->prefix.byte)
            step_ground(in, b, to);
    } else if (in->len < INPUT_SEQ_MAX) {
        in->seq[in->len++] = (char)b;
    }
}

/* Button, column, row: a byte each, from 32 on. Anything below cannot be one. */
static void step_mouse(struct input *in, unsigned char b, const struct sink *to)
{
    const unsigned char *p = (const unsigned char *)in->seq + 3;
    if (b < 0x20) {
        send_reply(in, to, REPLY_OTHER, 0, 0);
        step_ground(in, b, to);
        return;
    }
    in->seq[in->len++] = (char)b;
    if (in->len == 6)
        send_mouse(in, to, p[0] - 32u, p[1] - 32u, p[2] - 32u);
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
    case ST_MOUSE:
        step_mouse(in, b, to);
        return;
    default:
        CHECK_UNREACHABLE();
    }
}

/* --- face ----------------------------------------------------------------------------- */

void input_init(struct input *in, const struct chord *prefix)
{
    memset(in, 0, sizeof *in);
    in->prefix = *prefix;
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
    else if (in->state == ST_STRING || in->state == ST_STRING_ESC || in->state == ST_MOUSE)
        send_reply(in, &to, REPLY_OTHER, 0, 0);
    else
        give_up(in, &to);
}

uint32_t key_latin(const struct key *key)
{
    if (key->cp < 0x80)
        return key->cp;
    return key->base ? key->base : latin_key(key->cp);
}

bool key_is_prefix(const struct input *in, const struct key *key)
{
    const struct chord *prefix = &in->prefix;
    int mods = key->mods;
    if (prefix->key)
        return key->kind == KEY_SYM && key->sym == prefix->key && mods == 0;
    if (key->kind != KEY_CHAR)
        return false;
    if (key->form == FORM_BYTES)
        return (int)key->cp == prefix->byte && mods == 0;
    /* Many keyboards have these on the upper half of a key: C-^ is Ctrl, Shift and 6. */
    if (prefix->byte == 0x1e || prefix->byte == 0x1f || prefix->byte == 0)
        mods &= ~VT_MOD_SHIFT;
    return mods == VT_MOD_CTRL && vt_control_byte(key_latin(key)) == prefix->byte;
}

bool key_is_text(const struct key *key)
{
    return key->kind == KEY_CHAR && (key->mods & ~VT_MOD_SHIFT) == 0 && key->cp >= 0x20 &&
           key->cp != 0x7f && !(key->cp >= 0x80 && key->cp < 0xa0);
}
