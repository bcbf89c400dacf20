#!/usr/bin/env python3
"""A program floods its pane while keys are typed: when does a key reach the program, and how
much memory is used. Prints one JSON line. Usage: flood.py BUILD [MEGABYTES]"""
import fcntl
import json
import os
import pty
import select
import shutil
import statistics
import struct
import sys
import tempfile
import termios
import threading
import time

BUILD = sys.argv[1]
MEGABYTES = int(sys.argv[2]) if len(sys.argv) > 2 else 100

# Runs in the pane: one thread floods, the main one writes down when each key arrived.
INNER = r"""
import os, sys, termios, threading, time, tty
tty.setraw(0)
done = threading.Event()
def flood():
    line = b"".join(b"%06d the quick brown fox jumps over the lazy dog\r\n" % i for i in range(1300))
    sent = 0
    while sent < SIZE:
        sent += os.write(1, line)
    done.set()
threading.Thread(target=flood, daemon=True).start()
with open(OUT, "w", buffering=1) as out:
    while True:
        key = os.read(0, 1)
        out.write("%s %d %d\n" % (key.decode(), time.monotonic_ns(), done.is_set()))
        if key == b"q":
            break
"""


def drain(fd, stop):
    while not stop.is_set():
        try:
            if select.select([fd], [], [], 0.1)[0]:
                os.read(fd, 65536)
        except OSError:
            return


def peak_kb(pid):
    total = 0
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8") as f:
                session = int(f.read().rsplit(")", 1)[1].split()[3])
            with open(f"/proc/{entry}/status", encoding="utf-8") as f:
                text = f.read()
        except (OSError, IndexError, ValueError):
            continue
        if session == pid and "Name:\tironcurtain" in text:
            total += int(text.split("VmHWM:")[1].split()[0])
    return total


def main():
    home = tempfile.mkdtemp(prefix="icb-", dir="/tmp")
    keys = os.path.join(home, "keys")
    inner = INNER.replace("SIZE", str(MEGABYTES << 20)).replace("OUT", repr(keys))
    env = dict(os.environ, IRONCURTAIN_HOME=home, TERM="xterm-256color", LANG="C.UTF-8")
    for name in list(env):
        if name.endswith("_API_KEY"):
            del env[name]
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(os.path.join(BUILD, "ironcurtain"),
                  ["ironcurtain", "pane", "--", sys.executable, "-c", inner], env)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
    stop = threading.Event()
    threading.Thread(target=drain, args=(fd, stop), daemon=True).start()
    while not os.path.exists(keys):
        select.select([], [], [], 0.02)
    sent = {}
    for i in range(60):
        key = chr(ord("A") + i % 26) if i < 26 else chr(ord("a") + i % 26)
        if key == "q" or key in sent:
            continue
        sent[key] = time.monotonic_ns()
        os.write(fd, key.encode())
        select.select([], [], [], 0.03)
    rss = peak_kb(pid)
    os.write(fd, b"q")
    os.waitpid(pid, 0)
    stop.set()
    delays, during = [], 0
    with open(keys, encoding="utf-8") as f:
        for line in f:
            key, at, done = line.split()
            if key in sent:
                delays.append((int(at) - sent[key]) / 1e6)
                during += done == "0"
    shutil.rmtree(home, ignore_errors=True)
    delays.sort()
    print(json.dumps({"bench": "flood", "megabytes": MEGABYTES, "keys": len(sent),
                      "arrived": len(delays), "during_flood": during,
                      "median_ms": round(statistics.median(delays), 2) if delays else None,
                      "max_ms": round(delays[-1], 2) if delays else None, "peak_rss_kb": rss}))


main()
