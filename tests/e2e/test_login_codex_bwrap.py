#!/usr/bin/env python3
"""Real Codex with a ChatGPT login that has ended, under bubblewrap: over a WebSocket, and over
HTTP where there is none."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from agents import ACCOUNT, REFRESH, World, jwt, need, write_secret  # noqa: E402
from harness import main  # noqa: E402

need("bwrap", "openssl", "tmux")
OLD = jwt(exp=int(time.time()) - 60)
W = World("codex", access=OLD)
FILE = os.path.join(W.home.top, ".codex", "auth.json")
EXEC = ("codex", "exec", "--dangerously-bypass-approvals-and-sandbox", "--skip-git-repo-check")
PATH = "/backend-api/codex/responses"
LOGIN = {"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "last_refresh": "2026-01-01T00:00:00Z",
         "tokens": {"id_token": jwt(exp=int(time.time()) + 3600), "access_token": OLD,
                    "refresh_token": REFRESH, "account_id": ACCOUNT}, "other": 1}
REFUSED = [r"/wham/settings/", r"announcement_tip\.toml$", r"/plugins/", r"/ps/",
           r"/analytics-events/", r"/wham/"]


def works_over_a_websocket():
    """a prompt with a tool call is answered over a WebSocket, with the new token"""
    W.asks(*EXEC, "please list files")
    asked = [a for a in W.provider.asked(PATH) if a["messages"]]
    assert asked and {a["token"] for a in W.provider.requests} == {"sk-ant-oat01-REAL-1"}
    assert asked[0]["headers"]["chatgpt-account-id"] == ACCOUNT, asked[0]["headers"]
    row = W.rows(PATH)[0]
    assert row["protocol"] == "websocket" and row["key_swapped"], row
    assert row["model"] and row["output_tokens"] >= 68, row


def is_renewed_once_and_written_back():
    """one grant; the file has the new tokens, and all else as it was"""
    assert len(W.provider.grants) == 1, W.provider.grants
    assert W.provider.grants[0]["client_id"] == "app_EMoamEEZ73f0CkXaXp7hrann"
    with open(FILE, encoding="utf-8") as f:
        now = json.load(f)
    assert now["tokens"]["access_token"] == "sk-ant-oat01-REAL-1", now
    assert now["tokens"]["refresh_token"] == "sk-ant-ort01-REAL-1", now
    assert now["tokens"]["account_id"] == ACCOUNT and now["other"] == 1, now


def works_without_websockets():
    """where the provider has no WebSocket it goes on over HTTP, with bodies that can be read"""
    before = len(W.provider.asked(PATH))
    W.provider.websockets = False
    W.asks(*EXEC, "please list files")
    W.provider.websockets = True
    asked = [a for a in W.provider.asked(PATH)[before:] if a["method"] == "POST"]
    assert len(asked) == 2 and not any("content-encoding" in a["headers"] for a in asked), asked
    rows = [r for r in W.rows(PATH, 3) if r["method"] == "POST"]
    assert [r["bytes_up"] for r in rows] == [len(a["raw"]) for a in asked], rows


def is_used_on_the_screen():
    """`ironcurtain new` starts at the prompt; a prompt with a tool call is answered"""
    W.open_screen("Ask Codex to do anything")
    W.submit("please list files", r"MOCK-LIST(.|\n)*apples\.txt")
    W.quit_screen()
    assert len(W.provider.grants) == 1, W.provider.grants


def tokens_stay_outside():
    """no real token is in the box's files or in ours, and nothing waited"""
    W.check_secrets(OLD, "sk-ant-oat01-REAL-1", REFRESH, "sk-ant-ort01-REAL-1")
    W.check_refused_quickly(REFUSED)


try:
    W.provider.revoke()
    write_secret(FILE, LOGIN)
    W.fetch()
    main(works_over_a_websocket, is_renewed_once_and_written_back, works_without_websockets,
         is_used_on_the_screen, tokens_stay_outside)
finally:
    W.close()
