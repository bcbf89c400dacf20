"""Real Claude Code, from npm, in a real box, against the demo provider; one scenario, run for
each runtime by the test_claude_*.py beside this file."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import (PROGRAM, SOURCE, Home, Screen, read_lines, skip,  # noqa: E402
                     start_demo_provider, stop, wait_until)

KEY = "sk-ant-api03-REAL-0123456789abcdefghijklmnopqrstuvwxyz"
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", "/var/tmp"), "ironcurtain-test-claude")


def pinned_version():
    with open(os.path.join(SOURCE, "assets", "agents.yaml"), encoding="utf-8") as f:
        return re.search(r"version: ([\w.]+)", f.read()).group(1)


def claude_program():
    """The native program of the pinned version, fetched once from npm."""
    arch = {"x86_64": "x64", "aarch64": "arm64"}.get(os.uname().machine)
    program = os.path.join(CACHE, f"claude-{pinned_version()}")
    if os.path.exists(program):
        return program
    if not arch or not shutil.which("npm"):
        skip("npm is not here to fetch Claude Code with")
    os.makedirs(CACHE, exist_ok=True)
    package = f"@anthropic-ai/claude-code-linux-{arch}@{pinned_version()}"
    got = subprocess.run(["npm", "pack", "--silent", package], cwd=CACHE, check=False,
                         capture_output=True, text=True)
    if got.returncode != 0:
        skip(f"npm could not fetch {package}: {got.stderr.strip()[-200:]}")
    archive = os.path.join(CACHE, got.stdout.strip().split("\n")[-1])
    with tarfile.open(archive) as tar, open(program + ".new", "wb") as out:
        shutil.copyfileobj(tar.extractfile("package/claude"), out)
    os.chmod(program + ".new", 0o755)
    os.rename(program + ".new", program)
    os.unlink(archive)
    return program


class Scenario:
    def __init__(self, runtime, config=""):
        self.runtime = runtime
        self.home = Home()
        os.chmod(self.home.top, 0o755)
        program = claude_program()
        self.bin = os.path.join(self.home.top, "bin")
        os.mkdir(self.bin)
        os.symlink(program, os.path.join(self.bin, "claude"))
        self.provider, port, authority, self.log = start_demo_provider(self.home, KEY)
        self.home.config(f"""
providers:
  anthropic:
    upstream: https://localhost:{port}
    upstream_ca: {authority}
{config}""")
        env = self.home.env(ANTHROPIC_API_KEY=KEY, PATH=self.bin + ":" + os.environ["PATH"])
        self.screen = Screen([PROGRAM, "new", self.home.workspace, "--runtime", runtime], env,
                             cols=160, rows=45)

    def close(self):
        self.screen.close()
        stop(self.provider)
        self.home.remove()

    def starts_at_prompt(self):
        """Claude Code starts straight at its prompt"""
        self.screen.wait(r"\? for shortcuts|bypass permissions on", 300)
        assert not re.search(r"trust this folder|Do you want to use this API key|Welcome to Claude",
                             self.screen.text()), self.screen.text()

    def answers(self):
        """a prompt typed in the pane is answered on the screen"""
        self.screen.type("tell me about curtains of iron")
        self.screen.wait(r"tell me about curtains of iron")
        self.screen.keys("Enter")
        self.screen.wait(r"offline demo provider", 60)

    def is_shown(self):
        """the request is a row in REQUESTS and in the database, with the key swapped"""
        self.screen.wait(r"POST\s+messages.*200")
        rows = wait_until("the finished row", lambda: self.home.rows(
            "select * from request where path='/v1/messages' and status=200 and done=1"))
        assert all(r["key_swapped"] for r in rows), rows

    def key_stays_outside(self):
        """the provider saw the real key, the box only the fake one"""
        seen = [r for r in read_lines(self.log) if r["path"] == "/v1/messages"]
        assert seen and all(r["real_key"] for r in seen), seen
        for folder in ("sessions", "run"):
            for path in glob.glob(os.path.join(self.home.path, folder, "**"), recursive=True):
                if os.path.isfile(path) and not os.path.islink(path):
                    with open(path, "rb") as f:
                        assert KEY.encode() not in f.read(), path
        for name in ("ironcurtain.db", "ironcurtain.db-wal", "server.log"):
            path = os.path.join(self.home.path, name)
            if os.path.exists(path):
                with open(path, "rb") as f:
                    assert KEY.encode() not in f.read(), path

    def words_are_kept(self):
        """what the user typed is in YOUR WORDS and in the database"""
        self.screen.wait(r"curtains of iron")
        assert self.home.rows("select * from words where text like '%curtains of iron%'")

    def resizes(self):
        """the agent follows a resize of the terminal"""
        self.screen.resize(100, 30)
        self.screen.wait(r"\? for shortcuts|bypass permissions on|curtains")
        self.screen.resize(160, 45)
        self.screen.wait(r"REQUESTS")

    def quits(self):
        """quitting ends the agent and gives the terminal back"""
        self.screen.prefix("q")
        self.screen.wait(r"end this session and leave")
        self.screen.prefix("q")
        self.screen.wait(r"SHELL-IS-BACK", 40)
        wait_until("run/ empty", lambda: os.listdir(os.path.join(self.home.path, "run")) == [])

    def tests(self):
        return [self.starts_at_prompt, self.answers, self.is_shown, self.key_stays_outside,
                self.words_are_kept, self.resizes, self.quits]
