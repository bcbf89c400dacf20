#!/usr/bin/env python3
"""A running proxy takes changed rules by itself; wrong ones leave it as it was and say why."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

PROGRAM = os.path.join(os.environ["IC_BUILD"], "ironcurtain")
if not os.path.exists(PROGRAM):
    print("skipped: no ironcurtain in $IC_BUILD")
    sys.exit(77)
HOME = tempfile.TemporaryDirectory(prefix="ic-reload-")
RULES = os.path.join(HOME.name, "policy.rules")
LOG = os.path.join(HOME.name, "server.log")
SOCKET = os.path.join(HOME.name, "p.sock")
ENV = dict(os.environ, IRONCURTAIN_HOME=HOME.name)


def put(text):
    """As editors do: another file takes its place."""
    with open(RULES + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(RULES + ".new", RULES)


def refusal():
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(30)
        peer.connect(SOCKET)
        peer.sendall(b"CONNECT example.org:22 HTTP/1.1\r\nHost: example.org:22\r\n\r\n")
        answer = b""
        while b"because" not in answer:
            piece = peer.recv(65536)
            if not piece:
                break
            answer += piece
        return answer.decode("utf-8", "replace")


def wait_for(condition, what):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def logged(text):
    with open(LOG, encoding="utf-8", errors="replace") as file:
        return text in file.read()


proxy = subprocess.Popen([PROGRAM, "proxy", "--listen", "unix:" + SOCKET], env=ENV,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
try:
    assert json.loads(proxy.stdout.readline())["ready"]
    assert "ssh would leave the proxy behind" in refusal()  # the shipped rules: no file is there
    put('deny net:* *:22 because "because of the first"\n')
    wait_for(lambda: "because of the first" in refusal(), "a new file is noticed")
    print("ok a_file_that_comes_to_be_is_used")
    put('deny net:* *:22 because "because of the second"\nalow net:* *\n')
    wait_for(lambda: logged("policy.rules:2: unknown word 'alow'"), "why it is not used")
    assert "because of the first" in refusal()
    print("ok a_wrong_file_changes_nothing_and_the_log_says_why")
    put('deny net:* *:22 because "because of the third"\n')
    wait_for(lambda: "because of the third" in refusal(), "a replaced file is noticed")
    print("ok a_file_that_is_right_again_is_used")
finally:
    proxy.terminate()
    proxy.wait(30)
assert proxy.returncode == 0, (proxy.returncode, proxy.stderr.read())
