#!/usr/bin/env python3
"""Hundreds of connections that stall where most is held for each: what the proxy takes for all of
them together is bounded, and who comes then is served as before."""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "detect_leaks=1") + \
    ":quarantine_size_mb=4:malloc_context_size=4"
from harness import Failed, main  # noqa: E402
from hostile_http import BODIES_ARE_BYTES, Client, World, request  # noqa: E402
from proxy_client import rss_kb  # noqa: E402

EACH = 400
POST = "POST /v1/messages HTTP/1.1"
# LIMIT_HELD, what an open connection takes by itself, and what an allocator leaves between.
BOUND_MB = 256 + 150
BLOCK = bytes(65536)
MB = 1 << 20

over = threading.Event()


def endless(connection, got):
    """An answer without end."""
    connection.read_body(got)
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n")
    while not connection.ended and not over.is_set():
        connection.send(BLOCK)


def deaf(connection, _):
    """Nothing is read of the body."""
    over.wait()
    connection.ended = True


def large(connection, got):
    connection.read_body(got)
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (4 * MB))
    for _ in range(4 * MB // len(BLOCK)):
        connection.send(BLOCK)


def push(clients):
    """Send on all until nobody takes anything any more."""
    quiet = time.monotonic()
    while time.monotonic() - quiet < 2:
        for client in clients:
            try:
                client.sock.send(BLOCK)
                quiet = time.monotonic()
            except OSError:  # it would block
                pass
        time_left()


def goes_on(client, size):
    """That much comes of an answer."""
    while size > 0:
        client.buffer = b""
        if not client.fill():
            return False
        size -= len(client.buffer)
    return True


def settle():
    """Until the memory does not grow any more."""
    last, since = 0, time.monotonic()
    while time.monotonic() - since < 3:
        now = rss_kb(world.process.pid)
        if now > last + 1024:
            last, since = now, time.monotonic()
        over.wait(0.1)
    return last


begun = time.monotonic()


def time_left():
    if time.monotonic() - begun > 300:
        raise Failed("the attack takes too long")


def test_stalled():
    """uploads that nobody takes and answers that nobody reads: bounded, all together"""
    world.origin.scripts.update(endless=endless, deaf=deaf, large=large)
    before = rss_kb(world.process.pid)
    readers, writers = [], []
    for number in range(2 * EACH):
        client = Client(world).through()
        if number % 2:
            client.send(request(script="endless"))
            readers.append(client)
        else:
            client.send(request(POST, "Content-Length: 9999999999", script="deaf"))
            client.sock.settimeout(0)
            writers.append(client)
    push(writers)
    grown = (settle() - before) // 1024
    print(f"     {2 * EACH} stalled connections take {grown} MB")
    assert grown < BOUND_MB, f"{grown} MB"
    start = time.monotonic()
    client = Client(world).through()
    for _ in range(20):
        assert client.send(request()).answer().body == b"ok"
    answer = client.send(request(script="large")).answer()
    assert answer.status == 200 and len(answer.body) == 4 * MB and not answer.broken
    client.close()
    print(f"     another one is served in {time.monotonic() - start:.1f} s")
    for client in readers[:5]:
        assert goes_on(client, 5 * MB), "a stalled answer does not go on"
    over.set()
    for client in readers + writers:
        client.close()


def test_the_end():
    """the proxy still serves, has no descriptor left, no open row and nothing to say"""
    world.end()


world = World(BODIES_ARE_BYTES)
try:
    main(test_stalled, test_the_end)
finally:
    over.set()
    world.close()
