#!/usr/bin/env python3
"""The emulator against xterm.js, cell by cell: text, widths, colours, attributes, cursor, and
what is answered to questions. Needs node and npm, and the registry once."""
import json
import os
import random
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import BUILD, SOURCE, Failed, main, skip  # noqa: E402

PACKAGES = ["@xterm/headless@6.0.0", "@xterm/addon-unicode11@0.9.0"]
OURS = os.path.join(BUILD, "tests", "vt_grid")
FOLDER = os.path.join(BUILD, "oracle")
COLS, ROWS = 40, 12


def prepare():
    if not shutil.which("node") or not shutil.which("npm"):
        skip("there is no node or npm")
    if not os.path.exists(OURS):
        skip(f"{OURS} is not built")
    if os.path.exists(os.path.join(FOLDER, "node_modules", "@xterm", "addon-unicode11")):
        return
    os.makedirs(FOLDER, exist_ok=True)
    try:
        run = subprocess.run(["npm", "install", "--no-save", "--no-audit", "--prefix", FOLDER,
                              *PACKAGES], capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        skip("npm cannot fetch xterm.js in time")
    if run.returncode:
        skip("npm cannot fetch xterm.js: " + run.stderr.strip().split("\n")[-1])


def ask(command, streams, cwd):
    lines = "".join(f"{COLS} {ROWS} {stream.hex()}\n" for stream in streams)
    run = subprocess.run(command, input=lines, capture_output=True, text=True, cwd=cwd,
                         timeout=300)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    if len(answers) != len(streams):
        raise Failed(f"{command[0]} ended early: {run.stderr[-400:]}")
    return answers


def both(streams):
    script = os.path.join(SOURCE, "tests", "support", "xterm_grid.mjs")
    return zip(ask([OURS], streams, SOURCE), ask(["node", script], streams, FOLDER))


def difference(ours, theirs):
    """The first one, in words; None: they are equal."""
    for row, (mine, other) in enumerate(zip(ours["rows"], theirs["rows"])):
        for col, (a, b) in enumerate(zip(mine, other)):
            if a[1] == 0 and b[1] == 0:
                continue  # the right half of a wide character has nothing of its own
            if a != b:
                return f"row {row} column {col}: {a}, xterm.js {b}"
    if ours["cursor"] != theirs["cursor"]:
        return f"cursor {ours['cursor']}, xterm.js {theirs['cursor']}"
    return None


def shows_different(ours, theirs):
    """As difference(), but the pen of a blank does not count: in whose colours the rest of a
    wide character is, or the last column that it did not fit in, nothing says."""
    for answer in (ours, theirs):
        for row in answer["rows"]:
            for cell in row:
                if cell[0] == " ":
                    cell[2:] = [-1, -1, 0, 0, -1]
    return difference(ours, theirs)


def compare(cases, explained, difference=difference):
    """cases: name, stream. A difference needs an explanation, an explanation a difference."""
    wrong = []
    for (name, _), (ours, theirs) in zip(cases, both([stream for _, stream in cases])):
        found = difference(ours, theirs)
        if found and name not in explained:
            wrong.append(f"{name}: {found}")
        if not found and name in explained:
            wrong.append(f"{name}: is equal, but has an explanation")
    if wrong:
        raise Failed(f"{len(wrong)} of {len(cases)}\n  " + "\n  ".join(wrong[:40]))


FILL = b"".join(b"%c%s\r\n" % (65 + i, b"abcdefghijklmnopqrstuvwxyz"[i:]) for i in range(11))
WIDE = "中文字符".encode()

SCREENS = {
    "text": b"hello\r\nworld",
    "wrap": b"x" * 39 + b"yz",
    "wrap pending": b"x" * 40,
    "wrap pending, CR": b"x" * 40 + b"\ry",
    "wrap pending, backspace": b"x" * 40 + b"\by",
    "wrap pending, CUB": b"x" * 40 + b"\x1b[Dy",
    "wrap pending, colour": b"x" * 40 + b"\x1b[31my",
    "wrap pending, tab": b"x" * 40 + b"\ty",
    "wrap pending, LF": b"x" * 40 + b"\ny",
    "wrap pending, EL": b"x" * 40 + b"\x1b[Ky",
    "wrap pending, save, restore": b"x" * 40 + b"\x1b7\x1b[5;5H\x1b8y",
    "no autowrap": b"\x1b[?7l" + b"x" * 45 + b"y",
    "wide at the edge": b"x" * 39 + WIDE,
    "wide without autowrap": b"\x1b[?7l" + b"x" * 39 + WIDE,
    "half a wide one overwritten": WIDE + b"\x1b[2Gx\x1b[5Gy",
    "half a wide one erased": WIDE + b"\x1b[2G\x1b[K",
    "half a wide one inserted": WIDE + b"\x1b[2G\x1b[@",
    "half a wide one deleted": WIDE + b"\x1b[4G\x1b[P",
    "marks": "e\u0301x a\u0308\u0323y".encode(),
    "mark at the edge": b"x" * 40 + "\u0301y".encode(),
    "hangul": "한글 각".encode(),
    "emoji": "😀 🚀x🎉".encode(),
    "box": "┌──┐│└┘ ▀▄█ ░▒▓".encode(),
    "ambiguous": "±×÷§¶ Ωαβ ①②".encode(),
    "line drawing": b"\x1b(0lqqk\x1b(B x \x1b)0\x0emj\x0f y",
    "line drawing, all": b"\x1b(0" + bytes(range(0x5f, 0x7f)),
    "british": b"\x1b(A#\x1b(B#",
    "single shifts": b"\x1b*0\x1bNqq\x1b+0\x1bOqq",
    "locking shifts": b"\x1b*0\x1bnqq\x0fqq",
    "tabs": b"\ta\tb\r\x1b[3g\x1b[5G\x1bH\r\tx",
    "tab to the end": b"\t" * 8 + b"x",
    "CHT": b"\x1b[2Ix\x1b[Iy",
    "CBT": b"\x1b[30Gx\x1b[2Zy",
    "backspace at the start": b"\b\b\bx",
    "CUU CUD CUF CUB": b"\x1b[5;5Ha\x1b[2Ab\x1b[3Bc\x1b[4Cd\x1b[9De",
    "moves stop at the edges": b"\x1b[99A\x1b[99Da\x1b[99B\x1b[99Cb",
    "CNL CPL": b"\x1b[5;5H\x1b[2Ea\x1b[4Fb",
    "CHA VPA HPA": b"\x1b[10Ga\x1b[5db\x1b[3`c",
    "HPR VPR": b"\x1b[5aa\x1b[3eb",
    "HVP": b"\x1b[3;7fx\x1b[fy",
    "zero is one": b"\x1b[0;0Hx\x1b[0By\x1b[0Cz",
    "ED 0": FILL + b"\x1b[5;5H\x1b[J",
    "ED 1": FILL + b"\x1b[5;5H\x1b[1J",
    "ED 2": FILL + b"\x1b[5;5H\x1b[2Jx",
    "EL 0": FILL + b"\x1b[5;5H\x1b[K",
    "EL 1": FILL + b"\x1b[5;5H\x1b[1K",
    "EL 2": FILL + b"\x1b[5;5H\x1b[2K",
    "ECH": FILL + b"\x1b[5;5H\x1b[3X",
    "erase in colour": FILL + b"\x1b[44m\x1b[3;3H\x1b[K\x1b[5;5H\x1b[2X\x1b[7H\x1b[J",
    "ICH": FILL + b"\x1b[5;5H\x1b[3@",
    "DCH": FILL + b"\x1b[5;5H\x1b[3P",
    "ICH, DCH in colour": FILL + b"\x1b[42m\x1b[5;5H\x1b[3@\x1b[6;5H\x1b[3P",
    "IL": FILL + b"\x1b[5;5H\x1b[2Lx",
    "DL": FILL + b"\x1b[5;5H\x1b[2Mx",
    "IL, DL in a region": FILL + b"\x1b[3;8r\x1b[5H\x1b[2L\x1b[4H\x1b[M",
    "IL outside the region": FILL + b"\x1b[3;8r\x1b[10H\x1b[2Lx",
    "IL, DL in colour": FILL + b"\x1b[45m\x1b[5;5H\x1b[2L\x1b[8H\x1b[M",
    "insert mode": b"abcdef\x1b[3G\x1b[4hXY\x1b[4lZ",
    "insert mode, wide": b"abcdef\x1b[3G\x1b[4h" + WIDE + b"\x1b[4lZ",
    "SU": FILL + b"\x1b[3Sx",
    "SD": FILL + b"\x1b[3Tx",
    "SU in a region": FILL + b"\x1b[3;8r\x1b[2S",
    "SD in a region, colour": FILL + b"\x1b[3;8r\x1b[41m\x1b[2T",
    "DECBI": FILL + b"\x1b[5;1H\x1b6\x1b[5;5H\x1b6x",
    "DECFI": FILL + b"\x1b[5;40H\x1b9\x1b[5;5H\x1b9x",
    "SL": FILL + b"\x1b[3 @",
    "SR": FILL + b"\x1b[3 A",
    "DECIC": FILL + b"\x1b[5;5H\x1b[2'}",
    "DECDC": FILL + b"\x1b[5;5H\x1b[2'~",
    "scroll at the bottom": FILL + b"\n\n\nx",
    "scroll in colour": FILL + b"\x1b[43m\n\n\nx",
    "index at the margin": FILL + b"\x1b[3;6r\x1b[6H\x1bD\x1bDx",
    "reverse index": FILL + b"\x1b[3;6r\x1b[3H\x1bM\x1bMx",
    "reverse index above": FILL + b"\x1b[3;6r\x1b[2H\x1bM\x1bM\x1bMx",
    "next line": b"abc\x1bEdef",
    "region, text runs over": b"\x1b[3;6r\x1b[6H" + b"x" * 90,
    "region, LF below": FILL + b"\x1b[3;6r\x1b[12H\n\nx",
    "region resets home": b"abc\x1b[3;6rx",
    "region, wrong": b"\x1b[6;3rx\x1b[5;5ry",
    "origin mode": FILL + b"\x1b[3;6r\x1b[?6h\x1b[Hx\x1b[99;99Hy\x1b[2dz",
    "origin mode off": FILL + b"\x1b[3;6r\x1b[?6h\x1b[?6lx",
    "CUU at the margin": b"\x1b[3;6r\x1b[4H\x1b[9Ax\x1b[9By",
    "CUU from outside": b"\x1b[3;6r\x1b[8H\x1b[9Ax",
    "save, restore": b"\x1b[3;7H\x1b[31;1m\x1b7\x1b[m\x1b[Hx\x1b8y",
    "restore without save": b"\x1b[5;5H\x1b[31m\x1b8x",
    "save by CSI s": b"\x1b[3;7H\x1b[s\x1b[Hx\x1b[uy",
    "save with a character set": b"\x1b(0\x1b7\x1b(B\x1b8q",
    "alternate screen 1049": FILL + b"\x1b[5;5H\x1b[?1049hX\x1b[?1049lY",
    "alternate screen 1047": FILL + b"\x1b[5;5H\x1b[?1047hX\x1b[?1047lY",
    "alternate screen 47": FILL + b"\x1b[5;5H\x1b[?47hX\x1b[?47lY",
    "alternate screen, in it": FILL + b"\x1b[5;5H\x1b[?1049hX",
    "alternate screen in colour": FILL + b"\x1b[44m\x1b[?1049hX",
    "mode 1048": b"\x1b[3;3H\x1b[?1048h\x1b[Hx\x1b[?1048ly",
    "REP": b"a\x1b[5bb",
    "REP of a wide one": WIDE[:3] + b"\x1b[3bx",
    "REP to the end": b"a\x1b[39bx",
    "REP after a move": b"a\x1b[3;3H\x1b[2bx",
    "DECALN": FILL + b"\x1b[3;6r\x1b#8x",
    "soft reset": b"\x1b[3;6r\x1b[?6h\x1b[4h\x1b[31mabc\x1b[!px\x1b[Hy",
    "hard reset": FILL + b"\x1b[3;6r\x1b[31m\x1bcx",
    "newline mode": b"abc\x1b[20hx\nyz\x1b[20l\nq",
    "cursor hidden": b"x\x1b[?25l",
    "cursor hidden, shown": b"\x1b[?25l\x1b[?25hx",
    "attributes": b"".join(b"\x1b[%dmx\x1b[m" % n for n in (1, 2, 3, 4, 5, 7, 8, 9, 21, 53)),
    "attributes, off": b"".join(b"\x1b[1;2;3;4;5;7;8;9;53m\x1b[%dmx\x1b[m" % n for n in
                                (22, 23, 24, 25, 27, 28, 29, 55)),
    "colours": b"".join(b"\x1b[%dmx" % n for n in (*range(30, 38), *range(90, 98),
                                                   *range(40, 48), *range(100, 108), 39, 49)),
    "256 colours": b"\x1b[38;5;200mx\x1b[48;5;17my\x1b[38:5:99mz\x1b[mq",
    "true colour": b"\x1b[38;2;1;2;3mx\x1b[48;2;4;5;6my\x1b[38:2::7:8:9mz\x1b[38:2:9:8:7mq",
    "colours, mixed": b"\x1b[1;38;5;9;4;48;2;1;2;3;7mx",
    "colours, short": b"\x1b[38;5mx\x1b[38;2;1my\x1b[48mz",
    "underline styles": b"".join(b"\x1b[4:%dmx\x1b[m" % n for n in range(6)),
    "underline colours": b"\x1b[4;58:2::1:2:3mx\x1b[58:5:9my\x1b[59mz\x1b[4:3;58;5;10mq",
    "SGR, empty parts": b"\x1b[31m\x1b[;1mx\x1b[m\x1b[1;;4my",
    "SGR, unknown": b"\x1b[31;99;1mx\x1b[?31my\x1b[>4;1mz",
    "OSC, DCS, APC, PM, SOS": b"a\x1b]0;t\x07b\x1bPq#0\x1b\\c\x1b_x\x1b\\d\x1b^y\x1b\\e\x1bXz\x1b\\f",
    "a link": b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ text",
    "CAN, SUB": b"a\x1b[31\x18b\x1b[31\x1ac",
    "control in a sequence": b"abc\x1b[3\x0d1mx",
    "ESC in a sequence": b"\x1b[31\x1b[32mx",
    "an unknown sequence": b"a\x1b[5;3zb\x1b[=5pc\x1b[1$wd",
    "too many parameters": b"\x1b[" + b"1;" * 60 + b"31mx",
    "huge numbers": b"\x1b[99999999999Bx\x1b[4294967297Gy",
    "bad UTF-8": b"a\xffb\xc3(c\xe4\xb8d\xed\xa0\x80e",
    "C1 in UTF-8": "a\u009b31mb\u0085c".encode(),
    "DEL, NUL": b"a\x7fb\x00c",
    "VT, FF": b"a\x0bb\x0cc",
    "selective erase": b"ab\x1b[1\"qcd\x1b[2\"qef\x1b[?2Kx",
    "protected, ED": b"ab\x1b[1\"qcd\x1b[0\"qef\x1b[?2Jx",
}

EXPLAINED_SCREENS = {
    "wrap pending, EL": "DEC STD 070: the cursor stands on the last column, which EL erases; "
                        "xterm and tmux do so, too",
    "half a wide one inserted": "xterm.js leaves the right half of a character without its left",
    "DECBI": "VT420: at the edge the columns move; xterm.js has neither it nor DECFI",
    "DECFI": "VT420: see DECBI",
    "SD in a region, colour": "terminfo's bce: lines that come in have the background; xterm "
                              "and tmux do so, too",
    "REP after a move": "ECMA-48 8.3.103 leaves it open; xterm repeats the last character",
    "true colour": "38:2:r:g:b without a colour space: xterm reads it as three colours",
    "colours, short": "ISO 8613-6 requires the index; xterm ignores the sequence, too",
    "a link": "links are not passed on; xterm.js underlines them",
    "too many parameters": "the guard drops what has more than 48 parameters whole",
    "bad UTF-8": "Unicode 3.9: each bad byte is U+FFFD",
    "C1 in UTF-8": "C1 as UTF-8 is no control for xterm.js' peers; here U+FFFD, see vtguard.c",
}

QUESTIONS = {
    "DA1": b"\x1b[c", "DA2": b"\x1b[>c", "DA3": b"\x1b[=c", "DSR": b"\x1b[5n",
    "CPR": b"\x1b[5;7H\x1b[6n", "CPR, wrap pending": b"x" * 40 + b"\x1b[6n",
    "CPR in origin mode": b"\x1b[3;6r\x1b[?6h\x1b[2;2H\x1b[6n",
    "DECXCPR": b"\x1b[5;7H\x1b[?6n", "XTVERSION": b"\x1b[>q",
    "kitty flags": b"\x1b[?u", "18t": b"\x1b[18t",
    **{f"DECRQM {n}": b"\x1b[?%d$p" % n for n in
       (1, 6, 7, 12, 25, 47, 1000, 1002, 1003, 1004, 1006, 1047, 1048, 1049, 2004, 2026, 9999)},
    **{f"DECRQM {n}, set": b"\x1b[?%dh\x1b[?%d$p" % (n, n) for n in
       (1, 6, 12, 1000, 1002, 1003, 1004, 1006, 1049, 2004, 2026)},
    "DECRQM 4": b"\x1b[4$p", "DECRQM 20": b"\x1b[20h\x1b[20$p",
    "DECRQSS m": b"\x1bP$qm\x1b\\", "DECRQSS r": b"\x1b[3;6r\x1bP$qr\x1b\\",
    "DECRQSS q": b"\x1bP$q q\x1b\\", "DECRQSS protected": b"\x1b[1\"q\x1bP$q\"q\x1b\\",
    "DECRQSS of what is unknown": b"\x1bP$qz\x1b\\",
}

EXPLAINED_QUESTIONS = {
    "DA2": "the version is that of libvterm, for which vim knows what to do",
    "DA3": "VT510: a unit number; xterm.js is silent",
    "CPR, wrap pending": "DEC STD 070: the cursor is on the last column, not behind it",
    "CPR in origin mode": "VT510: rows count from the top margin; xterm does so, too",
    "XTVERSION": "answered with our name; xterm.js is silent",
    "kitty flags": "the keyboard protocol of kitty is kept here",
    "18t": "xterm: the size in characters; xterm.js asks its embedder",
    "DECRQM 1048": "it is an action and has no state",
}


def test_screens():
    """every case gives the same screen and cursor, or is explained"""
    compare(list(SCREENS.items()), EXPLAINED_SCREENS)


def test_questions():
    """every question gets the same answer, or is explained"""
    def answers(ours, theirs):
        a, b = bytes.fromhex(ours["reply"]), bytes.fromhex(theirs["reply"])
        return None if a == b else f"{a!r}, xterm.js {b!r}"
    compare(list(QUESTIONS.items()), EXPLAINED_QUESTIONS, answers)


NARROW = ["é", "─", "│", "x", "e\u0301", "Ω"]
WIDER = [*NARROW, "中", "한", "😀"]


def item(rnd, wide):
    """Wide characters or what cuts them: xterm.js leaves halves. No SD, see EXPLAINED_SCREENS,
    and no DECSC, whose row xterm.js lets scroll along."""
    n = rnd.randint
    glyphs, edits = (WIDER, b"LMS") if wide else (NARROW, b"@PLMSX")
    return rnd.choice([
        lambda: bytes(n(0x20, 0x7e) for _ in range(n(1, 30))),
        lambda: bytes(n(0x20, 0x7e) for _ in range(n(1, 60))),
        lambda: "".join(rnd.choice(glyphs) for _ in range(n(1, 8))).encode(),
        lambda: rnd.choice([b"\r\n", b"\n", b"\r", b"\t", b"\b"]),
        lambda: b"\x1b[%d;%dH" % (n(1, ROWS), n(1, COLS)),
        lambda: b"\x1b[%d%c" % (n(1, 12), rnd.choice(b"ABCDEFGd")),
        lambda: b"\x1b[%d%c" % (n(0, 2), rnd.choice(b"JK")),
        lambda: b"\x1b[%d%c" % (n(1, 6), rnd.choice(edits)),
        lambda: b"\x1b[%d;%dr" % (n(1, 5), n(6, ROWS)),
        lambda: rnd.choice([b"\x1bD", b"\x1bM", b"\x1bE", b"\x1b[r"]),
        lambda: b"\x1b[%dm" % rnd.choice([0, 1, 2, 3, 4, 7, 9, 22, 24, 27, 31, 42, 97, 100, 39, 49]),
        lambda: b"\x1b[%d;5;%dm" % (rnd.choice([38, 48]), n(0, 255)),
        lambda: b"\x1b[%d;2;%d;%d;%dm" % (rnd.choice([38, 48]), n(0, 255), n(0, 255), n(0, 255)),
    ])()


def test_random_streams():
    """three hundred random streams give the same screens"""
    rnd = random.Random(4)
    for wide, rule in (False, difference), (True, shows_different):
        compare([(f"stream {i}", b"".join(item(rnd, wide) for _ in range(60)))
                 for i in range(150)], {}, rule)


if __name__ == "__main__":
    prepare()
    main(test_screens, test_questions, test_random_streams)
