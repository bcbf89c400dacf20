#!/usr/bin/env python3
"""Real Claude Code and Codex on the screen, with the file server of the MCP project: a write waits,
shows what it would change, is approved by keystrokes and lands on disk; one that is denied with
a message is heard by the model."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from agents import KEYS, World, need  # noqa: E402
from harness import main, wait_until  # noqa: E402
from npm_servers import fetch, server  # noqa: E402

need("bwrap", "openssl", "tmux")
fetch()
WORLDS = []


class Review:
    def __init__(self, agent, key):
        self.w = World(agent, {key: KEYS[key]})
        WORLDS.append(self.w)
        self.file = os.path.join(self.w.home.workspace, "a.txt")
        with open(self.file, "w", encoding="utf-8") as f:
            f.write("one\ntwo\n")
        policy = os.path.join(self.w.home.top, "mcp.rules")
        with open(policy, "w", encoding="utf-8") as f:
            f.write("allow files/list_* if path within $WS\nask files/*\n")
        servers = {"files": {"command": server("filesystem", self.w.home.workspace)}}
        with open(os.path.join(self.w.home.path, "config.yaml"), "a", encoding="utf-8") as f:
            f.write(f"policy: {policy}\nmcp: {json.dumps({'servers': servers})}\n")
        self.w.fetch()

    def content(self):
        with open(self.file, encoding="utf-8") as f:
            return f.read()

    def ask(self, text):
        """A prompt that makes the model write; returns when the write is being reviewed."""
        call = {"path": "/workspace/a.txt", "content": text}
        self.w.submit(f"call files__write_file {json.dumps(call)}", r"\[!\] 1 wait")
        self.w.screen.prefix("e")
        self.w.screen.wait(r"tool files/write_file, 2 arguments")
        self.w.screen.wait(r"2 - two\W+2 \+ " + text.split("\n")[1])
        self.w.screen.wait(r"DRAFT .*ready")
        assert self.content() == "one\ntwo\n"

    def approve(self):
        self.ask("one\nSECOND\n")
        self.w.screen.prefix("y")
        wait_until("the file", lambda: self.content() == "one\nSECOND\n")
        self.w.screen.wait(r"MOCK-LIST(.|\n)*wrote to", 40)

    def deny(self):
        self.ask("one\nOTHER\n")
        self.w.screen.keys("m")
        self.w.screen.wait(r"SAY +\|")
        self.w.screen.type("leave that file alone")
        self.w.screen.keys("Enter")
        self.w.screen.wait(r"SAY +leave that file alone\W*\n")
        self.w.screen.wait(r"DRAFT .*ready")
        self.w.screen.prefix("n")
        wait_until("the model is told", lambda: any(
            b"leave that file alone" in r["raw"] for r in self.w.provider.requests))
        assert self.content() == "one\ntwo\n"
        self.w.screen.wait(r"MOCK-LIST(.|\n)*leave that file alone", 40)

    def check(self):
        def rows():
            return [(r["decision"], r["result"]) for r in self.w.home.rows(
                "select * from request where kind='mcp' and path='write_file' and done=1 order by id")]
        wait_until("a refused and an approved row", lambda: rows() == [
            ("refused", "error"), ("approved", "ok")])
        states = self.w.home.rows("select state from escalation order by id")
        assert [s["state"] for s in states] == ["denied", "approved"], states

    def use(self, ready):
        self.w.open_screen(ready)
        self.deny()
        self.approve()
        self.check()
        self.w.quit_screen()


def claude():
    """Claude Code is told no, then writes what was approved"""
    Review("claude-code", "ANTHROPIC_API_KEY").use(r"\? for shortcuts|bypass permissions on")


def codex():
    """Codex is told no, then writes what was approved"""
    Review("codex", "OPENAI_API_KEY").use("Ask Codex to do anything")


try:
    main(claude, codex)
finally:
    for each in WORLDS:
        each.close()
