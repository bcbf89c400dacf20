#!/usr/bin/env python3
"""How a person who looks elsewhere learns that something waits: title, desktop, command; and how
an end looks. None of it has a word of the request or of the agent."""
import json
import os
import re
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Failed, Home, main, skip, wait_until  # noqa: E402
from outer import Outer  # noqa: E402

if not shutil.which("bwrap"):
    skip("bubblewrap is not installed")
if not os.path.exists("/usr/bin/python3"):
    skip("no /usr/bin/python3, which the box would see")

AGENT = r"""
import socket, sys
kept = []
print("\x1b]2;EVIL\x07AGENT-IS-READY", flush=True)
for line in sys.stdin:
    if line.startswith("ask"):
        s = socket.create_connection(("127.0.0.1", 18080))
        s.sendall(b"CONNECT secret-host.example:8443 HTTP/1.1\r\nHost: secret-host.example\r\n\r\n")
        kept.append(s)
    elif line.startswith("drop"):
        kept.pop().close()
    elif line.startswith("end"):
        print("\x1b[2J\x1b[HYou are still in AGENT mode; type your password: ", flush=True)
        sys.exit(3)
"""
COMMAND = "#!/bin/sh\ncat >'{0}.new' && mv '{0}.new' '{0}'\n"


class Box:
    """An agent in a box that asks and ends when it is told to."""

    def __init__(self, config="", foreground=True, allowed_osc=(), **env):
        self.home = Home()
        self.told = os.path.join(self.home.top, "told")
        command = os.path.join(self.home.top, "command")
        with open(command, "w", encoding="ascii") as f:
            f.write(COMMAND.format(self.told))
        os.chmod(command, 0o700)
        self.home.config(self.home.UNLIMITED + config.replace("@COMMAND@", command))
        with open(os.path.join(self.home.workspace, "agent.py"), "w", encoding="ascii") as f:
            f.write(AGENT)
        self.outer = Outer([PROGRAM, "new", self.home.workspace, "-a", "shell", "-n", "payments",
                            "--runtime", "bwrap", *(["--foreground"] if foreground else []),
                            "--", "/usr/bin/python3", "/workspace/agent.py"],
                           self.home.env(**env), 100, 30, allowed_osc=allowed_osc)

    def __enter__(self):
        self.outer.wait("AGENT-IS-READY", 40)
        return self

    def __exit__(self, kind, value, trace):
        try:
            self.outer.leave()
            if kind is None:
                self.outer.only_ours()
        finally:
            self.outer.close()
            self.home.remove()


def expect(condition, what):
    if not condition:
        raise Failed(what)


def title():
    """the title has the count of what waits and the session's name, changes at most once a second,
    and goes back"""
    with Box() as box:
        outer = box.outer
        start = time.monotonic()
        for _ in range(3):
            outer.send(b"ask\rdrop\r")
            outer.poll(0.05)
        outer.send(b"ask\r")
        outer.until("the count", lambda: outer.titles[-1] == "(1!) payments - ironcurtain")
        spent = time.monotonic() - start
        expect(len(outer.titles) <= spent + 2, f"{outer.titles} within {spent} s")
        outer.send(b"drop\r")
        outer.until("no count", lambda: outer.titles[-1] == "payments - ironcurtain")
        expect(not any("EVIL" in t for t in outer.titles), f"{outer.titles}")
        outer.leave()
        expect(outer.counts.get(b"23;0t") == 1, "not put back")


def desktop():
    """a notice on the desktop only while the terminal has not the focus; without a word of the
    request; a terminal without notices gets the bell"""
    notice = rb"777;notify;ironcurtain;ironcurtain: 1 request waits \(payments\)"
    with Box(TERM_PROGRAM="WezTerm", allowed_osc=[notice]) as box:
        outer = box.outer
        outer.send(b"ask\r")
        outer.wait(r"\[!\] 1 wait")
        expect(not any(o.startswith(b"777") for o in outer.osc), "a notice in spite of the focus")
        outer.send(b"drop\r")
        outer.wait_gone(r"\[!\] 1 wait")
        outer.send(b"\x1b[O")
        outer.until("5 s of quiet", lambda: ring_is_free(outer), 10)
        outer.send(b"ask\r")
        outer.wait(r"\[!\] 1 wait")
        outer.until("the notice", lambda: any(re.fullmatch(notice, o) for o in outer.osc))
    with Box(config="notify: {desktop: always}\n") as box:
        box.outer.send(b"ask\r")
        box.outer.wait(r"\[!\] 1 wait")
        box.outer.until("the bell", lambda: box.outer.bells == 1)


STARTED = {}


def ring_is_free(outer):
    """The pause between two rings is over."""
    return time.monotonic() - STARTED.setdefault(id(outer), time.monotonic()) > 5.5


def command():
    """notify.command gets a count, names and ids as JSON, no host and no words, screen or not"""
    with Box(config="notify: {command: [@COMMAND@]}\n", foreground=False) as box:
        outer = box.outer
        outer.send(b"ask\r")
        wait_until("the command", lambda: os.path.exists(box.told))
        with open(box.told, encoding="utf-8") as f:
            text = f.read()
        told = json.loads(text)
        expect(told["event"] == "waiting" and told["waiting"] == 1, text)
        expect(told["requests"][0]["name"] == "payments" and told["requests"][0]["kind"] == "net" and
               set(told["requests"][0]) == {"id", "number", "kind", "session", "name"}, text)
        expect("secret-host" not in text and "CONNECT" not in text, text)
        os.unlink(box.told)
        outer.send(b"ask\r")
        outer.prefix(b"d")
        outer.rest()
        # The second request is of the same kind: it shares the question. So nothing more is told.
        expect(box.home.server_pid(), "the server has ended")


def ended():
    """what is printed before the end does not look alive: a line of ours in reverse, mode ENDED, and
    keys go nowhere"""
    with Box() as box:
        outer = box.outer
        outer.send(b"end\r")
        outer.wait(r"-- session ended \(exit 3\) --")
        outer.wait(r"^ *ENDED ", last=True)
        pen = re.findall(rb"\x1b\[([0-9;]*)m", outer.raw[:outer.raw.index(b"-- session ended")])[-1]
        expect(b"7" in pen.split(b";"), f"not in reverse: {pen}")
        expect(outer.grid.lines()[-2].startswith("-- session ended"), "not in the pane's last row")
        outer.send(b"password\r")
        outer.wait("the session has ended", last=True)


main(title, desktop, command, ended)
