"""Real coding agents, fetched by the program itself from npm in the pinned version, in a real
box, against the mock provider in place of the hosts they talk to. What is fetched is kept
outside of the tests' homes, so that it is fetched once."""
import base64
import contextlib
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Home, Screen, skip, wait_until  # noqa: E402
from mock_provider import ACCOUNT, MODEL_USAGE, MockProvider  # noqa: E402
from token_endpoint import HOSTS  # noqa: E402

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", "/var/tmp"), "ironcurtain-test-agents")
KEYS = {"OPENAI_API_KEY": "sk-REAL-openai-0123456789abcdefghij",
        "GEMINI_API_KEY": "AIzaSyREAL-google-0123456789abcdef",
        "ANTHROPIC_API_KEY": "sk-ant-api03-REAL-0123456789abcdefghijklmnopqrstuvwxyz"}
REFRESH = "sk-ant-ort01-REAL-0"  # what token_endpoint.py begins with


def need(*programs):
    for name in programs:
        if not shutil.which(name):
            skip(f"{name} is not installed")


def jwt(**claims):
    parts = [json.dumps(p).encode() for p in ({"alg": "RS256", "typ": "JWT"}, claims)]
    return ".".join(base64.urlsafe_b64encode(p).decode().rstrip("=") for p in parts) + ".c2ln"


def write_secret(path, value):
    os.makedirs(os.path.dirname(path), mode=0o700)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f)
    os.chmod(path, 0o600)


class World:
    """A home, the mock provider, and an agent in a box. `env` goes to the program outside."""

    def __init__(self, agent, env=None, prices="", **more):
        self.agent = agent
        self.home = Home()
        os.chmod(self.home.top, 0o755)
        self.provider = MockProvider(self.home.top, KEYS.values(), **more)
        self.provider.__enter__()
        resolve = "".join(f"    - {{host: {host}, port: 443, address: 127.0.0.1, "
                          f"to_port: {self.provider.port}}}\n"
                          for host in HOSTS if host != "localhost")
        self.home.config(f"{Home.UNLIMITED}runtime: bwrap\nnetwork:\n  upstream_ca: {self.provider.cert}\n"
                         f"  resolve:\n{resolve}{prices}")
        # No login of whoever runs the tests.
        self.env = self.home.env(HOME=self.home.top, **(env or {}))
        for name in ("CLAUDE_CONFIG_DIR", "ANTHROPIC_CONFIG_DIR", "XDG_CONFIG_HOME", "CODEX_HOME"):
            self.env.pop(name, None)
        self.screen = None
        self.programs = os.path.join(self.home.path, "cache", "agents")
        self.use_cache()

    def use_cache(self):
        os.makedirs(self.programs, exist_ok=True)
        for folder in glob.glob(os.path.join(CACHE, "*")):
            os.symlink(folder, os.path.join(self.programs, os.path.basename(folder)))

    def fetch(self):
        """Let the program fetch the agent, if it has not yet."""
        if any(d.startswith(self.agent + "-") for d in os.listdir(self.programs)):
            return
        need("npm")
        done = self.run("true", seconds=600)
        fetched = glob.glob(os.path.join(self.programs, self.agent + "-*"))
        if done.returncode != 0 or not fetched:
            skip(f"{self.agent} could not be fetched: {done.stderr.strip()[-300:]}")
        os.makedirs(CACHE, exist_ok=True)
        for folder in fetched:
            name = os.path.join(CACHE, os.path.basename(folder))
            shutil.copytree(folder, f"{name}.{os.getpid()}", symlinks=True)
            with contextlib.suppress(OSError):  # somebody else was faster
                os.rename(f"{name}.{os.getpid()}", name)

    def run(self, *command, seconds=60):
        return subprocess.run(
            [PROGRAM, "run", "--agent", self.agent, self.home.workspace, "--", *command], env=self.env, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, errors="replace", timeout=seconds, check=False)

    def asks(self, *command):
        """One prompt with a tool call, without a screen."""
        with open(os.path.join(self.home.workspace, "apples.txt"), "w", encoding="utf-8"):
            pass
        done = self.run(*command)
        assert done.returncode == 0, done
        assert re.search(r"MOCK-LIST.*apples\.txt", done.stdout), done
        return done.stdout

    def open_screen(self, ready, argv=None):
        if argv is None:
            argv = ["new", self.home.workspace, "--agent", self.agent]
        self.screen = Screen([PROGRAM, *argv], self.env, cols=160, rows=45,
                             cwd=self.home.workspace)
        self.screen.wait(ready, 30)

    def submit(self, text, answer):
        """Type a prompt. A key that comes too soon behind the text belongs to a paste, so
        Enter is pressed again until something is answered."""
        self.screen.type(text)
        self.screen.wait(re.escape(text[:30]))
        last = [0]

        def answered():
            if re.search(answer, self.screen.text()):
                return True
            if time.monotonic() - last[0] > 1 and "I will look" not in self.screen.text():
                last[0] = time.monotonic()
                self.screen.keys("Enter")
            return False
        try:
            wait_until(answer, answered, 30)
        except Exception:
            print(self.screen.text())
            raise

    def quit_screen(self):
        self.screen.prefix("q")
        self.screen.wait(r"end this session and leave")
        self.screen.prefix("q")
        self.screen.wait(r"SHELL-IS-BACK", 40)

    def rows(self, path, count=1, done=1):
        """The rows of finished requests to this path."""
        def found():
            rows = self.home.rows("select * from request where path like ? and status in (101, 200)"
                                  " and done=?", "%" + path, done)
            return rows if len(rows) >= count else None
        return wait_until(f"{count} rows of {path}", found)

    def check_rows(self, path, count=2, cost=None):
        """Key swapped, tokens counted, priced; what no rule changed came byte by byte."""
        asked = self.provider.asked(path)
        rows = self.rows(path, count)
        assert len(asked) == len(rows), (asked, rows)
        for row, ask in zip(rows, asked):
            assert row["key_swapped"] and row["model"], row
            assert (row["input_tokens"], row["output_tokens"]) == tuple(MODEL_USAGE.values()), row
            if cost is not None:
                assert row["cost_micro"] == cost, row
            if not row["reason"]:
                assert row["bytes_up"] == len(ask["raw"]), (row, len(ask["raw"]))
        return rows, asked

    def check_secrets(self, *secrets):
        """No real key or token is where the box or a reader of our files could see it."""
        places = [p for folder in ("sessions", "run") for p in
                  glob.glob(os.path.join(self.home.path, folder, "**"), recursive=True,
                            include_hidden=True)]
        places += glob.glob(os.path.join(self.home.path, "*.db*")) + \
            [os.path.join(self.home.path, "server.log")]
        looked = 0
        for path in places:
            if os.path.isfile(path) and not os.path.islink(path):
                looked += 1
                with open(path, "rb") as f:
                    content = f.read()
                assert not any(s.encode() in content for s in secrets), path
        assert looked > 2, places

    def check_refused_quickly(self, paths=(r"",)):
        """Nothing waited for a person, and no request failed but those we refuse by table."""
        for row in self.home.rows("select * from request where decision!='allow'"):
            assert row["decision"] == "deny" and row["status"] in (403, 404), row
            assert row["total_ms"] < 1000, row
            assert any(re.search(p, row["host"] + row["path"]) for p in paths), row

    def close(self):
        if self.screen:
            self.screen.close()
        self.provider.__exit__()
        self.home.remove()


__all__ = ["ACCOUNT", "KEYS", "REFRESH", "World", "jwt", "need", "write_secret"]
