#!/usr/bin/env python3
"""The gate on the screen: what must never approve, and what does."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Home, Screen, main, skip, wait_until  # noqa: E402

if not shutil.which("bwrap"):
    skip("bubblewrap is not installed")

HOME = Home()
SCREEN = Screen([PROGRAM, "demo"], HOME.env(), 120, 36)


# Ready, in a frame of the large size and not still in that of a smaller one.
READY_WIDE = r"(?m)DRAFT .*ready \W{60}"


def states():
    return [r["state"] for r in HOME.rows("select state from escalation order by id")]


def still_waits():
    SCREEN.wait(r"\[!\] 1 wait")
    assert "approved" not in states() and "denied" not in states(), states()


def ask_again():
    SCREEN.type("weather")
    SCREEN.keys("Enter")
    SCREEN.wait(r"\[!\] 1 wait")


def leave():
    SCREEN.keys("Escape")
    SCREEN.wait(r"AGENT|ENDED")


def test_event_opens_nothing():
    """a request that arrives changes marks only: no mode, no focus, no overlay"""
    SCREEN.wait(r"\[!\] 1 wait", 40)
    SCREEN.wait(r"1:demo\*!1")
    assert "AGENT" in SCREEN.last_row()
    still_waits()


def test_typing_goes_to_the_agent():
    """letters, digits, Enter and y go to the agent while something waits"""
    SCREEN.type("yn1 approve")
    SCREEN.wait(r"draft, not sent yet\W*\n.*yn1 approve")
    still_waits()
    SCREEN.keys("C-u")


def test_commit_keys_outside_a_review():
    """C-\\ y and C-\\ n outside a review are a reminder"""
    for key in "yn":
        SCREEN.prefix(key)
        SCREEN.wait(r"decide in a review only")
        SCREEN.prefix("Escape")
        SCREEN.wait_gone(r"decide in a review only")
    still_waits()


def test_same_read():
    """keys that came in the same read as the one that opened the review are discarded"""
    SCREEN.keys("C-\\", "e", "C-\\", "y", "C-\\", "n", "Escape")
    SCREEN.wait(r"REVIEW .*C-\\ y approve")
    SCREEN.wait(r"ready")
    still_waits()


def test_plain_keys_decide_nothing():
    """plain keys in a review are harmless and noticed; y alone is not approve"""
    SCREEN.type("y")
    SCREEN.wait(r"keys do not go to the agent here")
    for key in ("Enter", "Space", "1", "n", "a", "Y"):
        SCREEN.keys(key)
    SCREEN.wait(r"REVIEW")
    SCREEN.type("oops")
    SCREEN.wait(r"typing in the wrong place")
    still_waits()


def test_paste_decides_nothing():
    """a paste, with or without brackets, decides nothing"""
    SCREEN.tmux("set-buffer", "\x1cy")
    SCREEN.tmux("paste-buffer", "-p")
    SCREEN.wait(r"a paste is refused here")
    SCREEN.keys("-H", *"61 62 63 1c 79".split())
    SCREEN.wait(r"nothing was decided")
    SCREEN.keys("-H", *"1c 79 61 62".split())
    SCREEN.wait(r"keys do not go to the agent here|typing in the wrong place")
    still_waits()


def test_escape_leaves_undecided():
    """Esc leaves the review and decides nothing"""
    leave()
    still_waits()


def test_too_early():
    """the commit key right after the review is open does not count"""
    SCREEN.prefix("e")
    SCREEN.wait(r"DRAFT .*arming")
    SCREEN.prefix("y")
    SCREEN.wait(r"ready")
    still_waits()
    leave()


def test_too_small():
    """a terminal that is too small refuses approve"""
    SCREEN.prefix("e")
    SCREEN.wait(r"ready")
    SCREEN.resize(38, 9)
    SCREEN.wait(r"DRAFT  too small to decide here")
    SCREEN.prefix("y")
    SCREEN.wait_gone(r"C-\\ y")
    SCREEN.wait(r"1 wait +too small")
    SCREEN.resize(120, 36)
    SCREEN.wait(READY_WIDE)
    still_waits()


def test_seen_whole():
    """approve waits until the end of WHAT was on the screen"""
    leave()
    SCREEN.resize(60, 10)
    SCREEN.prefix("e")
    SCREEN.wait(r"REVIEW")
    if "scroll to" in SCREEN.text():
        SCREEN.prefix("y")
        SCREEN.wait(r"not all of WHAT")
        SCREEN.keys("PageDown")
    SCREEN.wait(r"ready")
    still_waits()
    SCREEN.resize(120, 36)
    SCREEN.wait(READY_WIDE)


def test_approve():
    """C-\\ e, look, C-\\ y approves: message, row, and the agent goes on"""
    SCREEN.prefix("y")
    SCREEN.wait(r"AGENT .*#\d+ approved")
    SCREEN.wait(r"Approved\. The weather: sunny")
    assert states() == ["approved"], states()
    SCREEN.wait(r"last: #\d+ approved")


def test_deny_works_at_once():
    """C-\\ n needs no arming"""
    ask_again()
    SCREEN.prefix("e")
    SCREEN.wait(r"DRAFT")
    wait_until("the deny key counts behind the fence", deny_once)
    SCREEN.wait(r"#\d+ denied")
    assert states() == ["approved", "denied"], states()


def deny_once():
    if "REVIEW" in SCREEN.last_row():
        SCREEN.prefix("n")
    return "denied" in SCREEN.text()


def test_nothing_waits():
    """C-\\ e with an empty queue goes to WAITING and back"""
    SCREEN.prefix("e")
    SCREEN.wait(r"\[\*\] WAITING(.|\n)*none wait")
    SCREEN.prefix("e")
    SCREEN.wait(r"AGENT|ENDED")


def test_tombstone():
    """when the asker goes while the review is open, a tombstone stays and decides nothing"""
    ask_again()
    SCREEN.prefix("e")
    SCREEN.wait(r"ready")
    os.kill(agent(), 9)
    SCREEN.wait(r"nothing can be decided here")
    SCREEN.prefix("y")
    SCREEN.wait(r"does not wait any more")
    leave()
    SCREEN.wait(r"session ended|ENDED")
    assert states()[2] not in ("approved", "denied"), states()


def agent():
    """The outermost process of the box."""
    import subprocess
    out = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(SCREEN.pid())], check=True,
                         capture_output=True, text=True).stdout
    return [int(line.split()[0]) for line in out.splitlines() if "bwrap" in line][0]


try:
    main(test_event_opens_nothing, test_typing_goes_to_the_agent,
         test_commit_keys_outside_a_review, test_same_read, test_plain_keys_decide_nothing,
         test_paste_decides_nothing, test_escape_leaves_undecided, test_too_early,
         test_too_small, test_seen_whole, test_approve, test_deny_works_at_once,
         test_nothing_waits, test_tombstone)
finally:
    SCREEN.close()
    HOME.remove()
