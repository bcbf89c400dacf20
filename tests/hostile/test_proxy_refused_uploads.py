#!/usr/bin/env python3
"""Uploads that are refused: when the answer comes, and that it arrives although the client sends
on."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import SLOW, main, wait_until  # noqa: E402
from hostile_http import BODY, Client, World, ask, elapsed, readable, request  # noqa: E402

POST = "POST /v1/messages HTTP/1.1"
JSON = "Content-Type: application/json"
LENGTH = f"Content-Length: {len(BODY)}"
EXPECT = "Expect: 100-continue"


def test_too_large():
    """a body that is collected and announced as too large is a 413 at once, with no 100 before it;
    one that grows too large is a 413 then"""
    many = "Content-Length: 10485761"
    for fields in ([JSON, many], [JSON, many, EXPECT]):
        client = Client(world).through().send(request(POST, *fields))
        answer = client.answer()
        assert answer.status == 413 and answer.fields["connection"] == ["close"], answer.line
        assert b"exceeds 10485760 bytes" in answer.body, answer.body
        assert client.is_ended()
        client.close()
    client = Client(world).through().send(request(POST, JSON, "Transfer-Encoding: chunked", EXPECT))
    assert client.answer().status == 100
    client.send(b"a00001\r\n" + b" " * 10485761)
    answer = client.answer()
    assert answer.status == 413 and b"exceeds 10485760 bytes" in answer.body, answer.line
    client.close()


def test_answers_to_who_still_sends():
    """whoever is refused and sends on before reading gets the whole answer, and no reset"""
    much = b"x" * (6 << 20)
    cases = [(request("POST /v1/files HTTP/1.1", JSON, "Content-Length: 20000000"), 403),
             (request(POST, JSON, "Content-Length: 20000000"), 413),
             (request(POST, JSON, LENGTH, "Transfer-Encoding: chunked"), 400),
             (request(POST, JSON, "Transfer-Encoding: chunked") + b"xyz\r\n", 400),
             (request(POST, JSON, "Content-Length: 20000000", "Content-Encoding: gzip"), 415),
             (request("GET /api/hello HTTP/1.1", "X: " + "y" * 70000), 431)]
    plain_cases = [(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n", 405),
                   (b"CONNECT api.anthropic.com:x HTTP/1.1\r\n\r\n", 400),
                   (b"CONNECT nowhere.test:25 HTTP/1.1\r\nHost: nowhere.test:25\r\n\r\n", 403)]
    for kind in ("unix", "tcp"):
        for tls, head, status in ([(True, *c) for c in cases] + [(False, *c) for c in plain_cases]):
            client = Client(world, kind)
            client = client.through() if tls else client
            client.sock.sendall(head)
            wait_until("the answer is on its way", lambda c=client: readable(c.sock, 0.1))
            client.sock.sendall(much)  # a reset would end this
            answer = client.answer()
            assert answer is not None and answer.status == status, (head[:60], kind, answer.line)
            assert not answer.broken and answer.body, (head[:60], kind)
            assert client.is_ended() and not client.reset, (head[:60], kind)
            client.close()


def test_who_sends_for_ever_is_left():
    """whoever was refused and sends on for ever is waited for, but not for long"""
    client = Client(world, "tcp").through()
    client.sock.sendall(request(POST, JSON, "Content-Length: 99999999999"))
    assert client.answer().status == 413
    start = time.monotonic()
    try:
        while elapsed(start) < 20 * SLOW:
            client.sock.sendall(b"x")
            readable(world.origin.listener, 0.05)  # never; a pause
    except OSError:
        pass
    assert 2 < elapsed(start) < 5 + 5 * SLOW, elapsed(start)
    client.close()


def test_the_end():
    """the proxy still serves, has no descriptor left, no open row and nothing to say"""
    assert ask(world, request()).status == 200, "the proxy does not answer any more"
    world.end()


world = World()
try:
    main(test_too_large, test_answers_to_who_still_sends, test_who_sends_for_ever_is_left,
         test_the_end)
finally:
    world.close()
