#!/usr/bin/env python3
"""The certificate authority from outside: chains that strict clients take with the root alone,
and no copy of the root's key in the memory of the process that signed with it."""
import base64
import json
import os
import re
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Home, main, stop  # noqa: E402
from memory import copies  # noqa: E402
from proxy_client import HOST, Proxy, connect_head, read_head_unbuffered  # noqa: E402

LONG = ".".join(["a" * 40] * 5) + ".test"
HOSTS = (HOST, "unknown.example.test", LONG, "192.0.2.7", "2001:db8::7")
HOME = Home()


def start():
    process = subprocess.Popen(
        [PROGRAM, "proxy", "--listen", "unix:" + os.path.join(HOME.top, "p.sock"), "--listen",
         "tcp:127.0.0.1:0"], env=HOME.env(ANTHROPIC_API_KEY="sk-ant-api03-REAL"),
        stdout=subprocess.PIPE, text=True)
    return process, json.loads(process.stdout.readline())


def integers(der):
    """Those of a SEQUENCE of INTEGERs."""
    def element(at):
        n, at = der[at + 1], at + 2
        if n & 0x80:
            size = n & 0x7f
            n, at = int.from_bytes(der[at:at + size], "big"), at + size
        return at, at + n
    at, end = element(0)
    while at < end:
        first, after = element(at)
        yield int.from_bytes(der[first:after], "big")
        at = after


def private_numbers():
    """d, p, q, d mod p-1, d mod q-1 and 1/q mod p of the file, and its lines."""
    path = os.path.join(HOME.path, "ca", "ca-key.pem")
    text = subprocess.run(["openssl", "rsa", "-in", path, "-traditional"], check=True,
                          capture_output=True, text=True).stdout
    der = base64.b64decode("".join(text.split("\n")[1:-2]))
    with open(path, encoding="ascii") as f:
        return list(integers(der))[3:], f.read().split("\n")[1:-2]


def traces():
    """Pieces of the key as it may lie in memory: numbers of either order, PEM. Their middle:
    the beginning of freed memory is overwritten with the allocator's own data."""
    numbers, lines = private_numbers()
    assert len(numbers) == 6 and len(lines) > 20
    for number in numbers:
        size = (number.bit_length() + 7) // 8
        for order in ("big", "little"):
            whole = number.to_bytes(size, order)
            yield whole[size // 3:size // 3 + 24]
            yield whole[size - 32:size - 8]
    for line in lines[10::4]:  # the first ones hold the public number
        yield line.encode()


def without_the_key(pid):
    """Everything is wiped, so that not even freed memory has a piece of it."""
    pieces = list(traces())
    found = copies(pid, *pieces)
    if found is None:
        print("     left out: the memory of our processes may not be looked at")
        return
    assert found == (0, 0), found
    public = "IronCurtain issuing CA of one run".encode()
    assert copies(pid, public)[1] > 0, "the test itself looks at the wrong place"


PROCESS, READY = start()


def test_memory_of_the_first_start():
    """the process that made the root's key has no copy of it"""
    without_the_key(PROCESS.pid)


def test_memory_of_a_later_start():
    """the process that loaded the root's key has no copy of it, also after leaves were made"""
    global PROCESS, READY
    stop(PROCESS)
    PROCESS, READY = start()
    for host in HOSTS:
        tls(host).close()
    without_the_key(PROCESS.pid)


def tls(host, version=None):
    context = ssl.create_default_context(cafile=READY["ca"])
    context.verify_flags = ssl.VERIFY_X509_STRICT  # and no partial chains
    if version:
        context.minimum_version = context.maximum_version = version
    plain = Proxy(READY).socket()
    plain.sendall(connect_head(f"[{host}]" if ":" in host else host))
    status, _ = read_head_unbuffered(plain)
    assert status == 200, status
    return context.wrap_socket(plain, server_hostname=host)


def test_strict_clients():
    """with the root alone strict clients accept names, addresses and hosts of any length"""
    for host in HOSTS:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with tls(host, version) as connection:
                assert connection.version() == version.name.replace("_", "."), version


def test_other_names():
    """and for no other name"""
    address = next(a for a in READY["listening"] if a.startswith("tcp:"))[len("tcp:"):]
    done = subprocess.run(
        ["openssl", "s_client", "-proxy", address, "-connect", HOST + ":443", "-CAfile",
         READY["ca"], "-verify_return_error", "-verify_hostname", "other.test"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode and "ostname mismatch" in done.stderr + done.stdout, done


def test_what_is_sent():
    """the leaf and the issuing certificate are sent, and not the root"""
    address = next(a for a in READY["listening"] if a.startswith("tcp:"))[len("tcp:"):]
    done = subprocess.run(
        ["openssl", "s_client", "-proxy", address, "-connect", HOST + ":443", "-CAfile",
         READY["ca"], "-no-CApath", "-no-CAstore", "-x509_strict", "-verify_return_error",
         "-verify_hostname", HOST, "-showcerts"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True)
    assert "Verify return code: 0 (ok)" in done.stdout, done.stdout
    sent = re.findall(r"^ *\d+ s:CN = (.*)\n *i:CN = (.*)$", done.stdout, re.M)
    issuing = "IronCurtain issuing CA of one run"
    assert sent == [(HOST, issuing), (issuing, "IronCurtain MITM CA")], done.stdout
    assert done.stdout.count("BEGIN CERTIFICATE") >= 2


try:
    main(test_memory_of_the_first_start, test_memory_of_a_later_start, test_strict_clients,
         test_other_names, test_what_is_sent)
finally:
    stop(PROCESS)
    PROCESS.stdout.close()
    HOME.remove()
