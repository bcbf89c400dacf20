#!/usr/bin/env python3
"""The queue from another terminal: pending, approve, deny, review."""
import json
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Home, Screen, main, skip, wait_until  # noqa: E402

if not shutil.which("bwrap"):
    skip("bubblewrap is not installed")
if not os.path.exists("/usr/bin/python3"):
    skip("no /usr/bin/python3, which the box would see")

# Asks for a host for each file ask.HOST in the workspace, and writes what it is told.
AGENT = r"""
import glob, os, socket, threading
def ask(name):
    host = name[4:] + ".test:443"
    s = socket.create_connection(("127.0.0.1", 18080))
    s.sendall(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    got = b""
    while more := s.recv(4096):
        got += more
    open("told." + name[4:] + ".new", "wb").write(got)
    os.rename("told." + name[4:] + ".new", "told." + name[4:])
os.chdir("/workspace")
with open("orders") as orders:
    for line in orders:
        threading.Thread(target=ask, args=(line.strip(),), daemon=True).start()
    threading.Event().wait()
"""

HOSTS = ["one", "two", "three", "four", "five", "six", "file1", "file2", "file3", "words1",
         "words2", "high1",
         "high2", "high3"]
HOME = Home()
# Nothing listens on port 9 of this machine: what is approved fails at once, and not with 403.
HOME.config(Home.UNLIMITED + "network:\n  resolve:\n" + "".join(
    f"    - {{host: {h}.test, port: 443, address: 127.0.0.1, to_port: 9}}\n" for h in HOSTS))
with open(os.path.join(HOME.path, "policy.rules"), "w", encoding="ascii") as f:
    f.write("ask net:CONNECT high1.test:443 risk high\n"
            "ask net:CONNECT high2.test:443 risk high\n"
            "ask net:CONNECT high3.test:443 risk high\n"
            "ask net:CONNECT *.test:443 because \"leaves this machine\"\n")
os.mkfifo(os.path.join(HOME.workspace, "orders"))
with open(os.path.join(HOME.workspace, "agent.py"), "w", encoding="ascii") as f:
    f.write(AGENT)
ORDERS = []
signal.alarm(240)  # a test that hangs ends here


def run(*args, status=0, **env):
    done = subprocess.run([PROGRAM, *args], env=HOME.env(**env), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=30, check=False)
    assert done.returncode == status, (args, done.returncode, done.stdout, done.stderr)
    return done


def pending():
    return json.loads(run("pending", "--json").stdout)


def waiting(host):
    found = [r for r in pending() if r["subject"] == f"CONNECT {host}.test:443"]
    return found[0] if found else None


def ask(host):
    """the agent asks; the row that waits"""
    ORDERS[0].write(f"ask.{host}\n")
    ORDERS[0].flush()
    wait_until(f"{host} waits", lambda: waiting(host))
    return waiting(host)


def told(host):
    path = os.path.join(HOME.workspace, "told." + host)
    wait_until(f"the agent is told about {host}", lambda: os.path.exists(path))
    with open(path, encoding="utf-8") as f:
        return f.read()


def state(row):
    return HOME.rows("select state from escalation where id=?", row["id"])[0]["state"]


def test_nothing_waits():
    """without a server, a session or a question there is nothing, and that is no error"""
    assert pending() == []
    run("pending", "--exit-code")
    assert "no request" in run("deny", "1", "--digest", "x", status=3).stderr
    run("new", HOME.workspace, "-a", "shell", "-n", "pay", "--runtime", "bwrap", "--detach", "--",
        "/usr/bin/python3", "/workspace/agent.py")
    ORDERS.append(open(os.path.join(HOME.workspace, "orders"), "w", encoding="ascii"))
    assert pending() == []


def test_pending():
    """what waits is listed with all that a decision needs"""
    row = ask("one")
    assert row["label"] == "pay" and row["risk"] == "med" and len(row["digest"]) == 64, row
    assert "host: one.test" in row["detail"], row
    assert "CONNECT one.test:443" in run("pending").stdout
    run("pending", "--exit-code", status=8)


def test_script_needs_the_digest():
    """without a terminal the digest of what was shown is asked for, and compared"""
    row = waiting("one")
    assert "--digest" in run("approve", str(row["number"]), status=2).stderr
    run("approve", str(row["id"]), "--digest", "0" * 64, status=7)
    assert "inside of a box" in run("approve", "1", "--digest", row["digest"], status=5,
                                    IRONCURTAIN_SESSION="x").stderr
    assert state(row) == "waiting"


def test_deny_with_a_message():
    """a refusal reaches the agent with its words"""
    row = waiting("one")
    run("deny", f"#{row['number']}", "--digest", row["digest"], "-m", "not that host")
    text = told("one")
    assert text.startswith("HTTP/1.1 403 ") and "not that host" in text, text
    assert state(row) == "denied"


def test_script_cannot_approve_high_risk():
    """what is of high risk is for a person; to deny it is not"""
    row = ask("high1")
    assert "high risk" in run("approve", str(row["id"]), "--digest", row["digest"],
                              status=5).stderr
    assert state(row) == "waiting"
    run("deny", str(row["id"]), "--digest", row["digest"])
    told("high1")


def test_approve_by_script_for_the_session():
    """an answer that holds shows its rule, and answers the next one too"""
    row = ask("two")
    out = run("approve", str(row["id"]), "--digest", row["digest"], "--scope", "session")
    assert "RULE   allow net:CONNECT two.test:443" in out.stdout, out.stdout
    assert told("two").startswith("HTTP/1.1 502 ")
    answer = HOME.rows("select answer from escalation where id=?", row["id"])[0]["answer"]
    assert answer == "this session: allow net:CONNECT two.test:443", answer


def test_approve_by_a_person():
    """a person sees it whole and copies two letters; others, and typing ahead, approve nothing"""
    row = ask("high2")
    for letters in ("y", "zz"):
        screen = Screen([PROGRAM, "approve", str(row["id"])], HOME.env(), 100, 30)
        screen.wait("type [a-z]{2} to approve")
        screen.type(letters)
        screen.keys("Enter")
        screen.wait("SHELL-IS-BACK")
        assert "not approved" in screen.errors(), screen.errors()
        screen.close()
    assert state(row) == "waiting"
    screen = Screen([PROGRAM, "approve", str(row["id"])], HOME.env(), 100, 30)
    text = screen.wait("type ([a-z]{2}) to approve")
    assert "host: high2.test" in screen.text() and "RISK   high" in screen.text()
    screen.type(text.group(1))
    screen.keys("Enter")
    screen.wait("SHELL-IS-BACK")
    screen.close()
    told("high2")
    assert state(row) == "approved"


def test_review():
    """review goes through all that wait: one denied with words, one left, one approved"""
    rows = [ask(name) for name in ("three", "four", "five")]
    screen = Screen([PROGRAM, "review"], HOME.env(), 100, 40)
    screen.wait("1 of 3")
    screen.wait("Enter leaves it")
    screen.type("n too far")
    screen.keys("Enter")
    screen.wait("2 of 3")
    screen.wait(r"(?s)2 of 3.*Enter leaves it")
    screen.keys("Enter")
    found = screen.wait(r"(?s)3 of 3.*\n([a-z]{2}) approves, n denies")
    screen.type(found.group(1))
    screen.keys("Enter")
    wait_until("two are decided", lambda: len(pending()) == 1)
    screen.close()
    assert [state(r) for r in rows] == ["denied", "waiting", "approved"]
    assert "too far" in told("three")


def files(row):
    """where the request is, and where its response goes"""
    folder = os.path.join(HOME.path, "sessions", row["session"], "escalations")
    return [os.path.join(folder, f"{kind}-{row['id']}.json") for kind in ("request", "response")]


def respond(row, text):
    path = files(row)[1]
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text if isinstance(text, str) else json.dumps(text))
    os.rename(path + ".new", path)


def request(row):
    wait_until("the request's file", lambda: os.path.exists(files(row)[0]))
    with open(files(row)[0], encoding="utf-8") as f:
        return json.load(f)


def gone(row):
    wait_until("the files go", lambda: not any(os.path.exists(p) for p in files(row)))


def test_files():
    """a request is a file while it waits, and a response with its digest answers it"""
    row = ask("file1")
    seen = request(row)
    assert seen["escalationId"] == str(row["id"]) and seen["digest"] == row["digest"], seen
    assert seen["serverName"] == "net" and seen["toolName"] == "CONNECT", seen
    assert seen["whitelistCandidates"][0]["description"].startswith("allow net:CONNECT"), seen
    assert os.stat(files(row)[0]).st_mode & 0o777 == 0o600
    respond(row, {"decision": "approved", "digest": "0" * 64})
    respond(row, {"decision": "approved", "digest": row["digest"], "whitelistSelection": 0})
    assert told("file1").startswith("HTTP/1.1 502 ")
    gone(row)
    answer = HOME.rows("select answer from escalation where id=?", row["id"])[0]["answer"]
    assert answer == "this session: allow net:CONNECT file1.test:443", answer


def test_files_that_cannot_be_read_deny():
    """half a response is a denial, and so is a link"""
    row = ask("file2")
    request(row)
    respond(row, '{"decision":"approved","digest":')
    assert told("file2").startswith("HTTP/1.1 403 ")
    gone(row)
    row = ask("file3")
    request(row)
    with open(os.path.join(HOME.top, "elsewhere"), "w", encoding="utf-8") as f:
        json.dump({"decision": "approved", "digest": row["digest"]}, f)
    os.symlink(os.path.join(HOME.top, "elsewhere"), files(row)[1])
    assert told("file3").startswith("HTTP/1.1 403 ")
    gone(row)


def test_files_and_high_risk():
    """a file denies what is of high risk, and does not approve it"""
    row = ask("high3")
    assert request(row)["risk"] == "high"
    respond(row, {"decision": "approved", "digest": row["digest"]})
    wait_until("it is refused", lambda: "high risk is approved by a person" in HOME.log())
    assert state(row) == "waiting"
    respond(row, {"decision": "denied", "digest": row["digest"], "message": "by a file"})
    assert "by a file" in told("high3")


def test_user_context():
    """when something is asked for, the user's last words are in a file; typing writes none"""
    path = os.path.join(HOME.path, "sessions", waiting("four")["session"], "user-context.json")
    screen = Screen([PROGRAM, "attach"], HOME.env(), 100, 30)
    screen.wait("AGENT")
    screen.type("fetch the words")
    screen.keys("Enter")
    screen.wait("fetch the words")
    wait_until("the words are in the record",
               lambda: HOME.rows("select text from words where text like 'fetch the words%'"))
    assert not os.path.exists(path)
    ask("words1")
    wait_until("the words are there", lambda: os.path.exists(path))
    with open(path, encoding="utf-8") as f:
        context = json.load(f)
    assert context["userMessage"] == "fetch the words", context
    assert context["source"] == "typed" and context["confidence"] == "exact", context
    before = os.stat(path)
    ask("words2")  # nothing new was said
    assert os.stat(path).st_ino == before.st_ino and before.st_mode & 0o777 == 0o600
    for name in ("words1", "words2"):
        row = waiting(name)
        run("deny", str(row["id"]), "--digest", row["digest"])
    screen.prefix("d")
    screen.wait("SHELL-IS-BACK")
    screen.close()


def test_watch():
    """pending --watch tells each change"""
    watch = subprocess.Popen([PROGRAM, "pending", "--watch", "--jsonl"], env=HOME.env(),
                             stdout=subprocess.PIPE, text=True)
    assert "four.test" in watch.stdout.readline()
    row = ask("six")
    run("deny", str(row["id"]), "--digest", row["digest"])
    seen = ""
    while "six.test" not in seen:
        seen = watch.stdout.readline()
        assert seen, "the watch ended"
    run("kill-server")
    watch.stdout.read()
    assert watch.wait(20) == 0
    assert pending() == []


try:
    main(test_nothing_waits, test_pending, test_script_needs_the_digest, test_deny_with_a_message,
         test_script_cannot_approve_high_risk, test_approve_by_script_for_the_session,
         test_approve_by_a_person, test_review, test_files, test_files_that_cannot_be_read_deny,
         test_files_and_high_risk, test_user_context, test_watch)
finally:
    HOME.remove()
