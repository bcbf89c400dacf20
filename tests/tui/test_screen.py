#!/usr/bin/env python3
"""One session on the screen: keys, modes, sizes, colours, and what an idle screen costs."""
import os
import re
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Home, Screen, main, skip, wait_until  # noqa: E402

if not shutil.which("bwrap"):
    skip("bubblewrap is not installed")

HOME = Home()
SCREEN = Screen([PROGRAM, "new", HOME.workspace, "-a", "shell", "--runtime", "bwrap", "--",
                 "bash", "--norc", "--noprofile"], HOME.env(COLORTERM="truecolor"), 120, 36)


def run(line):
    SCREEN.type(line)
    SCREEN.keys("Enter")


def start():
    SCREEN.wait(r"bash-[\d.]+[$#]", 40)
    run("PS1='READY> '; clear")
    SCREEN.wait(r"(?m)^READY> *(\W|$)")


def test_start():
    """the agent's prompt appears, mode and help are in the last row"""
    start()
    SCREEN.wait(r"AGENT .*C-\\ \? help")
    SCREEN.wait(r"WAITING.*\n")
    SCREEN.wait(r"net: proxy only")


def test_bytes_unchanged():
    """ordinary bytes, Ctrl and Alt keys and UTF-8 reach the agent unchanged"""
    run("clear; stty -icanon -echo -isig -icrnl -ixon; printf GO1; head -c 18 | od -An -tx1 -w32; "
        "stty sane")
    SCREEN.wait(r"(?m)^GO1")
    SCREEN.keys("-H", "61", "01", "03", "1a", "11", "13", "0d", "0a", "09", "7f", "1b", "62",
                "c3", "a9", "e2", "82", "ac", "00")
    SCREEN.wait(r"61 01 03 1a 11 13 0d 0a 09 7f 1b 62 c3 a9 e2 82 ac 00")


def test_application_modes():
    """cursor keys are encoded for the modes the agent has set"""
    run("clear; stty -icanon -echo; printf '\\033[?1hGO2'; head -c 3 | od -An -c; "
        "printf '\\033[?1lNO'; head -c 3 | od -An -c; stty sane")
    SCREEN.wait(r"(?m)^GO2")
    SCREEN.keys("Up")
    SCREEN.wait(r"033 +O +A")
    SCREEN.wait(r"(?m)^NO")
    SCREEN.keys("Up")
    SCREEN.wait(r"033 +\[ +A")


def test_prefix_reaches_the_agent_only_doubled():
    """the prefix is consumed; prefix prefix sends it; an unknown key sends nothing"""
    run("clear; stty -icanon -echo -isig; printf GO3; head -c 3 | od -An -tx1; stty sane")
    SCREEN.wait(r"(?m)^GO3")
    SCREEN.prefix("Q")
    SCREEN.wait(r"no such key: C-\\ Q")
    SCREEN.keys("a")
    SCREEN.keys("C-\\", "C-\\")
    SCREEN.keys("b")
    SCREEN.wait(r"61 1c 62")


def test_prefix_mode():
    """the mode word says PREFIX, the list opens by itself, Esc cancels"""
    SCREEN.keys("C-\\")
    SCREEN.wait(r"PREFIX .*\? help")
    SCREEN.wait(r"review the oldest request")
    SCREEN.keys("Escape")
    SCREEN.wait_gone(r"review the oldest request|PREFIX")
    SCREEN.wait(r"AGENT")


def test_terminal_answers_stay_here():
    """answers of the real terminal never reach the agent"""
    run("clear; stty -icanon -echo; printf GO4; head -c 2 | od -An -tx1; stty sane")
    SCREEN.wait(r"(?m)^GO4")
    SCREEN.keys("-H", *"1b 5b 31 32 3b 34 30 52".split())           # CPR
    SCREEN.keys("-H", *"1b 5b 3f 36 32 3b 32 32 63".split())        # DA1
    SCREEN.keys("-H", *"1b 5d 31 30 3b 72 67 62 3a 30 2f 30 2f 30 07".split())  # OSC 10
    SCREEN.keys("-H", *"1b 5b 30 6e".split())                       # 0n
    SCREEN.keys("-H", *"1b 50 3e 7c 78 1b 5c".split())              # XTVERSION
    SCREEN.keys("-H", *"1b 5b 3c 30 3b 31 3b 31 4d".split())        # a click
    SCREEN.keys("x", "y")
    SCREEN.wait(r"(?m) 78 79")


def test_paste():
    """a paste arrives as one, bracketed if the agent asked for it"""
    run("clear; stty -icanon -echo; printf '\\033[?2004hGO5'; head -c 19 | od -An -c -w32; "
        "printf '\\033[?2004l'; stty sane")
    SCREEN.wait(r"(?m)^GO5")
    SCREEN.tmux("set-buffer", "two\nlines")
    SCREEN.tmux("paste-buffer", "-p")
    SCREEN.wait(r"033 +\[ +2 +0 +0 +~ +t +w +o +\\[nr] +l +i +n +e +s +033")
    SCREEN.keys("Enter")
    SCREEN.wait(r"(?m)^READY>")


def test_words():
    """what is typed is shown as a draft while it is typed"""
    run("clear")
    SCREEN.type("echo a draft of mine")
    SCREEN.wait(r"draft, not sent yet\W*\n.*echo a draft of mine")
    SCREEN.keys("C-u")
    run("clear")


def test_wide_characters_and_colours():
    """wide and combining characters keep their columns; true colour passes"""
    run("clear; printf '\\n\\344\\275\\240|e\\314\\201|\\033[38;2;1;2;3mrgb\\033[m|\\n'")
    SCREEN.wait(r"(?m)^\u4f60\|e\u0301\|rgb\|")
    run("clear; printf '\\n\\360\\237\\237\\242 ok|\\360\\237\\237\\242ok|\\n'")
    # libvterm 0.1 takes it for one column, as old programs do, libvterm 0.3 for two.
    SCREEN.wait(r"(?m)^(\U0001f7e2ok\|\ufffdok|\U0001f7e2 ok\|\U0001f7e2ok)\|")
    run("clear; printf '\\n\\033[38;2;1;2;3mrgb\\033[m\\n'")
    wait_until("true colour outside", lambda: "38;2;1;2;3" in SCREEN.text(escapes=True))


ASKED = [0]


def asked_size():
    ASKED[0] += 1
    run(f"clear; stty size; echo asked-$(({ASKED[0]}))-")
    SCREEN.wait(rf"(?m)^asked-{ASKED[0]}-")
    return tuple(int(n) for n in re.search(r"(?m)^(\d+) (\d+)\b", SCREEN.text()).groups())


def size(cols, rows):
    """The agent's terminal gets this size, if not at once."""
    wait_until(f"{cols} columns, {rows} rows", lambda: asked_size() == (rows, cols))


def test_zoom_and_panels_change_the_agents_size():
    """zoom and the panel switch give the columns to the agent and take them back"""
    size(80, 34)
    SCREEN.prefix("z")
    SCREEN.wait(r"ZOOM")
    SCREEN.wait_gone("WAITING")
    size(120, 34)
    SCREEN.prefix("z")
    SCREEN.wait(r"WAITING")
    size(80, 34)
    SCREEN.prefix("b")
    SCREEN.wait_gone("WAITING")
    size(120, 34)
    SCREEN.prefix("b")
    SCREEN.wait("WAITING")


def test_collapse():
    """the layout follows the size of the terminal, down to nothing but pane and last row"""
    for cols, rows, there, gone, pane in [
            (200, 50, r"WAITING(.|\n)*REQUESTS(.|\n)*YOUR WORDS", "ZOOM", (120, 48)),
            (120, 24, r"WAITING(.|\n)*REQUESTS(.|\n)*YOUR WORDS", "ZOOM", (80, 22)),
            (100, 44, r"-\W+WAITING|WAITING", "REQUESTS -", (100, 32)),
            (80, 24, r"AGENT", "WAITING|REQUESTS", (80, 22)),
            (38, 9, r"AGENT", "net: proxy", (38, 8)),
            (120, 36, r"WAITING(.|\n)*REQUESTS(.|\n)*YOUR WORDS", "ZOOM", (80, 34))]:
        SCREEN.resize(cols, rows)
        SCREEN.wait(there)
        SCREEN.wait_gone(gone)
        size(*pane)


def test_panels_over_a_small_pane():
    """without room a panel opens over the pane and Esc closes it; the agent's size stays"""
    SCREEN.resize(80, 24)
    SCREEN.wait_gone("WAITING")
    SCREEN.prefix("l")
    SCREEN.wait(r"\[\*\] REQUESTS")
    SCREEN.wait(r" REQUESTS .*C-\\ \? help")
    SCREEN.type("xy")
    SCREEN.wait("keys do not go to the agent here")
    SCREEN.keys("Escape")
    SCREEN.wait_gone("REQUESTS")
    size(80, 22)
    SCREEN.resize(120, 36)
    SCREEN.wait("WAITING")


def test_focus_cycle_help_messages():
    """Tab moves the focus, help lists the table, messages are kept"""
    for word in ("WAITING", "REQUESTS", "WORDS", "AGENT"):
        SCREEN.prefix("Tab")
        SCREEN.wait(rf"(?m)^ +{word} ")
    SCREEN.prefix("?")
    SCREEN.wait(r"send the prefix key itself to the agent")
    SCREEN.keys("Escape")
    SCREEN.prefix("Q")
    SCREEN.wait("no such key")
    SCREEN.prefix("~")
    SCREEN.wait(r"MESSAGES(.|\n)*no such key")
    SCREEN.keys("q")
    SCREEN.wait("AGENT")


def test_fake_chrome_stays_inside():
    """the agent cannot draw outside its rectangle, whatever it prints"""
    run("clear; printf '\\033[1;1H\\033[999;999HX\\033[1;200HFAKE REVIEW\\033[?1049h\\033[2J"
        "\\033[99;1HLASTROW\\033]0;title\\007'; read -t 1; printf '\\033[?1049l'")
    SCREEN.wait("LASTROW")
    rows = SCREEN.text().split("\n")
    assert "net: proxy only" in rows[0] and "FAKE" not in rows[0], rows[0]
    assert "AGENT" in rows[35] and "LASTROW" not in rows[35], rows[35]
    assert all("WAITING" in r or "REQUESTS" in r or "YOUR WORDS" in r or r[80:81] in "│└┌ "
               for r in rows[1:35]), rows
    run("")


def switches(pid):
    with open(f"/proc/{pid}/task/{pid}/status", encoding="ascii") as f:
        return sum(int(line.split()[1]) for line in f if "ctxt_switches" in line)


def test_idle_costs_nothing():
    """an idle screen does not wake up"""
    pid = SCREEN.pid()
    SCREEN.keys("C-u")

    def quiet():
        before = switches(pid)
        until = time.monotonic() + 1.5
        wait_until("1.5 s", lambda: time.monotonic() > until)
        return switches(pid) - before <= 3
    wait_until("a second and a half without a wake-up", quiet)


def test_quit_asks():
    """quit asks for a second time; any other key stays; then the terminal is as before"""
    SCREEN.prefix("q")
    SCREEN.wait(r"C-\\ q again")
    SCREEN.keys("x")
    SCREEN.wait_gone(r"C-\\ q again")
    SCREEN.keys("C-u")
    SCREEN.prefix("q")
    SCREEN.wait(r"C-\\ q again")
    SCREEN.prefix("q")
    SCREEN.exit_status()
    SCREEN.wait("SHELL-IS-BACK")
    SCREEN.wait(r"(?m)^ icanon")
    assert SCREEN.tmux("display", "-p", "#{alternate_on} #{cursor_flag}").split() == ["0", "1"]


try:
    main(test_start, test_bytes_unchanged, test_application_modes,
         test_prefix_reaches_the_agent_only_doubled, test_prefix_mode,
         test_terminal_answers_stay_here, test_paste, test_words,
         test_wide_characters_and_colours, test_zoom_and_panels_change_the_agents_size,
         test_collapse, test_panels_over_a_small_pane, test_focus_cycle_help_messages,
         test_fake_chrome_stays_inside, test_idle_costs_nothing, test_quit_asks)
finally:
    SCREEN.close()
    HOME.remove()
