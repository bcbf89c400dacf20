#!/usr/bin/env python3
"""Real coding agents in a bubblewrap box have the user's MCP servers: they list the tools and call
them, by rule, and a refusal reaches the model."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from agents import KEYS, World, need  # noqa: E402
from harness import main, wait_until  # noqa: E402

need("bwrap", "openssl")
SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support", "mcp_server.py")
RULES = """allow fake/write if path within $WS
deny fake/echo because "only writing was agreed on"
"""
MCP = """mcp:
  servers:
    fake: {command: [%s, --pages, --plain]}
policy: %s
"""
WORLDS = []


def world(agent, env):
    w = World(agent, env)
    WORLDS.append(w)
    policy = os.path.join(w.home.top, "mcp.rules")
    with open(policy, "w", encoding="utf-8") as f:
        f.write(RULES)
    config = os.path.join(w.home.path, "config.yaml")
    with open(config, "a", encoding="utf-8") as f:
        f.write(MCP % (SERVER, policy))
    w.fetch()
    return w


def check_rows(w, count):
    """Each call has its row, and the path was the host's when it was judged and sent."""
    def found():
        rows = w.home.rows("select * from request where kind='mcp' and done=1 order by id")
        return rows if len(rows) >= count else None
    rows = wait_until("rows of calls", found)
    assert [(r["decision"], r["result"], r["host"], r["path"]) for r in rows] == [
        ("allow", "ok", "fake", "write"), ("deny", "error", "fake", "echo")], rows
    assert json.loads(rows[0]["arguments"])["path"] == "/workspace/a.txt", rows[0]


def use(w, *command):
    for call in ('fake__write {"path": "/workspace/a.txt", "text": "WROTE-IT"}',
                 'fake__echo {"a": 1}'):
        done = w.run(*command, f"call {call}", seconds=60)
        assert done.returncode == 0, done
    check_rows(w, 2)
    heard = [r["raw"] for r in w.provider.requests if r.get("raw")]
    assert any(b"only writing was agreed on" in raw for raw in heard), "no refusal was heard"


def codex():
    """Codex lists the tools and calls them"""
    use(world("codex", {"OPENAI_API_KEY": KEYS["OPENAI_API_KEY"]}), "codex", "exec",
        "--dangerously-bypass-approvals-and-sandbox", "--skip-git-repo-check")


def gemini():
    """Gemini CLI lists the tools and calls them"""
    need("node")
    use(world("gemini-cli", {"GEMINI_API_KEY": KEYS["GEMINI_API_KEY"]}), "gemini", "--yolo", "-p")


def claude():
    """Claude Code lists the tools and calls them"""
    use(world("claude-code", {"ANTHROPIC_API_KEY": KEYS["ANTHROPIC_API_KEY"]}), "claude",
        "--dangerously-skip-permissions", "-p")


try:
    main(codex, gemini, claude)
finally:
    for each in WORLDS:
        each.close()
