#!/usr/bin/env python3
"""Real Claude Code in a docker container without a network."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from claude import Scenario  # noqa: E402
from engine import test_base  # noqa: E402
from harness import main, wait_until  # noqa: E402

SCENARIO = Scenario("docker", f"base_image: {test_base()}\n")


def no_container_is_left():
    """no container is left"""
    def left():
        return subprocess.run(["docker", "ps", "-aq", "--filter", "label=ironcurtain.home=" +
                               SCENARIO.home.path], check=True, capture_output=True,
                              text=True).stdout.strip()
    # The client is gone at once; the server takes its time to end the box.
    wait_until("the container is gone", lambda: not left())


try:
    main(*SCENARIO.tests(), no_container_is_left)
finally:
    SCENARIO.close()
