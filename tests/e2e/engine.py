"""A docker engine and a base image for the tests; skips with the reason where neither can be."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import SOURCE, skip  # noqa: E402

BASE = "ironcurtain-test-base:latest"


def script(name, *args):
    return subprocess.run([os.path.join(SOURCE, "scripts", name), *args], check=False,
                          capture_output=True, text=True)


def test_base():
    """Name of the base image; DOCKER_HOST is set for what is started afterwards."""
    engine = script("docker-engine", "start")
    if engine.returncode != 0:
        skip(f"no docker engine can run here: {engine.stderr.strip()[-300:]}")
    os.environ["DOCKER_HOST"] = engine.stdout.strip()
    made = script("mk-base-image", "--tag", BASE)
    if made.returncode != 0:
        skip(f"the base image could not be made: {made.stderr.strip()[-300:]}")
    return BASE
