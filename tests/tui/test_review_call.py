#!/usr/bin/env python3
"""Tool calls in the review: what is shown, what decides, and what becomes of it."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Failed, Home, Screen, main, skip, wait_until  # noqa: E402

if not shutil.which("bwrap"):
    skip("bubblewrap is not installed")
if not os.path.exists("/usr/bin/python3"):
    skip("no /usr/bin/python3, which the box would see")

HOME = Home()
SERVER = os.path.join(HOME.top, "server.py")
with open(SERVER, "w", encoding="utf-8") as server:
    server.write(r"""
import json, sys
def tool(name):
    return {"name": name, "inputSchema": {"type": "object"}}
for line in sys.stdin:
    m = json.loads(line)
    if "id" not in m:
        continue
    if m["method"] == "initialize":
        result = {"protocolVersion": m["params"]["protocolVersion"], "capabilities": {"tools": {}},
                  "serverInfo": {"name": "files", "version": "1"}}
    elif m["method"] == "tools/list":
        result = {"tools": [tool("write"), tool("delete"), tool("run")]}
    elif m["method"] == "tools/call":
        a = m["params"]["arguments"]
        if m["params"]["name"] == "write":
            with open(a["path"], "w") as f:
                f.write(a["content"])
        result = {"content": [{"type": "text", "text": "done " + m["params"]["name"]}]}
    else:
        result = {}
    print(json.dumps({"jsonrpc": "2.0", "id": m["id"], "result": result}), flush=True)
""")
# Calls a tool as an agent does, and prints what it is told.
with open(os.path.join(HOME.workspace, "call"), "w", encoding="utf-8") as client:
    client.write(r"""import json, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["IRONCURTAIN_MCP"])
f = s.makefile("rw")
def ask(number, method, params):
    f.write(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}) + "\n")
    f.flush()
    for line in f:
        m = json.loads(line)
        if m.get("id") == number:
            return m
ask(1, "initialize", {"protocolVersion": "2025-06-18", "capabilities": {},
                      "clientInfo": {"name": "t", "version": "1"}})
f.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
with open(sys.argv[2]) as arguments:
    answer = ask(2, "tools/call", {"name": sys.argv[1], "arguments": json.load(arguments)})
text = answer.get("result", answer)["content"][0]["text"]
print(f"{sys.argv[3]} told: {text};", flush=True)
""")
# Calls a tool so often at once, and prints how many answers came.
with open(os.path.join(HOME.workspace, "flood"), "w", encoding="utf-8") as client:
    client.write(open(os.path.join(HOME.workspace, "call"), encoding="utf-8").read().split(
        "with open(sys.argv[2])")[0] + r"""
count = int(sys.argv[1])
for i in range(count):
    f.write(json.dumps({"jsonrpc": "2.0", "id": 10 + i, "method": "tools/call", "params": {
        "name": "files__write", "arguments": {"path": f"f{i}.txt", "content": "x"}}}) + "\n")
f.flush()
got = [json.loads(f.readline()) for _ in range(count)]
print(f"flood told: {sum('Denied' in str(m) for m in got)};", flush=True)
""")
CONFIG = Home.UNLIMITED + json.dumps({"mcp": {"servers": {"files": {
    "command": [sys.executable, SERVER]}}}})[1:-1].replace('"mcp": ', "mcp: ") + "\n"
HOME.config(CONFIG)
with open(os.path.join(HOME.path, "policy.rules"), "w", encoding="utf-8") as rules:
    rules.write('ask files/write because "files change"\nask files/run timeout 3s\nask */*\n')
with open(os.path.join(HOME.workspace, "a.txt"), "w", encoding="utf-8") as text:
    text.write("one\ntwo\nthree\n")

# An editor with an argument; it says what it was given, and exchanges a word.
EDITOR = os.path.join(HOME.top, "editor")
with open(EDITOR, "w", encoding="utf-8") as editor:
    editor.write(f"""#!{sys.executable}
import os, stat, sys, termios
flag, path = sys.argv[1:]
with open(path) as f:
    text = f.read()
with open({HOME.top!r} + "/edited", "w") as f:
    f.write(f"{{flag}} {{stat.S_IMODE(os.stat(path).st_mode):o}} {{os.isatty(0)}} "
            f"{{bool(termios.tcgetattr(0)[3] & termios.ICANON)}} "
            f"{{os.environ.get('SECRET_API_KEY')}}")
with open(path, "w") as f:
    f.write(text.replace("original", "outside"))
""")
os.chmod(EDITOR, 0o755)
SCREEN = Screen([PROGRAM, "new", HOME.workspace, "-a", "shell", "--runtime", "bwrap", "--",
                 "bash", "--norc", "--noprofile", "+m"],
                HOME.env(EDITOR=EDITOR + "  --quick", VISUAL="", SECRET_API_KEY="k"), 120, 36)
READY = r"DRAFT .*ready"
COUNT = 0


def call(tool, arguments):
    """Call a tool from the box; returns the name under which its answer is printed."""
    global COUNT
    COUNT += 1
    with open(os.path.join(HOME.workspace, f"arguments{COUNT}"), "w", encoding="utf-8") as f:
        json.dump(arguments, f)
    SCREEN.type(f"clear; python3 call files__{tool} arguments{COUNT} c{COUNT} &")
    SCREEN.keys("Enter")
    return f"c{COUNT}"


def waits(n=1):
    SCREEN.wait(rf"\[!\] {n} wait", 40)


def states():
    return [r["state"] for r in HOME.rows("select state from escalation order by id")]


def content():
    with open(os.path.join(HOME.workspace, "a.txt"), encoding="utf-8") as f:
        return f.read()


def review(ready=READY):
    SCREEN.prefix("e")
    SCREEN.wait(r"MCP call")
    SCREEN.wait(ready)


def write(path, text):
    return call("write", {"path": path, "content": text})


def test_start():
    """a shell in a box, with a server of the user's"""
    SCREEN.wait(r"bash-[\d.]+[$#]", 40)
    SCREEN.type("PS1='READY> '; clear")
    SCREEN.keys("Enter")
    SCREEN.wait(r"(?m)^READY> *(\W|$)")


def test_write():
    """a write shows its difference, is approved by keystrokes, and lands on disk"""
    name = write("/workspace/a.txt", "one\n2\nthree\nfo\u200bur")
    waits()
    SCREEN.prefix("e")
    SCREEN.wait(r"tool files/write, 2 arguments")
    SCREEN.wait(r"path +/workspace/a\.txt")
    SCREEN.wait(r"2 - two\W+2 \+ 2\W+3   three\W+4 \+ fo<U\+200B>ur")
    SCREEN.wait(r"no newline at the end")
    SCREEN.wait(r"HIGH\W+! holds invisible characters")
    assert content() == "one\ntwo\nthree\n"
    SCREEN.wait(READY)
    SCREEN.prefix("y")
    code = SCREEN.wait(r"type: (\w)(\w)")
    assert content() == "one\ntwo\nthree\n"
    SCREEN.type(code.group(1))
    SCREEN.type(code.group(2))
    SCREEN.wait(r"approved in a second")
    SCREEN.prefix("u")
    SCREEN.wait(r"taken back, it waits")
    review()
    SCREEN.prefix("y")
    code = SCREEN.wait(r"type: (\w)(\w)")
    assert content() == "one\ntwo\nthree\n" and states() == ["waiting"], states()
    SCREEN.type(code.group(1))
    SCREEN.type(code.group(2))
    SCREEN.wait(rf"{name} told: done write")
    assert content() == "one\n2\nthree\nfo\u200bur", content()


def test_json():
    """v shows the arguments as received, from where nothing can be approved"""
    name = write("a.txt", "new\n")
    waits()
    review()
    assert "for the first time" not in SCREEN.text()
    SCREEN.keys("v")
    SCREEN.wait(r'\{"path": "a\.txt", "content": "new\\n"\}')
    SCREEN.wait(r"scroll to the end of WHAT")
    SCREEN.prefix("y")
    SCREEN.wait(r"not all of WHAT")
    SCREEN.keys("v")
    SCREEN.wait(READY)
    SCREEN.prefix("y")
    SCREEN.wait(rf"{name} told: done write")
    assert content() == "new\n"


def edit_open(text):
    review()
    SCREEN.keys("e")
    SCREEN.wait(r"EDIT  Enter done")
    SCREEN.wait(text)


def approve(code=False):
    SCREEN.wait(READY)
    SCREEN.prefix("y")
    if code:
        letters = SCREEN.wait(r"type: (\w)(\w)")
        SCREEN.type(letters.group(1))
        SCREEN.type(letters.group(2))


def last(columns):
    return HOME.rows(f"select {columns} from escalation order by id desc limit 1")[0]


def test_edit():
    """edited arguments are read as edited, are what is sent, and both forms are kept"""
    name = write("a.txt", "one\ntwo\n")
    waits()
    edit_open(r'\{\W+"path": "a\.txt",\W+"content": "one\\ntwo\\n"\W+\}')
    for key in ("Down", "Down", "End", "Left", "Left", "Left", "C-w"):
        SCREEN.keys(key)
    SCREEN.type('"2')
    SCREEN.prefix("y")
    SCREEN.wait(r"arguments are not finished")
    assert states()[-1] == "waiting"
    SCREEN.keys("Enter")
    SCREEN.wait(r"EDITED +by you; the agent asked for:")
    SCREEN.wait(r'-   "content": "one\\ntwo\\n"\W+\+   "content": "2\\n"')
    SCREEN.wait(r"DRAFT +approve \| ONCE \| as edited")
    SCREEN.keys("3")
    SCREEN.wait(r"an edited call is approved once")
    approve()
    SCREEN.wait(rf"(?s){name} told: The user changed the arguments of this call before it ran.*2.n")
    assert content() == "2\n", content()
    row = last("detail, digest, edited, edited_digest, state, answer, by")
    assert "one" in row["detail"] and '"content":"2\\n"' in row["edited"], dict(row)
    assert row["state"] == "approved" and row["answer"] == "once, edited", dict(row)
    assert len(row["edited_digest"]) == 64 and row["edited_digest"] != row["digest"]
    sql = "select arguments from request where result='ok' order by id desc limit 1"
    wait_until("the row tells what ran", lambda: HOME.rows(sql)[0]["arguments"] ==
               '{"path":"a.txt","content":"2\\n"}')


def test_edit_judged():
    """rules judge what was edited: what they forbid is not taken, and new danger is HIGH"""
    name = write("a.txt", "x\n")
    waits()
    edit_open(r'"path": "a\.txt"')
    for key in ("Down", "End", "BSpace", "Enter"):
        SCREEN.keys(key)
    SCREEN.wait(r"not taken: line 3: ")
    SCREEN.keys("C-u")
    guarded = os.path.join(HOME.path, "policy.rules")
    SCREEN.type(f'"path": "{guarded}",')
    SCREEN.keys("Enter")
    SCREEN.wait(r"not taken: the rules forbid it so")
    SCREEN.keys("C-u")
    SCREEN.type('"path": ".git/hooks/pre-push",')
    SCREEN.keys("Enter")
    SCREEN.wait(r"HIGH\W+! runs by itself later")
    SCREEN.wait(READY)
    SCREEN.prefix("y")
    SCREEN.wait(r"type: (\w)(\w)")
    SCREEN.keys("Escape")
    SCREEN.wait_gone(r"type: ")
    SCREEN.keys("e")
    SCREEN.wait(r"EDIT  Enter done")
    for key in ("Down", "C-k"):
        SCREEN.keys(key)
    SCREEN.type('"path": "a.txt",')
    SCREEN.keys("Enter")
    SCREEN.wait(r"as they were asked for")
    SCREEN.wait_gone(r"EDITED")
    SCREEN.wait_gone(r"HIGH")
    approve()
    SCREEN.wait(rf"{name} told: done write")
    assert content() == "x\n" and last("edited")["edited"] == ""


def test_edit_denied():
    """an edit that is not approved is none: the denial is of what was asked"""
    name = write("a.txt", "y\n")
    waits()
    edit_open(r'"content": "y')
    SCREEN.keys("Down")
    SCREEN.keys("C-k")
    SCREEN.type('"path": "b.txt",')
    SCREEN.keys("Enter")
    SCREEN.wait(r"EDITED")
    SCREEN.wait(READY)
    SCREEN.prefix("n")
    SCREEN.wait(rf"{name} told: Denied by ironcurtain")
    assert content() == "x\n" and last("edited")["edited"] == ""


def test_editor():
    """C-g gives the terminal to $EDITOR, on a file of the user's alone, and takes it back"""
    name = write("a.txt", "original\n")
    waits()
    edit_open(r'"content": "original')
    SCREEN.keys("C-g")
    SCREEN.wait(r'\+   "content": "outside\\n"')
    with open(os.path.join(HOME.top, "edited"), encoding="utf-8") as f:
        assert f.read() == "--quick 600 True True None"
    assert not [n for n in os.listdir(HOME.path) if n.startswith("edit-")]
    approve()
    SCREEN.wait(rf"(?s){name} told: The user changed")
    assert content() == "outside\n"


def test_changed():
    """a file that changes under the review is shown anew, and arms anew"""
    name = write("a.txt", "mine\n")
    waits()
    review()
    with open(os.path.join(HOME.workspace, "a.txt"), "w", encoding="utf-8") as f:
        f.write("theirs\n")
    SCREEN.wait(r"1 - theirs\W+1 \+ mine")
    SCREEN.wait(r"the file was changed after the question came")
    SCREEN.wait(READY)
    SCREEN.prefix("n")
    SCREEN.wait(rf"{name} told: Denied by ironcurtain")
    assert content() == "theirs\n"


def test_message():
    """a message is written with the keys of readline, and reaches the agent with the denial"""
    name = write("a.txt", "x\n")
    waits()
    review()
    SCREEN.keys("m")
    SCREEN.wait(r"SAY +\|")
    SCREEN.type("use the the other file yn12")
    for key in ("C-w", "C-a", "M-f", "M-f", "C-k", "C-y", "C-e", "BSpace"):
        SCREEN.keys(key)
    SCREEN.prefix("n")
    SCREEN.wait(r"message is not finished")
    assert states()[-1] == "waiting", states()
    SCREEN.wait(r"SAY +use the the other file\|")
    SCREEN.keys("Enter")
    SCREEN.wait(r"SAY +use the the other file\W*\n")
    SCREEN.wait(READY)
    SCREEN.prefix("n")
    SCREEN.wait(rf"(?s){name} told: Denied by ironcurtain.*use the the other\s+file")


def test_seen_whole():
    """a long write is approved only when its end was on the screen"""
    name = write("long.txt", "".join(f"line {i}\n" for i in range(120)))
    waits()
    review("scroll to the end of WHAT")
    SCREEN.prefix("y")
    SCREEN.wait(r"not all of WHAT")
    SCREEN.keys("End")
    SCREEN.wait(r"lines \d+-(\d+) of \1")
    SCREEN.prefix("y")
    SCREEN.wait(r"not all of WHAT")
    SCREEN.keys("Home")
    for _ in range(8):
        SCREEN.keys("PageDown")
    SCREEN.wait(READY)
    SCREEN.prefix("y")
    SCREEN.wait(rf"{name} told: done write")


def test_outside():
    """a write out of the workspace is HIGH, and what is there is not shown"""
    secret = os.path.join(HOME.top, "secret")
    with open(secret, "w", encoding="utf-8") as f:
        f.write("the secret\n")
    call("write", {"path": secret, "content": "x\n"})
    waits()
    review()
    SCREEN.wait(r"outside the workspace, not looked at")
    assert "the secret" not in SCREEN.text()
    SCREEN.wait(r"HIGH")
    SCREEN.prefix("n")
    SCREEN.wait(r"#\d+ denied")
    with open(secret, encoding="utf-8") as f:
        assert f.read() == "the secret\n"


def test_link_out():
    """a link in the workspace that leads out of it is HIGH as well"""
    os.symlink(HOME.top, os.path.join(HOME.workspace, "out"))
    call("write", {"path": "out/secret", "content": "x\n"})
    waits()
    review()
    SCREEN.wait(r"HIGH\W+! outside the workspace")
    SCREEN.wait(r"outside the workspace, not looked at")
    SCREEN.prefix("n")
    SCREEN.wait(r"#\d+ denied")


def test_command():
    """a command is shown in parts, and what runs out of time can be allowed late"""
    name = call("run", {"command": "make test && git push --force | tee log # now"})
    waits()
    SCREEN.wait(rf"{name} told: Denied by ironcurtain", 30)
    SCREEN.prefix("E")
    SCREEN.wait(r"EXPIRED(.|\n)*#\d+ .*files/run")
    SCREEN.keys("Enter")
    SCREEN.wait(r"RUNS +make test\W+&& git push --force\W+\|  tee log # now")
    SCREEN.wait(r"! rewrites history")
    SCREEN.wait(r"not in your words: .*--force")
    SCREEN.wait(READY)
    for key in ("Enter", "y", "g", "1"):
        SCREEN.keys(key)
    SCREEN.prefix("y")
    code = SCREEN.wait(r"type: (\w)(\w)")
    SCREEN.type(code.group(1))
    SCREEN.type(code.group(2))
    SCREEN.wait(r"EXPIRED(.|\n)*GRANT: once")
    SCREEN.keys("Escape")
    SCREEN.wait(r"AGENT")
    again = call("run", {"command": "make test && git push --force | tee log # now"})
    SCREEN.wait(rf"{again} told: done run", 30)


def test_marks():
    """alike requests are marked in WAITING and denied together, after one more question"""
    before = len(states())
    for i in range(3):
        write(f"m{i}.txt", "x\n")
        waits(i + 1)
    call("delete", {"path": "a.txt"})
    waits(4)
    SCREEN.prefix("Tab")
    SCREEN.wait(r"\[\*\] WAITING")
    SCREEN.keys("*")
    SCREEN.wait(r"3 marked")
    SCREEN.wait(r"(?s)(\[\*\]#.*){3}\[!\]#")
    SCREEN.prefix("y")
    SCREEN.wait(r"MCP call(.|\n)*REVIEW")
    assert states()[before:] == ["waiting"] * 4, states()
    SCREEN.keys("Escape")
    SCREEN.wait(r"  AGENT")
    SCREEN.prefix("Tab")
    SCREEN.prefix("n")
    SCREEN.wait(r"deny the 3 marked\?")
    SCREEN.keys("j")
    SCREEN.prefix("n")
    SCREEN.wait(r"deny the 3 marked\?")
    assert states()[before:] == ["waiting"] * 4, states()
    SCREEN.prefix("n")
    SCREEN.wait(r"3 denied")
    waits(1)
    wait_until("three rows", lambda: states()[before:] == ["denied"] * 3 + ["waiting"])
    SCREEN.keys("Escape")
    review()
    SCREEN.wait(r"! deletes(.|\n)*! for the first time in this session")
    SCREEN.prefix("n")
    SCREEN.wait(r"#\d+ denied")


def test_group():
    """alike requests are approved together when each that is ticked was seen to its end"""
    before = len(states())
    names = []
    for i in range(3):
        names.append(write(f"g{i}.txt", "".join(f"line {n}\n" for n in range(40 if i else 2))))
        waits(i + 1)
    call("delete", {"path": "a.txt"})
    waits(4)
    SCREEN.prefix("Tab")
    SCREEN.wait(r"\[\*\] WAITING")
    SCREEN.keys("g")
    SCREEN.wait(r"GROUP +>\[x\] #\d+ +is shown +files/write .*g0(.|\n)*unseen .*g1(.|\n)*"
                r"unseen .*g2")
    assert not re.search(r"unseen +files/delete", SCREEN.text())
    SCREEN.wait(r"approve \| ONCE \| the ticked +ready")
    SCREEN.prefix("y")
    SCREEN.wait(r"was not seen to its end yet")
    SCREEN.keys("J")
    SCREEN.wait(r"\[x\] #\d+ +seen +files/write .*g0(.|\n)*>\[x\] #\d+ +is shown .*g1")
    SCREEN.wait(r"scroll to the end of WHAT")
    SCREEN.keys("J")
    SCREEN.wait(r"unseen +files/write .*g1(.|\n)*>\[x\] #\d+ +is shown .*g2")
    SCREEN.keys("K")
    SCREEN.wait(r">\[x\] #\d+ +is shown .*g1")
    for _ in range(8):
        SCREEN.keys("PageDown")
    SCREEN.wait(r"the ticked +ready")
    SCREEN.prefix("y")
    SCREEN.wait(r"was not seen to its end yet")
    assert states()[before:] == ["waiting"] * 4, states()[before:]
    SCREEN.keys("J")
    SCREEN.wait(r"seen +files/write .*g1(.|\n)*>\[x\] #\d+ +is shown .*g2")
    SCREEN.keys("Space")
    SCREEN.wait(r">\[ \] #\d+ +is shown .*g2")
    SCREEN.wait(r"scroll to the end of WHAT")
    for _ in range(8):
        SCREEN.keys("PageDown")
    SCREEN.wait(r"the ticked +ready")
    with open(os.path.join(HOME.workspace, "g0.txt"), "w", encoding="utf-8") as f:
        f.write("theirs\n")  # behind our back: what was read is not what would be done
    SCREEN.prefix("y")
    SCREEN.wait(r"changes something else by now")
    SCREEN.wait(r">\[x\] #\d+ +is shown .*g0")
    SCREEN.wait(r"1 - theirs")
    SCREEN.wait(r"the ticked +ready")
    assert states()[before:] == ["waiting"] * 4, states()[before:]
    SCREEN.prefix("y")
    SCREEN.wait(r"2 approved")
    wait_until("two are approved", lambda: states()[before:] == ["approved"] * 2 + ["waiting"] * 2)
    wait_until("both are written", lambda: os.path.exists(os.path.join(HOME.workspace, "g1.txt")))
    assert not os.path.exists(os.path.join(HOME.workspace, "g2.txt"))
    for _ in range(2):
        review(r"ready|scroll to the end of WHAT")
        SCREEN.prefix("n")
        SCREEN.wait(r"#\d+ denied")
    wait_until("the others are denied", lambda: states()[before + 2:] == ["denied"] * 2)
    SCREEN.keys("Escape")
    SCREEN.wait(r"  AGENT")


def test_flood():
    """a flood of one session is one row and a word in its tab, and is denied together"""
    before = len(states())
    SCREEN.type("clear; python3 flood 12 &")
    SCREEN.keys("Enter")
    SCREEN.wait(r"1:work\*!12 HOLD")
    SCREEN.wait(r"FLOOD: 11 more of work")
    assert not re.search(r"#\d+ .*f5\.txt", SCREEN.text())
    SCREEN.prefix("Tab")
    SCREEN.wait(r"\[\*\] WAITING")
    SCREEN.keys("D")
    SCREEN.wait(r"12 marked")
    SCREEN.prefix("n")
    SCREEN.wait(r"deny the 12 marked\?")
    SCREEN.prefix("n")
    SCREEN.wait(r"12 denied")
    SCREEN.wait_gone(r"HOLD")
    wait_until("all are denied", lambda: states()[before:] == ["denied"] * 12)
    SCREEN.keys("Escape")
    SCREEN.wait(r"  AGENT")
    SCREEN.wait(r"flood told: 12;")


def test_expired_keys():
    """g opens what expired, where only C-\\ y allows it; x forgets it"""
    call("run", {"command": "true"})
    waits()
    SCREEN.wait_gone(r"\[!\] 1 wait", 30)
    SCREEN.prefix("E")
    SCREEN.wait(r"EXPIRED(.|\n)*#\d+ .*files/run")
    SCREEN.keys("g")
    SCREEN.wait(r"allow late \| ONCE")
    assert "GRANT" not in SCREEN.text()
    SCREEN.keys("Escape")
    SCREEN.wait(r"  AGENT")
    SCREEN.prefix("E")
    SCREEN.wait(r"EXPIRED(.|\n)*#\d+ .*files/run")
    for _ in range(4):
        SCREEN.keys("x")
    SCREEN.wait(r"nothing ran out of time")
    SCREEN.keys("Escape")
    SCREEN.wait(r"  AGENT")


def undecided():
    assert states()[-1] == "waiting", states()[-1]
    assert not os.path.exists(os.path.join(HOME.workspace, "rules.txt"))


def test_gate_opens_nothing():
    """a call that arrives opens nothing, and what is typed goes to the agent"""
    write("rules.txt", "x\n")
    waits()
    SCREEN.wait(r"  AGENT")
    SCREEN.type("echo y1n")
    SCREEN.keys("Enter")
    SCREEN.wait(r"\ny1n")
    SCREEN.prefix("y")
    SCREEN.wait(r"decide in a review only")
    undecided()


def test_gate_same_read():
    """keys of the read that opens the review are dropped; right after it is too early"""
    SCREEN.keys("C-\\", "e", "C-\\", "y", "C-\\", "n", "Escape")
    SCREEN.wait(r"MCP call(.|\n)*ready")
    undecided()
    SCREEN.keys("Escape")
    SCREEN.wait(r"  AGENT")
    SCREEN.prefix("e")
    SCREEN.wait(r"arming")
    SCREEN.prefix("y")
    SCREEN.wait(r"still arming|ready")
    SCREEN.wait(READY)
    undecided()


def test_gate_plain_keys():
    """no plain key decides; typing is noticed; a key that is none after the prefix is said"""
    for key in ("y", "Enter", "Space", "Y", "a", "n"):
        SCREEN.keys(key)
    SCREEN.wait(r"keys do not go to the agent here|typing in the wrong place")
    SCREEN.type("oops")
    SCREEN.wait(r"typing in the wrong place")
    SCREEN.prefix("Q")
    SCREEN.wait(r"no such key: C-\\ Q, nothing was sent")
    undecided()


def test_gate_paste():
    """a paste decides nothing, with brackets or without"""
    SCREEN.tmux("set-buffer", "\x1cy")
    SCREEN.tmux("paste-buffer", "-p")
    SCREEN.wait(r"a paste is refused here")
    SCREEN.keys("-H", *"61 62 63 1c 79".split())
    SCREEN.wait(r"nothing was decided")
    undecided()


def send(text):
    SCREEN.keys("-H", *(f"{b:02x}" for b in text.encode()))


def test_gate_repeat():
    """a key that repeats, and one that is let go of, are no second press"""
    SCREEN.wait(READY)
    send("\x1c")
    SCREEN.wait(r"PREFIX")
    send("\x1b[121;1:2u")  # y, repeated
    send("\x1b[121;1:3u")  # y, released
    SCREEN.wait(r"PREFIX")
    undecided()
    SCREEN.keys("Escape")
    SCREEN.wait_gone(r"PREFIX")
    SCREEN.wait(r"MCP call")
    undecided()


def test_gate_mouse_and_focus():
    """no click decides; the focus arms anew, and deny needs no arming"""
    for row in (4, 20, 34, 35):
        for col in (3, 30, 60):
            send(f"\x1b[<0;{col};{row}M")
            send(f"\x1b[<0;{col};{row}m")
    SCREEN.wait(r"MCP call(.|\n)*REVIEW")
    undecided()
    send("\x1b[I")
    SCREEN.prefix("y")
    SCREEN.wait(r"still arming")
    SCREEN.wait(READY)
    undecided()


def test_gate_tombstone():
    """what is decided elsewhere leaves a tombstone, where both keys are dead"""
    SCREEN.keys("Escape")
    SCREEN.wait(r"  AGENT")
    other = write("rules.txt", "y\n")
    waits(2)
    review()
    row = json.loads(subprocess.run([PROGRAM, "pending", "--json"], env=HOME.env(), check=True,
                                    stdout=subprocess.PIPE).stdout)[0]
    subprocess.run([PROGRAM, "deny", str(row["id"]), "--digest", row["digest"]], env=HOME.env(),
                   check=True, stdin=subprocess.DEVNULL)
    SCREEN.wait(r"denied by human while it was open here")
    for key in "yn":
        SCREEN.prefix(key)
        SCREEN.wait(r"does not wait any more")
    undecided()
    SCREEN.keys("Tab")
    SCREEN.wait(READY)
    SCREEN.prefix("n")
    SCREEN.wait(rf"{other} told: Denied by ironcurtain")


def test_hold():
    """C-\\ ! holds everything, in one key and back"""
    SCREEN.prefix("!")
    SCREEN.wait(r"AGENT +HOLD")
    SCREEN.prefix("!")
    SCREEN.wait_gone(r"AGENT +HOLD")


def test_random_bytes():
    """5,000 random bytes typed into the agent's pane while calls wait decide nothing"""
    write("b.txt", "b\n")
    waits()
    # An agent that takes whatever comes, so that no shell finds its history in the bytes.
    SCREEN.type("clear; python3 -c 'import os, tty; tty.setraw(0); print(\"raw\", \"here\"); "
                "[0 for _ in iter(lambda: os.read(0, 4096), b\"\")]'")
    SCREEN.keys("Enter")
    SCREEN.wait(r"raw here")
    wait_until("the question is in the record", lambda: states()[-1] == "waiting")
    before, chance = states(), random.Random(5)
    for _ in range(50):
        data = [b for b in (chance.randrange(256) for _ in range(100)) if b != 0x1c]
        # The commit keys too: outside of a review they are a reminder.
        data[chance.randrange(len(data)):0] = [0x1c, chance.choice(b"yn")]
        SCREEN.keys("-H", *(f"{b:02x}" for b in data))
    SCREEN.wait(r"\[!\] 1 wait")
    assert states() == before, states()
    assert not os.path.exists(os.path.join(HOME.workspace, "b.txt"))


def test_kill():
    """kill -9 of the server with a call waiting: it is not approved, then or later"""
    assert states()[-1] == "waiting"
    os.kill(HOME.server_pid(), signal.SIGKILL)
    SCREEN.exit_status()
    subprocess.run([PROGRAM, "new", HOME.workspace, "-a", "shell", "--runtime", "bwrap",
                    "--detach", "--", "true"], env=HOME.env(), check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_until("the question is closed", lambda: states()[-1] == "expired")
    assert not os.path.exists(os.path.join(HOME.workspace, "b.txt"))


try:
    main(test_start, test_write, test_json, test_edit, test_edit_judged, test_edit_denied,
         test_editor, test_changed, test_message, test_seen_whole,
         test_outside, test_link_out, test_command, test_marks, test_group,
         test_flood,
         test_expired_keys, test_gate_opens_nothing, test_gate_same_read, test_gate_plain_keys,
         test_gate_paste, test_gate_repeat, test_gate_mouse_and_focus, test_gate_tombstone,
         test_hold, test_random_bytes, test_kill)
finally:
    SCREEN.close()
    HOME.remove()
