#!/usr/bin/env python3
"""Real Claude Code under bubblewrap."""
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(__file__))
from claude import Scenario  # noqa: E402
from harness import main, skip  # noqa: E402

if not shutil.which("bwrap"):
    skip("bubblewrap is not installed")
SCENARIO = Scenario("bwrap")
try:
    main(*SCENARIO.tests())
finally:
    SCENARIO.close()
