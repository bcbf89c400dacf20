#!/usr/bin/env python3
"""Terminals that can do less: no UTF-8, no colours, few colours, types nobody knows."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Home, Screen, main  # noqa: E402


def with_screen(check, options=(), **env):
    home = Home()
    # tmux sets TERM itself, so it is set behind it.
    settings = [f"{name}={value}" for name, value in env.items()]
    screen = Screen(["env", *settings, PROGRAM, "pane", *options, "--", "bash", "--norc", "--noprofile"],
                    home.env())
    try:
        screen.wait(r"bash-[\d.]+[$#]")
        check(screen)
    finally:
        screen.close()
        home.remove()


def test_ascii():
    """without a UTF-8 locale frames are drawn with + - |"""
    def check(screen):
        screen.wait(r"\+- WAITING -+ C-\\ e -?\+")
        screen.prefix("l")
        screen.wait(r"\+= \[\*\] REQUESTS =+")
        assert not re.search(r"[\u2500-\u257f]", screen.text())
    with_screen(check, LC_ALL="C", LANG="C")


def test_ascii_option():
    """--ascii does the same whatever the locale says"""
    def check(screen):
        screen.wait(r"\+- WAITING -+ C-\\ e -?\+")
        screen.type("printf 'x\\342\\224\\200y\\n'")
        screen.keys("Enter")
        screen.wait(r"(?m)^x-y")
        assert not re.search(r"[\u0080-\U0010ffff]", screen.text())
    with_screen(check, ["--ascii"])


def test_no_color():
    """NO_COLOR: chrome without colours, the agent's own stay"""
    def check(screen):
        screen.type("clear; printf '\\033[31mred\\033[m\\n'")
        screen.keys("Enter")
        screen.wait(r"(?m)^red")
        screen.wait("UNBOXED")
        rows = screen.text(escapes=True).rstrip("\n").split("\n")
        assert re.search(r"\x1b\[31m(\x1b\[49m)?red", "\n".join(rows)), rows[1]
        last = [r for r in rows if "UNBOXED" in r][0]
        assert not re.search(r"\x1b\[[0-9;]*3[0-7]", last), repr(last)
    with_screen(check, NO_COLOR="1")


def test_eight_colours():
    """a terminal of 8 colours gets nothing it does not know"""
    def check(screen):
        screen.type("clear; printf '\\033[38;2;250;9;9mred\\033[38;5;21mblue\\033[m\\n'")
        screen.keys("Enter")
        screen.wait(r"(?m)^redblue")
        text = screen.text(escapes=True)
        assert re.search(r"\x1b\[31m(\x1b\[49m)?red\x1b\[34mblue", text), repr(text[:400])
    with_screen(check, TERM="xterm")


def test_one_screen():
    """where there is no second screen (GNU screen), our last row goes when we do"""
    home = Home()
    screen = Screen(["sh", "-c", 'tmux set -w alternate-screen off; exec "$@"', "sh", PROGRAM,
                     "pane", "--", "bash", "--norc", "--noprofile"], home.env())
    try:
        screen.wait(r"bash-[\d.]+[$#]")
        screen.wait("UNBOXED")
        screen.type("echo $((40+2)); exit")
        screen.keys("Enter")
        screen.wait("SHELL-IS-BACK")
        assert "REQUESTS" in screen.text()  # else this is no such terminal
        assert "UNBOXED" not in screen.text() and "C-\\ ?" not in screen.text(), screen.text()
    finally:
        screen.close()
        home.remove()


def test_unknown_type():
    """a terminal type that is not known is an error before anything is drawn"""
    home = Home()
    screen = Screen(["env", "TERM=no-such-terminal", PROGRAM, "pane", "--", "true"], home.env())
    try:
        status = screen.exit_status()
        screen.wait("SHELL-IS-BACK")
        assert status != 0 and "no-such-terminal" in screen.errors(), screen.errors()
        assert "icanon" in screen.text() and "-icanon" not in screen.text()
    finally:
        screen.close()
        home.remove()


def test_not_a_terminal():
    """without a terminal it says so and exits 2"""
    home = Home()
    done = subprocess.run([PROGRAM, "pane", "--", "true"], env=home.env(), check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    home.remove()
    assert done.returncode == 2 and "terminal" in done.stderr, done


main(test_ascii, test_ascii_option, test_no_color, test_eight_colours, test_one_screen,
     test_unknown_type, test_not_a_terminal)
