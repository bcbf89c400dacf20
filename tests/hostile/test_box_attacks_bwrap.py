#!/usr/bin/env python3
"""A hostile program inside a bubblewrap box tries to get out; attacks.py has the attempts."""
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from attack_box import run  # noqa: E402
from harness import skip  # noqa: E402

if not shutil.which("bwrap"):
    skip("bubblewrap is not installed")
if not os.path.exists("/usr/bin/python3"):
    skip("no /usr/bin/python3, which the box would see")
run("bwrap")
