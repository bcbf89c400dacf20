#!/usr/bin/env python3
"""A hostile program inside a container tries to get out; attacks.py has the attempts."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "e2e")]
from attack_box import run  # noqa: E402
from engine import test_base  # noqa: E402

run("docker", f"base_image: {test_base()}\n")
