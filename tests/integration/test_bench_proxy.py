#!/usr/bin/env python3
"""The benchmark of the proxy still runs: a moment of each test, without a look at the figures.
Every request is answered and in the audit, every event arrives, every idle tunnel lives."""
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import BUILD, SOURCE, main  # noqa: E402
sys.path.insert(0, os.path.join(SOURCE, "bench", "proxy"))
import peers  # noqa: E402

RUN = os.path.join(SOURCE, "bench", "proxy", "run")
LOAD = os.path.join(BUILD, "bench", "proxy_bench")
# One of each kind; the others differ in numbers only.
TESTS = ["latency", "ka16", "ka16b64", "tunnel", "mint", "blocked", "sse1", "down", "up", "idle"]


def run(*args):
    """The rows that were printed, and everything that was."""
    done = subprocess.run(
        [sys.executable, RUN, "--build", BUILD, "--rounds", "1", "--seconds", "0.1", *args],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")], \
        done.stdout


def test_ours():
    """All kinds of tests on our proxy: nothing fails, all requests are in the audit"""
    rows, text = run("--peers", "ours,direct", "--idle", "40", "--tests", ",".join(TESTS))
    ours = {row["test"]: row for row in rows if row["peer"] == "ours"}
    assert list(ours) == TESTS, list(ours)
    assert all(row["failures"] == 0 for row in rows), rows
    for test in ("latency", "ka16", "ka16b64", "blocked", "down", "up", "idle"):
        assert ours[test]["answered"] > 0, ours[test]
    assert ours["tunnel"]["tunnels"] > 0 and ours["mint"]["tunnels"] > 0
    assert ours["sse1"]["events"] >= 10
    assert ours["idle"]["used_again"] == 40
    assert "audit of ours: all " in text and "CPU per request, 16 connections" in text, text


def test_wrong_key():
    """Requests that the origin refuses are failures, not fast answers"""
    with tempfile.TemporaryDirectory(prefix="icb-", dir="/tmp") as top:
        origin = peers.Origin(LOAD, top)
        try:
            args = origin.args()
            args[args.index("--real-key") + 1] = "sk-ant-wrong"
            result = json.loads(subprocess.check_output(
                [LOAD, "keepalive", *args, "--seconds", "0.1", "--body", "512"], text=True))
        finally:
            origin.stop()
    assert result["answered"] == 0 and result["failures"] > 0, result
    assert result["first_failure"] == "answer: status 401", result


def test_lost_row():
    """A request that is not in the audit, or not whole there, is found"""
    with tempfile.TemporaryDirectory(prefix="icb-", dir="/tmp") as top:
        peer = peers.Ours.__new__(peers.Ours)
        peer.name, peer.dir = "ours", top
        with contextlib.closing(sqlite3.connect(os.path.join(top, "ironcurtain.db"))) as db:
            db.execute("create table request(host, done, status, key_swapped)")
            db.execute("insert into request values(?, 1, 200, 1)", (peers.HOST,))
            db.commit()
            assert peer.lost_rows(1) is None
            assert "2 requests were answered, 1 are" in peer.lost_rows(2)
            db.execute("update request set done=0")
            db.commit()
            assert "0 of them whole" in peer.lost_rows(1)


main(test_ours, test_wrong_key, test_lost_row)
