#!/usr/bin/env python3
"""Answers that hold for more than once: drafted, shown as a rule, committed, remembered."""
import json
import os
import re
import shutil
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Home, Screen, main, skip, wait_until  # noqa: E402

if not shutil.which("bwrap"):
    skip("bubblewrap is not installed")

HOSTS = ["one.ask", "two.ask", "three.ask", "four.ask", "web.get"]
HOME = Home()
# Nothing listens on port 9 of this machine: what is approved fails at once, and not with 403.
HOME.config(Home.UNLIMITED + "network:\n  resolve:\n" + "".join(
    f"    - {{host: {h}.test, port: 443, address: 127.0.0.1, to_port: 9}}\n" for h in HOSTS))
with open(os.path.join(HOME.path, "policy.rules"), "w", encoding="utf-8") as rules:
    rules.write("ask net:CONNECT four.ask.test:443 risk high\nask net:CONNECT *.ask.test:443\n")
# A tunnel, and if there is one a request in it; prints both status codes.
with open(os.path.join(HOME.workspace, "ask"), "w", encoding="utf-8") as script:
    script.write(r"""import socket, ssl, sys
url, name = sys.argv[1:]
host, _, path = url.partition("/")
def ask(text):
    s.sendall(text.encode())
    return s.recv(65536).split()[1].decode()
s = socket.create_connection(("127.0.0.1", 18080))
got = ask(f"CONNECT {host}.test:443 HTTP/1.1\r\nHost: {host}.test:443\r\n\r\n")
if got == "200":
    s = ssl._create_unverified_context().wrap_socket(s, server_hostname=host + ".test")
    got += "-" + ask(f"GET /{path} HTTP/1.1\r\nHost: {host}.test\r\n\r\n")
print(f"{name} got-{got};", end="", flush=True)
""")
ANSWERS = os.path.join(HOME.path, "answers.rules")
SCREEN = None


def start():
    global SCREEN
    SCREEN = Screen([PROGRAM, "new", HOME.workspace, "-a", "shell", "--runtime", "bwrap", "--",
                     "bash", "--norc", "--noprofile", "+m"], HOME.env(), 140, 36)
    SCREEN.wait(r"bash-[\d.]+[$#]", 40)
    SCREEN.type("PS1='READY> '; clear")
    SCREEN.keys("Enter")
    SCREEN.wait(r"(?m)^READY> *(\W|$)")


def run(*asks):
    """Each ask is (url, name); all at once, in the background."""
    SCREEN.type("clear; " + " ".join(f"python3 ask {u} {n} &" for u, n in asks))
    SCREEN.keys("Enter")


def questions():
    return HOME.rows("select id, state, by, answer from escalation order by id")


def answers():
    try:
        with open(ANSWERS, encoding="utf-8") as f:
            return f.read()
    except OSError:
        return ""


def review():
    SCREEN.prefix("e")
    SCREEN.wait(r"DRAFT  approve \| ONCE \| exactly this +ready(.|\n)*REVIEW")


def draft(key, words):
    SCREEN.keys(key)
    SCREEN.wait(r"DRAFT  approve \| " + words + r" +ready")


def test_folded():
    """two who ask the same are one row with a count, one answer lets both go on"""
    run(("one.ask", "A"), ("one.ask", "B"))
    SCREEN.wait(r"\[!\] 1 wait")
    SCREEN.wait(r"\[!\]#1 x2 CONNECT")
    review()
    SCREEN.wait(r"asked 2 times, all of them wait")
    SCREEN.prefix("y")
    SCREEN.wait(r"A got-502;")
    SCREEN.wait(r"B got-502;")
    assert [(q["state"], q["answer"]) for q in questions()] == [("approved", "once")], questions()
    assert not os.path.exists(ANSWERS)


def test_draft_is_harmless():
    """the draft keys decide nothing, show the exact rule, and arm anew; Esc forgets them"""
    run(("one.ask", "C"))
    SCREEN.wait(r"\[!\] 1 wait")
    review()
    draft("2", r"THIS SESSION \| host:port")
    SCREEN.wait(r"C-\\ y +allow net:CONNECT one\.ask\.test:443 ")
    SCREEN.wait(r"C-\\ n +deny net:\* one\.ask\.test:443 ")
    SCREEN.wait(r"\[host:port\]  a tunnel: nothing inside is seen")
    draft("t", r"FOR 15 MIN \| host:port")
    draft("t", r"FOR 1 H \| host:port")
    draft("t", r"10 TIMES \| host:port")
    draft("3", r"ALWAYS \| host:port")
    SCREEN.keys(">")
    SCREEN.wait(r"this has one width only")
    SCREEN.keys("3")
    SCREEN.keys("Escape")
    SCREEN.wait(r"AGENT")
    assert questions()[-1]["state"] == "waiting", questions()
    assert answers() == ""
    review()  # once again, nothing of the draft is left


def test_draft_needs_room():
    """an answer that holds needs its rule on the screen whole"""
    draft("2", r"THIS SESSION \| host:port")
    SCREEN.resize(44, 10)
    SCREEN.wait(r"DRAFT  approve \| THIS SESSION")
    wait_until("the key behind the fence", no_room)
    SCREEN.resize(140, 36)
    SCREEN.wait(r"DRAFT  approve \| THIS SESSION \| host:port +ready\W{60}")
    assert questions()[-1]["state"] == "waiting", questions()


def no_room():
    if "REVIEW" in SCREEN.last_row():
        SCREEN.prefix("n")
    return "no room to show" in SCREEN.text()


def test_session():
    """an answer for the session lets the next one through without a question"""
    SCREEN.wait(r"allow net:CONNECT one\.ask\.test:443")
    SCREEN.prefix("y")
    SCREEN.wait(r"C got-502;")
    SCREEN.wait(r"approved, this session: allow net:CONNECT")
    before = len(questions())
    run(("one.ask", "D"))
    SCREEN.wait(r"D got-502;")
    assert len(questions()) == before
    assert questions()[-1]["answer"] == "this session: allow net:CONNECT one.ask.test:443"
    assert answers() == ""


def test_never():
    """C-\\ n with always writes a deny, which holds without a question"""
    run(("two.ask", "E"))
    SCREEN.wait(r"\[!\] 1 wait")
    review()
    draft("3", r"ALWAYS \| host:port")
    SCREEN.prefix("n")
    SCREEN.wait(r"E got-403;")
    before = len(questions())
    run(("two.ask", "F"))
    SCREEN.wait(r"F got-200-403;")
    assert len(questions()) == before
    line = r"deny net:\* two\.ask\.test:443  # [-\d]+ [\d:]+ UTC, request %d\n"
    assert re.fullmatch(line % questions()[-1]["id"], answers()), answers()
    assert stat.S_IMODE(os.stat(ANSWERS).st_mode) == 0o600


def test_always():
    """always answers everything that waits and is covered, and writes an allow; before, it is
    shown what the rule would have taken of the record"""
    run(("three.ask", "g"))
    SCREEN.wait(r"\[!\] 1 wait")
    review()
    SCREEN.prefix("n")
    SCREEN.wait(r"g got-403;")
    run(("three.ask", "G"))
    SCREEN.wait(r"\[!\] 1 wait")
    review()
    draft("3", r"ALWAYS \| host:port")
    SCREEN.wait(r"C-\\ y +allow net:CONNECT three\.ask\.test:443\W+takes 1 of \d+ recorded "
                r"requests, in 1 session; 1 of them was not\W+allowed then: CONNECT "
                r"three\.ask\.test:443")
    SCREEN.wait(r"C-\\ n +deny net:\* three\.ask\.test:443\W+takes 1 of \d+ recorded "
                r"requests, in 1 session; all of them\W+were denied")
    SCREEN.prefix("y")
    SCREEN.wait(r"G got-502;")
    assert answers().split("\n")[1].startswith("allow net:CONNECT three.ask.test:443  #")


def test_host():
    """an answer for the host lets go what else waits there, and what comes later"""
    run(("web.get/a", "P"), ("web.get/b", "Q"), ("web.get/c?d", "R"))
    SCREEN.wait(r"\[!\] 3 wait")
    review()
    SCREEN.keys(">")
    SCREEN.wait(r"once is exactly this")
    draft("2", r"THIS SESSION \| exact")
    SCREEN.wait(r"C-\\ y +allow net:GET https://web\.get\.test/\w ")
    SCREEN.wait(r"< > \[exact\]  host  with any query and body")
    draft(">", r"THIS SESSION \| host")
    SCREEN.wait(r"C-\\ y +allow net:GET,HEAD https://web\.get\.test/\*\* ")
    SCREEN.prefix("y")
    for name in "PQR":
        SCREEN.wait(name + r" got-200-502;")
    assert sorted(q["by"] for q in questions()[-3:]) == ["answer", "answer", "human"]
    SCREEN.wait(r"AGENT")
    before = len(questions())
    run(("web.get/later", "S"))
    SCREEN.wait(r"S got-200-502;")
    assert len(questions()) == before


def test_high():
    """a high risk can hold longer, for exactly this and with the two letters"""
    run(("four.ask", "H"))
    SCREEN.wait(r"\[!\] 1 wait")
    review()
    draft("2", r"THIS SESSION \| host:port")
    SCREEN.prefix("y")
    code = SCREEN.wait(r"type: (\w)(\w)")
    SCREEN.keys(code.group(1))
    SCREEN.wait(r"1 of 2")
    SCREEN.keys(code.group(2))
    SCREEN.wait(r"H got-502;")
    run(("four.ask", "I"))
    SCREEN.wait(r"I got-502;")


def test_by_hand():
    """a broken answers.rules allows nothing, and the question says where it is broken"""
    good = answers()
    with open(ANSWERS, "a", encoding="utf-8") as f:
        f.write("alow net:GET https://x.ask.test/\n")
    run(("three.ask", "J"))
    SCREEN.wait(r"\[!\] 1 wait")
    run(("two.ask", "K"))
    SCREEN.wait(r"K got-200-403;")  # what it denied stays denied
    review()
    SCREEN.wait(r"answers\.rules:3")
    with open(ANSWERS, "w", encoding="utf-8") as f:
        f.write(good)
    SCREEN.prefix("y")
    SCREEN.wait(r"J got-502;")
    before = len(questions())
    run(("three.ask", "L"))
    SCREEN.wait(r"L got-502;")
    assert len(questions()) == before


def test_restart():
    """after a restart always and never hold, the session's answers do not"""
    SCREEN.close()
    start()
    before = len(questions())
    run(("three.ask", "M"))
    SCREEN.wait(r"M got-502;")
    run(("two.ask", "N"))
    SCREEN.wait(r"N got-200-403;")
    assert len(questions()) == before
    run(("one.ask", "O"))
    SCREEN.wait(r"\[!\] 1 wait")


def rules(*args, status=0):
    done = subprocess.run([PROGRAM, "rules", *args], env=HOME.env(), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=60, check=False)
    assert done.returncode == status, (args, done.returncode, done.stdout, done.stderr)
    return done


def listed():
    return [(r["id"], r["scope"], r["rule"].split("  #")[0])
            for r in json.loads(rules("--json").stdout)]


def test_rules():
    """answers that hold are listed with where they are, by the command and on the screen"""
    # Those of the first session, which runs on.
    old = [r[0] for r in listed() if r[1] != "always"]
    assert len(old) >= 2, listed()
    rules("rm", *old)
    rules("rm", old[0], status=3)
    review()
    draft("2", r"THIS SESSION \| host:port")
    SCREEN.prefix("y")
    SCREEN.wait(r"O got-502;")
    number = HOME.rows("select number from escalation order by id desc limit 1")[0]["number"]
    wait_until("the answer holds", lambda: len(listed()) == 3)
    assert listed() == [
        (str(number), "this session", "allow net:CONNECT one.ask.test:443"),
        ("answers.rules:1", "always", "deny net:* two.ask.test:443"),
        ("answers.rules:2", "always", "allow net:CONNECT three.ask.test:443")], listed()
    assert "answers.rules:2" in rules().stdout
    SCREEN.prefix("R")
    SCREEN.wait(rf"RULES(.|\n)*#{number} +work +this session +allow net:CONNECT one\.ask"
                r"(.|\n)*answers\.rules:1 +always +deny net:\* two\.ask(.|\n)*answers\.rules:2")


def test_revoke_on_the_screen():
    """x, twice on the same row, takes an answer back: recorded, and the question comes again"""
    SCREEN.keys("x")
    SCREEN.wait(r"take it back\? x again")
    SCREEN.keys("j")
    SCREEN.keys("k")
    SCREEN.keys("j")
    SCREEN.keys("x")
    SCREEN.wait(r"take it back\? x again")
    assert len(listed()) == 3
    SCREEN.keys("k")
    SCREEN.keys("x")
    SCREEN.keys("x")
    SCREEN.wait(r"the answer to #\d+ was taken back")
    assert [r[0] for r in listed()] == ["answers.rules:1", "answers.rules:2"]
    SCREEN.wait_gone(r"this session +allow")
    row = HOME.rows("select * from revocation order by id desc limit 1")[0]
    assert row["rule"] == "allow net:CONNECT one.ask.test:443", dict(row)
    assert row["scope"] == "this session" and row["session"] and row["at_ms"] > 0, dict(row)
    SCREEN.keys("Escape")
    SCREEN.wait(r"  AGENT")
    run(("one.ask", "U"))
    SCREEN.wait(r"\[!\] 1 wait")
    review()
    SCREEN.prefix("n")
    SCREEN.wait(r"U got-403;")


def test_revoke_lines():
    """rules rm takes lines out of the file, the others stay as they are"""
    third = "allow net:GET https://web.get.test/z  # by hand\n"
    with open(ANSWERS, "a", encoding="utf-8") as f:
        f.write("# a note\n" + third)
    lines = answers().splitlines(keepends=True)
    rules("rm", "answers.rules:9", status=3)
    rules("rm", "answers.rules:3", status=3)  # a comment is no answer
    rules("rm", "answers.rules:1", "answers.rules:1", status=2)
    rules("rm", status=2)
    rules("--what", status=2)
    assert answers() == "".join(lines)
    done = rules("rm", "answers.rules:1", "answers.rules:2")
    assert "taken back: deny net:* two.ask.test:443" in done.stderr, done.stderr
    assert answers() == "# a note\n" + third, answers()
    assert stat.S_IMODE(os.stat(ANSWERS).st_mode) == 0o600
    rows = HOME.rows('select rule, scope, "where" as at from revocation order by id desc limit 2')
    assert sorted(r["at"] for r in rows) == ["answers.rules:1", "answers.rules:2"], rows
    assert {r["scope"] for r in rows} == {"always"}
    run(("two.ask", "V"))
    SCREEN.wait(r"\[!\] 1 wait")
    review()
    SCREEN.prefix("n")
    SCREEN.wait(r"V got-403;")


def test_revoke_through_no_link():
    """a link in the place of the file is not followed"""
    aside = os.path.join(HOME.top, "aside")
    os.rename(ANSWERS, aside)
    os.symlink(aside, ANSWERS)
    with open(aside, encoding="utf-8") as f:
        before = f.read()
    assert "answers.rules" in rules("rm", "answers.rules:2", status=1).stderr
    with open(aside, encoding="utf-8") as f:
        assert f.read() == before
    assert os.path.islink(ANSWERS)


try:
    start()
    main(test_folded, test_draft_is_harmless, test_draft_needs_room, test_session, test_never,
         test_always, test_host, test_high, test_by_hand, test_restart, test_rules,
         test_revoke_on_the_screen, test_revoke_lines, test_revoke_through_no_link)
finally:
    SCREEN.close()
    HOME.remove()
