#!/usr/bin/env python3
"""Real Codex with an API key under bubblewrap."""
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from agents import KEYS, World, need  # noqa: E402
from harness import main  # noqa: E402

need("bwrap", "openssl", "tmux")
KEY = KEYS["OPENAI_API_KEY"]
PRICES = "prices:\n  gpt-*: {input: 1, output: 10}\n"
COST = 1200 + 340  # millionths of a dollar
W = World("codex", {"OPENAI_API_KEY": KEY}, PRICES)
EXEC = ("codex", "exec", "--dangerously-bypass-approvals-and-sandbox", "--skip-git-repo-check")


def runs():
    """one prompt with a tool call, by `ironcurtain run`; the model writes JavaScript"""
    W.asks(*EXEC, "please list files")
    _, asked = W.check_rows("/v1/responses", cost=COST)
    assert {a["token"] for a in asked} == {KEY}
    assert any(i.get("type") == "additional_tools" for i in asked[0]["json"]["input"])


def server_tools_are_stripped():
    """the provider's web search is taken out of the request, and nothing else"""
    before = len(W.provider.asked("/v1/responses"))
    W.asks(*EXEC, "-m", "gpt-5.4", "-c", 'web_search="live"', "please list files")
    rows, asked = W.check_rows("/v1/responses", before + 2)
    cut = len(',{"type":"web_search","external_web_access":true}')
    for row, ask in zip(rows[before:], asked[before:]):
        assert row["reason"] == "removed: web_search", row
        assert row["bytes_up"] - len(ask["raw"]) == cut, (row, len(ask["raw"]))
        kinds = [t["type"] for t in ask["json"]["tools"]]
        assert kinds and "web_search" not in kinds, kinds


def is_used_on_the_screen():
    """`ironcurtain new` starts at the prompt; a prompt with a tool call is answered"""
    W.open_screen("Ask Codex to do anything")
    W.submit("please list files", r"MOCK-LIST(.|\n)*apples\.txt")
    W.screen.wait(r"POST\s+resp.*200")
    W.quit_screen()


def nothing_waits():
    """what is refused is refused at once"""
    W.check_refused_quickly([r"announcement_tip\.toml$"])


def key_stays_outside():
    """the real key is nowhere but at the provider"""
    assert {r["token"] for r in W.provider.requests} == {KEY}
    W.check_secrets(KEY)


try:
    W.fetch()
    main(runs, server_tools_are_stripped, is_used_on_the_screen, nothing_waits,
         key_stays_outside)
finally:
    W.close()
