#!/usr/bin/env python3
"""The demo, end to end, as a person uses it: everything is real but the provider."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Home, Screen, main, wait_until  # noqa: E402

HOME = Home()
SCREEN = Screen([PROGRAM, "demo"], HOME.env())


def test_first_answer():
    """the agent's first answer is streamed into the pane"""
    SCREEN.wait(r"You said: hello", 40)
    SCREEN.wait(r"POST")


def test_fake_key():
    """the agent holds a fake key, and the request that carried it was swapped"""
    SCREEN.wait(r"sk-ant-api03-ironcurtain")
    rows = wait_until("a finished request", lambda: HOME.rows(
        "select * from request where method='POST' and status=200"))
    assert rows[0]["key_swapped"] == 1, rows
    assert rows[0]["host"] == "api.anthropic.com"


def test_held():
    """a host that no rule names is held and shown in WAITING and in the last row"""
    SCREEN.wait(r"weather\.demo\.test")
    SCREEN.wait(r"\[!\].*wait")


def test_reminder():
    """outside a review the commit key is only a reminder"""
    SCREEN.prefix("y")
    SCREEN.wait(r"\[!\].*wait|review")
    assert HOME.rows("select * from escalation where state='approved'") == []


def test_approve():
    """it is opened, read, approved after arming, stored, and only then carried out"""
    SCREEN.prefix("e")
    SCREEN.wait(r"REVIEW")
    SCREEN.wait(r"GET\s+https://weather\.demo\.test/today")
    SCREEN.wait(r"ready")
    SCREEN.prefix("y")
    SCREEN.wait(r"Approved\. The weather: sunny")
    rows = HOME.rows("select * from escalation")
    assert [r["state"] for r in rows] == ["approved"], rows
    assert rows[0]["by"] == "human", rows


def test_words():
    """what is typed is shown as the user's words and stored"""
    SCREEN.type("please say this again")
    SCREEN.wait(r"please say this again")
    SCREEN.keys("Enter")
    SCREEN.wait(r"You said: please say this again")
    wait_until("the words in the database", lambda: HOME.rows(
        "select * from words where text='please say this again'"))


def test_deny():
    """a denied host answers 403 inside the box with the reason"""
    SCREEN.type("weather")
    SCREEN.keys("Enter")
    SCREEN.wait(r"\[!\].*wait")
    SCREEN.prefix("e")
    SCREEN.wait(r"REVIEW")
    SCREEN.prefix("n")
    SCREEN.wait(r"denied")
    SCREEN.wait(r"\[403: ")


def test_agent_end():
    """the agent's end is said by the host"""
    SCREEN.type("exit")
    SCREEN.keys("Enter")
    SCREEN.wait(r"session ended \(exit 0\)")


def test_quit():
    """quitting gives the terminal back and leaves nothing behind"""
    SCREEN.prefix("q")
    SCREEN.wait(r"SHELL-IS-BACK")
    assert SCREEN.exit_status() == 0, SCREEN.errors()
    assert " icanon" in SCREEN.text(), SCREEN.text()
    wait_until("run/ empty", lambda: os.listdir(os.path.join(HOME.path, "run")) == [])
    assert os.listdir(os.path.join(HOME.path, "pty-registry")) == []
    assert HOME.rows("select state from session")[0]["state"] == "stopped"


try:
    main(test_first_answer, test_fake_key, test_held, test_reminder, test_approve, test_words,
         test_deny, test_agent_end, test_quit)
finally:
    SCREEN.close()
    HOME.remove()
