#!/usr/bin/env python3
"""Real Gemini CLI with an API key under bubblewrap."""
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from agents import KEYS, World, need  # noqa: E402
from harness import main  # noqa: E402

need("bwrap", "openssl", "tmux", "node")
KEY = KEYS["GEMINI_API_KEY"]
W = World("gemini-cli", {"GEMINI_API_KEY": KEY},
          "prices:\n  gemini-*: {input: 1, output: 10}\n")
STREAM = ":streamGenerateContent"


def runs():
    """one prompt with a tool call, by `ironcurtain run`"""
    W.asks("gemini", "--yolo", "-p", "please list files")
    _, asked = W.check_rows(STREAM, cost=1200 + 340)
    assert all(a["headers"]["x-goog-api-key"] == KEY for a in asked), asked[0]["headers"]


def routing_call_passes():
    """the call by which it chooses a model has its row, too"""
    W.check_rows(":generateContent", 1, cost=1200 + 340)


def server_tools_are_stripped():
    """Google's search is not among the tools that arrive; the shell is"""
    for ask in W.provider.asked(STREAM):
        for tool in ask["json"]["tools"]:
            assert set(tool) == {"functionDeclarations"}, set(tool)
    names = [f["name"] for t in W.provider.asked(STREAM)[0]["json"]["tools"]
             for f in t["functionDeclarations"]]
    assert "run_shell_command" in names, names


def is_used_on_the_screen():
    """`ironcurtain new` starts at the prompt; a prompt with a tool call is answered"""
    W.open_screen("Type your message")
    W.submit("please list files", r"MOCK-LIST(.|\n)*apples\.txt")
    W.screen.wait(r"POST\s+gemini.*200")
    W.quit_screen()


def nothing_waits():
    """what is refused is refused at once, and nobody is asked"""
    W.check_refused_quickly([r"^play\.googleapis\.com"])


def key_stays_outside():
    """the real key is nowhere but at the provider"""
    assert {r["token"] for r in W.provider.requests} == {KEY}
    W.check_secrets(KEY)


try:
    W.fetch()
    main(runs, routing_call_passes, server_tools_are_stripped, is_used_on_the_screen,
         nothing_waits, key_stays_outside)
finally:
    W.close()
