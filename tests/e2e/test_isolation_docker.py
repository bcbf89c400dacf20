#!/usr/bin/env python3
"""Isolation in a docker container, as `ironcurtain run` gives it."""
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from engine import test_base  # noqa: E402
from isolation import Isolation  # noqa: E402
from harness import main  # noqa: E402

BOX = Isolation("docker", f"base_image: {test_base()}\n")
try:
    main(*BOX.tests())
finally:
    BOX.close()
