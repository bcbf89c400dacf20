#!/usr/bin/env python3
"""The real key is nowhere but in the memory of the process that needs it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Home, Screen, children, main, wait_until  # noqa: E402
from memory import copies  # noqa: E402

KEY = "sk-ant-api03-REAL-never-to-be-seen-0123456789abcdef"
HOME = Home()
HOME.config(Home.UNLIMITED + """
agents:
  keyed:
    title: A shell with a key
    providers: [anthropic]
    command: [bash, --norc]
    env: ["ANTHROPIC_API_KEY={fake_key}", "PS1=BOX> "]
""")
SCREEN = Screen([PROGRAM, "new", HOME.workspace, "-a", "keyed", "--runtime", "bwrap"],
                HOME.env(ANTHROPIC_API_KEY=KEY))


def descendants(pid):
    for child in children(pid):
        yield child
        yield from descendants(child)


def contains(path):
    try:
        with open(path, "rb") as f:
            return KEY.encode() in f.read()
    except OSError:
        return False


def test_fake_in_box():
    """the agent has a key, and it is the fake one"""
    SCREEN.wait("BOX> ", 40)
    SCREEN.type("echo key=$ANTHROPIC_API_KEY")
    SCREEN.keys("Enter")
    SCREEN.wait(r"key=sk-ant-api03-ironcurtain-")
    assert KEY not in SCREEN.text()


def test_processes():
    """no process from the guardian down has it in its environment or arguments"""
    shell = int(SCREEN.tmux("display", "-p", "#{pane_pid}"))
    pids = wait_until("all processes", lambda: (lambda l: l if len(l) >= 4 else None)(
        list(descendants(shell))))
    assert contains(f"/proc/{shell}/environ"), "the test itself looks at the wrong place"
    for pid in pids:
        for name in ("environ", "cmdline"):
            assert not contains(f"/proc/{pid}/{name}"), (pid, name)


def test_files():
    """no file of ours has it"""
    seen = 0
    for folder, _, files in os.walk(HOME.path):
        for name in files:
            path = os.path.join(folder, name)
            if os.path.isfile(path):  # a box of root has devices
                seen += 1
                assert not contains(path), path
    assert seen > 5, seen


def test_memory():
    """in memory it is in pages of its own that are never dumped, and only where it is needed"""
    screen = SCREEN.pid()
    shell = int(SCREEN.tmux("display", "-p", "#{pane_pid}"))
    for pid in descendants(shell):
        found = copies(pid, KEY.encode())
        if found is None:
            print("     left out: the memory of our processes may not be looked at")
            return
        assert found[1] == 0 and (found[0] > 0) == (pid == screen), (pid, screen, found)


def test_core():
    """the process leaves no core dump"""
    with open(f"/proc/{SCREEN.pid()}/limits", encoding="utf-8") as f:
        line = next(x for x in f if x.startswith("Max core file size"))
    assert line.split()[4:6] == ["0", "0"], line


try:
    main(test_fake_in_box, test_processes, test_files, test_memory, test_core)
finally:
    SCREEN.close()
    HOME.remove()
