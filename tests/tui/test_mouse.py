#!/usr/bin/env python3
"""The mouse from outside, in SGR reports as a terminal sends them: tabs, panels, the pane of an agent
that asked for the mouse and of one that did not, and a review, in which it decides nothing."""
import base64
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, SLOW, Failed, Home, main, skip  # noqa: E402
from outer import Outer  # noqa: E402

if not shutil.which("bwrap"):
    skip("bubblewrap is not installed")

LEFT, RIGHT, ALT, MOVES, UP, DOWN = 0, 2, 8, 32, 64, 65
SHELL = ["-a", "shell", "--runtime", "bwrap", "--", "bash", "--norc", "--noprofile"]
COPIES = [rb"52;c;[A-Za-z0-9+/=]*"]


def report(button, row, col, final=b"M"):
    return b"\x1b[<%d;%d;%d" % (button, col + 1, row + 1) + final


class Mouse(Outer):
    """A terminal with a mouse; rows and columns count from 0."""

    def press(self, row, col, button=LEFT):
        self.send(report(button, row, col))

    def click(self, row, col, times=1, button=LEFT):
        self.send((report(button, row, col) + report(button, row, col, b"m")) * times)

    def drag(self, start, *places, button=LEFT):
        self.send(report(button, *start) + b"".join(
            report(button | MOVES, *place) for place in places) +
            report(button, *places[-1], b"m"))

    def wheel(self, row, col, button=UP, times=1):
        self.send(report(button, row, col) * times)

    def place(self, pattern):
        """Where it is drawn: row and column of its first character."""
        def find():
            for row, line in enumerate(self.grid.lines()):
                match = re.search(pattern, line)
                if match:
                    return row, match.start()
            return None
        return self.until(f"'{pattern}' on the screen", find)

    def copies(self):
        return [base64.b64decode(o.split(b";")[2]).decode() for o in self.osc
                if o.startswith(b"52;")]

    def gets(self, text):
        self.until(f"the copy {text!r} in {self.copies()}", lambda: self.copies()[-1:] == [text])

    def mode(self, word):
        self.wait(rf"^ *(UNBOXED +)?{word}\b", last=True)

    def run(self, line):
        self.send(line.encode() + b"\r")


HOME = Home()


def start():
    """Two sessions with a shell in each, and a terminal that shows the first."""
    for name in ("first", "second"):
        subprocess.run([PROGRAM, "new", HOME.workspace, "-n", name, "--detach", *SHELL],
                       env=HOME.env(), check=True, stdin=subprocess.DEVNULL, capture_output=True,
                       timeout=120)
    screen = Mouse([PROGRAM, "attach", "first"], HOME.env(), 120, 36, allowed_osc=COPIES)
    screen.wait(r"bash-[\d.]+[$#]", 40)
    screen.run("PS1='FIRST> '; clear")
    screen.wait(r"(?m)^FIRST> ")
    return screen


SCREEN = start()


def test_tabs():
    """a click on a tab shows its session; one beside the tabs, or with another button, does not"""
    SCREEN.wait(r"1:first\*")
    row, col = SCREEN.place("2:second")
    SCREEN.click(row, col + 2, button=RIGHT)
    SCREEN.click(row, SCREEN.grid.cols - 3)
    SCREEN.send(b"echo still-$((1))st\r")
    SCREEN.wait("still-1st")
    SCREEN.click(row, col + 7)
    SCREEN.wait(r"2:second\*")
    SCREEN.wait(r"bash-[\d.]+[$#]")
    SCREEN.run("PS1='SECOND> '; clear")
    SCREEN.wait("SECOND> ")
    SCREEN.wheel(10, 5)  # nothing is above
    SCREEN.run("echo still-$((2))nd")
    SCREEN.wait("still-2nd")
    SCREEN.click(*SCREEN.place("1:first"))
    SCREEN.wait("FIRST> ")
    SCREEN.mode("AGENT")


def test_panels():
    """a click on a panel gives it the keys, one on the pane takes them back"""
    row, col = SCREEN.place("REQUESTS")
    SCREEN.click(row + 2, col)
    SCREEN.mode("REQUESTS")
    SCREEN.wait(r"\[\*\] REQUESTS")
    SCREEN.click(10, 5)
    SCREEN.mode("AGENT")
    SCREEN.click(*SCREEN.place("YOUR WORDS"))
    SCREEN.mode("WORDS")
    SCREEN.click(11, 5)
    SCREEN.mode("AGENT")


def test_wheel():
    """the wheel over the pane of an agent without a mouse reads back, and down again is the end"""
    SCREEN.run("clear; seq -f 'row %g of many' 300")
    SCREEN.wait("row 300 of many")
    SCREEN.wheel(10, 5, DOWN)
    SCREEN.wheel(10, 5, UP, 10)
    SCREEN.mode(r"COPY +-30 of \d+")
    SCREEN.wait_gone("row 300 of many")
    SCREEN.wait("row 250 of many")
    row, col = SCREEN.place("REQUESTS")
    SCREEN.wheel(row + 2, col, UP, 2)
    SCREEN.wheel(10, 5, DOWN, 2)
    SCREEN.mode(r"COPY +-24 of \d+")
    SCREEN.wheel(10, 5, DOWN, 8)
    SCREEN.mode("AGENT")
    SCREEN.wait("row 300 of many")


def test_drag():
    """a drag copies and is over; a click copies nothing"""
    before = len(SCREEN.copies())
    row, col = SCREEN.place("row 290 of many")
    SCREEN.click(row, col + 3)
    SCREEN.drag((row, col + 4), (row, col + 5), (row + 1, col + 6))
    SCREEN.gets("290 of many\nrow 291")
    SCREEN.wait(r"copied 19 bytes \(OSC 52\)", last=True)
    SCREEN.mode("AGENT")
    SCREEN.drag((row, col + 6), (row, col + 4))
    SCREEN.gets("290")
    assert len(SCREEN.copies()) == before + 2, SCREEN.copies()


def above():
    """Lines between the view of copy mode and the live screen, and how many there are."""
    match = SCREEN.until("copy mode", lambda: re.search(r"COPY +-?(\d+) of (\d+)",
                                                        SCREEN.last_row()))
    return [int(n) for n in match.groups()]


def stays(seconds=0.3):
    """The view does not move, and nobody wakes up."""
    pid = HOME.server_pid()

    def switches():
        with open(f"/proc/{pid}/task/{pid}/status", encoding="ascii") as f:
            return sum(int(line.split()[1]) for line in f if "ctxt_switches" in line)

    def once():
        before = switches(), above()
        try:
            SCREEN.until("never", lambda: False, seconds / SLOW)
        except Failed:
            pass
        return (switches(), above()) == before
    SCREEN.until("rest", once)


def test_drag_beyond():
    """a drag held beyond the pane scrolls and selects on, down to the end of the text or until it is over"""
    SCREEN.run("clear; seq -f 'line %g' 300")
    SCREEN.wait("line 300")
    SCREEN.press(10, 0)
    SCREEN.send(report(MOVES, 0, 0))
    SCREEN.until("a line every now and then", lambda: above()[0] >= 20)
    SCREEN.send(report(MOVES, 5, 0))
    stays()
    SCREEN.send(report(MOVES, 35, 3))
    SCREEN.until("back at the end", lambda: above()[0] == 0)
    stays()
    SCREEN.send(report(MOVES, 0, 0))
    SCREEN.until("up again", lambda: above()[0] >= 10)
    SCREEN.send(report(LEFT, 0, 0, b"m"))
    SCREEN.until("lines from above the screen", lambda: re.match(
        r"line 2\d\d\n(line \d+\n){15,}l$", SCREEN.copies()[-1]))
    SCREEN.send(b"h")  # the message is seen
    stays()
    SCREEN.mode("COPY")
    SCREEN.press(10, 0)
    SCREEN.send(report(MOVES, 0, 0))
    SCREEN.until("up once more", lambda: above()[0] >= 15)
    SCREEN.send(b"\x1b[O")  # the focus is lost, and with it the release
    stays()
    SCREEN.send(b"\x1b[Iq")
    SCREEN.mode("AGENT")
    SCREEN.click(10, 0)  # that brought the window to the front


def test_clicks():
    """a double click copies a word, an address as a whole; a triple click copies a line"""
    SCREEN.run("clear; echo see https://example.com/a?b=c, or not")
    SCREEN.place("^see https")
    row, col = SCREEN.place("^see https")
    SCREEN.click(row, col + 10, 2)
    SCREEN.gets("https://example.com/a?b=c")
    SCREEN.mode("AGENT")
    SCREEN.click(row, col + 33, 3)
    SCREEN.gets("see https://example.com/a?b=c, or not")
    SCREEN.mode("AGENT")


def test_copy_mode_by_key():
    """copy mode that a key began stays after a drag, and the mouse moves its cursor"""
    SCREEN.run("clear; echo alpha beta gamma")
    row, col = SCREEN.place("^alpha")
    SCREEN.prefix(b"[")
    SCREEN.mode("COPY")
    SCREEN.click(row, col + 6)
    SCREEN.send(b"ve\r")
    SCREEN.gets("beta")
    SCREEN.drag((row, col + 11), (row, col + 15))
    SCREEN.gets("gamma")
    SCREEN.mode("COPY")
    SCREEN.send(b"q")
    SCREEN.mode("AGENT")


def test_agent_with_a_mouse():
    """an agent that asked gets clicks, drags and the wheel, all but those with Alt; in copy mode none"""
    SCREEN.run(r"clear; stty raw -echo; printf '\033[?1002h\033[?1006hready-%d\r\n' 1; cat -v")
    row, col = SCREEN.place("^ready-1")
    SCREEN.click(4, 9)
    SCREEN.wait(re.escape("^[[<0;10;4M^[[<0;10;4m"))
    SCREEN.drag((5, 9), (6, 9))
    SCREEN.wait(re.escape("^[[<0;10;5M^[[<32;10;6M^[[<0;10;6m"))
    SCREEN.wheel(7, 2)
    SCREEN.wait(re.escape("^[[<64;3;7M"))
    before = SCREEN.text()
    SCREEN.drag((row, col), (row, col + 4), button=LEFT | ALT)
    SCREEN.gets("ready")
    SCREEN.mode("AGENT")
    SCREEN.prefix(b"[")
    SCREEN.mode("COPY")
    SCREEN.drag((row, col), (row, col + 6))
    SCREEN.gets("ready-1")
    SCREEN.wheel(7, 2)
    SCREEN.send(b"q")
    SCREEN.mode("AGENT")
    SCREEN.send(b"|")
    SCREEN.wait(r"\|")
    assert before.count("^[[") == SCREEN.text().count("^[["), SCREEN.text()
    # A click on a tab is not the agent's either, nor is what follows until the button is up.
    SCREEN.drag(SCREEN.place("2:second"), (5, 5))
    SCREEN.wait("SECOND> ")
    SCREEN.click(*SCREEN.place("1:first"))
    SCREEN.place("^ready-1")
    assert before.count("^[[") == SCREEN.text().count("^[["), SCREEN.text()


def test_links():
    """a click in the list of links selects one and shows where it leads; no click opens it"""
    SCREEN.click(*SCREEN.place("2:second"))
    SCREEN.wait("SECOND> ")
    SCREEN.run(r"clear; printf 'https://one.example/%d https://two.example/%d\n' 1 2")
    SCREEN.place("^https://one.example/1")
    SCREEN.prefix(b"o")
    SCREEN.mode("LINKS")
    before = SCREEN.place(r" leads to")
    row, col = SCREEN.place(r"https://two\.example/2")
    SCREEN.click(row, col + 3, 2)
    SCREEN.wait(r"leads to .*\n\S+ https://two\.example/2 ")
    SCREEN.click(before[0] + 3, col)
    SCREEN.mode("LINKS")
    SCREEN.send(b"q")
    SCREEN.mode("AGENT")


def test_end():
    """the terminal got nothing but ours"""
    SCREEN.leave()
    SCREEN.only_ours()
    HOME.remove()


def test_requests():
    """a click selects a request, a second one opens it; in its review no click decides, that on a tab leaves it"""
    home = Home()
    screen = Mouse([PROGRAM, "demo"], home.env(), 120, 36)
    try:
        screen.wait(r"\[!\] 1 wait", 40)
        row, col = screen.place(r"WAITING")
        screen.click(row + 1, col + 4)
        screen.mode("WAITING")
        screen.click(row + 1, col + 5)
        screen.click(row + 1, col + 4, 2)
        screen.mode("REVIEW")
        screen.wait("ready", last=False)
        for place in (r"approve", r"deny", r"DRAFT", r"ready"):
            screen.click(*screen.place(place), times=2)
        screen.click(0, 40)
        screen.wheel(10, 10, DOWN, 3)
        screen.send(b"\x1c" + report(LEFT, 20, 20))  # nor does it help a key that comes later
        screen.send(b"y")
        screen.wait("keys do not go to the agent here", last=True)
        screen.mode("REVIEW")
        screen.click(0, 3)
        screen.mode("AGENT")
        screen.wait(r"\[!\] 1 wait")
        states = [r["state"] for r in home.rows("select state from escalation")]
        assert "approved" not in states and "denied" not in states, states
        screen.leave()
        screen.only_ours()
    finally:
        screen.close()
        home.remove()


try:
    main(test_tabs, test_panels, test_wheel, test_drag, test_drag_beyond, test_clicks, test_copy_mode_by_key,
         test_agent_with_a_mouse, test_links, test_end, test_requests)
finally:
    SCREEN.close()
