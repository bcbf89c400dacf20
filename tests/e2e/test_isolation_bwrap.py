#!/usr/bin/env python3
"""Isolation under bubblewrap, as `ironcurtain run` gives it."""
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(__file__))
from isolation import Isolation  # noqa: E402
from harness import main, skip  # noqa: E402

if not shutil.which("bwrap"):
    skip("bubblewrap is not installed")
BOX = Isolation("bwrap")
try:
    main(*BOX.tests())
finally:
    BOX.close()
