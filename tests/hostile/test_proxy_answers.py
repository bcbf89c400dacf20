#!/usr/bin/env python3
"""Answers of a broken or hostile provider: what is clear arrives as it was, what is not is a
502 or, once it began, a broken connection; never a clean end, never another request's answer."""
import gzip
import json
import os
import sys
import threading
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import Failed, main, wait_until  # noqa: E402
from hostile_http import BODY, KEYS, Client, World, ask, request  # noqa: E402

POST = "POST /v1/messages HTTP/1.1"
FIELDS = ["Content-Type: application/json", "Content-Length: 27"]
OK = b"HTTP/1.1 200 OK\r\n"
REAL = KEYS["ANTHROPIC_API_KEY"].encode()


def answering(raw, end="keep"):
    """A script: read the request, send raw, then keep, close, fin (no TLS end) or reset."""
    def script(connection, got):
        if got.whole or connection.read_body(got):
            connection.send(raw)
        if end == "reset":
            connection.die()
        elif end == "fin":
            connection.ended = True
        elif end == "close":
            connection.close()
    return script


class Good:
    def __init__(self, name, raw, status, body=b"", method="GET", end="keep", has=(), lacks=()):
        self.name, self.raw, self.status, self.body = name, raw, status, body
        self.method, self.end, self.has, self.lacks = method, end, dict(has), lacks


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
GOOD = [
    Good("length", OK + b"Content-Length: 5\r\n\r\nhello", 200, b"hello", has={"content-length": ["5"]}),
    Good("length 0", OK + b"Content-Length: 0\r\n\r\n", 200),
    Good("chunked", OK + CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", 200, b"hello",
         lacks=["content-length"]),
    Good("chunks of one byte", OK + CHUNKED + b"1\r\nh\r\n1\r\ni\r\n0\r\n\r\n", 200, b"hi"),
    Good("chunks with extensions", OK + CHUNKED + b"2;a=\"b\"\r\nhi\r\n0;c\r\n\r\n", 200, b"hi"),
    Good("trailers", OK + b"Trailer: X-Sum\r\n" + CHUNKED +
         b"2\r\nhi\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\nSet-Cookie: a\r\n\r\n", 200, b"hi",
         lacks=["trailer", "x-sum", "set-cookie", "content-length"]),
    Good("to the end", OK + b"\r\nhello", 200, b"hello", end="close"),
    Good("to the end, HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\nhello", 200, b"hello", end="close"),
    Good("HTTP/1.0 with length", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi"),
    Good("length and close", OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi",
         end="close"),
    Good("204", b"HTTP/1.1 204 No Content\r\n\r\n", 204, lacks=["content-length", "transfer-encoding"]),
    Good("204 that announces a body", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204,
         lacks=["content-length", "transfer-encoding"]),
    Good("204 that sends chunks", b"HTTP/1.1 204 x\r\n" + CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", 204,
         lacks=["content-length", "transfer-encoding"]),
    Good("304 that sends one", b"HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\nhello", 304),
    Good("304 that sends chunks", b"HTTP/1.1 304 x\r\n" + CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", 304,
         lacks=["transfer-encoding"]),
    Good("200 that would switch", OK + b"Upgrade: websocket\r\nConnection: upgrade\r\n"
         b"Content-Length: 2\r\n\r\nhi", 200, b"hi", lacks=["upgrade"]),
    Good("the real key where it is dropped", OK + b"Transfer-Encoding: chunked\r\n\r\n2;a=\"" + REAL +
         b"\"\r\nhi\r\n0\r\nX: " + REAL + b"\r\n\r\n", 200, b"hi", lacks=["x"]),
    Good("identity in a list", OK + b"Content-Encoding: identity, ,\r\nContent-Length: 2\r\n\r\nhi",
         200, b"hi"),
    Good("204 that sends one", b"HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\nhello", 204,
         lacks=["content-length"]),
    Good("304", b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 5\r\n\r\n", 304,
         has={"etag": ["\"x\""]}),
    Good("HEAD", OK + b"Content-Length: 5\r\n\r\n", 200, method="HEAD", has={"content-length": ["5"]}),
    Good("HEAD, chunked", OK + CHUNKED, 200, method="HEAD"),
    Good("HEAD with a body that is not its own", OK + b"Content-Length: 5\r\n\r\nhello", 200,
         method="HEAD"),
    Good("no reason", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi"),
    Good("an empty reason", b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi", 200, b"hi"),
    Good("8-bit reason and value", b"HTTP/1.1 200 \xe4\r\nX: \xf6\r\nContent-Length: 0\r\n\r\n", 200,
         has={"x": ["\xf6"]}),
    Good("status 599", b"HTTP/1.1 599 x\r\nContent-Length: 2\r\n\r\nhi", 599, b"hi"),
    Good("401", b"HTTP/1.1 401 x\r\nContent-Length: 2\r\n\r\nhi", 401, b"hi"),
    Good("redirection", b"HTTP/1.1 302 x\r\nLocation: https://evil.test/\r\nContent-Length: 0\r\n\r\n",
         302, has={"location": ["https://evil.test/"]}),
    Good("two cookies", OK + b"Set-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Length: 0\r\n\r\n", 200,
         has={"set-cookie": ["a=1", "b=2"]}),
    Good("100 before it", b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi", 200,
         b"hi"),
    Good("gzip stays gzip", OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\0", 200,
         b"\x1f\x8b\0", has={"content-encoding": ["gzip"]}),
]

BAD = [
    ("length and chunked", OK + b"Content-Length: 5\r\n" + CHUNKED + b"0\r\n\r\n"),
    ("chunked and length", OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello"),
    ("length twice", OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    ("two lengths", OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
    ("length list", OK + b"Content-Length: 5, 5\r\n\r\nhello"),
    ("length +5", OK + b"Content-Length: +5\r\n\r\nhello"),
    ("length -5", OK + b"Content-Length: -5\r\n\r\nhello"),
    ("length empty", OK + b"Content-Length:\r\n\r\nhello"),
    ("length 2^64", OK + b"Content-Length: 18446744073709551616\r\n\r\nhello"),
    ("gzip for a coding", OK + b"Transfer-Encoding: gzip\r\n\r\nhello"),
    ("gzip, chunked", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("chunked twice", OK + b"Transfer-Encoding: chunked\r\n" + CHUNKED + b"0\r\n\r\n"),
    ("chunked, identity", OK + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    ("chunked in HTTP/1.0", b"HTTP/1.0 200 OK\r\n" + CHUNKED + b"0\r\n\r\n"),
    ("bare LF", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi"),
    ("one bare LF", OK + b"X: y\nContent-Length: 2\r\n\r\nhi"),
    ("bare CR", OK + b"X: y\rSet-Cookie: z\r\nContent-Length: 2\r\n\r\nhi"),
    ("folded", OK + b"X: y\r\n z\r\nContent-Length: 2\r\n\r\nhi"),
    ("NUL", OK + b"X: y\0\r\nContent-Length: 2\r\n\r\nhi"),
    ("escape", OK + b"X: \x1b[2J\r\nContent-Length: 2\r\n\r\nhi"),
    ("blank before the colon", OK + b"Content-Length : 2\r\n\r\nhi"),
    ("no colon", OK + b"X\r\nContent-Length: 2\r\n\r\nhi"),
    ("no name", OK + b": x\r\nContent-Length: 2\r\n\r\nhi"),
    ("status 99", b"HTTP/1.1 99 x\r\nContent-Length: 2\r\n\r\nhi"),
    ("status 099", b"HTTP/1.1 099 x\r\nContent-Length: 2\r\n\r\nhi"),
    ("status 600", b"HTTP/1.1 600 x\r\nContent-Length: 2\r\n\r\nhi"),
    ("status 20", b"HTTP/1.1 20 x\r\nContent-Length: 2\r\n\r\nhi"),
    ("status 2000", b"HTTP/1.1 2000 x\r\nContent-Length: 2\r\n\r\nhi"),
    ("status a word", b"HTTP/1.1 OK 200\r\nContent-Length: 2\r\n\r\nhi"),
    ("status +20", b"HTTP/1.1 +20 x\r\nContent-Length: 2\r\n\r\nhi"),
    ("two blanks", b"HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nhi"),
    ("HTTP/2.0", b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
    ("HTTP/1.2", b"HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
    ("HTTP/0.9", b"<html>hello</html>\r\n\r\n"),
    ("small letters", b"http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
    ("ICY", b"ICY 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
    ("SSH", b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n"),
    ("a request", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("an empty line first", b"\r\n" + OK + b"Content-Length: 2\r\n\r\nhi"),
    ("binary", bytes(range(256))),
    ("200 fields", OK + b"X: y\r\n" * 200 + b"Content-Length: 2\r\n\r\nhi"),
    ("70,000 bytes of fields", OK + b"X: " + b"y" * 70000 + b"\r\n\r\n"),
    ("seventeen 103", b"HTTP/1.1 103 x\r\n\r\n" * 17 + OK + b"Content-Length: 2\r\n\r\nhi"),
    ("endless 100", b"HTTP/1.1 100 x\r\n\r\n" * 500),
    ("101 that nobody asked for", b"HTTP/1.1 101 x\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    ("bad interim", b"HTTP/1.1 103 x\r\nX: a\rb\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi"),
    ("the real key in the reason", b"HTTP/1.1 200 " + REAL + b"\r\nContent-Length: 0\r\n\r\n"),
    ("the real key as a name", OK + REAL + b": x\r\nContent-Length: 0\r\n\r\n"),
    ("the real key in an interim answer", b"HTTP/1.1 103 x\r\nLink: <" + REAL + b">\r\n\r\n" + OK +
     b"Content-Length: 0\r\n\r\n"),
    ("the real key in an interim reason", b"HTTP/1.1 103 " + REAL + b"\r\n\r\n" + OK +
     b"Content-Length: 0\r\n\r\n"),
    ("100 with a body", b"HTTP/1.1 100 x\r\nContent-Length: 5\r\n\r\nhello" + OK +
     b"Content-Length: 2\r\n\r\nhi"),
    ("the real key in a field", OK + b"X: " + KEYS["ANTHROPIC_API_KEY"].encode() + b"\r\n\r\n"),
    ("malformed Connection", OK + b"Connection: a b\r\nContent-Length: 2\r\n\r\nhi"),
]

CUT = [  # before the end of the head: (name, raw, end)
    ("nothing, then the end", b"", "close"), ("nothing, then FIN", b"", "fin"),
    ("nothing, then a reset", b"", "reset"), ("half a head, then the end", OK + b"X: ", "close"),
    ("half a head, then a reset", OK + b"X: ", "reset"),
    ("only 103, then the end", b"HTTP/1.1 103 x\r\n\r\n", "close"),
]

LONG = OK + b"Content-Length: 9\r\n\r\nhello"
FIVE = OK + CHUNKED + b"5\r\nhello"
OPEN = OK + b"\r\nhello"
BROKEN = [  # in the body: (name, the beginning, the rest, end)
    ("short of its length, end", LONG, b"", "close"), ("short of its length, FIN", LONG, b"", "fin"),
    ("short of its length, reset", LONG, b"", "reset"),
    ("no last chunk, end", FIVE, b"\r\n", "close"), ("no last chunk, FIN", FIVE, b"\r\n", "fin"),
    ("no last chunk, reset", FIVE, b"\r\n", "reset"), ("inside of a chunk", FIVE, b"", "close"),
    ("behind the last chunk", FIVE, b"\r\n0\r\n", "close"),
    ("inside of a trailer", FIVE, b"\r\n0\r\nX: y", "close"),
    ("to the end, then a reset", OPEN, b"", "reset"),
    ("to the end, FIN without TLS's end", OPEN, b"", "fin"),
    ("chunk size not hex", FIVE, b"\r\nxyz\r\n", "keep"),
    ("chunk size empty", FIVE, b"\r\n\r\n", "keep"),
    ("chunk size negative", FIVE, b"\r\n-1\r\n", "keep"),
    ("chunk size 2^64", FIVE, b"\r\n10000000000000000\r\n", "keep"),
    ("chunk with LF", FIVE, b"\n0\r\n\r\n", "keep"),
    ("chunk longer than said", FIVE, b"o\r\n0\r\n\r\n", "keep"),
    ("last chunk with LF", FIVE, b"\r\n0\n\r\n", "keep"),
    ("endless extensions", FIVE, b"\r\n5;" + b"a" * 70000, "keep"),
    ("bad trailer", FIVE, b"\r\n0\r\nX : y\r\n\r\n", "keep"),
]


def each(cases, check):
    failures = []
    for case in cases:
        name = case.name if isinstance(case, Good) else case[0]
        try:
            problem = check(case)
        except (Failed, OSError, ValueError) as failed:
            problem = f"{type(failed).__name__}: {failed}"
        if problem:
            failures.append(f"{name}: {problem}")
    if failures:
        raise Failed(f"{len(failures)} of {len(cases)}:\n       " + "\n       ".join(failures))
    print(f"     {len(cases)} cases")


def check_next(client):
    """The connection, if it stays, gives the next request its own answer."""
    world.origin.scripts["next"] = answering(OK + b"Content-Length: 4\r\n\r\nnext")
    answer = client.send(request(script="next")).answer()
    if answer is None or answer.status != 200 or answer.body != b"next":
        return f"the next request got {answer and (answer.line, answer.body)}"
    return None


def check_good(case):
    world.origin.scripts["good"] = answering(case.raw, case.end)
    client = Client(world).through()
    try:
        line = "GET /api/hello HTTP/1.1" if case.method == "GET" else "HEAD /api/head HTTP/1.1"
        answer = client.send(request(line, script="good")).answer(case.method)
        if answer is None or answer.status != case.status or answer.broken:
            return f"{answer and (answer.line, answer.body, answer.broken)}"
        if answer.body != case.body:
            return f"body {answer.body!r}"
        for name, values in case.has.items():
            if answer.fields.get(name) != values:
                return f"{name}: {answer.fields.get(name)}"
        for name in case.lacks:
            if name in answer.fields:
                return f"{name} went through"
        if answer.fields.get("connection") == ["close"]:
            return None if client.is_ended() else "said close and did not close"
        return check_next(client)
    finally:
        client.close()


def test_good():
    """answers in every form arrive whole, and the next request gets its own"""
    each(GOOD, check_good)


def check_bad(case):
    world.origin.scripts["bad"] = answering(case[1], case[2] if len(case) > 2 else "keep")
    before = world.last_row()
    client = Client(world).through()
    try:
        client.send(request(POST, *FIELDS, "x-api-key: " + world.keys["anthropic"], body=BODY,
                            script="bad"))
        answer = client.answer()
        while answer is not None and 100 < answer.status < 200:
            answer = client.answer()
        if answer is None or answer.status != 502 or not answer.body or answer.broken:
            return f"{answer and (answer.line, answer.body)}"
        if KEYS["ANTHROPIC_API_KEY"].encode() in answer.body:
            return "the key came back"
        if answer.fields.get("connection") != ["close"]:
            problem = check_next(client)
            if problem:
                return problem
    finally:
        client.close()
    wait_until("a row with the reason", lambda: world.home.rows(
        "select 1 from request where id>? and status=502 and done=1 and reason<>''", before))
    return None


def test_bad():
    """an answer with a head that is not exactly one is a 502"""
    each(BAD, check_bad)


def test_cut():
    """an upstream that goes before its answer is a 502"""
    each(CUT, check_bad)


def check_broken(case):
    """With the beginning seen by the client, by one that knows no chunks, and all in one."""
    _, beginning, rest, end = case
    seen = threading.Event()

    def in_two(connection, got):
        answering(beginning)(connection, got)
        seen.wait(10)
        answering(rest, end)(connection, got)
        if end == "keep":
            connection.wait_for_end()
    world.origin.scripts["in-two"] = in_two
    world.origin.scripts["in-one"] = answering(beginning + rest, end)
    before = world.last_row()
    for version in ("1.1", "1.0"):
        seen.clear()
        client = Client(world).through()
        try:
            client.send(request(f"GET /api/hello HTTP/{version}", script="in-two"))
            while b"hello" not in client.buffer:
                if not client.fill():
                    return f"it broke off too early: {client.buffer!r}"
            seen.set()
            answer = client.answer()
            # HTTP/1.0 has no other sign of it than how the connection ends.
            if answer.status != 200 or not (answer.broken or client.reset):
                return f"it looks whole: {version} {answer.line} {answer.body!r}"
        finally:
            seen.set()
            client.close()
    answer = ask(world, request(script="in-one"))
    if answer is None or answer.status != 200 or answer.body != b"hello":
        return f"if it comes at once it is lost: {answer and (answer.line, answer.body)}"
    if not answer.broken and not answer.reset:
        return "if it comes at once it looks whole"
    wait_until("three rows with the reason", lambda: world.home.rows(
        "select count(*) n from request where id>? and done=1 and reason<>''", before)[0]["n"] == 3)
    return None


def test_broken():
    """a body that breaks off arrives as far as it came, then the connection breaks, never a clean
    end"""
    each(BROKEN, check_broken)


def test_key_in_a_body():
    """a body that carries the real key back is cut off before its end, and a row says so"""
    key = KEYS["ANTHROPIC_API_KEY"].encode()
    half = len(key) // 2
    raws = [OK + b"Content-Length: %d\r\n\r\n>%s<" % (len(key) + 2, key),
            OK + b"\r\n>" + key + b"<",
            OK + CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(key), key),
            OK + CHUNKED + b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (
                half, key[:half], len(key) - half, key[half:]),
            OK + CHUNKED + b"".join(b"1\r\n%c\r\n" % c for c in key) + b"0\r\n\r\n"]
    for raw in raws:
        world.origin.scripts["key"] = answering(raw, "close" if b"\r\n\r\n>" in raw else "keep")
        before = world.last_row()
        answer = ask(world, request(POST, *FIELDS, "x-api-key: " + world.keys["anthropic"],
                                    body=BODY, script="key"))
        assert answer is None or answer.broken or answer.status == 502, (raw, answer.body)
        assert answer is None or key not in answer.body, raw
        wait_until("a row with the reason", lambda n=before: world.home.rows(
            "select 1 from request where id>? and done=1 and reason like '%key%'", n))


def test_a_coding_that_cannot_be_searched():
    """a compressed body is searched to its end, however long; one that cannot be is cut off"""
    bits = os.urandom(1 << 16).hex().encode() + b"a" * (1 << 20)
    long = gzip.compress(bits) * 70 + gzip.compress(REAL)
    whole = gzip.compress(bits) * 70
    for coding, body, status in (("gzip", whole, "fine"), ("gzip", long, "key"),
                                 ("gzip", gzip.compress(b"\0" * (40 << 20)), "cut"),
                                 ("gzip", b"this is no gzip", "cut"),
                                 ("compress", b"x", "cut"), ("gzip, br", b"x", "cut"),
                                 ("gzip\r\nContent-Encoding: br", gzip.compress(b"x"), "cut")):
        world.origin.scripts["coded"] = answering(
            OK + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (
                coding.encode(), len(body)) + body)
        before = world.last_row()
        answer = ask(world, request(script="coded"))
        if status == "fine":
            assert answer.status == 200 and not answer.broken and answer.body == body, coding
            continue
        assert answer.broken and len(answer.body) < len(body), (coding, status)
        why = "%carries the API key" if status == "key" else "%cannot be searched%"
        wait_until("a row with the reason", lambda n=before, w=why: world.home.rows(
            "select 1 from request where id>? and done=1 and reason like ?", n, w))


def test_key_in_a_compressed_body():
    """neither does one that is compressed, however it is put together and announced"""
    member = gzip.compress(b"x" * 100)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    raw = deflate.compress(REAL) + deflate.flush()
    bodies = [(b"gzip", gzip.compress(b">" + REAL + b"<")), (b"gzip", member + gzip.compress(REAL)),
              (b"GZip", gzip.compress(REAL)), (b"x-gzip", gzip.compress(REAL)),
              (b"deflate", zlib.compress(REAL)), (b"deflate", raw),
              (b"identity, gzip", gzip.compress(REAL)), (b"gzip,", gzip.compress(REAL)),
              (b"identity\r\nContent-Encoding: gzip", gzip.compress(REAL))]
    for coding, body in bodies:
        world.origin.scripts["packed"] = answering(
            OK + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s" % (coding, len(body), body))
        before = world.last_row()
        answer = ask(world, request(POST, *FIELDS, "x-api-key: " + world.keys["anthropic"],
                                    body=BODY, script="packed"))
        assert answer is None or answer.broken, (coding, answer.line, answer.body)
        wait_until("a row with the reason", lambda n=before: world.home.rows(
            "select 1 from request where id>? and done=1 and reason like '%key%'", n))


def test_key_in_rows():
    """an answer that calls its model as the key is called leaves no key in the rows"""
    usage = '"usage":{"input_tokens":1,"output_tokens":2}'
    texts = [f'{{"model":"{REAL.decode()}","stop_reason":"end",{usage}}}',
             f'{{"model":"m","stop_reason":"{REAL.decode()}",{usage}}}',
             '{"model":"%s","stop_reason":"end",%s}' % (REAL.decode().replace("-", "\\u002d"), usage)]
    types = ["application/json"] * len(texts) + ["text/event-stream"]
    texts.append('event: message_start\ndata: {"type":"message_start","message":{"model":"%s",%s}}\n\n' %
                 (REAL.decode(), usage))
    before = world.last_row()
    for kind, text in zip(types, texts):
        world.origin.scripts["model"] = answering(
            OK + b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (
                kind.encode(), len(text), text.encode()))
        ask(world, request(POST, *FIELDS, "x-api-key: " + world.keys["anthropic"], body=BODY,
                           script="model"))
    rows = wait_until("the rows", lambda: (lambda r: r if len(r) == len(texts) else None)(
        world.home.rows("select * from request where id>? and done=1", before)))
    for row in rows:
        assert REAL.decode()[:20] not in json.dumps(row, default=str), row


def test_interim():
    """103 is passed on, 100 is not, and neither to a client of HTTP/1.0"""
    raw = (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: X-Y\r\n"
           b"X-Y: 1\r\nContent-Length: 3\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi")
    world.origin.scripts["interim"] = answering(raw)
    client = Client(world).through()
    first = client.send(request(script="interim")).answer()
    assert first.status == 103 and first.fields["link"] == ["</a>"], first.line
    assert not {"x-y", "connection", "content-length"} & set(first.fields), first.fields
    assert client.answer().body == b"hi"
    client.close()
    answer = ask(world, request("GET /api/hello HTTP/1.0", script="interim"))
    assert answer.status == 200 and answer.body == b"hi", answer.line


def test_http10():
    """a client of HTTP/1.0 gets no chunks"""
    world.origin.scripts["chunks"] = answering(OK + CHUNKED + b"2\r\nhi\r\n0\r\n\r\n")
    for fields in ([], ["Connection: keep-alive"]):
        client = Client(world).through()
        answer = client.send(request("GET /api/hello HTTP/1.0", *fields, script="chunks")).answer()
        assert answer.body == b"hi" and "transfer-encoding" not in answer.fields, answer.fields
        assert answer.fields.get("connection") == ["close"] and client.closed
        client.close()


def test_answers_without_a_request():
    """a second answer that nobody asked for is nobody's, whenever it comes"""
    world.origin.scripts["two"] = answering(
        OK + b"Content-Length: 2\r\n\r\nhi" + OK + b"Content-Length: 4\r\n\r\nevil")

    ended = threading.Event()

    def late(connection, got):
        answering(OK + b"Content-Length: 2\r\n\r\nhi")(connection, got)
        answered.wait(10)
        connection.send(OK + b"Content-Length: 4\r\n\r\nevil")
        connection.wait_for_end()
        ended.set()
    world.origin.scripts["late"] = late
    for script in ("two", "late") * 5:
        answered = threading.Event()
        ended.clear()
        client = Client(world).through()
        assert client.send(request(script=script)).answer().body == b"hi"
        answered.set()
        assert script == "two" or ended.wait(10), "the connection with the late answer is kept"
        problem = check_next(client)
        assert problem is None, (script, problem)
        client.close()


def test_the_end():
    """the proxy still serves, has no descriptor left, no open row and nothing to say"""
    assert ask(world, request()).status == 200, "the proxy does not answer any more"
    world.end()


world = World("providers:\n  anthropic:\n    allow: [POST /v1/messages, GET /api/hello, "
              "HEAD /api/head]\n")
try:
    main(test_good, test_bad, test_cut, test_broken, test_key_in_a_body,
         test_a_coding_that_cannot_be_searched, test_key_in_a_compressed_body, test_key_in_rows,
         test_interim, test_http10,
         test_answers_without_a_request, test_the_end)
finally:
    world.close()
