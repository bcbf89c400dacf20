"""Lets attacks.py loose in a box of one runtime; one test for each attack."""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from harness import PROGRAM, Failed, Home, main  # noqa: E402

ATTACKS = 19


def one_test(name, line):
    def test():
        if not line.startswith("HELD"):
            raise Failed(line)
    test.__doc__ = "held: " + name.replace("_", " ")
    return test


def run(runtime, config=""):
    home = Home()
    if config:
        home.config(home.UNLIMITED + config)
    shutil.copy(os.path.join(HERE, "attacks.py"), home.workspace)
    result = subprocess.run(
        [PROGRAM, "run", home.workspace, "--runtime", runtime, "--",
         "/usr/bin/python3", "-u", "/workspace/attacks.py", home.top],
        env=home.env(), capture_output=True, text=True, check=False, timeout=300)
    home.remove()
    seen = {}
    for line in result.stdout.split("\n"):
        word, _, rest = line.partition(" ")
        if word in ("HELD", "BROKEN", "UNKNOWN"):
            seen[rest.partition(":")[0]] = line

    def attacks_ran():
        """all attacks were tried"""
        if result.returncode != 0 or len(seen) != ATTACKS:
            raise Failed(f"exit {result.returncode}\n{result.stdout}\n{result.stderr}")

    main(attacks_ran, *[one_test(name, line) for name, line in seen.items()])
