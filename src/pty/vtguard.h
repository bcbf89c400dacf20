/*
 * vtguard.h - the filter in front of libvterm.
 *
 * It cuts the agent's bytes, split anywhere, into complete items and hands them on in order:
 * runs of plain bytes and harmless sequences as they came, everything else as a parsed item
 * for which vt_csi.c and vt_osc.c decide. libvterm therefore never sees half a character, an
 * escape string, bad UTF-8, a parameter above 9999 or more parameters than it has room for;
 * each of these has crashed or hung one of its releases.
 */
#ifndef SRC_PTY_VTGUARD_H
#define SRC_PTY_VTGUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define VTGUARD_PARAMS 48 /* kept of one sequence; the longest real SGR has about 20 */
#define VTGUARD_PARAM_MAX 9999
#define VTGUARD_SEQ_MAX 200 /* a longer CSI is dropped */
#define VTGUARD_DCS_MAX 64 /* a longer one is no question that is answered */
#define VTGUARD_SLICE 4096  /* bytes in one run at most: 0.1.4 keeps 4 stack bytes for each */

struct vtguard_csi {
    char leader; /* one of < = > ?, or 0 */
    char inter;  /* intermediate, or 0 */
    char final;
    uint8_t count;                 /* parameters; CSI m has none, CSI ;m two */
    int16_t param[VTGUARD_PARAMS]; /* -1: left out */
    uint64_t sub;                  /* bit i: parameter i was followed by ':' */
};

enum vtguard_string { VTGUARD_OSC, VTGUARD_DCS, VTGUARD_OTHER };

struct vtguard_ops {
    /* Complete items only: printable text, C0 controls that libvterm acts on, sequences that
       is_plain_csi() or is_plain_esc() let pass. At most VTGUARD_SLICE bytes. */
    void (*on_plain)(void *ctx, const char *p, size_t n);
    /* A mark for the character printed just before. */
    void (*on_mark)(void *ctx, uint32_t cp);
    bool (*is_plain_csi)(void *ctx, const struct vtguard_csi *csi);
    void (*on_csi)(void *ctx, const struct vtguard_csi *csi);
    bool (*is_plain_esc)(void *ctx, char inter, char final);
    void (*on_esc)(void *ctx, char inter, char final); /* inter 0: ESC final */
    void (*on_shift)(void *ctx, int set);              /* SI, SO: G0 or G1 is in use */
    void (*on_osc)(void *ctx, struct str body, bool ended_by_bell);
    void (*on_dcs)(void *ctx, struct str body);
    /* A string of another kind (X ^ _), or one that was too long. May be NULL. */
    void (*on_dropped)(void *ctx, char introducer);
};

enum vtguard_state {
    VTGUARD_GROUND,
    VTGUARD_ESC,       /* ESC and perhaps intermediates */
    VTGUARD_CSI,       /* parameters */
    VTGUARD_CSI_INTER, /* intermediates: no parameter may follow */
    VTGUARD_CSI_SKIP,  /* malformed or too long: to its final byte */
    VTGUARD_STRING,
    VTGUARD_STRING_ESC
};

struct vtguard {
    const struct vtguard_ops *ops; /* borrows */
    void *ctx;                     /* borrows */
    enum vtguard_state state;
    struct vtguard_csi csi;
    bool csi_clamped; /* its text is not what was parsed */
    unsigned seq_len;
    bool seq_whole; /* the sequence began in this slice, nothing came in between */
    char esc_inter;
    bool esc_odd; /* two intermediates: nothing we know */
    enum vtguard_string string_kind;
    bool string_over;  /* too long: swallow to its end */
    char introducer;   /* of it, behind the ESC */
    struct buf string; /* owns */
    char held[4];      /* beginning of a character */
    unsigned held_len;
    uint32_t last_cp; /* last printed character, for REP */
    bool after_text;  /* nothing but text and colours since */
    bool joining;     /* a joiner came behind the emoji last_cp */
    bool is_flag;     /* last_cp is a letter of a flag and has its second one */
};

void vtguard_init(struct vtguard *guard, const struct vtguard_ops *ops, void *ctx);
void vtguard_release(struct vtguard *guard);
void vtguard_write(struct vtguard *guard, struct str bytes);

/* Parameter i, or `otherwise` if it is left out or 0. */
static inline int vtguard_param(const struct vtguard_csi *csi, unsigned i, int otherwise)
{
    return i < csi->count && csi->param[i] > 0 ? csi->param[i] : otherwise;
}

/* Decimal digits of at most 99999; returns how many. */
size_t vtguard_number(char *out, unsigned value);

/* The sequence as text again, e.g. to hand it to libvterm. Returns the length. */
size_t vtguard_csi_text(const struct vtguard_csi *csi, char out[VTGUARD_PARAMS * 5 + 8]);

#endif
