#!/usr/bin/env python3
"""kill -9 of ironcurtain with a docker session: the container is found and removed by the next
start, and no other container is touched."""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from engine import test_base  # noqa: E402
from harness import PROGRAM, Home, Screen, main, wait_until  # noqa: E402

BASE = test_base()
HOME = Home()
os.chmod(HOME.top, 0o755)
HOME.config(f"base_image: {BASE}\nagent: shell\nruntime: docker\n")
FOREIGN = f"ic-test-foreign-{os.getpid()}"


def docker(*args):
    return subprocess.run(["docker", *args], check=True, capture_output=True, text=True).stdout


def ours():
    return docker("ps", "-aq", "--filter", "label=ironcurtain.home=" + HOME.path).split()


def test_kill():
    """after kill -9 the terminal is back and the container still runs"""
    screen = Screen([PROGRAM, "new", HOME.workspace], HOME.env())
    try:
        screen.wait(r"agent@box:/workspace[#$]", 60)
        screen.type("echo in-the-box-$((6*7))")
        screen.keys("Enter")
        screen.wait(r"in-the-box-42")
        assert len(ours()) == 1
        os.kill(screen.pid(), signal.SIGKILL)
        assert screen.exit_status() == 1
        assert len(ours()) == 1
    finally:
        screen.close()


def test_next_start():
    """the next start removes it and what belonged to it, and nothing else"""
    docker("run", "-d", "--name", FOREIGN, "--network=none", "--label", "ironcurtain.managed=true",
           BASE, "tail", "-f", "/dev/null")
    before = ours()
    done = subprocess.run([PROGRAM, "run", HOME.workspace, "--", "true"], env=HOME.env(),
                          check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    wait_until("the old container is gone", lambda: not set(before) & set(ours()))
    wait_until("run/ is empty", lambda: os.listdir(os.path.join(HOME.path, "run")) == [])
    assert docker("inspect", "-f", "{{.State.Running}}", FOREIGN).strip() == "true"
    states = [r["state"] for r in HOME.rows("select state from session order by started_ms")]
    assert states == ["crashed", "stopped"], states


try:
    main(test_kill, test_next_start)
finally:
    subprocess.run(["docker", "rm", "-f", FOREIGN], check=False, capture_output=True)
    for container in ours():
        subprocess.run(["docker", "rm", "-f", container], check=False, capture_output=True)
    HOME.remove()
