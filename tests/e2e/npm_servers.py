"""The servers of the MCP project itself, fetched from npm in pinned versions. What they are fetched
into is kept between runs."""
import contextlib
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from harness import skip  # noqa: E402

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", "/var/tmp"), "ironcurtain-test-mcp")
PACKAGES = ["@modelcontextprotocol/server-everything@2026.8.31",
            "@modelcontextprotocol/server-filesystem@2026.8.31",
            "@modelcontextprotocol/server-memory@2026.8.31",
            "@modelcontextprotocol/inspector@0.15.0"]
MODULES = os.path.join(CACHE, "node_modules", "@modelcontextprotocol")


def fetch():
    if not shutil.which("node") or not shutil.which("npm"):
        skip("node and npm are not installed")
    if os.path.isdir(MODULES):
        return
    mine = "%s.%d" % (CACHE, os.getpid())
    os.makedirs(mine)
    with open(os.path.join(mine, "package.json"), "w") as file:
        file.write("{}")
    try:
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", *PACKAGES], cwd=mine,
                              capture_output=True, text=True, timeout=500)
    except subprocess.TimeoutExpired:
        done = None
    if not done or done.returncode:
        shutil.rmtree(mine)
        skip("npm could not fetch the servers: %s" % (done.stderr.strip()[-300:] if done else
                                                      "it takes too long"))
    with contextlib.suppress(OSError):  # somebody else was faster
        os.rename(mine, CACHE)


def server(name, *words):
    return ["node", os.path.join(MODULES, "server-" + name, "dist", "index.js"), *words]
