#!/usr/bin/env python3
"""A program floods its pane: keys still reach it, our keys still work, memory stays bounded, and
what stands there in the end is right. The flood goes on until the test is through with it, so
nothing here depends on how fast a machine is; bench/flood.py measures the delays."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import (PROGRAM, Home, Screen, children, main, read_lines,  # noqa: E402
                     wait_until)

MEGABYTES = 100
# 10,000 lines of scrollback take 2 MB, the sanitizer's shadow as much as the rest again; a queue
# that grows with the flood would take its 100.
PEAK_KB = 80 << 10

# Runs in the pane: one thread floods, the main one writes down keys and sizes as they come.
# `q` lets the flood end when enough was written; `x` ends the program.
INNER = r"""
import json, os, signal, sys, threading, tty
tty.setraw(0)
enough, lock, out = threading.Event(), threading.Lock(), open(sys.argv[1], "a")
def note(**what):
    with lock:
        print(json.dumps(what), file=out, flush=True)
def flood():
    number = 0
    while number * 70 < int(sys.argv[2]) << 20 or not enough.is_set():
        lines = range(number, number + 500)
        text = "".join("\r\n%09d the quick brown fox jumps over the lazy dog, again and again" % n
                       for n in lines)
        while text:
            text = text[os.write(1, text.encode()):]
        number += 500
        if number % 15000 == 0:
            note(flooded=number * 70)
    note(last=number - 1)
signal.signal(signal.SIGWINCH, lambda *_: note(size=list(os.get_terminal_size(0))))
threading.Thread(target=flood, daemon=True).start()
note(started=True)
while True:
    key = os.read(0, 1)
    note(key=key.decode())
    if key == b"q":
        enough.set()
    if key == b"x":
        break
"""

HOME = Home()
NOTES = os.path.join(HOME.top, "notes")
SCRIPT = os.path.join(HOME.top, "inner.py")
with open(SCRIPT, "w", encoding="utf-8") as source:
    source.write(INNER)
SCREEN = Screen([PROGRAM, "pane", "--", sys.executable, SCRIPT, NOTES, str(MEGABYTES)],
                HOME.env(ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "detect_leaks=1") +
                         ":quarantine_size_mb=4"), 120, 36)


def notes(kind):
    """What the flooding program has written down, whole lines only."""
    try:
        return [n[kind] for n in read_lines(NOTES) if kind in n]
    except json.JSONDecodeError:
        return []


def noted(kind, value):
    wait_until(f"{kind} {value} noted by the program", lambda: value in notes(kind), 40)
    assert not notes("last"), "the flood was over before"


def peak_kb():
    """Of the process that draws and of the helper that owns the agent's terminal."""
    total = 0
    pid = SCREEN.pid()
    for each in [pid] + children(pid):
        with open(f"/proc/{each}/status", encoding="ascii") as f:
            total += int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1))
    return total


def test_keys_arrive():
    """keys typed during the flood reach the program before the flood ends"""
    noted("started", True)
    SCREEN.wait(r"\d{9} the quick brown fox")
    for key in "abcdefgh":
        SCREEN.type(key)
        noted("key", key)
    assert notes("key") == list("abcdefgh")


def test_prefix_works():
    """the prefix opens and closes help during the flood, and those keys stay here"""
    SCREEN.prefix("?")
    SCREEN.wait(r"send the prefix key itself to the agent", 40)
    SCREEN.keys("Escape")
    SCREEN.wait_gone(r"send the prefix key itself", 40)
    SCREEN.wait(r"\d{9} the quick brown fox", 40)
    SCREEN.type("i")
    noted("key", "i")
    assert notes("key") == list("abcdefghi")


def test_resize_works():
    """a resize during the flood reaches the program and the layout"""
    SCREEN.resize(130, 40)
    noted("size", [80, 38])
    SCREEN.resize(100, 30)
    SCREEN.wait_gone("WAITING", 40)
    noted("size", [100, 28])
    SCREEN.resize(120, 36)
    noted("size", [80, 34])
    SCREEN.wait(r"WAITING", 40)


def test_end_is_right():
    """after all of it the last lines stand there, none lost, none out of order"""
    wait_until(f"{MEGABYTES} MB of flood",
               lambda: notes("flooded") and notes("flooded")[-1] >= MEGABYTES << 20, 120)
    SCREEN.type("q")
    last = wait_until("the end of the flood", lambda: notes("last"), 60)[0]
    SCREEN.wait(f"{last:09d} the quick", 60)
    shown = re.findall(r"(?m)^(\d{9}) the quick brown fox jumps over the lazy dog, again and again",
                       SCREEN.text())
    assert [int(n) for n in shown] == list(range(last - 33, last + 1)), SCREEN.text()


def test_memory_is_bounded():
    """memory does not grow with the flood"""
    peak = peak_kb()
    print(f"     {peak} kB at the peak, {MEGABYTES} MB flooded")
    assert peak < PEAK_KB, f"{peak} kB at the peak"
    SCREEN.type("x")
    assert SCREEN.exit_status() == 0, SCREEN.errors()
    assert not SCREEN.errors().replace("ironcurtain: session ended (exit 0)\n", ""), \
        SCREEN.errors()


try:
    main(test_keys_arrive, test_prefix_works, test_resize_works, test_end_is_right,
         test_memory_is_bounded)
finally:
    SCREEN.close()
    HOME.remove()
