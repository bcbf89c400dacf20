#!/usr/bin/env python3
"""The life of a connection: Expect, pipelining, answers before the upload ends, clients that go,
clients that are slow or silent, handshakes that never were."""
import os
import socket
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import SLOW, Failed, main, wait_until  # noqa: E402
from hostile_http import (BODIES_ARE_BYTES, BODY, HOST, Client, World, ask, elapsed, readable,  # noqa: E402
                          request)
from proxy_client import client_hello, connect_head, read_head_unbuffered, reset  # noqa: E402

POST = "POST /v1/messages HTTP/1.1"
# Bodies of this one are not looked into, so they go on as they come.
STREAM = "POST /v1/messages/count_tokens HTTP/1.1"
JSON = "Content-Type: application/json"
LENGTH = "Content-Length: 27"
EXPECT = "Expect: 100-continue"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


# --- things that take long: each in a thread of its own, begun first ------------------------

class Slow(threading.Thread):
    """A client that must be cut off: how long that took, or what went wrong."""

    def __init__(self, name, limit, begin, dribble=None):
        super().__init__(daemon=True)
        self.name, self.limit, self.begin, self.dribble = name, limit, begin, dribble
        self.result = "not done"
        self.start()

    def run(self):
        try:
            sock = self.begin()
            sock.settimeout(0)
            start = time.monotonic()
            while elapsed(start) < self.limit * 1.5 + 10 * SLOW:
                if readable(sock, 0.5):
                    if self.is_over(sock):
                        took = elapsed(start)
                        early, late = self.limit - 1.5, self.limit + 5 * SLOW
                        self.result = None if early < took < late else f"cut off after {took:.1f} s"
                        return
                elif self.dribble:
                    sock.send(self.dribble)
            self.result = "never cut off"
        except Exception as problem:  # told where it is joined
            self.result = f"{type(problem).__name__}: {problem}"

    @staticmethod
    def is_over(sock):
        try:
            return not sock.recv(4096)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False  # tickets of TLS 1.3
        except OSError:
            return True


def plain(data=b""):
    sock = Client(world, "tcp").sock
    if data:
        sock.sendall(data)
    return sock


def silent_after_connect():
    sock = plain(connect_head())
    assert read_head_unbuffered(sock)[0] == 200
    return sock


def half_a_hello():
    sock = silent_after_connect()
    sock.sendall(client_hello(world.proxy)[:50])
    return sock


def inside(data):
    def begin():
        client = Client(world, "tcp").through()
        client.send(data)
        return client.sock
    return begin


def second_head():
    client = Client(world).through()
    assert client.send(request()).answer().status == 200
    client.send(b"GET /api/he")
    return client.sock


class Idle(threading.Thread):
    """An event stream that says nothing for longer than every limit on clients."""

    def __init__(self):
        super().__init__(daemon=True)
        self.go, self.result = threading.Event(), "not done"
        self.start()

    def run(self):
        def events(connection, got):
            connection.read_body(got)
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\none\n\n\r\n")
            self.go.wait(100)
            connection.send(b"5\r\ntwo\n\n\r\n0\r\n\r\n")
        world.origin.scripts["idle"] = events
        try:
            client = Client(world).through()
            client.sock.settimeout(100)
            answer = client.send(request(script="idle")).answer()
            self.result = None if answer.body == b"one\n\ntwo\n\n" else f"got {answer.body!r}"
        except Exception as problem:  # told where it is joined
            self.result = f"{type(problem).__name__}: {problem}"


def begin_slow():
    return Idle(), [
        Slow("nothing behind 200", 10, silent_after_connect),
        Slow("half a ClientHello", 10, half_a_hello),
        Slow("nothing at all", 30, plain),
        Slow("half a CONNECT", 30, lambda: plain(b"CONNECT api.anthro")),
        Slow("a CONNECT byte by byte", 30, lambda: plain(b"CONNECT "), b"a"),
        Slow("half a head", 30, inside(b"GET /api/hello HTTP/1.1\r\nHost")),
        Slow("a head byte by byte", 30, inside(b"GET /api/hello HTTP/1.1\r\nX: "), b"a"),
        Slow("half of a second head", 30, second_head),
    ]


def test_slow():
    """silent handshakes end after 10 s, slow heads after 30 s, silent event streams never"""
    idle, slow = begun
    for thread in slow:
        thread.join(60 * SLOW)
    idle.go.set()
    idle.join(20)
    wrong = [f"{t.name}: {t.result}" for t in slow if t.result]
    if idle.result:
        wrong.append(f"idle stream: {idle.result}")
    if wrong:
        raise Failed("\n       ".join(wrong))
    wait_until("a row for each head and each handshake that did not come", lambda: world.home.rows(
        "select 1 from (select sum(status=408) late, sum(reason like 'TLS handshake%took too long') "
        "silent from request where done=1) where late=5 and silent>=2"))


# --- Expect ---------------------------------------------------------------------------------

def test_expect():
    """100 comes at once and only where the request goes on; other expectations are refused"""
    client = Client(world).through()
    for number in range(2):
        script = f"expect-{number}"
        client.send(request(POST, JSON, LENGTH, "eXpect:  100-Continue ", script=script))
        assert client.answer().status == 100
        assert client.send(BODY).answer().status == 200
        got = world.origin.seen(script)[0]
        assert got.body == BODY and not got.field("expect"), got.fields
    client.send(request(POST, JSON, LENGTH, EXPECT, body=BODY))  # did not wait for it
    answer = client.answer()
    answer = client.answer() if answer.status == 100 else answer
    assert answer.status == 200
    client.close()
    client = Client(world).through()
    client.send(request(POST, JSON, "Transfer-Encoding: chunked", EXPECT))
    assert client.answer().status == 100
    client.send(b"1b\r\n" + BODY + b"\r\n0\r\n\r\n")
    assert client.answer().status == 200
    client.close()
    for line, status, fields in (("POST /v1/files HTTP/1.1", 403, [LENGTH, EXPECT]),
                                 (POST, 403, [LENGTH, EXPECT, "x-api-key: sk-ant-stolen"]),
                                 (POST, 417, [LENGTH, "Expect: 200-ok"]),
                                 (POST, 417, [LENGTH, "Expect: 100-continue, x"]),
                                 (POST, 417, [LENGTH, "Expect:"]),
                                 (POST, 400, [LENGTH, "Transfer-Encoding: chunked", EXPECT])):
        answer = ask(world, request(line, JSON, *fields))
        assert answer.status == status, (line, fields, answer.line)
    answer = ask(world, request("POST /v1/messages HTTP/1.0", JSON, LENGTH, EXPECT, body=BODY))
    assert answer.status == 200, f"HTTP/1.0 knows no interim answers: {answer.line}"


# --- pipelining -----------------------------------------------------------------------------

def test_pipelining():
    """requests sent together are answered in their order, the refused one in its place"""
    def answer_number(connection, got):
        connection.read_body(got)
        body = got.field("x-number")[0].encode()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    world.origin.scripts["number"] = answer_number
    data, expected = b"", []
    for number in range(40):
        if number % 10 == 3:
            data += request("GET /v1/files HTTP/1.1")
            expected.append((403, None))
        elif number % 10 == 5:
            data += request("POST /v1/files HTTP/1.1", JSON, LENGTH, body=BODY)
            expected.append((403, None))
        elif number % 3 == 0:
            data += request(POST, JSON, LENGTH, f"x-number: {number}", body=BODY, script="number")
            expected.append((200, str(number).encode()))
        elif number % 3 == 1:
            data += request(STREAM, JSON, "Transfer-Encoding: chunked", f"x-number: {number}",
                            body=b"1b\r\n" + BODY + b"\r\n0\r\n\r\n", script="number")
            expected.append((200, str(number).encode()))
        else:
            data += request("GET /api/hello HTTP/1.1", f"x-number: {number}", script="number")
            expected.append((200, str(number).encode()))
    client = Client(world).through().send(data)
    for number, (status, body) in enumerate(expected):
        answer = client.answer()
        assert answer is not None, f"no answer to request {number}"
        assert answer.status == status, (number, answer.line)
        assert body is None or answer.body == body, (number, answer.body)
    client.close()


def test_pipelining_behind_a_doubtful_request():
    """nothing is read behind a request whose end is uncertain, or behind Connection: close"""
    for bad, status in ((request(POST, JSON, LENGTH, "Transfer-Encoding: chunked", body=BODY), 400),
                        (request("GET /api/hello HTTP/1.1", "X : y"), 400),
                        (request("GET /api/hello HTTP/1.1", "Connection: close"), 200),
                        (request("GET /v1/files HTTP/1.1", "Connection: close"), 403),
                        (request("GET /api/hello HTTP/1.0"), 200)):
        client = Client(world).through().send(bad + request(script="behind"))
        assert client.answer().status == status, bad
        assert client.answer() is None, f"an answer behind {bad!r}"
        client.close()
    assert not world.origin.seen("behind")


# --- both directions at once ----------------------------------------------------------------

def test_early_answer():
    """an answer comes through while the upload goes on, and nothing of the rest is mistaken"""
    def early(connection, got):
        connection.send(b"HTTP/1.1 413 x\r\nContent-Length: 2\r\n\r\nno")
        connection.wait_for_end()
    world.origin.scripts["early"] = early
    for fields in ([JSON, "Content-Length: 3000000"], [JSON, "Transfer-Encoding: chunked"]):
        client = Client(world).through().send(request(STREAM, *fields, script="early"))
        client.send(b"5\r\nGET /\r\n" if "chunked" in fields[1] else b"GET /")
        answer = client.answer()
        assert answer.status == 413 and answer.body == b"no", answer.line
        client.close()
    client = Client(world).through()
    client.send(request(STREAM, JSON, "Transfer-Encoding: chunked", script="early") + b"2\r\nab\r\n")
    assert client.answer().status == 413
    client.send(b"3\r\ncde\r\n0\r\n\r\n" + request())
    answer = client.answer()  # either the connection ended or the next request is answered
    assert answer is None or answer.status == 200, answer.line
    client.close()


def test_echo():
    """both bodies flow at once, byte for byte"""
    def echo(connection, got):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            line = connection.until(b"\r\n")
            data = connection.exactly(int(line, 16) + 2)
            connection.send(line + data)
            if line == b"0\r\n":
                return
    world.origin.scripts["echo"] = echo
    client = Client(world).through()
    client.send(request(STREAM, JSON, "Transfer-Encoding: chunked", script="echo"))
    while b"\r\n\r\n" not in client.buffer:
        assert client.fill()
    for piece in (b"x", b"yy" * 1000, b"z" * 200000):
        client.buffer = b""
        client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        while client.buffer.count(piece[:1]) < len(piece):
            assert client.fill(), "it broke off"
    client.send(b"0\r\n\r\n" + request())
    while b"HTTP/1.1 200 OK" not in client.buffer:
        assert client.fill(), "the next request is not answered"
    client.close()


# --- clients that go ------------------------------------------------------------------------

def test_abort():
    """a client that goes closes the upstream within a second, however it goes and whenever"""
    ends = {}

    def events(connection, got):
        got.whole = True
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        connection.wait_for_end()
        ends[got.field("x-number")[0]] = time.monotonic()

    def silence(connection, got):
        connection.wait_for_end()
        ends[got.field("x-number")[0]] = time.monotonic()
    world.origin.scripts.update(events=events, silence=silence)

    def fin(client):
        client.sock.shutdown(socket.SHUT_WR)

    def unwrap(client):
        client.sock.settimeout(0)
        try:
            client.sock.unwrap()
        except OSError:
            pass

    def reset_it(client):
        reset(client.sock)
    number = 0
    for go in (Client.close, reset_it, fin, unwrap):
        for script in ("events", "silence"):
            for line, fields, body in (("GET /api/hello HTTP/1.1", [], b""),
                                       (STREAM, [JSON, "Content-Length: 99"], b"hel")):
                client = Client(world, "tcp").through()
                client.send(request(line, *fields, f"x-number: {number}", body=body, script=script))
                wait_until("the request at the origin", lambda n=number: any(
                    r.field("x-number") == [str(n)] for r in world.origin.seen(script)))
                if script == "events":
                    assert client.fill()
                start = time.monotonic()
                go(client)
                wait_until(f"the upstream's end ({go.__name__}, {script})",
                           lambda n=number: str(n) in ends, 5)
                took = ends[str(number)] - start
                assert took < 1 * SLOW, f"{go.__name__}, {script}: after {took:.2f} s"
                client.close()
                number += 1
    wait_until("rows that say so", lambda: world.home.rows(
        "select count(*) n from request where reason like '%agent%' and done=1")[0]["n"] >= number)


def test_no_handshake():
    """junk, a reset or nothing instead of a handshake leaves no trace but a row"""
    before = world.last_row()
    for kind in ("unix", "tcp"):
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 300, b"\x16\x03\x01\xff\xff" + b"x" * 300,
                     b"\x15\x03\x01\0\x02\x02\x28", client_hello(world.proxy)[:-40] + b"x" * 40):
            client = Client(world, kind)
            client.send(connect_head())
            assert read_head_unbuffered(client.sock)[0] == 200
            client.sock.settimeout(20 * SLOW)  # a hello that passes is waited for, for 10 s
            client.send(data)
            while client.fill():
                pass
            client.close()
        for part in (0, 1, 50, None):
            client = Client(world, kind)
            client.send(connect_head())
            assert read_head_unbuffered(client.sock)[0] == 200
            client.send(client_hello(world.proxy)[:part])
            reset(client.sock)
        reset(Client(world, kind).sock)
        client = Client(world, kind)
        client.send(connect_head()[:30])
        reset(client.sock)
    wait_until("rows of failed handshakes", lambda: world.home.rows(
        "select count(*) n from request where id>? and method='CONNECT' and host=? and reason<>''",
        before, HOST)[0]["n"] >= 10)


def test_the_end():
    """the proxy still serves, has no descriptor left, no open row and nothing to say"""
    assert ask(world, request()).status == 200, "the proxy does not answer any more"
    world.end()


world = World(BODIES_ARE_BYTES)
try:
    begun = begin_slow()
    main(test_expect, test_pipelining, test_pipelining_behind_a_doubtful_request, test_early_answer,
         test_echo, test_abort, test_no_handshake, test_slow, test_the_end)
finally:
    world.close()
