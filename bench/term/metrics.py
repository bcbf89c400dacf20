"""What is measured. Each takes a peer and an amount, and gives rows of figures; times are
CLOCK_MONOTONIC, of this process or of the one in the pane. Standard library only."""
import random
import time

import processes
import workloads
from peers import Failed, Missing
from session import Session
from terminal import Tearing, mark, now

ANSWERS = 200  # glyphs of the program in the pane
SLOW_RATE = 1_000_000
TYPED = b"fix the failing test "


class Amount:
    """How much of everything, from the megabytes per workload."""

    def __init__(self, mb):
        self.mb = mb
        self.keys = self._of(300, 5)
        self.frames = self._of(workloads.FRAMES, 6, workloads.FRAMES)
        self.stops = self._of(20, 2, 40)
        self.starts = self._of(8, 1, 10)
        self.idle_s = min(10.0, max(0.3, 8 * mb))
        # These are what they are; less is for trying whether it works.
        self.thousands = [10, 100] if mb >= 0.1 else [1]
        self.sessions = 10 if mb >= 0.1 else 3

    def _of(self, many, least, most=1000):
        return min(most, max(least, round(many * self.mb)))


def share(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(part * len(values)))]


def delays(seconds, lost=0):
    """The figures of a list of delays."""
    if not seconds:
        raise Failed("nothing that was sent came out")
    row = {f"p{p}_ms": round(1000 * share(seconds, p / 100), 3) for p in (50, 90, 99)}
    return {"n": len(seconds), "lost": lost, **row, "max_ms": round(1000 * max(seconds), 3)}


def throughput(names):
    """One session, one workload after the other."""
    def run(peer, amount):
        with Session(peer) as s:
            for name in names:
                size = s.inner.load(name)
                times = max(1, round(amount.mb * 1e6 * workloads.SHARE.get(name, 1) / size))
                s.terminal.settle(0.03, 1)
                pids = s.pids()
                cpu, out = processes.cpu_ns(pids), s.terminal.bytes
                wall, writing, sent = s.send(times)
                cpu = processes.cpu_ns(pids) - cpu
                mb = sent / 1e6
                yield {"metric": name, "mb": round(mb, 3), "wall_ms_per_mb": 1000 * wall / mb,
                       "writing_ms_per_mb": 1000 * writing / mb, "cpu_ms_per_mb": cpu / 1e6 / mb,
                       "out_per_in": (s.terminal.bytes - out) / sent}
    return run


class Keyboard:
    """Types one key at a time and waits for its answer."""

    def __init__(self, session):
        self.terminal = session.terminal
        self.rng = random.Random(31)
        self.typed = 0

    def key(self, seconds=3):
        """The delay, or None."""
        sign = mark(1 + self.typed % ANSWERS)
        sent = now()
        self.terminal.type(TYPED[self.typed % len(TYPED)].to_bytes(1, "big"))
        self.typed += 1
        shown = self.terminal.wait(sign, seconds)
        return (shown - sent) / 1e9 if shown else None

    def keys(self, count):
        """Delays, and how many answers never came."""
        found, lost = [], 0
        for _ in range(count):
            self.terminal.pump(self.rng.uniform(0.008, 0.025))
            delay = self.key()
            if delay is None:
                lost += 1
            else:
                found.append(delay)
            if lost > 3:
                raise Failed("keys are not answered")
        return found, lost


def quiet_keys(s):
    s.inner.ask("echo")
    s.terminal.settle(0.1)
    keyboard = Keyboard(s)
    keyboard.keys(5)
    return keyboard


def echo(peer, amount):
    """Nothing else happens."""
    with Session(peer) as s:
        keyboard = quiet_keys(s)
        pids = s.pids()
        cpu, out = processes.cpu_ns(pids), s.terminal.bytes
        found, lost = keyboard.keys(amount.keys)
        yield {**delays(found, lost),
               "cpu_us_per_key": (processes.cpu_ns(pids) - cpu) / 1e3 / amount.keys,
               "bytes_per_key": (s.terminal.bytes - out) / amount.keys}


def echo_flood(peer, amount):
    """The program in the same pane floods it, and answers in the first row."""
    with Session(peer) as s:
        s.inner.load("flood")
        s.inner.ask("flood", "region")
        s.terminal.pump(0.3)
        yield delays(*Keyboard(s).keys(amount.keys))


def beside(s, amount, start):
    """Keys in peace, and again after start(): {figures, and what was added to the median}."""
    before = delays(*quiet_keys(s).keys(amount.keys))
    start()
    s.terminal.pump(0.5)
    out, begin = s.terminal.bytes, time.monotonic()
    keyboard = quiet_keys(s)
    row = delays(*keyboard.keys(amount.keys))
    row["bytes_per_s"] = (s.terminal.bytes - out) / (time.monotonic() - begin)
    return {**row, "quiet_p50_ms": before["p50_ms"],
            "added_ms": round(row["p50_ms"] - before["p50_ms"], 3)}


def echo_other(peer, amount):
    """The program of another session, hidden, floods its pane."""
    def start():
        other = next(inner for inner in s.inners if inner is not s.inner)
        other.load("flood")
        other.ask("flood", "deaf")
    with Session(peer, "two") as s:
        yield beside(s, amount, start)


def echo_panels(peer, amount):
    """A hundred requests a second are refused and shown in the panels."""
    with Session(peer, "panels") as s:
        yield beside(s, amount, lambda: s.inner.ask("requests", 18080, 10))


def stop(peer, amount):
    """A program floods the pane and ends that with the first key: when is it seen?"""
    with Session(peer) as s:
        s.inner.load("flood")
        found = []
        for _ in range(amount.stops):
            s.inner.ask("flood", "screen")
            s.terminal.pump(0.25)
            found.append(Keyboard(s).key(10))
            s.terminal.settle(0.05)
        yield delays([d for d in found if d is not None], found.count(None))


def frame(peer, amount):
    """Full-screen frames in synchronized updates, longer than one read of a pseudoterminal;
    every other one is written in two pieces with a pause. Then one and the same again."""
    with Session(peer) as s:
        s.inner.load("frames")
        tearing = s.terminal.watcher = Tearing(workloads.FRAMES)
        found = []
        for n in range(amount.frames):
            s.terminal.pump(0.02 + 0.02 * random.Random(n).random())
            pause_ms = 6 if n % 2 else 0
            s.inner.send("frame", n, pause_ms)
            shown, end = None, time.monotonic() + 5
            sign, seen = mark(1 + workloads.FRAMES + n), b""
            while not shown and time.monotonic() < end:
                data = s.terminal.read(0.001)
                if not data:
                    tearing.quiet()
                seen = (seen + data)[-100_000:]
                shown = now() if sign in seen else None
            begin, _, _ = s.inner.done()
            if not shown:
                raise Failed("a frame is not shown")
            if not pause_ms:
                found.append((shown - begin) / 1e9)
        s.terminal.settle(0.05)
        tearing.quiet()
        s.terminal.watcher = None
        yield {**delays(found), "torn": tearing.torn, **unchanged(s, amount.frames // 2)}


def unchanged(s, count):
    """Bytes for a frame that is on the screen already, with the mark behind it."""
    s.inner.load("frame")
    out = 0
    for n in range(count + 1):
        number = s.mark()
        if n == 1:
            out = s.terminal.bytes
        s.inner.send("again", number)
        if not s.terminal.wait(mark(number), 5):
            raise Failed("a mark is not shown")
        s.inner.done()
        s.terminal.pump(0.02)
    return {"bytes_unchanged": (s.terminal.bytes - out) / count}


def slow(peer, amount):
    """The terminal takes a megabyte a second."""
    for name in ("claude_fs", "seq"):
        with Session(peer) as s:
            size = s.inner.load(name)
            s.terminal.rate = SLOW_RATE
            out = s.terminal.bytes
            wall, writing, sent = s.send(max(1, round(2e6 * min(1, amount.mb) / size)))
            s.terminal.rate = None
            yield {"workload": name, "s_per_mb": wall / sent * 1e6,
                   "writing_s_per_mb": writing / sent * 1e6,
                   "out_per_in": (s.terminal.bytes - out) / sent}


def memory(peer, amount):
    """After a history of so many lines; the peak is of each process, and shared pages count."""
    for thousands in amount.thousands:
        with Session(peer, history=1000 * thousands) as s:
            pids = s.pids()
            base, pss = processes.memory_kb(pids, "VmRSS"), processes.pss_kb(pids)
            before = processes.memory_kb(pids, "VmHWM")
            s.inner.load("history")
            s.send(thousands + 1)
            peak = processes.memory_kb(pids, "VmHWM")
            base_kb, before_kb, peak_kb = (sum(kb for _, kb in of) for of in (base, before, peak))
            yield {"lines": 1000 * thousands, "base_mib": base_kb / 1024,
                   "base_pss_mib": pss / 1024,
                   "peak_mib": peak_kb / 1024, "growth_mib": (peak_kb - before_kb) / 1024,
                   "processes": peak}


def idle(peer, amount):
    """Ten sessions in which nothing happens, where the peer has more than one."""
    kind, count = ("many", amount.sessions) if "many" in peer.kinds else ("one", 1)
    with Session(peer, kind, programs=count) as s:
        s.terminal.pump(min(1.5, amount.idle_s))
        pids = s.pids()
        cpu, woken, out = processes.cpu_ns(pids), processes.wakeups(pids), s.terminal.bytes
        begin = time.monotonic()
        s.terminal.pump(amount.idle_s)
        seconds = time.monotonic() - begin
        yield {"sessions": s.programs, "wakeups_per_s": (processes.wakeups(pids) - woken) / seconds,
               "cpu_ms_per_s": (processes.cpu_ns(pids) - cpu) / 1e6 / seconds,
               "bytes_per_s": (s.terminal.bytes - out) / seconds,
               "base_mib": sum(kb for _, kb in processes.memory_kb(pids, "VmRSS")) / 1024}


def start(peer, amount):
    """From exec to the first byte, and to what the program in the pane drew first. What is made
    at the very first start only (keys, a database) is there already."""
    byte, frame_ = [], []
    with Session(peer) as s:
        first = s.first_frame - s.terminal.started
        for _ in range(amount.starts):
            s.restart()
            byte.append((s.terminal.first_byte - s.terminal.started) / 1e9)
            frame_.append((s.first_frame - s.terminal.started) / 1e9)
    yield {**delays(frame_), "first_byte_p50_ms": 1000 * share(byte, 0.5),
           "very_first_ms": first / 1e6}


def again(peer, amount):
    """The terminal was left; from exec to what is in the pane."""
    with Session(peer, "again") as s:
        yield delays([s.attach_again() for _ in range(2 * amount.starts)])


def search(peer, amount):
    """The last key of a word that is only in the oldest line: when is that line shown?"""
    thousands = amount.thousands[-1]
    begin, shown = peer.search
    with Session(peer, history=1000 * thousands + 1000) as s:
        s.inner.load("haystack", thousands)
        s.send(1)
        found = []
        for _ in range(3):
            s.terminal.settle(0.1)
            s.terminal.type(begin)
            if not s.terminal.wait(shown, 2):
                raise Missing("there is no search in the history")
            for key in b"needl":
                s.terminal.type(bytes([key]))
                s.terminal.settle(0.1)
            sent = now()
            s.terminal.type(b"e")
            seen = s.terminal.wait(mark(255), 20)
            if not seen:
                raise Failed("what was searched is not shown")
            found.append((seen - sent) / 1e9)
            s.terminal.type(b"\r")
            s.terminal.settle(0.05)
            s.terminal.type(b"q")
        yield {"lines": 1000 * thousands, **delays(found)}


# name: (function, what the peer must have, time or not: those that are not are measured once)
METRICS = {"echo": (echo, "one", True), "echo_flood": (echo_flood, "one", True),
           "echo_other": (echo_other, "two", True), "echo_panels": (echo_panels, "panels", True),
           "stop": (stop, "one", True), "frame": (frame, "one", True),
           "slow": (slow, "one", False), "memory": (memory, "one", False),
           "idle": (idle, "one", False), "start": (start, "one", True),
           "again": (again, "again", True), "search": (search, "search", False)}


def has(peer, need):
    return peer.search is not None if need == "search" else need in peer.kinds
