#!/usr/bin/env python3
"""A program in a box that floods what the host offers it; the host stays whole and answers."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Failed, Home, main, skip  # noqa: E402

if not shutil.which("bwrap"):
    skip("bubblewrap is not installed")
if not os.path.exists("/usr/bin/python3"):
    skip("no /usr/bin/python3, which the box would see")

HEAD = r"""
import os, socket, sys, time
PROXY, MCP = "/run/ironcurtain/proxy.sock", "/run/ironcurtain/mcp.sock"
def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(path)
    return s
def ask(path, data):
    s = connect(path)
    s.sendall(data)
    return s.recv(4096)
def alive():
    assert b" 403 " in ask(PROXY, b"CONNECT localhost:8443 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b'"result":{}' in ask(MCP, b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    print("still alive")
"""


def run(script, home, descriptors=None):
    argv = [PROGRAM, "run", home.workspace, "--runtime", "bwrap", "--",
            "/usr/bin/python3", "-c", HEAD + script]
    if descriptors:
        argv = ["prlimit", f"--nofile={descriptors}:{descriptors}", *argv]
    result = subprocess.run(argv, env=home.env(), capture_output=True, check=False, timeout=120)
    if result.returncode != 0 or b"still alive" not in result.stdout:
        raise Failed(f"exit {result.returncode}\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}")
    return result


def with_home(test):
    def wrapped():
        home = Home()
        try:
            test(home)
        finally:
            home.remove()
    wrapped.__doc__ = test.__doc__
    return wrapped


@with_home
def tool_calls(home):
    """thousands of calls of tools that nobody has are answered, recorded, and do not flood the log"""
    result = run(r"""
call = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\u001b]0;x\u0007"}}' + b"\n"
s = connect(MCP)
answers = b""
for i in range(100):
    s.sendall(call * 50)
    while answers.count(b"\n") < (i + 1) * 50:
        answers += s.recv(1 << 20)
alive()
""", home)
    rows = home.rows("select count(*) as n from request where kind='mcp' and decision='deny'")
    if rows[0]["n"] != 5000:
        raise Failed(f"{rows} of 5000 calls are recorded")
    lines = home.log().count("\n")
    if lines > 40 or len(result.stderr) > 4000:
        raise Failed(f"{lines} lines in the log, {len(result.stderr)} bytes of notices")


@with_home
def hostile_json(home):
    """deep, huge, broken and endless JSON is refused"""
    run(r"""
for line in (b"[" * 200000, b'{"a":' * 100000, b"\xff\xfe", b"\0" * 5000, b'"' * 3,
             b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}'):
    assert b'"error"' in ask(MCP, line + b"\n"), line[:40]
s = connect(MCP)
try:
    for i in range(32):
        s.sendall(b'"' + b"x" * (1 << 20))
except OSError:
    pass
alive()
""", home)


@with_home
def connections(home):
    """more connections than the host has descriptors for are shed, and later ones served"""
    run(r"""
def open_many(path, first):
    kept = []
    for i in range(200):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(2)
        try:
            s.connect(path)
            s.sendall(first)
            kept.append(s)
        except OSError:
            pass
    return kept

# The limit is the box's as well, so several processes share the work.
pipes = []
for path, first in ((PROXY, b"CONNECT a.example.com:443 HT"), (MCP, b'{"jsonrpc":')) * 3:
    ready, go = os.pipe(), os.pipe()
    if os.fork() == 0:
        kept = open_many(path, first)
        os.write(ready[1], b"x")
        os.close(go[1])
        os.read(go[0], 1)
        os._exit(0)
    os.close(go[0])
    pipes.append((ready, go))
for ready, go in pipes:
    assert os.read(ready[0], 1) == b"x"
for ready, go in pipes:
    os.write(go[1], b"x")
for each in pipes:
    os.wait()
# The host may not have closed them all yet and still shed the next one: later ones are served.
deadline = time.monotonic() + 60
while True:
    try:
        alive()
        break
    except ConnectionResetError:
        if time.monotonic() > deadline:
            raise
""", home, descriptors=256)


@with_home
def questions(home):
    """where nobody can be asked, every request that would be asked is refused and has a row"""
    run(r"""
for i in range(300):
    answer = ask(PROXY, b"CONNECT h%d.example.com:8443 HTTP/1.1\r\nHost: h%d.example.com\r\n\r\n" % (i, i))
    assert b" 403 " in answer, answer
alive()
""", home)
    rows = home.rows("SELECT count(*) AS n FROM request WHERE host LIKE 'h%.example.com' "
                     "AND decision = 'deny' AND done = 1")
    if rows[0]["n"] != 300:
        raise Failed(f"{rows[0]['n']} rows for 300 requests")


@with_home
def escapes(home):
    """escape sequences of all sizes leave the host alive"""
    run(r"""
out = sys.stdout.buffer
for i in range(30):
    out.write(b"\x1b[9999;9999H\x1b[99999b\x1b[?3h\x1b[2147483647L\x1b[8;1;1t\x1bPq" + b"#" * 5000)
    out.write(b"\x1b]0;" + b"x" * 70000 + b"\x07\x1b]52;c;" + b"QUFB" * 5000 + b"\x07")
    out.write(("e" + "\u0301" * 500 + "\U0001f468\u200d" * 200).encode() + b"\x9b\x9d\x90\xff")
out.flush()
alive()
""", home)


@with_home
def own_socket(home):
    """a box that replaces its terminal's socket and fills the folder leaves nothing behind"""
    for last in ("os.symlink('/etc', 'pty.sock')", "os.mkfifo('pty.sock')",
                 "os.mkdir('pty.sock', 0)", "connect_back()"):
        run(r"""
os.chdir("/run/ironcurtain/guest")
def connect_back():
    s = socket.socket(socket.AF_UNIX)
    s.bind("pty.sock")
    s.listen()
os.unlink("pty.sock")
%s
os.symlink("/", "root")
os.mkdir("deep")
at = os.open("deep", os.O_RDONLY)
for i in range(300):
    os.mkdir("d", dir_fd=at)
    down = os.open("d", os.O_RDONLY, dir_fd=at)
    os.close(at)
    at = down
os.chmod("deep", 0)
alive()
""" % last, home)
        left = os.listdir(os.path.join(home.path, "run"))
        if left:
            raise Failed(f"after {last}: {left} is left")


main(tool_calls, hostile_json, connections, questions, escapes, own_socket)
