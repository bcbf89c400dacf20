"""Time on the CPU, wake-ups and memory of all processes below this one. Standard library only."""
import ctypes
import os
import re
import select
import signal
import time

PR_SET_CHILD_SUBREAPER = 36


def adopt_all():
    """A server that left its parent stays below this process."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def below(root):
    """All descendants that are no zombies."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            words = read(f"/proc/{entry}/stat").rpartition(")")[2].split()
            if words and words[0] != "Z":
                children.setdefault(int(words[1]), []).append(int(entry))
    found, left = [], [root]
    while left:
        more = children.get(left.pop(), [])
        found += more
        left += more
    return found


def threads(pid):
    try:
        return [f"/proc/{pid}/task/{thread}" for thread in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


def cpu_ns(pids):
    """Of the threads that are alive."""
    total = 0
    for pid in pids:
        for thread in threads(pid):
            words = read(thread + "/schedstat").split()
            total += int(words[0]) if words else 0
    return total


def wakeups(pids):
    """How often a thread began to wait, which is how often it was woken."""
    total = 0
    for pid in pids:
        for thread in threads(pid):
            found = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", read(thread + "/status"), re.M)
            total += int(found.group(1)) if found else 0
    return total


def memory_kb(pids, field):
    """Of each: [[name, kB]]; field is VmHWM or VmRSS."""
    found = []
    for pid in pids:
        status = read(f"/proc/{pid}/status")
        value = re.search(rf"^{field}:\s*(\d+)", status, re.M)
        name = re.search(r"^Name:\s*(.*)", status, re.M)
        if value:
            found.append([name.group(1), int(value.group(1))])
    return found


def pss_kb(pids):
    """Of all: what several share counts once."""
    found = (re.search(r"^Pss:\s*(\d+)", read(f"/proc/{pid}/smaps_rollup"), re.M)
             for pid in pids)
    return sum(int(f.group(1)) for f in found if f)


def end(pids):
    """All of them, politely at first; returns when they are gone."""
    for signo in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids:
            try:
                os.kill(pid, signo)
            except OSError:
                pass
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            reap()
            pids = [pid for pid in pids if threads(pid)]
            if not pids:
                return
            select.select([], [], [], 0.005)


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
