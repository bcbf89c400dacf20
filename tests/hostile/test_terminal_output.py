#!/usr/bin/env python3
"""What commands print on a terminal cannot control it, whatever a box or a name contains."""
import os
import pty
import re
import select
import shutil
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, SLOW, Failed, Home, main, skip  # noqa: E402

if not shutil.which("bwrap"):
    skip("bubblewrap is not installed")
HOME = Home()
EVIL = "a\x1b]0;evil\x07b\u009d52;c;aGk=\u009cc\u009b31md"
# ESC and the other C0 controls, DEL, and C1 controls as bytes or in UTF-8.
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def on_terminal(*args, turns=(), go=None):
    """Run the program on a terminal of its own; returns what the terminal gets. Whenever that
    ends with the next of `turns`, a line is written to `go`."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(PROGRAM, [PROGRAM, *args], HOME.env())
    seen, turns = b"", list(turns)
    while True:
        if turns and seen.endswith(turns[0]):
            turns.pop(0)
            os.write(go, b"\n")
        if not select.select([fd], [], [], 60 * SLOW)[0]:
            os.kill(pid, signal.SIGKILL)
        try:
            more = os.read(fd, 65536)
        except OSError:
            break
        if not more:
            break
        seen += more
    os.close(fd)
    os.waitpid(pid, 0)
    return seen


def expect_tame(seen):
    # A byte that is no UTF-8 shows as itself here, so that 0x80 to 0x9f are found too.
    text = seen.decode("utf-8", errors="surrogateescape")
    text = re.sub("[\udc80-\udcff]", lambda m: chr(ord(m[0]) - 0xdc00), text)
    if CONTROL.search(text):
        raise Failed(f"a control reached the terminal: {seen!r}")


def output_of_a_box():
    """`run` on a terminal passes text on and no control, in no encoding, split or not"""
    # No part is written before the one in front of it has been seen.
    path = os.path.join(HOME.workspace, "go")
    os.mkfifo(path)
    go = os.open(path, os.O_RDWR)
    script = (r"printf 'A\302\23331mB\302\23552;c;aGk=\007C\23331mD\033]0;x\033\\E\302'; read <go;"
              r"printf '\23331m\303'; read <go;"
              r"printf '\251\344\270\255\360\237\230\200\200F\n'")
    seen = on_terminal("run", HOME.workspace, "--runtime", "bwrap", "--", "bash", "-c", script,
                       turns=(b"x\\E", b"E31m"), go=go)
    os.close(go)
    expect_tame(seen)
    text = seen.decode()
    for part in ("A31mB52;c;aGk=C31mD]0;x\\E31m", "\u00e9\u4e2d\U0001f600F"):
        if part not in text:
            raise Failed(f"'{part}' is not in {text!r}")


def names_in_errors():
    """names that commands repeat in errors are made visible"""
    for args in (("run", "/tmp/" + EVIL, "--runtime", "bwrap", "--", "true"),
                 ("run", HOME.workspace, "--runtime", EVIL, "--", "true"),
                 ("run", HOME.workspace, "-a", EVIL, "--", "true"),
                 ("run", HOME.workspace, "--policy", "/tmp/" + EVIL, "--", "true"),
                 ("new", "/tmp/" + EVIL), ("new", "--" + EVIL), (EVIL,),
                 ("config", "check", "/tmp/" + EVIL), ("audit", EVIL), ("ls", "--" + EVIL),
                 ("proxy", "--listen", EVIL)):
        seen = on_terminal(*args)
        if b"ironcurtain: " not in seen:
            raise Failed(f"{args}: {seen!r}")
        expect_tame(seen)


def names_in_lists():
    """a session's name and folder are made visible in lists and in JSON"""
    folder = os.path.join(HOME.workspace, EVIL)
    os.mkdir(folder)
    on_terminal("run", folder, "--runtime", "bwrap", "--", "true")
    for args in (("ls", "--all"), ("ls", "--all", "--json"), ("ls", "--all", "--jsonl"),
                 ("audit", "ls"), ("audit", "ls", "--json")):
        expect_tame(on_terminal(*args))
    if b"evil" not in on_terminal("ls", "--all", "--json"):
        raise Failed("the session is not listed")


try:
    main(output_of_a_box, names_in_errors, names_in_lists)
finally:
    HOME.remove()
