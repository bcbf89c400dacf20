#!/usr/bin/env python3
"""A hostile program inside a bubblewrap box tries to get out; attacks.py has the attempts."""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from harness import PROGRAM, Failed, Home, main, skip  # noqa: E402

if not shutil.which("bwrap"):
    skip("bubblewrap is not installed")
if not os.path.exists("/usr/bin/python3"):
    skip("no /usr/bin/python3, which the box would see")
HOME = Home()
shutil.copy(os.path.join(HERE, "attacks.py"), HOME.workspace)
RESULT = subprocess.run(
    [PROGRAM, "run", HOME.workspace, "--runtime", "bwrap", "--",
     "/usr/bin/python3", "-u", "/workspace/attacks.py", HOME.top],
    env=HOME.env(), capture_output=True, text=True, check=False, timeout=120)
SEEN = {}
for line in RESULT.stdout.split("\n"):
    word, _, rest = line.partition(" ")
    if word in ("HELD", "BROKEN", "UNKNOWN"):
        SEEN[rest.partition(":")[0]] = line


def one_test(name):
    def test():
        if not SEEN[name].startswith("HELD"):
            raise Failed(SEEN[name])
    test.__doc__ = "held: " + name.replace("_", " ")
    return test


def attacks_ran():
    """all attacks were tried"""
    if RESULT.returncode != 0 or len(SEEN) < 18:
        raise Failed(f"exit {RESULT.returncode}\n{RESULT.stdout}\n{RESULT.stderr}")


try:
    main(attacks_ran, *[one_test(name) for name in SEEN])
finally:
    HOME.remove()
