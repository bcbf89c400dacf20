#!/usr/bin/env python3
"""The benchmark of the MCP proxy still runs: every part of it, without a look at the times."""
import json
import os
import subprocess
import sys

BUILD, SOURCE = os.environ["IC_BUILD"], os.environ["IC_SOURCE"]
got = subprocess.run([os.path.join(SOURCE, "bench", "mcp", "run"), "--build", BUILD, "--quick"],
                     capture_output=True, text=True, timeout=300)
assert got.returncode == 0, got
lines = [json.loads(line) for line in got.stdout.splitlines()]
names = {line["bench"] for line in lines}
assert names == {"mcp_rss", "mcp_latency", "mcp_load", "mcp_growth", "mcp_large"}, names
assert all(line["added_p50"] < 1e6 for line in lines if line["bench"] == "mcp_latency"), lines
print("ok")
sys.exit(0)
