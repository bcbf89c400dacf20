#!/usr/bin/env python3
"""The benchmark of the pane still runs: a moment of each metric, without a look at the times.
All keys are answered, all that was printed is shown in the end, no frame is torn."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import BUILD, SOURCE, main  # noqa: E402
sys.path.insert(0, os.path.join(SOURCE, "bench", "term"))
import metrics  # noqa: E402
import summary  # noqa: E402
import workloads  # noqa: E402
from terminal import Tearing, mark  # noqa: E402

RUN = os.path.join(SOURCE, "bench", "term", "run")
# What one unboxed session is enough for.
ONE = [name for name, (_, need, _) in metrics.METRICS.items() if need == "one" and name != "idle"]
BOXES = ["echo_other", "echo_panels", "idle", "again"]


def begin(*args):
    return subprocess.Popen(
        [sys.executable, RUN, "--build", BUILD, "--reps", "1", "--mb", "0.003", *args],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def end(process, code=0):
    """metric -> rows of a run, and everything that was printed."""
    text = process.communicate(timeout=200)[0]
    assert process.returncode == code, text[-4000:]
    rows = {}
    for line in text.splitlines():
        if line.startswith("{"):
            row = json.loads(line)
            rows.setdefault(row["metric"], []).append(row)
    return rows, text


# Nothing here is timed, so they may run beside each other.
WORKLOADS = begin("--peers", "ours", "--metrics", "throughput")
SESSION = begin("--peers", "ours", "--metrics", ",".join(ONE))
RELAY = begin("--peers", "relay", "--metrics", "echo,frame,start")
SESSIONS = begin("--peers", "ours", "--metrics", ",".join(BOXES))


def test_workloads():
    """Each workload goes through the pane, and what comes after it is shown"""
    rows, text = end(WORKLOADS)
    assert sorted(rows) == sorted(workloads.NAMES), list(rows)
    assert all(r["mb"] > 0 and r["cpu_ms_per_mb"] > 0 for [r] in rows.values()), rows
    assert "claude_fs: CPU" in text, text


def test_one_session():
    """Keys are answered in peace and in floods, frames are whole, memory and start are found"""
    rows, text = end(SESSION)
    assert sorted(rows) == sorted(ONE), list(rows)
    for name in ("echo", "echo_flood", "stop", "frame", "start"):
        assert rows[name][0]["n"] > 0 and rows[name][0]["lost"] == 0, rows[name]
    assert rows["frame"][0]["torn"] == 0, rows["frame"]
    assert rows["memory"][0]["base_mib"] > 1
    assert "echo: bytes per key" in text and "start to first frame" in text, text


def test_relay():
    """The relay takes the same measures"""
    rows, _ = end(RELAY)
    assert sorted(rows) == ["echo", "frame", "start"] and rows["echo"][0]["lost"] == 0, rows


def test_sessions():
    """Floods of hidden sessions, panels with requests, some sessions in silence, attaching again"""
    rows, _ = end(SESSIONS)
    if not shutil.which("bwrap"):
        print("     not without bubblewrap")
        return
    assert sorted(rows) == sorted(BOXES), list(rows)
    for name in ("echo_other", "echo_panels", "again"):
        assert rows[name][0]["n"] > 0 and rows[name][0]["lost"] == 0, rows[name]
    assert rows["echo_panels"][0]["bytes_per_s"] > 200, rows["echo_panels"]  # they do repaint
    assert rows["idle"][0]["sessions"] == 3


def test_tearing():
    """Half a frame is found, with and without synchronized output; a whole one is none"""
    def shown(*pieces):
        tearing = Tearing(100)
        for piece in pieces:
            tearing(piece)
            tearing.quiet()
        return tearing.torn
    top, bottom = mark(7), mark(107)
    assert shown(b"x" + top + b"y", b"z" + bottom) == 1
    assert shown(top[:2], top[2:] + b"text" + bottom) == 0
    assert shown(b"\x1b[?2026h" + top, b"text" + bottom + b"\x1b[?2026l") == 0
    assert shown(b"\x1b[?20", b"26h" + top + b"\x1b[?2026l", b"\x1b[?2026h" + bottom +
                 b"\x1b[?2026l") == 1
    assert shown(b"\x1b[?2026h\x1b[?2026l" + top) == 1


def test_summary():
    """A ratio is of figures of the same round; what was not reached is said"""
    def row(peer, number, cpu):
        return {"metric": "seq", "peer": peer, "round": number, "cpu_ms_per_mb": cpu}
    rows = [row("ours", 0, 10), row("tmux", 0, 20), row("ours", 1, 30), row("tmux", 1, 60),
            row("ours", 2, 30), row("tmux", 2, 30)]
    [line] = summary.lines(rows, "ours")
    assert line[1] == "30.0" and line[4] == "0.500" and line[-1] == "ok", line
    rows[2]["cpu_ms_per_mb"] = 58
    assert list(summary.lines(rows, "ours"))[0][-1] == "MISSED"


def test_unknown():
    """A metric or peer that there is not is an error, and so is a build without the program"""
    for args in (("--metrics", "speed"), ("--peers", "xterm"), ("--build", "/nonexistent")):
        assert end(begin(*args), code=1 if args[0] == "--build" else 2)[0] == {}


main(test_workloads, test_one_session, test_relay, test_sessions, test_tearing, test_summary, test_unknown)
