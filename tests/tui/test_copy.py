#!/usr/bin/env python3
"""Copy mode from outside: reading back while the agent goes on, searching, selecting, where copies
go, what is pasted. The outer terminal is tmux, whose paste buffer takes OSC 52."""
import os
import re
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Home, Screen, main, wait_until  # noqa: E402

SHELL = ["bash", "--norc", "--noprofile"]


def start(home, *command):
    screen = Screen([PROGRAM, "pane", "--", *(command or SHELL)], home.env(), 100, 30,
                    cwd=home.workspace)
    screen.tmux("set", "-s", "set-clipboard", "on")
    screen.wait(r"bash-[\d.]+[$#]", 40)
    screen.type("PS1='READY> '; clear")
    screen.keys("Enter")
    screen.wait(r"(?m)^READY> *$")
    return screen


HOME = Home()
SCREEN = start(HOME)
ROWS = 28  # of the pane


def run(line):
    SCREEN.type(line)
    SCREEN.keys("Enter")


def fresh(screen=SCREEN):
    """The agent's screen, empty but for a prompt."""
    if "AGENT" not in screen.last_row():
        screen.keys("Escape", "Escape")
        screen.wait("AGENT")
    screen.keys("C-u")
    screen.type("clear")
    screen.keys("Enter")
    screen.wait(r"\A.*\nREADY> *\n")


def copied(screen=SCREEN):
    try:
        return screen.tmux("show-buffer")
    except Exception:
        return None


def clear_copied(screen=SCREEN):
    while copied(screen) is not None:
        screen.tmux("delete-buffer")


def gets(text, screen=SCREEN):
    try:
        wait_until(f"the copy {text!r}", lambda: copied(screen) == text)
    except Exception:
        print(f"     the buffer has {copied(screen)!r}\n{screen.text()}")
        raise


def in_copy():
    SCREEN.prefix("[")
    SCREEN.wait(r"COPY +\d+ of \d+")


def leave():
    SCREEN.keys("Escape")
    SCREEN.wait("AGENT")


def cursor():
    x, y = SCREEN.tmux("display", "-p", "#{cursor_x} #{cursor_y}").split()
    return int(x), int(y) - 1


def cursor_is(col, row):
    wait_until(f"the cursor at {col}, {row}", lambda: cursor() == (col, row))


def test_start():
    """a shell in the pane"""
    SCREEN.wait("READY>")
    SCREEN.wait(r"C-\\ \[ copy")


def test_scroll_back():
    """C-\\ [ shows what scrolled away, and the last row says where one is"""
    fresh()
    run("seq -f 'row %g of many' 500")
    SCREEN.wait("row 500 of many")
    in_copy()
    SCREEN.wait(r"COPY +0 of \d+.* v select  y copy  n/N next  Esc live")
    SCREEN.keys("C-b")
    SCREEN.wait(rf"COPY +-{ROWS - 2} of ")
    SCREEN.wait_gone("row 500 of many")
    SCREEN.type("100k")
    SCREEN.wait("row 380 of many")
    SCREEN.type("g")
    SCREEN.wait("row 1 of many")
    SCREEN.type("G")
    SCREEN.wait("row 500 of many")
    leave()
    SCREEN.prefix("PageUp")
    SCREEN.wait(rf"COPY +-{ROWS - 2} of ")
    SCREEN.type("q")
    SCREEN.wait("AGENT")


def test_frozen():
    """what the agent prints meanwhile is counted, and nothing moves"""
    fresh()
    run("seq -f 'row %g of many' 100; while [ ! -e go ]; do read -t 0.05; done; "
        "seq -f 'later %g' 12; read -t 0.05; seq -f 'last %g' 88; echo all-$((1+1))")
    SCREEN.wait("row 100 of many")
    in_copy()
    SCREEN.type("20k")
    before = SCREEN.text().split("\n")[1:ROWS + 1]
    with open(os.path.join(HOME.workspace, "go"), "w", encoding="utf-8"):
        pass
    SCREEN.wait(r"\+10\d new *$")
    assert SCREEN.text().split("\n")[1:ROWS + 1] == before, SCREEN.text()
    leave()
    SCREEN.wait("all-2")
    assert "row 100" not in SCREEN.text()


def test_search():
    """C-\\ / searches upwards as one types, counts hits, n and N go on, Esc gives up"""
    fresh()
    run("for i in $(seq 300); do echo \"$i $((i % 100 == 7)) x\"; done | sed 's/ 1 x/ Pas''sed/'")
    SCREEN.wait("300 0 x")
    SCREEN.prefix("/")
    SCREEN.wait(r"COPY +.*/\|")
    SCREEN.type("pass")
    SCREEN.wait(r"/pass\| 3 hits")
    SCREEN.wait("207 Passed")
    SCREEN.type("edx")
    SCREEN.wait(r"/passedx\| 0 hits")
    SCREEN.keys("BSpace")
    SCREEN.wait(r"/passed\| 3 hits")
    SCREEN.keys("Enter")
    SCREEN.wait(r"COPY +-\d+ of \d+  /passed 3 hits")
    row = SCREEN.text().split("\n")[cursor()[1] + 1]
    assert row.startswith("207 Passed"), row
    SCREEN.type("n")
    SCREEN.wait("107 Passed")
    SCREEN.type("n")
    SCREEN.wait(r"(?m)^7 Passed")
    SCREEN.type("N")
    SCREEN.wait("107 Passed")
    SCREEN.type("/7 PASS")
    SCREEN.wait(r"/7 PASS\| 0 hits")
    SCREEN.keys("Escape")
    SCREEN.wait("Esc live")
    SCREEN.wait("107 Passed")
    SCREEN.type("?")
    SCREEN.type("300 0")
    SCREEN.wait(r"\| 1 hit ")
    SCREEN.keys("Enter")
    SCREEN.wait("300 0 x")
    leave()


def test_select_characters():
    """v selects characters, over wrapped lines without a newline; y copies and stays"""
    fresh()
    clear_copied()
    run("printf 'alpha beta\\n%s end   \\nlast\\n' $(printf '%0120d' 7)")
    SCREEN.wait(r"(?m)^last")
    in_copy()
    SCREEN.type("?alpha")
    SCREEN.keys("Enter")
    cursor_is(0, 1)
    SCREEN.type("wv")
    SCREEN.type("jj$")
    SCREEN.type("y")
    SCREEN.wait(r"copied 129 bytes \(OSC 52\)")
    gets("beta\n" + "%0120d" % 7 + " end")
    SCREEN.type("w")
    SCREEN.wait(r"COPY +0 of")
    SCREEN.keys("Enter")
    SCREEN.wait("nothing is selected")
    leave()


def test_select_lines_and_blocks():
    """V selects lines, C-v a block without the frame around it, o goes to the other end"""
    fresh()
    clear_copied()
    run(r"printf '+-------+\n| \344\275\240a   |\n| b     |\n+-------+\n'")
    SCREEN.wait(r"(?m)^\| b ")
    in_copy()
    SCREEN.type("?a   ")
    SCREEN.keys("Enter")
    SCREEN.type("0Vj")
    SCREEN.keys("Enter")
    gets("| \u4f60a   |\n| b     |")
    SCREEN.type("k0ll")
    SCREEN.keys("C-v")
    SCREEN.type("jllllo")
    SCREEN.type("y")
    gets("\u4f60a\nb")
    leave()


def test_paste():
    """C-\\ ] pastes one line at once; several are shown first, Esc does not send them"""
    fresh()
    run("printf 'echo one-$((1+1))\\necho two-$((1+2))\\n'")
    SCREEN.wait(r"(?m)^echo two-\$")
    in_copy()
    SCREEN.type("?echo one-")
    SCREEN.keys("Enter")
    SCREEN.type("Vy")
    SCREEN.wait("copied 17 bytes")
    leave()
    SCREEN.prefix("]")
    SCREEN.wait(r"READY> echo one-\$\(\(1\+1\)\) *\n")
    SCREEN.keys("Enter")
    SCREEN.wait(r"(?m)^one-2")
    in_copy()
    SCREEN.type("?echo one-")
    SCREEN.keys("Enter")
    SCREEN.type("n0Vjy")
    SCREEN.wait("copied 35 bytes")
    leave()
    SCREEN.prefix("]")
    SCREEN.wait(r"PASTE: 2 lines, 35 bytes")
    SCREEN.wait(r"Enter sends it, Esc does not")
    SCREEN.keys("Escape")
    SCREEN.wait("AGENT")
    SCREEN.wait_gone("PASTE")
    assert "two-3" not in SCREEN.text()
    SCREEN.prefix("]")
    SCREEN.wait("PASTE: 2 lines")
    SCREEN.keys("Enter")
    SCREEN.wait("AGENT")
    SCREEN.wait(r"echo two-\$")
    SCREEN.keys("Enter")
    SCREEN.wait(r"(?m)^two-3")


def test_long_copies_become_files():
    """more than 100 kB goes into a file that only the user can read, and the path is said"""
    fresh()
    clear_copied()
    run("for i in $(seq 3000); do printf '%05d %060d\\n' $i 0; done")
    SCREEN.wait("03000 0000")
    in_copy()
    SCREEN.type("gVGk")
    SCREEN.type("y")
    match = SCREEN.wait(r"copied \d+ bytes to (\S+?\.txt)")
    path = match.group(1)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, path
    with open(path, encoding="utf-8") as f:
        text = f.read()
    assert re.search("00001 0{60}\n00002 0{60}\n", text) and "03000 " in text, len(text)
    assert copied() is None
    leave()


def test_prompts():
    """[ and ] go from one prompt to the other: marked ones, or where the user spoke"""
    fresh()
    run("echo first-words; seq 40")
    SCREEN.wait(r"(?m)^40 *\nREADY")
    run("PS1='\\[\\e]133;A\\a\\]READY> '")
    run("seq 50")
    SCREEN.wait(r"(?m)^50 *\nREADY")
    in_copy()
    SCREEN.type("[")
    SCREEN.wait("READY> seq 50")
    SCREEN.type("2[")  # past the line that sets the prompt
    SCREEN.wait("READY> echo first-words; seq 40")
    SCREEN.type("2]")
    cursor_is(0, ROWS - 1)
    SCREEN.wait("READY> seq 50")
    leave()
    run("PS1='READY> '; clear")


FULL_SCREEN = r"""
import os, time
os.write(1, b"\033[?1049h")
for page in b"a", b"b", b"c":
    os.write(1, b"\033[2J\033[Hpage " + page + b"\r\nfooter")
    time.sleep(0.7)  # a rest
os.read(0, 1)
os.write(1, b"\033[?1049l")
"""


def test_screens_at_rest():
    """< and > step through the screens of a full-screen program; / searches all of them"""
    fresh()
    with open(os.path.join(HOME.workspace, "full.py"), "w", encoding="utf-8") as f:
        f.write(FULL_SCREEN)
    run(f"{sys.executable} full.py")
    SCREEN.wait("page c")
    in_copy()
    SCREEN.type("<")
    SCREEN.wait(r"COPY +screen of \d\d:\d\d:\d\d")
    SCREEN.wait("page b")
    SCREEN.type("<")
    SCREEN.wait("page a")
    SCREEN.type(">>")
    SCREEN.wait("page c")
    SCREEN.wait(r"COPY +0 of")
    SCREEN.type("?page")
    SCREEN.wait(r"/page\| 3 hits")
    SCREEN.keys("Enter")
    SCREEN.wait("page b")
    leave()
    SCREEN.wait("page c")
    SCREEN.keys("Enter")
    SCREEN.wait("READY>")


def test_resize():
    """copy mode stays in its line when the terminal changes its size"""
    fresh()
    run("seq -f 'row %g of many' 500")
    SCREEN.wait("row 500 of many")
    in_copy()
    SCREEN.type("?row 250 ")
    SCREEN.keys("Enter")
    SCREEN.wait("row 250 of many")
    SCREEN.resize(60, 20)
    SCREEN.wait(r"COPY")
    SCREEN.wait("row 250 of many")
    SCREEN.resize(100, 30)
    SCREEN.wait("row 250 of many")
    leave()
    SCREEN.wait("row 500 of many")


def test_no_key_reaches_the_agent():
    """letters that mean nothing in copy mode, and pastes, do not reach the agent"""
    fresh()
    in_copy()
    SCREEN.type("zzzzz")
    SCREEN.wait("wrong place: this is COPY")
    leave()
    SCREEN.wait_gone("zzz")
    run("echo still-$((40+2))")
    SCREEN.wait(r"(?m)^still-42")


def test_emacs_keys_and_a_command():
    """pane.mode_keys: emacs, and copy.command takes the text instead of the terminal"""
    home = Home()
    screen = None
    try:
        out = os.path.join(home.top, "taken")
        home.config(home.UNLIMITED + "pane: {mode_keys: emacs}\n"
                    f"copy: {{command: [tee, '{out}']}}\n")
        screen = start(home)
        screen.type("clear; seq -f 'row %g of many' 200")
        screen.keys("Enter")
        screen.wait("row 200 of many")
        screen.prefix("[")
        screen.wait(r"COPY.*C-Space select  M-w copy")
        screen.keys("C-r")
        screen.type("row 15")
        screen.wait(r"/row 15\| 11 hits")
        screen.wait("row 159 of many")
        screen.keys("C-r", "Enter", "C-a", "C-Space", "C-n", "C-e", "M-w")
        screen.wait(r"copied 31 bytes \(tee\)")
        with open(out, encoding="utf-8") as f:
            assert f.read() == "row 158 of many\nrow 159 of many"
        assert copied(screen) is None
        screen.keys("M-<")
        screen.wait("row 1 of many")
        screen.keys("M->", "M-v")
        screen.wait(rf"COPY +-{ROWS - 2} of")
        screen.keys("C-g")
        screen.wait("AGENT")
    finally:
        if screen:
            screen.close()
        home.remove()


def test_a_command_that_fails():
    """a copy.command that fails or is not there leaves the text to the terminal"""
    for command in ("['false']", "[ironcurtain-no-such-program]"):
        home = Home()
        screen = None
        try:
            home.config(home.UNLIMITED + f"copy: {{command: {command}}}\n")
            screen = start(home)
            screen.type("clear; echo what-$((6*7))")
            screen.keys("Enter")
            screen.wait(r"(?m)^what-42")
            screen.prefix("[")
            screen.type("?what-42")
            screen.keys("Enter")
            screen.type("Vy")
            screen.wait(r"copied 7 bytes \(OSC 52\)")
            gets("what-42", screen)
        finally:
            if screen:
                screen.close()
            home.remove()


def test_end():
    """leaving from copy mode restores the terminal"""
    in_copy()
    SCREEN.prefix("q")
    SCREEN.prefix("q")
    SCREEN.exit_status()
    SCREEN.wait("SHELL-IS-BACK")


try:
    main(test_start, test_scroll_back, test_frozen, test_search, test_select_characters,
         test_select_lines_and_blocks, test_paste, test_long_copies_become_files, test_prompts,
         test_screens_at_rest, test_resize, test_no_key_reaches_the_agent,
         test_emacs_keys_and_a_command, test_a_command_that_fails, test_end)
finally:
    SCREEN.close()
    HOME.remove()
