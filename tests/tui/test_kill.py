#!/usr/bin/env python3
"""Sudden ends: whatever dies, the terminal is usable, the box is gone, the rows are whole."""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Home, Screen, children, main, wait_until  # noqa: E402

HOME = Home()


def boxes():
    """Processes of a box of this test: they carry its home in their command line."""
    out = subprocess.run(["ps", "-eo", "args="], check=True, capture_output=True, text=True).stdout
    return [line for line in out.split("\n") if HOME.path in line and "bwrap" in line]


def start():
    screen = Screen([PROGRAM, "demo"], HOME.env())
    screen.wait(r"\[!\].*wait", 40)
    return screen


def check_terminal(screen):
    """The terminal is as a shell wants it. Its own prompt may have gone to the other screen."""
    def usable():
        tty, *flags = screen.tmux("display", "-p", "#{pane_tty} #{alternate_on} #{cursor_flag} "
                                  "#{mouse_any_flag}").split()
        modes = subprocess.run(["stty", "-F", tty, "-a"], check=True, capture_output=True,
                               text=True).stdout.split()
        return flags == ["0", "1", "0"] and all(
            flag in modes for flag in ("icanon", "echo", "isig", "opost"))
    wait_until("the terminal is usable", usable)


def check_left():
    wait_until("no box", lambda: boxes() == [])
    assert HOME.rows("pragma integrity_check")[0]["integrity_check"] == "ok"


def test_kill_screen():
    """kill -9 of the process that draws: the guardian restores the terminal"""
    screen = start()
    try:
        os.kill(screen.pid(), signal.SIGKILL)
        check_terminal(screen)
        assert screen.exit_status() == 128 + 9
        check_left()
        assert os.listdir(os.path.join(HOME.path, "run")) != []
    finally:
        screen.close()


def test_next_start():
    """the next start marks the session crashed, the question expired, and removes its folder"""
    old = os.listdir(os.path.join(HOME.path, "run"))
    screen = start()
    try:
        wait_until("the old run folder is gone", lambda: not set(old) & set(
            os.listdir(os.path.join(HOME.path, "run"))))
        states = [r["state"] for r in HOME.rows("select state from session order by started_ms")]
        assert states == ["crashed", "running"], states
        asked = [r["state"] for r in HOME.rows("select state from escalation order by asked_ms")]
        assert asked[0] == "expired" and "approved" not in asked, asked
    finally:
        pid = screen.pid()
        os.kill(pid, signal.SIGTERM)
        check_terminal(screen)
        screen.close()
    check_left()


def test_kill_guardian():
    """kill -9 of the guardian: the screen process ends by itself and restores the terminal"""
    screen = start()
    try:
        pid = screen.pid()
        shell = int(screen.tmux("display", "-p", "#{pane_pid}"))
        os.kill(children(shell)[0], signal.SIGKILL)
        wait_until("the screen process ended", lambda: not os.path.exists(f"/proc/{pid}"))
        check_terminal(screen)
        check_left()
        wait_until("the session's folder is gone",
                   lambda: os.listdir(os.path.join(HOME.path, "run")) == [])
    finally:
        screen.close()


def test_window_closed():
    """the terminal goes away: the session ends in order"""
    screen = start()
    pid = screen.pid()
    screen.close()
    wait_until("the screen process ended", lambda: not os.path.exists(f"/proc/{pid}"))
    check_left()


try:
    main(test_kill_screen, test_next_start, test_kill_guardian, test_window_closed)
finally:
    HOME.remove()
