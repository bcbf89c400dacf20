#!/usr/bin/env python3
"""The proxy alone under load: a thousand requests and a thousand connections, half of them
broken off wherever one can be. Nothing may be left: no descriptor, no memory, no open row.

Under AddressSanitizer the program reports its own leaks when it ends; another build runs under
valgrind if that is installed."""
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import (PROGRAM, Home, Failed, is_sanitized, main, read_lines,  # noqa: E402
                     start_demo_provider, stop, wait_until)
from memory import copies  # noqa: E402
from proxy_client import (HOST, MESSAGE, Proxy, Tunnel, client_hello,  # noqa: E402
                          connect_head, fd_count, read_head_unbuffered, request, reset, rss_kb)

KEY = "sk-ant-api03-REAL-0123456789abcdefghijklmnopqrstuvwxyz"
WORKERS = 4
VALGRIND = [] if is_sanitized() or not shutil.which("valgrind") else [
    "valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=definite,indirect,possible",
    "--errors-for-leak-kinds=definite,indirect,possible", "--error-exitcode=99"]


class World:
    """A home, a provider and a proxy in front of it."""

    def __init__(self, prefix=(), asan_options=""):
        self.home = Home()
        self.provider, port, authority, self.provider_log = start_demo_provider(self.home, KEY)
        self.home.config(f"providers: {{anthropic: {{upstream: 'https://localhost:{port}', "
                         f"upstream_ca: '{authority}'}}}}\n")
        self.stderr = os.path.join(self.home.top, "stderr")
        options = os.environ.get("ASAN_OPTIONS", "detect_leaks=1") + asan_options
        with open(self.stderr, "wb") as errors:
            self.process = subprocess.Popen(
                [*prefix, PROGRAM, "proxy", "--listen", f"unix:{self.home.top}/proxy.sock",
                 "--listen", "tcp:127.0.0.1:0"],
                env=self.home.env(ANTHROPIC_API_KEY=KEY, ASAN_OPTIONS=options),
                stdout=subprocess.PIPE, stderr=errors, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"the proxy did not start: {self.errors()}")
        self.proxy = Proxy(json.loads(line))

    def errors(self):
        with open(self.stderr, encoding="utf-8", errors="replace") as f:
            return f.read()

    def end(self):
        """Ask the proxy to go; its status and what it had to say, leaks among it."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60), self.errors()

    def close(self):
        stop(self.process)
        stop(self.provider)
        self.process.stdout.close()
        self.home.remove()


def in_parallel(jobs, work):
    """work(job) for all jobs on a few threads; the first failure is raised."""
    rest, failures, lock = iter(jobs), [], threading.Lock()

    def run():
        while True:
            with lock:
                job = None if failures else next(rest, None)
            if job is None:
                return
            try:
                work(job)
            except Exception as problem:  # handed to the caller
                failures.append(problem)
                return
    threads = [threading.Thread(target=run) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Failed(f"{type(failures[0]).__name__}: {failures[0]}") from failures[0]


# What one of forty requests is: method, path, body, key, and the status and swap expected.
STREAM = dict(MESSAGE, stream=True)
BIG = dict(MESSAGE, system="x" * 300000)
PLAN = ([("POST", "/v1/messages", MESSAGE, True, 200, 1)] * 16 +
        [("POST", "/v1/messages/count_tokens", MESSAGE, True, 200, 1)] * 10 +
        [("POST", "/v1/messages", BIG, True, 200, 1)] * 3 +
        [("POST", "/v1/messages", STREAM, True, 200, 1)] +
        [("GET", "/v1/models", None, True, 404, 1)] * 3 +        # the demo provider has none
        [("POST", "/v1/messages", MESSAGE, None, 401, 0)] * 2 +  # no key: the provider refuses
        [("POST", "/v1/messages", MESSAGE, "sk-ant-stolen", 403, 0)] * 2 +
        [("POST", "/v1/files", MESSAGE, True, 403, 0)] * 2 +
        [("GET", "/v1/models/../files", None, True, 403, 0)])
assert len(PLAN) == 40


def ask_some(proxy, steps, kind):
    """Some requests through one tunnel."""
    tunnel = Tunnel(proxy, kind)
    try:
        for method, path, body, key, status, _ in steps:
            got, content = tunnel.ask(method, path, body, key)
            if got != status or not content:
                raise Failed(f"{method} {path}: {got} {content[:200]!r}, not {status}")
            if body is STREAM and b"message_stop" not in content:
                raise Failed(f"the stream ended early: {content[-200:]!r}")
    finally:
        tunnel.close()


def soak(world, count):
    """count requests: one in five through a tunnel of its own, the others eight per tunnel."""
    steps = [PLAN[(i * 7) % 40] for i in range(count)]
    alone, together = steps[:count // 5], steps[count // 5:]
    jobs = [[s] for s in alone] + [together[i:i + 8] for i in range(0, len(together), 8)]
    in_parallel(list(enumerate(jobs)), lambda job: ask_some(
        world.proxy, job[1], "tcp" if job[0] % 3 == 0 else "unix"))
    return steps


def expected_rows(steps):
    rows = {}
    for method, path, _, _, status, swapped in steps:
        key = (method, path, status, swapped)
        rows[key] = rows.get(key, 0) + 1
    return rows


def rows_of(world):
    return {(r["method"], r["path"], r["status"], r["key_swapped"]): r["n"]
            for r in world.home.rows(
                "select method, path, status, key_swapped, count(*) n from request "
                "where kind='llm' and done=1 and host=? group by 1, 2, 3, 4", HOST)}


def test_thousand_requests():
    """1,000 requests on kept and on new tunnels: all answered, all in rows, memory flat, no leak"""
    # The quarantine of freed blocks would grow for long and hide what is asked here.
    world = World(VALGRIND, ":quarantine_size_mb=4:malloc_context_size=8")
    try:
        steps = soak(world, 200)
        before = rss_kb(world.process.pid)
        steps += soak(world, 800)
        grown = rss_kb(world.process.pid) - before
        expected = expected_rows(steps)
        try:
            wait_until("the rows", lambda: rows_of(world) == expected)
        except Failed:
            raise Failed(f"rows {rows_of(world)}, sent {expected}") from None
        seen = read_lines(world.provider_log)
        assert len(seen) == sum(1 for s in steps if s[4] in (200, 401, 404)), len(seen)
        assert all(r["real_key"] == (r["status"] != 401) for r in seen)
        status, errors = world.end()
        assert status == 0 and not errors, f"exit {status}: {errors[-4000:]}"
        print(f"     memory grew by {grown} kB in 800 requests")
        assert grown < GROWTH_KB, f"memory grew by {grown} kB in 800 requests"
    finally:
        world.close()


# 800 requests that keep 5 kB each would pass it; caches that fill (sqlite's is 2 MB) do not.
GROWTH_KB = 4096


# --- connections that are broken off -------------------------------------------------------

def after_connect(proxy, kind):
    reset(proxy.socket(kind))


def mid_connect_head(proxy, kind):
    plain = proxy.socket(kind)
    plain.sendall(connect_head()[:25])
    reset(plain)


def after_200(proxy, kind):
    plain = proxy.socket(kind)
    plain.sendall(connect_head())
    assert read_head_unbuffered(plain)[0] == 200
    reset(plain)


def answer_unread(proxy, kind):
    plain = proxy.socket(kind)
    plain.sendall(connect_head())
    reset(plain)


def junk_for_hello(proxy, kind):
    plain = proxy.socket(kind)
    plain.sendall(connect_head())
    assert read_head_unbuffered(plain)[0] == 200
    plain.sendall(b"\x00\xff junk, not a ClientHello\r\n\r\n" * 20)
    plain.recv(1000)
    reset(plain)


def mid_hello(proxy, kind):
    plain = proxy.socket(kind)
    plain.sendall(connect_head())
    assert read_head_unbuffered(plain)[0] == 200
    plain.sendall(client_hello(proxy)[:100])
    reset(plain)


def mid_handshake(proxy, kind):
    plain = proxy.socket(kind)
    plain.sendall(connect_head())
    assert read_head_unbuffered(plain)[0] == 200
    plain.sendall(client_hello(proxy))
    plain.recv(1)  # of the server's flight; the rest stays unread
    reset(plain)


def mid_request_head(proxy, kind):
    tunnel = Tunnel(proxy, kind)
    tunnel.tls.sendall(request("POST", "/v1/messages", MESSAGE, proxy.key)[:60])
    tunnel.stream.close()
    reset(tunnel.tls)


def mid_body(proxy, kind):
    tunnel = Tunnel(proxy, kind)
    tunnel.tls.sendall(request("POST", "/v1/messages", BIG, proxy.key)[:100000])
    tunnel.stream.close()
    reset(tunnel.tls)


def mid_response(proxy, kind):
    tunnel = Tunnel(proxy, kind)
    tunnel.tls.sendall(request("POST", "/v1/messages", STREAM, proxy.key))
    assert b"200" in tunnel.stream.readline()
    tunnel.stream.close()
    reset(tunnel.tls)


STAGES = [after_connect, mid_connect_head, after_200, answer_unread, junk_for_hello, mid_hello,
          mid_handshake, mid_request_head, mid_body, mid_response]


def one_connection(proxy, number):
    kind = "tcp" if number % 4 > 1 else "unix"
    if number % 2:
        ask_some(proxy, [PLAN[number % 16]], kind)
        return
    try:
        STAGES[number // 2 % len(STAGES)](proxy, kind)
    except (ConnectionError, ssl.SSLError) as problem:
        # The proxy may end first what is broken anyway; refusing a connection is another thing.
        if isinstance(problem, ConnectionRefusedError):
            raise


def test_broken_connections():
    """1,000 connections, half of them broken off at every stage: no descriptor, no open row left"""
    world = World()
    pid = world.process.pid
    try:
        with Tunnel(world.proxy).tls:  # what is opened once: the leaf's thread, the log
            pass
        provider = world.provider.pid
        at_start = wait_until("no connection", lambda: quiet(world))
        provider_start = fd_count(provider)
        in_parallel(range(1000), lambda number: one_connection(world.proxy, number))
        assert world.process.poll() is None, world.errors()
        # Idle upstream connections are kept on purpose, a few; the provider's end closes them.
        wait_until("few descriptors", lambda: fd_count(pid) <= at_start + 16)
        wait_until("the provider is left alone too",
                   lambda: fd_count(provider) <= provider_start + 16)
        stop(world.provider)
        try:
            wait_until("the first number of descriptors", lambda: fd_count(pid) == at_start)
        except Failed:
            raise Failed(f"{fd_count(pid)} descriptors, {at_start} at the start: "
                         f"{open_files(pid)}") from None
        wait_until("no open row", lambda: world.home.rows(
            "select count(*) n from request where done=0")[0]["n"] == 0)
        asked = sum(1 for n in range(1000) if n % 2)
        whole = world.home.rows("select count(*) n from request where kind='llm' and status=200 "
                                "and reason=''")[0]["n"]
        assert whole >= asked, f"{whole} whole answers in rows, {asked} asked for"
        cut = world.home.rows("select count(*) n from request where reason like '%agent%'")[0]["n"]
        assert cut > 0, "no row says that the agent gave up"
        status, errors = world.end()
        assert status == 0 and not errors, f"exit {status}: {errors[-4000:]}"
    finally:
        world.close()


def test_key_in_memory():
    """whatever was sent with the real key, it stays in the pages that are never dumped"""
    world = World()
    try:
        soak(world, 80)
        for number in range(0, 40, 2):
            one_connection(world.proxy, number)
        pid = world.process.pid
        if copies(pid, KEY.encode()) is None:
            print("     left out: the proxy's memory may not be looked at")
            return
        try:  # what was broken off may take a moment to be noticed
            wait_until("no loose copy", lambda: copies(pid, KEY.encode())[1] == 0)
        except Failed:
            raise Failed(f"{copies(pid, KEY.encode())[1]} copies outside such pages") from None
        assert copies(pid, KEY.encode())[0] > 0, "the test looks at the wrong place"
    finally:
        world.close()


def sockets(pid):
    return [f for f in open_files(pid) if f.startswith("socket:")]


def open_files(pid):
    files = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            files.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            pass
    return sorted(re.sub(r"\d+", "N", f) for f in files)


def quiet(world):
    """The number of descriptors once only the two listeners are sockets; else 0."""
    pid = world.process.pid
    return fd_count(pid) if len(sockets(pid)) == 2 else 0


if not is_sanitized() and os.geteuid() != 0:
    print("without AddressSanitizer only root sees the proxy's descriptors; not counted")
    main(test_thousand_requests, test_key_in_memory)
main(test_thousand_requests, test_broken_connections, test_key_in_memory)
