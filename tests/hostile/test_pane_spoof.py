#!/usr/bin/env python3
"""What an agent may print to deceive its user, one test for each trick: looked at as the raw bytes
that reach the user's terminal, and as what they draw there. `ironcurtain pane` has no box, so this
runs everywhere; what the pane does with output is the same."""
import base64
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Failed, Home, main  # noqa: E402
from outer import Outer  # noqa: E402

# Prints its files one after the other, each when it gets an 'N'; keeps what it is sent.
INNER = r"""
import os, sys, tty
tty.setraw(0)
folder, names = sys.argv[1], sys.argv[2:]
out = sys.stdout.buffer
heard = open(os.path.join(folder, "heard"), "ab", 0)
def say():
    with open(os.path.join(folder, names.pop(0)), "rb") as f:
        out.write(f.read())
    out.flush()
say()
while True:
    data = os.read(0, 4096)
    heard.write(data)
    for _ in range(data.count(b"N")):
        say()
    if b"Q" in data or not data:
        break
"""
OPENER = "#!/bin/sh\nprintf '%s\\n' \"$#\" \"$@\" >'{0}.new' && mv '{0}.new' '{0}'\n"


class Attack:
    """A pane in which a program prints what it is given."""

    def __init__(self, *payloads, config="", cols=120, rows=36, **outer):
        self.home = Home()
        self.home.config(self.home.UNLIMITED + config.replace("@HOME@", self.home.top))
        with open(os.path.join(self.home.top, "inner.py"), "w", encoding="ascii") as f:
            f.write(INNER)
        names = []
        for n, payload in enumerate(payloads):
            names.append(f"say{n}")
            with open(os.path.join(self.home.top, names[-1]), "wb") as f:
                f.write(payload)
        self.path = os.path.join(self.home.top, "opened")
        opener = os.path.join(self.home.top, "opener")
        with open(opener, "w", encoding="ascii") as f:
            f.write(OPENER.format(self.path))
        os.chmod(opener, 0o700)
        self.outer = Outer([PROGRAM, "pane", "--", sys.executable,
                            os.path.join(self.home.top, "inner.py"), self.home.top, *names],
                           self.home.env(), cols, rows, **outer)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self.outer.leave()
                self.outer.only_ours()
        finally:
            self.outer.close()
            self.home.remove()

    def heard(self):
        try:
            with open(os.path.join(self.home.top, "heard"), "rb") as f:
                return f.read()
        except OSError:
            return b""

    def hears(self, pattern):
        return self.outer.until(f"{pattern} in what the agent heard",
                                lambda: re.search(pattern, self.heard(), re.DOTALL))

    def mark(self):
        with open(os.path.join(self.home.path, "host-mark"), encoding="ascii") as f:
            return f.read().strip()


def expect(condition, what):
    if not condition:
        raise Failed(what)


def fake_dialog():
    """a fake review over the whole pane: the mode word is ours, the mark is not in it, keys go to
    the agent, approving is impossible"""
    box = b"\x1b[2J\x1b[H REVIEW #12\r\n"
    box += b"\x1b[2;1H\xe2\x95\x94" + "═".encode() * 78 + b"\xe2\x95\x97"
    box += b"\x1b[20;1H DRAFT approve ready: press C-\\ y\x1b[34;1H\x1b[7m REVIEW \x1b[0m press Enter FAKE-END"
    with Attack(box) as attack:
        outer = attack.outer
        outer.wait("FAKE-END")
        expect(re.match(r" *UNBOXED +AGENT ", outer.last_row()), f"mode: {outer.last_row()!r}")
        lines = outer.grid.lines()
        mark = attack.mark()
        expect(re.fullmatch(r"[a-z]+-[a-z]+", mark), f"mark {mark!r}")
        expect(oct(os.stat(os.path.join(attack.home.path, "host-mark")).st_mode)[-3:] == "600",
               "the mark is readable by others")
        expect(mark in lines[0], f"no mark in {lines[0]!r}")
        expect(not any(mark in line for line in lines[1:]), "the mark is in the pane")
        outer.send(b"y\r1")
        attack.hears(rb"y\r1$")
        outer.prefix(b"y")
        outer.wait("decide in a review only", last=True)
        expect(attack.heard().endswith(b"y\r1"), f"the agent heard {attack.heard()!r}")
        for key, word in ((b"?", "HELP"), (b"~", "MESSAGES")):
            outer.prefix(key)
            outer.wait(rf"^ *UNBOXED +{word}", last=True)
            expect(sum(mark in line for line in outer.grid.lines()) >= 2, f"no mark in {word}")
            outer.send(b"q")
            outer.wait(r"^ *UNBOXED +AGENT", last=True)


TRICKS = ["\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\u2764\ufe0f", "\U0001f1e9\U0001f1ea",
          "e" + "\u0301" * 50, "\u00a1\u2460\u2500\u03b1", "\U0001fae0\U0001fae8\U0001facd", "\u3000\u4e00",
          "\u1100\u1161\u11a8", "\ufdfd", "\u0e33\u0eb3", "\U0001f3fd\U0001f44d\U0001f3fd", "\u200b\u200d\u2060",
          "\ufffd\uffff", "\U000e0041\U000e007f", "\u00ad\u115f\u3164", "\u2e3b\U00012031"]


def frame_cover():
    """characters of doubtful width in every row and at the edge: frames and both host rows stay where
    they are, on terminals that join emoji and on those that do not"""
    payload = b"\x1b[2J"
    for row in range(1, 35):
        trick = TRICKS[row % len(TRICKS)].encode()
        payload += b"\x1b[%d;1H" % row + trick * 30
        payload += b"\x1b[%d;79H" % row + trick
    payload += b"\x1b[34;1HTRICKS-END"
    for joins in (True, False):
        with Attack(payload, joins=joins) as attack:
            outer = attack.outer
            outer.wait("TRICKS-END")
            outer.wait("YOUR WORDS")
            mark = attack.mark()
            cells = outer.grid.cells
            for row in range(1, 35):
                expect(cells[row][80] in "┌│└", f"row {row}, joins {joins}: {cells[row][76:84]!r}")
                expect(cells[row][119] in "┐│┘", f"row {row}, joins {joins}: {cells[row][112:]!r}")
            expect(mark in "".join(cells[0]), f"row 0: {''.join(cells[0])!r}")
            expect(re.match(r" *UNBOXED +AGENT ", outer.last_row()), outer.last_row())


def right_to_left():
    """right-to-left text: no control of direction comes through, and the terminal is told once to
    leave cells where they are"""
    text = "\u202eEVIL\u202c \u2066x\u2069 \u200fy \u05d0\u05d1\u05d2 \u0627\u0644\u0639 RTL-END".encode()
    with Attack(text) as attack:
        outer = attack.outer
        outer.wait("RTL-END")
        expect(outer.counts.get(b"8l") == 1, f"{outer.counts.get(b'8l')} times CSI 8 l")
        expect(outer.raw.index(b"\x1b[8l") < outer.raw.index(b"pane"), "not before the first frame")
        outer.leave()
        expect(outer.counts.get(b"8h") == 1, "not put back")


def titles():
    """titles and icon names become a label of at most 24 cells behind the tabs; the terminal's own
    title is the host's and put back at the end"""
    evil = "EVIL\u202e title \u0007".encode().replace(b"\x07", b"") + b"0123456789" * 5
    with Attack(b"\x1b]0;" + evil + b"\x07TITLE-1", b"\x1b]2;(9!) other\x1b\\TITLE-2",
                b"\x1b]1;icon\x9c\x07TITLE-3", b"\x1b]2;a\x1b]0;b\x07\x1b[22t\x1b[21t\x1b[20tTITLE-4") as attack:
        outer = attack.outer
        outer.wait("TITLE-1")
        label = re.search(r'~"([^"]*)"', outer.wait(r'~"EVIL').string)[1]
        expect(len(label) == 24 and label.startswith("EVIL title"), f"label {label!r}")
        for n, shown in ((2, r'~"\(9!\) other"'), (3, r'~"icon'), (4, r'~"b"')):
            outer.send(b"N")
            outer.wait(f"TITLE-{n}")
            outer.wait(shown)
            expect(re.search(shown, outer.grid.lines()[0]), "not in the first row")
        outer.leave()
        expect(outer.titles == ["pane - ironcurtain"], f"titles {outer.titles}")
        expect(outer.counts.get(b"22;0t") == 1 and outer.counts.get(b"23;0t") == 1, "not put back")
        expect(b"EVIL" not in b"".join(outer.osc), "EVIL")


CLIP = b"rm -rf ~\n\x1b[31mEVIL\x7f\xe2\x80\xae" + b"x" * 300
CLIP64 = base64.b64encode(CLIP)
WRITE = b"\x1b]52;c;" + CLIP64 + b"\x07"


def clipboard_ask():
    """a clipboard write is one line and a mark; C-\\ k shows all of it, C-\\ k copies just that; a
    read is never answered"""
    other = b"\x1b]52;c;" + base64.b64encode(b"second") + b"\x07SECOND-DONE"
    with Attack(WRITE + b"\x1b]52;c;?\x07\x1b]52;p;?\x1b\\ASK-DONE", other,
                allowed_osc=[rb"52;c;" + re.escape(CLIP64)]) as attack:
        outer = attack.outer
        outer.wait("ASK-DONE")
        outer.wait(rf"agent wants to copy {len(CLIP)} bytes", last=True)
        expect(re.search(r"1:pane\*\?", outer.grid.lines()[0]), "no mark in the tab")
        outer.prefix(b"k")
        outer.wait(r"rm -rf ~<U\+000A>")
        outer.wait(r"<U\+001B>\[31mEVIL<U\+007F><U\+202E>x+")
        expect(sum(attack.mark() in line for line in outer.grid.lines()) >= 2, "no mark in the frame")
        outer.send(b"\r y")  # no plain key copies
        outer.wait("keys do not go to the agent here", last=True)
        outer.prefix(b"k")
        outer.until("the text in the clipboard", lambda: b"52;c;" + CLIP64 in outer.osc)
        outer.wait(r"^ *UNBOXED +AGENT", last=True)
        outer.send(b"N")
        outer.wait("SECOND-DONE")
        outer.wait("agent wants to copy 6 bytes", last=True)
        outer.prefix(b"k")
        outer.wait("CLIPBOARD")
        outer.send(b"x")
        outer.wait("refused", last=True)
        outer.prefix(b"k")
        outer.wait("does not want anything copied", last=True)
        expect(sum(o.startswith(b"52;") for o in outer.osc) == 1, "copied more than once")
        expect(attack.heard() == b"N", f"the agent heard {attack.heard()!r}")


def clipboard_deny_and_allow():
    """pane.clipboard: deny says and does nothing; allow copies at once, and still answers no read"""
    with Attack(WRITE + b"DENY-DONE", config="pane: {clipboard: deny}\n") as attack:
        attack.outer.wait("DENY-DONE")
        attack.outer.prefix(b"k")
        attack.outer.wait("does not want anything copied", last=True)
    with Attack(WRITE + b"\x1b]52;c;?\x07ALLOW-DONE", config="pane: {clipboard: allow}\n",
                allowed_osc=[rb"52;c;" + re.escape(CLIP64)]) as attack:
        attack.outer.wait("ALLOW-DONE")
        attack.outer.until("the text", lambda: b"52;c;" + CLIP64 in attack.outer.osc)
        attack.outer.wait(rf"copied {len(CLIP)} bytes", last=True)
        expect(attack.heard() == b"", f"the agent heard {attack.heard()!r}")


def clipboard_to_a_command():
    """what the user lets the agent copy goes to copy.command as the user's own copies do, and then
    not to the terminal"""
    with Attack(WRITE + b"COMMAND-DONE", config="copy: {command: [tee, @HOME@/copied]}\n") as attack:
        attack.outer.wait("COMMAND-DONE")
        attack.outer.prefix(b"k")
        attack.outer.wait("CLIPBOARD")
        attack.outer.prefix(b"k")
        attack.outer.wait(rf"copied {len(CLIP)} bytes \(tee\)", last=True)
        with open(os.path.join(attack.home.top, "copied"), "rb") as f:
            expect(f.read() == CLIP, "not the text")


def choose(outer, pattern):
    """Go to the row of LINKS that has it."""
    rows = [line for line in outer.grid.lines()[2:] if "://" in line]
    at = next(n for n, line in enumerate(rows) if re.search(pattern, line))
    outer.send(b"g" + b"j" * at)


def links():
    """hyperlinks are not passed on; C-\\ o lists them with their real target, Enter opens http only,
    through an argv command"""
    say = (b"\x1b]8;;https://evil.example/;$(touch%20x)?a=b&c\x1b\\https://good.example\x1b]8;;\x1b\\\r\n"
           b"\x1b]8;id=9;file:///etc/passwd\x1b\\harmless\x1b]8;;\x1b\\ and http://user@evil.example/ and "
           b"(see https://plain.example/path_(x)).\r\n" + b"y" * 70 +
           b"https://wrapped.example/0123456789/end LINKS-DONE")
    with Attack(say, config="open: {command: [@HOME@/opener, --new]}\n") as attack:
        outer = attack.outer
        outer.wait("LINKS-DONE")
        outer.prefix(b"o")
        outer.wait(r'~"https://good.example" -> https://evil.example/')
        outer.wait(r'~"harmless" -> file:///etc/passwd')
        outer.wait(r"https://plain.example/path_\(x\) ")
        outer.wait(r"https://wrapped.example/0123456789/end")
        choose(outer, "->.*evil")
        outer.wait("leads to")
        outer.send(b"\r")
        outer.wait("opened https://evil.example/", last=True)
        outer.until("the opener", lambda: os.path.exists(attack.path))
        with open(attack.path, encoding="utf-8") as f:
            expect(f.read().split("\n") == ["2", "--new",
                                            "https://evil.example/;$(touch%20x)?a=b&c", ""],
                   "something else was opened")
        os.unlink(attack.path)
        for pattern, why in (("file:///", "only http and https"), ("user@", "it has a name")):
            outer.prefix(b"o")
            outer.wait("leads to")
            choose(outer, pattern)
            outer.wait(f"is not opened: {why}")
            outer.send(b"\r")
            outer.wait(f"not opened: {why}", last=True)
        expect(not os.path.exists(attack.path), "a file was opened")


def notifications():
    """notifications and bells become a mark and a few lines in C-\\ ~; none comes through"""
    say = (b"\x1b]9;EVIL-NINE\x07\x1b]777;notify;EVIL;SEVEN\x1b\\\x1b]99;i=1;EVIL-NINETYNINE\x1b\\"
           b"\x1b]9;4;1;50\x07" + b"\x07" * 500 + b"".join(b"\x1b]9;more %d\x07" % n for n in range(2000)) +
           b"NOTICE-DONE")
    with Attack(say) as attack:
        outer = attack.outer
        outer.wait("NOTICE-DONE")
        outer.wait(r"1:pane\*\?")
        expect("EVIL" not in outer.last_row(), "in the last row")
        outer.prefix(b"~")
        outer.wait(r'agent says ~"EVIL-NINE"')
        outer.wait(r'agent says ~"EVIL;SEVEN"')
        outer.wait(r'agent says ~"EVIL-NINETYNINE"')
        lines = sum("agent says" in line for line in outer.grid.lines())
        expect(lines <= 8, f"{lines} lines of it")
        expect(outer.bells == 0, f"{outer.bells} bells")
    with Attack(b"\x07" * 500 + b"BELL-DONE", config="notify: {agent_bell: true}\n") as attack:
        attack.outer.wait("BELL-DONE")
        attack.outer.until("a bell", lambda: attack.outer.bells)
        expect(attack.outer.bells <= 2, f"{attack.outer.bells} bells")


QUERIES = (b"\x1b[c", b"\x1b[>c", b"\x1b[=c", b"\x1b[5n", b"\x1b[6n", b"\x1b[?6n", b"\x1bP$qm\x1b\\",
           b"\x1bP$qEVIL\x1b\\", b"\x1b[?2004$p", b"\x1b[?2026$p", b"\x1b[4$p", b"\x1b[>q", b"\x1b]4;1;?\x07",
           b"\x1b]10;?\x07", b"\x1b]11;?\x1b\\", b"\x1b]12;?\x07", b"\x1b[?u", b"\x1bP+q544e;EVIL\x1b\\", b"\x05",
           b"\x1bZ", b"\x1b[18t")
SILENT = (b"\x1b]0;EVIL-title\x07\x1b[20t\x1b[21t", b"\x1b[14t\x1b[11t\x1b[13t\x1b[19t", b"\x1b]52;c;?\x07",
          b"\x1b]50;?\x07", b"\x1b]702;?\x07", b"\x1b[1;1;1;1;1;1*y", b"\x1b[?26n\x1b[?15n\x1b[?25n",
          b"\x1b]1337;ReportCellSize\x07\x1b]1337;ReportVariable=bmFtZQ==\x07", b"\x1b_Gi=1,a=q;AAAA\x1b\\")


def queries():
    """questions are answered to the agent only, shortly and without a byte of its choice; what tells
    of the user's terminal or title is not answered"""
    with Attack(b"".join(QUERIES) + b"\x1b[c", b"".join(SILENT) + b"\x1b[5nSILENT-DONE") as attack:
        outer = attack.outer
        attack.hears(rb"\x1b\[\?[0-9;]+c.*\x1b\[0n.*\x1b\[\d+;\d+R.*\x1b\[\?[0-9;]+c$")
        heard = attack.heard()
        expect(b"EVIL" not in heard, f"{heard!r}")
        for answer in (rb"\x1bP1\$r", rb"\x1b\[\?2026;[12]\$y", rb"\x1b\]4;1;rgb:", rb"\x1b\]1[01];rgb:",
                       rb"\x1b\[\?0u"):
            expect(re.search(answer, heard), f"no {answer} in {heard!r}")
        expect(len(heard) < 600, f"{len(heard)} bytes: {heard!r}")
        outer.send(b"N")
        attack.hears(rb"N.*\x1b\[0n$")
        more = attack.heard()[len(heard):]
        expect(re.fullmatch(rb"N(\x1b\[\?\d+(;\d+)*n)*\x1b\[0n", more), f"answered {more!r}")
        # And what the terminal says by itself is not the agent's to know.
        before = attack.heard()
        outer.send(b"\x1b[0n\x1b[?1;2c\x1b[>41;354;0c\x1b[3;3R\x1b]11;rgb:0000/0000/0000\x1b\\"
                   b"\x1bP>|XTerm(354)\x1b\\\x1b[?2026;2$y")
        outer.send(b"z")
        attack.hears(rb"z$")
        expect(attack.heard() == before + b"z", f"heard {attack.heard()[len(before):]!r}")


def dropped():
    """pictures, files, passthrough and messages to programs are dropped and counted in C-\\ ~"""
    say = (b"\x1bPq#0;2;0;0;0#0~~@@vv\x1b\\\x1bPtmux;\x1b\x1b]0;EVIL\x07\x1b\\" * 2 +
           b"\x1b_Gf=24,s=1,v=1;AAAA\x1b\\\x1b_EVIL\x1b\\\x1b^EVIL\x1b\\\x1bXEVIL\x1b\\"
           b"\x1b]1337;File=name=eA==;inline=1:AAAA\x07\x1b]1337;ClearScrollback\x07\x1b]1337;Copy=;EVIL\x07"
           b"\x1b]5113;ac=send\x1b\\\x1b[5i EVIL-TO-THE-PRINTER \x1b[4i\x1b[?5i\x1b#8\x1b[2J\x1b[HDROPPED-DONE")
    with Attack(say) as attack:
        outer = attack.outer
        outer.wait("DROPPED-DONE")
        outer.prefix(b"~")
        outer.wait(r"dropped of the agent's output: \d+ DCS")
        outer.wait(r"2 APC \(kitty pictures\)")
        outer.wait(r"2 PM or SOS")
        outer.wait(r"3 OSC 1337 \(files\)")


def modes():
    """modes that the agent sets are the pane's; at the end the terminal has what it had before"""
    on = (b"\x1b[?1;3;5;6;9;12;25;40;45;47;66;69;80;95;1000;1001;1002;1003;1005;1006;1015;1016;1047;1048;1049"
          b";2004;2026;2031;2048;5522h\x1b[20;12;4;2h\x1b=\x1b[>31u\x1b[>4;2m\x1b[61;1\"p\x1b[?3h\x1b[5 q\x1b[1\"q"
          b"\x1b]10;#ff0000\x07\x1b]11;#00ff00\x07\x1b]4;1;#0000ff\x07\x1b]22;crosshair\x07\x1b[9;1t\x1b[3;0;0t"
          b"\x1b[8;10;10t\x1b[2t\x1b]50;EVIL\x07\x1b[1;2;3;4$r\x1b%@\x1b%G\x1b[?2026lMODES-DONE")
    with Attack(on + b"\x1b[?1003l\x1b[?1000l") as attack:
        outer = attack.outer
        outer.wait("MODES-DONE")
        expect(outer.counts.get(b"?1049h") == 1, "alternate screen")
        outer.leave()
        counts = outer.counts
        expect(counts.get(b"?1049l", 0) >= 1, "not left")
        for mode in (b"?1000", b"?1002", b"?1003", b"?1006", b"?2004", b"?1004", b"?2031"):
            last = max(outer.raw.rfind(b"\x1b[" + mode + b"h"), -1)
            off = outer.raw.rfind(b"\x1b[" + mode + b"l")
            expect(last < 0 or off > last, f"{mode} is left on")


def flood():
    """a flood is marked busy, keys are served at once, and the mark goes when it is over"""
    with Attack(b"FLOOD-READY", b"\x1b[31mflood " * 3_000_000 + b"FLOOD-DONE") as attack:
        outer = attack.outer
        outer.wait("FLOOD-READY")
        outer.send(b"N")
        outer.wait(r"1:pane\S* busy", 60)
        outer.prefix(b"~")
        outer.wait("MESSAGES", 5)
        outer.send(b"q")
        outer.wait("FLOOD-DONE", 240)
        outer.until("no busy mark", lambda: "busy" not in outer.grid.lines()[0])


main(fake_dialog, frame_cover, right_to_left, titles, clipboard_ask, clipboard_deny_and_allow,
     clipboard_to_a_command, links,
     notifications, queries, dropped, modes, flood)
