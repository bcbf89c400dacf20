#!/usr/bin/env python3
"""Everyday programs in the pane, and the keys, pastes, sizes and colours that people need for
them. `ironcurtain pane` has no box, so this runs everywhere."""
import os
import random
import re
import shutil
import sys
import unicodedata

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Home, Screen, main, wait_until  # noqa: E402

HOME = Home()
SHELL = ["bash", "--norc", "--noprofile"]
SCREEN = Screen([PROGRAM, "pane", "--", *SHELL], HOME.env(COLORTERM="truecolor"), 100, 36,
                cwd=HOME.workspace)  # too narrow for panels, where typed words are shown again
PROMPT = r"(?m)^READY> *($|[^\w\s])"


def run(line):
    SCREEN.type(line)
    SCREEN.keys("Enter")


COUNT = [0]


def fresh():
    """An empty screen but for one line and a prompt."""
    COUNT[0] += 1
    SCREEN.keys("C-u")
    run(f"clear; echo fresh-$(({COUNT[0]}))")
    SCREEN.wait(rf"(?m)^fresh-{COUNT[0]} *\nREADY> *$")


def work(name):
    return os.path.join(HOME.workspace, name)


def content(name):
    try:
        with open(work(name), encoding="utf-8") as f:
            return f.read()
    except OSError:
        return None


def written(name, text):
    try:
        wait_until(f"the file {name}", lambda: content(name) == text)
    except Exception:
        print(f"     {name} has {content(name)!r}, not {text!r}\n{SCREEN.text()}")
        raise


def test_start():
    """a shell's prompt appears, and the pane says that it is no box"""
    SCREEN.wait(r"bash-[\d.]+[$#]", 40)
    run("PS1='READY> '; PS2='more> '; clear")
    SCREEN.wait(PROMPT)
    SCREEN.wait("UNBOXED")


# --- programs -----------------------------------------------------------------------------

def leave_insert():
    """Esc, and nothing else until vi has seen it: with a key right behind it would be Alt."""
    SCREEN.wait(r"-- INSERT --")
    SCREEN.keys("Escape")
    SCREEN.wait_gone(r"-- INSERT --")


def test_vi():
    """vi: insert, move by arrows, save; the shell's screen is back afterwards"""
    program = next((p for p in ("vim", "vim.tiny", "vi") if shutil.which(p)), None)
    if not program:
        print("     left out: vi is not installed")
        return
    fresh()
    run(f"echo before-vi; {program} -u NONE -N -i NONE --cmd 'set ttimeout ttimeoutlen=5' file.txt")
    SCREEN.wait(r"(?m)^~")
    SCREEN.wait_gone("before-vi")
    SCREEN.type("ione")
    SCREEN.keys("Enter")
    SCREEN.type("three")
    leave_insert()
    SCREEN.type("Otwo")
    leave_insert()
    SCREEN.keys("Up")
    SCREEN.type("A!")
    SCREEN.keys("Down", "End")
    SCREEN.type("?")
    leave_insert()
    SCREEN.wait(r"one!\W*\n *two\?\W*\n *three")
    run(":wq")
    written("file.txt", "one!\ntwo?\nthree\n")
    SCREEN.wait("before-vi")
    SCREEN.wait_gone(r"(?m)^~")


def test_less():
    """less: pages, searches, jumps to both ends, leaves the shell's screen as it was"""
    if not shutil.which("less"):
        print("     left out: less is not installed")
        return
    with open(work("long.txt"), "w", encoding="utf-8") as f:
        f.writelines(f"line {n} of many\n" for n in range(1, 1001))
    fresh()
    run("echo before-less; LESS= less long.txt")
    SCREEN.wait(r"line 1 of many(.|\n)*line 33 of many")
    SCREEN.keys("PageDown")
    SCREEN.wait(r"line 34 of many(.|\n)*line 66 of many")
    SCREEN.type("G")
    SCREEN.wait(r"line 1000 of many")
    SCREEN.keys("Home")
    SCREEN.wait(r"line 1 of many")
    run("/line 500 ")
    SCREEN.wait(r"line 500 of many")
    SCREEN.keys("Up")
    SCREEN.wait(r"line 499 of many")
    SCREEN.type("q")
    SCREEN.wait("before-less")
    SCREEN.wait_gone("of many")


def test_top():
    """top: draws itself, follows a resize, leaves at q"""
    program = next((p for p in ("htop", "top") if shutil.which(p)), None)
    if not program:
        print("     left out: neither htop nor top is installed")
        return
    fresh()
    run(program)
    SCREEN.wait(r"PID +USER")
    SCREEN.resize(140, 40)
    SCREEN.wait("WAITING")
    SCREEN.wait(r"PID +USER")
    SCREEN.resize(100, 36)
    SCREEN.wait_gone("WAITING")
    SCREEN.wait(r"PID +USER")
    SCREEN.type("q")
    SCREEN.wait(PROMPT)


def test_line_editing():
    """bash edits its line with arrows, Home, End, word keys, history and C-r"""
    fresh()
    SCREEN.type("cho ac > edited")
    SCREEN.keys("Home")
    SCREEN.type("e")
    SCREEN.keys("End", *["Left"] * 10)
    SCREEN.type("b")
    SCREEN.keys("M-f", "M-f", "C-e")
    SCREEN.type(".txx")
    SCREEN.keys("BSpace", "BSpace", "Left", "Right")
    SCREEN.type("xt")
    SCREEN.keys("Enter")
    written("edited.txt", "abc\n")
    run("echo other > other.txt")
    written("other.txt", "other\n")
    SCREEN.keys("C-r")
    SCREEN.type("abc")
    SCREEN.wait(r"reverse-i-search\)`abc'")
    SCREEN.keys("C-e")
    SCREEN.type(" && echo again > again.txt")
    SCREEN.keys("Enter")
    written("again.txt", "again\n")
    SCREEN.keys("Up", "Up", "C-a", "Delete", "Delete", "Delete", "Delete")
    SCREEN.type("printf %s")
    SCREEN.keys("Enter")
    written("other.txt", "other")


# --- keys, byte by byte -------------------------------------------------------------------

def reads(count):
    """The agent reads `count` bytes into a file, in hex; returns when it is ready for them."""
    fresh()
    run(f"stty raw -echo; printf 'GO-%d' $(({COUNT[0]})); "
        f"head -c {count} | od -An -tx1 -w{count} > keys.txt; stty sane")
    SCREEN.wait(rf"(?m)^GO-{COUNT[0]}\b")


def got(expected):
    written("keys.txt", " " + " ".join(f"{b:02x}" for b in expected) + "\n")
    os.unlink(work("keys.txt"))


def send(data):
    SCREEN.keys("-H", *(f"{b:02x}" for b in data))


def test_doubled_prefix():
    """the prefix twice sends 0x1c once"""
    reads(3)
    SCREEN.type("a")
    SCREEN.keys("C-\\", "C-\\")
    SCREEN.type("b")
    got(b"a\x1cb")


def test_lone_escape():
    """an ESC that nothing follows arrives, and what is typed later is not Alt"""
    reads(1)
    send(b"\x1b")
    got(b"\x1b")
    reads(1)
    SCREEN.type("x")
    got(b"x")


def test_special_keys():
    """Shift-Tab, Alt keys, F keys and modified arrows arrive byte for byte"""
    for keys in (b"\x1b[Z", b"\x1bx", b"\x1b\x7f", b"\x1bOP", b"\x1bOS", b"\x1b[15~", b"\x1b[24~",
                 b"\x1b[15;2~", b"\x1b[1;5D", b"\x1b[1;2A", b"\x1b[3~", b"\x1b[5~", b"\x1b[1;3C",
                 b"\x1b[H", b"\x1b[F", b"\x1b[2~", "\u00e9\u20ac\u4f60\U0001f600".encode()):
        reads(len(keys))
        send(keys)
        got(keys)


def test_controls():
    """every control byte but the prefix arrives, Ctrl-C, Ctrl-Z and Ctrl-S among them"""
    keys = bytes(b for b in range(32) if b not in (0x1b, 0x1c)) + b"\x7f"
    reads(len(keys))
    send(keys)
    got(keys)


def test_control_c():
    """Ctrl-C interrupts what runs in the pane and not us"""
    fresh()
    run("sh -c 'echo is-$((6*7)); exec cat'")
    SCREEN.wait(r"(?m)^is-42")
    SCREEN.keys("C-c")
    SCREEN.wait(PROMPT)
    run("echo still-here")
    SCREEN.wait(r"(?m)^still-here")


# --- pastes -------------------------------------------------------------------------------

LINES = [f"line {n:03d} of a paste, with 'quotes', $(no) `command` and \u00e4\u4f60"
         for n in range(200)]
TAKE_PASTE = r"""
import os, sys, tty
tty.setraw(0)
os.write(1, b"\033[?2004hPASTE-NOW")
seen = b""
while not seen.endswith(b"\033[201~"):
    seen += os.read(0, 65536)
os.write(1, b"\033[?2004l")
with open("paste.new", "wb") as f:
    f.write(seen)
os.rename("paste.new", "paste.txt")
"""


def paste(text):
    SCREEN.tmux("set-buffer", "-b", "paste", text)
    SCREEN.tmux("paste-buffer", "-p", "-b", "paste")


def test_paste_whole():
    """200 lines pasted arrive between one pair of brackets, nothing lost, nothing run"""
    with open(work("take_paste.py"), "w", encoding="utf-8") as f:
        f.write(TAKE_PASTE)
    fresh()
    run(f"{sys.executable} take_paste.py")
    SCREEN.wait("PASTE-NOW")
    paste("\n".join(LINES))
    written_bytes = wait_until("the paste", lambda: content("paste.txt"))
    assert written_bytes.startswith("\x1b[200~") and written_bytes.endswith("\x1b[201~")
    inner = written_bytes[6:-6]
    assert "\x1b" not in inner, "more than one pair of brackets"
    assert re.split(r"\r\n|\r|\n", inner) == LINES, inner[:500]
    SCREEN.type("stty sane")
    SCREEN.keys("C-j")


def test_paste_into_bash():
    """commands pasted into a shell wait for Enter"""
    fresh()
    paste("\n".join(f"echo {n} >> pasted.txt" for n in range(20)))
    SCREEN.wait(r"echo 19 >> pasted\.txt")
    assert content("pasted.txt") is None
    SCREEN.keys("Enter")
    written("pasted.txt", "".join(f"{n}\n" for n in range(20)))


def test_paste_is_not_a_key():
    """a paste that holds the prefix opens nothing; its control characters are left out"""
    reads(7)
    paste("ab\x1c?cdef")
    got(b"ab?cdef")
    assert not re.search("send the prefix key itself|PREFIX", SCREEN.text()), SCREEN.text()
    SCREEN.wait("AGENT")


# --- sizes --------------------------------------------------------------------------------

def pane_size():
    run("stty size > size.new; mv size.new size.txt")
    wait_until("stty", lambda: content("size.txt"))
    rows, cols = content("size.txt").split()
    os.unlink(work("size.txt"))
    return int(cols), int(rows)


def size_becomes(cols, rows):
    wait_until(f"{cols} columns, {rows} rows", lambda: pane_size() == (cols, rows))


def test_resize_storm():
    """after twenty resizes in a row the agent has the last size, and the screen is whole"""
    fresh()
    source = random.Random(2)
    for _ in range(20):
        SCREEN.resize(source.randint(20, 220), source.randint(5, 60))
    SCREEN.resize(97, 29)
    size_becomes(97, 27)
    SCREEN.resize(100, 36)
    size_becomes(100, 34)
    fresh()
    rows = SCREEN.text().rstrip("\n").split("\n")
    assert len(rows) == 36 and "AGENT" in rows[35] and "UNBOXED" in rows[35], rows
    assert "pane" in rows[0] and rows[1].startswith("fresh-") and rows[2].startswith("READY>"), rows
    assert not any(row.strip() for row in rows[3:35]), rows


def test_zoom_and_panels():
    """zoom and panels-off give all columns to the agent, and take them back"""
    SCREEN.resize(120, 36)
    SCREEN.wait("WAITING")
    size_becomes(80, 34)
    for key in ("z", "b"):
        SCREEN.prefix(key)
        SCREEN.wait_gone("WAITING")
        size_becomes(120, 34)
        SCREEN.prefix(key)
        SCREEN.wait("WAITING")
        size_becomes(80, 34)
    SCREEN.resize(100, 36)
    SCREEN.wait_gone("WAITING")


# --- what is seen -------------------------------------------------------------------------

def test_colours():
    """16, 256 and true colours, bold, underline and reverse are seen outside"""
    fresh()
    run(r"printf '\033[31mred\033[m \033[38;5;202mpal\033[m \033[48;5;19mback\033[m "
        r"\033[38;2;12;34;56mrgb\033[m \033[48;2;65;43;21mrgbback\033[m \033[1mbold\033[m "
        r"\033[4munder\033[m \033[7mrev\033[m\n'")
    SCREEN.wait(r"(?m)^red pal back rgb rgbback bold under rev")
    for code, word in (("31", "red"), ("38;5;202", "pal"), ("48;5;19", "back"),
                       ("38;2;12;34;56", "rgb"), ("48;2;65;43;21", "rgbback"), ("1", "bold"),
                       ("4", "under"), ("7", "rev")):
        wait_until(f"{word} in its colour", lambda code=code, word=word: re.search(
            rf"\033\[([\d;]*;)?{code}m{word}\b", SCREEN.text(escapes=True)))


def width(text):
    return sum(0 if unicodedata.combining(c) else
               2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def test_wide_characters():
    """wide and combining characters keep their columns, also at the edge of the pane"""
    fresh()
    for text in ("\u4f60\u597d\u4e16\u754c", "\ud55c\uad6d\uc5b4", "\u3042\u3044", "\uff21\uff22",
                 "e\u0301a\u0300", "\u4f60a\u597db"):
        run(f"clear; printf '\\n%s|\\033[40G#\\n' '{text}'")
        row = SCREEN.wait(rf"(?m)^{text}\| *#").group(0)
        assert width(row) == 40, row
    SCREEN.resize(120, 36)  # 80 columns, and behind them the edge of the panels
    size_becomes(80, 34)
    for text in ("\u4f60" * 40, "x" * 78 + "\u4f60"):
        run(f"clear; printf '\\n%s\\n' '{text}'")
        SCREEN.wait(rf"(?m)^{text}[\u2502\u251c\u250c\u2514]")
    # One column is left, so the wide character goes to the next line.
    run(f"clear; printf '\\n%s\\n' '{'y' * 79}\u4f60'")
    SCREEN.wait(rf"(?m)^{'y' * 79} [\u2502\u251c\u250c\u2514].*\n\u4f60 {{78}}[\u2502\u251c\u250c\u2514]")
    SCREEN.resize(100, 36)
    SCREEN.wait_gone("WAITING")


def test_modes_at_exit():
    """whatever modes the agent leaves on, the terminal is as before when we have gone"""
    fresh()
    run(r"printf '\033[?1049h\033[?1000;1002;1003;1006h\033[?2004h\033[?1h\033=\033[?25l"
        r"\033[?1004h\033[5 q\033[31m\033(0'; exit 3")
    assert SCREEN.exit_status() == 3
    SCREEN.wait("SHELL-IS-BACK")
    SCREEN.wait(r"(?m)^ icanon")
    flags = ("alternate_on", "cursor_flag", "mouse_any_flag", "mouse_sgr_flag",
             "keypad_cursor_flag", "keypad_flag", "insert_flag")
    state = SCREEN.tmux("display", "-p", " ".join(f"#{{{f}}}" for f in flags)).split()
    assert state == ["0", "1", "0", "0", "0", "0", "0"], dict(zip(flags, state))
    paste("plain")  # to cat, whose terminal echoes an ESC as ^[
    SCREEN.wait(r"(?m)^plain")
    assert "\u2502" not in SCREEN.text() and "31m" not in SCREEN.text(escapes=True)
    assert re.search(r"session ended \(exit 3\)", SCREEN.errors()), SCREEN.errors()


try:
    main(test_start, test_vi, test_less, test_top, test_line_editing, test_doubled_prefix,
         test_lone_escape, test_special_keys, test_controls, test_control_c, test_paste_whole,
         test_paste_into_bash, test_paste_is_not_a_key, test_resize_storm, test_zoom_and_panels,
         test_colours, test_wide_characters, test_modes_at_exit)
finally:
    SCREEN.close()
    HOME.remove()
