#!/usr/bin/env python3
"""Real Claude Code with a login that has ended, under bubblewrap: it is renewed once, outside."""
import glob
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from agents import REFRESH, World, need, write_secret  # noqa: E402
from harness import main  # noqa: E402

need("bwrap", "openssl", "tmux")
OLD = "sk-ant-oat01-REAL-0"
W = World("claude-code", access=OLD)
FILE = os.path.join(W.home.top, ".claude", ".credentials.json")
LOGIN = {"claudeAiOauth": {"accessToken": OLD, "refreshToken": REFRESH,
                           "expiresAt": int(time.time() * 1000) - 1000,
                           "scopes": ["user:inference"], "subscriptionType": "max"},
         "other": {"kept": True}}


def works():
    """a prompt with a tool call is answered, with the new token"""
    W.asks("claude", "--dangerously-skip-permissions", "-p", "please list files")
    _, asked = W.check_rows("/v1/messages")
    assert {a["token"] for a in asked} == {"sk-ant-oat01-REAL-1"}


def is_renewed_once():
    """one grant, with the client of the program that has the login"""
    grants = W.provider.grants
    assert len(grants) == 1 and grants[0]["refresh_token"] == REFRESH, grants
    assert grants[0]["client_id"] == "9d1c250a-e61b-44d9-88ed-5944d1962f5e", grants


def is_written_back():
    """the file has the new tokens, and all else as it was"""
    with open(FILE, encoding="utf-8") as f:
        now = json.load(f)
    login = now["claudeAiOauth"]
    assert login["accessToken"] == "sk-ant-oat01-REAL-1", now
    assert login["refreshToken"] == "sk-ant-ort01-REAL-1", now
    assert login["expiresAt"] > time.time() * 1000, now
    assert now["other"] == LOGIN["other"] and login["scopes"] == ["user:inference"], now
    assert os.stat(FILE).st_mode & 0o777 == 0o600


def is_used_on_the_screen():
    """`ironcurtain` alone finds the login, starts at the prompt and needs no further grant"""
    program = glob.glob(os.path.join(W.programs, "claude-code-*", "claude"))[0]
    W.env["PATH"] = os.path.dirname(program) + ":" + W.env["PATH"]
    W.open_screen(r"\? for shortcuts|bypass permissions on", [])
    W.submit("please list files", r"MOCK-LIST(.|\n)*apples\.txt")
    W.quit_screen()
    assert len(W.provider.grants) == 1, W.provider.grants


def tokens_stay_outside():
    """no real token is in the box's files or in ours; the box had a fake one"""
    assert all(r["token"].startswith("sk-ant-oat01-REAL-") for r in W.provider.requests)
    W.check_secrets(OLD, "sk-ant-oat01-REAL-1", REFRESH, "sk-ant-ort01-REAL-1")
    W.check_refused_quickly()


try:
    W.provider.revoke()
    write_secret(FILE, LOGIN)
    W.fetch()
    main(works, is_renewed_once, is_written_back, is_used_on_the_screen, tokens_stay_outside)
finally:
    W.close()
