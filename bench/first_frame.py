#!/usr/bin/env python3
"""Time from exec of the program to its first complete frame on a terminal of 120x40, and to a
second start's; prints one JSON line (milliseconds). Usage: first_frame.py BUILD [RUNS]"""
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
import time
import fcntl

BUILD = sys.argv[1]
RUNS = int(sys.argv[2]) if len(sys.argv) > 2 else 15


def one(home):
    """First byte of the frame's last row: the mode word AGENT."""
    env = dict(os.environ, IRONCURTAIN_HOME=home, TERM="xterm-256color", LANG="C.UTF-8")
    for name in list(env):
        if name.endswith("_API_KEY"):
            del env[name]
    pid, fd = None, None
    start = time.monotonic()
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        os.execve(os.path.join(BUILD, "ironcurtain"),
                  ["ironcurtain", "pane", "--", "sleep", "100"], env)
    seen, took = b"", None
    while took is None and time.monotonic() - start < 10:
        if select.select([fd], [], [], 1)[0]:
            seen += os.read(fd, 65536)
            if b"AGENT" in seen:
                took = (time.monotonic() - start) * 1000
    os.close(fd)
    os.waitpid(pid, 0)
    return took


def main():
    home = tempfile.mkdtemp(prefix="icb-", dir="/tmp")
    try:
        times = [one(home) for _ in range(RUNS)]
    finally:
        shutil.rmtree(home, ignore_errors=True)
    later = [t for t in times[1:] if t is not None]
    print(json.dumps({"bench": "first_frame", "runs": RUNS, "first_start_ms": times[0],
                      "median_ms": round(statistics.median(later), 1),
                      "max_ms": round(max(later), 1)}))


main()
