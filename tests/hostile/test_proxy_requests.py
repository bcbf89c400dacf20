#!/usr/bin/env python3
"""Requests that two readers could understand in two ways: the line, the fields, the framing, the
chunks. Each is refused with its status, the connection ends where its end is uncertain, a row
says why, and not a byte reaches the provider."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import Failed, main, wait_until  # noqa: E402
from hostile_http import BODY, HOST, Case, Client, World, ask, check_refused, request  # noqa: E402

MESSAGES = "POST /v1/messages HTTP/1.1"
JSON = "Content-Type: application/json"

# name, request line, status
LINES = [
    ("method in small letters", "get /api/hello HTTP/1.1", 400),
    ("method in mixed letters", "Get /api/hello HTTP/1.1", 400),
    ("method nobody knows", "FOO /api/hello HTTP/1.1", 403),
    ("method with a bracket", "G(T /api/hello HTTP/1.1", 400),
    ("method with a slash", "GET/x /api/hello HTTP/1.1", 400),
    ("method with a colon", "GET: /api/hello HTTP/1.1", 400),
    ("method 8-bit", "G\xc4T /api/hello HTTP/1.1", 400),
    ("method of 5000 letters", "G" * 5000 + " /api/hello HTTP/1.1", 400),
    ("no method", " /api/hello HTTP/1.1", 400),
    ("TRACE", "TRACE /api/hello HTTP/1.1", 403),
    ("CONNECT inside", f"CONNECT {HOST}:443 HTTP/1.1", 403),
    ("CONNECT inside, a path", "CONNECT /api/hello HTTP/1.1", 400),
    ("method that may not be used here", "POST /api/hello HTTP/1.1", 403),
    ("two blanks before the target", "GET  /api/hello HTTP/1.1", 400),
    ("two blanks behind the target", "GET /api/hello  HTTP/1.1", 400),
    ("tab before the target", "GET\t/api/hello HTTP/1.1", 400),
    ("tab behind the target", "GET /api/hello\tHTTP/1.1", 400),
    ("tab in the target", "GET /api/\thello HTTP/1.1", 400),
    ("blank in the target", "GET /api/ hello HTTP/1.1", 400),
    ("blank at the end", "GET /api/hello HTTP/1.1 ", 400),
    ("tab at the end", "GET /api/hello HTTP/1.1\t", 400),
    ("tab at the beginning", "\tGET /api/hello HTTP/1.1", 400),
    ("more behind the version", "GET /api/hello HTTP/1.1 HTTP/1.1", 400),
    ("no version", "GET /api/hello", 505),
    ("no target", "GET HTTP/1.1", 400),
    ("empty target", "GET  HTTP/1.1", 400),
    ("only a method", "GET", 400),
    ("HTTP/0.9", "GET /api/hello HTTP/0.9", 505),
    ("HTTP/1.2", "GET /api/hello HTTP/1.2", 505),
    ("HTTP/2.0", "GET /api/hello HTTP/2.0", 505),
    ("HTTP/9.9", "GET /api/hello HTTP/9.9", 505),
    ("HTTP/1", "GET /api/hello HTTP/1", 505),
    ("HTTP/1.10", "GET /api/hello HTTP/1.10", 505),
    ("HTTP/01.1", "GET /api/hello HTTP/01.1", 505),
    ("HTTP/1.1.1", "GET /api/hello HTTP/1.1.1", 505),
    ("http/1.1", "GET /api/hello http/1.1", 400),
    ("HTTP /1.1", "GET /api/hello HTTP /1.1", 400),
    ("HTTP/1,1", "GET /api/hello HTTP/1,1", 400),
    ("HTTPS/1.1", "GET /api/hello HTTPS/1.1", 400),
    ("ICY", "GET /api/hello ICY", 400),
    ("absolute form, http", f"GET http://{HOST}/api/hello HTTP/1.1", 403),
    ("absolute form, https", f"GET https://{HOST}/api/hello HTTP/1.1", 403),
    ("absolute form, another host", "GET https://evil.test/api/hello HTTP/1.1", 403),
    ("authority form", f"GET {HOST}:443 HTTP/1.1", 400),
    ("no slash first", "GET api/hello HTTP/1.1", 400),
    ("only a query", "GET ?a=b HTTP/1.1", 400),
    ("asterisk", "GET * HTTP/1.1", 400),
    ("asterisk with OPTIONS", "OPTIONS * HTTP/1.1", 403),
    ("fragment", "GET /api/hello#x HTTP/1.1", 400),
    ("8-bit target", "GET /api/hell\xf6 HTTP/1.1", 400),
    ("8-bit query", "GET /api/hello?\xf6 HTTP/1.1", 400),
    ("NUL in the target", "GET /api/hello\0 HTTP/1.1", 400),
    ("DEL in the target", "GET /api/hello\x7f HTTP/1.1", 400),
    ("bare CR in the line", "GET /api/hello\r HTTP/1.1", 400),
    ("bare LF behind the line", "GET /api/hello HTTP/1.1\nX: y", 400),
    ("CR CR LF behind the line", "GET /api/hello HTTP/1.1\r", 400),
    ("target of 70,000 bytes", "GET /" + "a" * 70000 + " HTTP/1.1", 431),
    ("query of 70,000 bytes", "GET /api/hello?" + "a" * 70000 + " HTTP/1.1", 431),
    ("preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM", 400),
    ("a TLS handshake inside", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
]

# name, a line of the head, status
FIELDS = [
    ("bare CR in a value", "X: a\rb", 400),
    ("bare CR that makes a field", "X: a\rContent-Length: 5", 400),
    ("CR CR LF", "X: a\r", 400),
    ("bare LF", "X: a\nY: b", 400),
    ("LF CR", "X: a\n\rY: b", 400),
    ("NUL in a value", "X: a\0b", 400),
    ("NUL in a name", "X\0: a", 400),
    ("DEL in a value", "X: a\x7f", 400),
    ("control byte in a value", "X: a\x01b", 400),
    ("vertical tab in a value", "X: a\x0bb", 400),
    ("escape in a value", "X: \x1b[31m", 400),
    ("folded with a blank", "X: a\r\n b", 400),
    ("folded with a tab", "X: a\r\n\tb", 400),
    ("folded into nothing", "X:\r\n \r\nY: b", 400),
    ("folded framing", "Transfer-Encoding:\r\n chunked", 400),
    ("blank before the colon", "X : a", 400),
    ("tab before the colon", "X\t: a", 400),
    ("no name", ": a", 400),
    ("no colon", "novalue", 400),
    ("blank in the name", "X Y: a", 400),
    ("bracket in the name", "X(: a", 400),
    ("quote in the name", "X\": a", 400),
    ("slash in the name", "X/Y: a", 400),
    ("at sign in the name", "X@Y: a", 400),
    ("comma in the name", "X,Y: a", 400),
    ("semicolon in the name", "X;Y: a", 400),
    ("braces in the name", "X{}: a", 400),
    ("8-bit name", "X\xe4: a", 400),
    ("blank before the framing's colon", "Content-Length : 5", 400),
    ("200 fields", "\r\n".join(f"X-{i}: a" for i in range(200)), 431),
    ("one value of 70,000 bytes", "X: " + "a" * 70000, 431),
    ("one name of 70,000 bytes", "a" * 70000 + ": x", 431),
    ("70,000 bytes of small fields", "\r\n".join("X: " + "a" * 1000 for _ in range(70)), 431),
    ("10,000 names in Connection", "Connection: " + "a," * 10000, 400),
    ("malformed Connection", "Connection: close foo", 400),
    ("quoted Connection", "Connection: \"close\"", 400),
]

PIECE = b"1b\r\n" + BODY + b"\r\n"
WHOLE = PIECE + b"0\r\n\r\n"  # 38 bytes
# name, framing lines. What follows is whole by either reading, so only the head can be refused.
FRAMINGS = [
    ("CL and TE", ["Content-Length: 38", "Transfer-Encoding: chunked"]),
    ("TE and CL", ["Transfer-Encoding: chunked", "Content-Length: 38"]),
    ("TE and CL 0", ["Transfer-Encoding: chunked", "Content-Length: 0"]),
    ("TE twice", ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]),
    ("TE chunked, then identity", ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"]),
    ("TE identity, then chunked", ["Transfer-Encoding: identity", "Transfer-Encoding: chunked"]),
    ("TE chunked, chunked", ["Transfer-Encoding: chunked, chunked"]),
    ("TE gzip", ["Transfer-Encoding: gzip"]),
    ("TE gzip, chunked", ["Transfer-Encoding: gzip, chunked"]),
    ("TE chunked, gzip", ["Transfer-Encoding: chunked, gzip"]),
    ("TE chunked, identity", ["Transfer-Encoding: chunked, identity"]),
    ("TE identity", ["Transfer-Encoding: identity"]),
    ("TE identity with CL", ["Transfer-Encoding: identity", "Content-Length: 27"]),
    ("TE empty", ["Transfer-Encoding:"]),
    ("TE empty with CL", ["Transfer-Encoding:", "Content-Length: 27"]),
    ("TE with a parameter", ["Transfer-Encoding: chunked;q=1"]),
    ("TE quoted", ["Transfer-Encoding: \"chunked\""]),
    ("TE with a comma behind", ["Transfer-Encoding: chunked,"]),
    ("TE with a comma before", ["Transfer-Encoding: ,chunked"]),
    ("TE xchunked", ["Transfer-Encoding: xchunked"]),
    ("TE chunkedx", ["Transfer-Encoding: chunkedx"]),
    ("TE chunk", ["Transfer-Encoding: chunk"]),
    ("TE with a vertical tab", ["Transfer-Encoding: \x0bchunked"]),
    ("TE with a form feed", ["Transfer-Encoding: chunked\x0c"]),
    ("TE with a NUL", ["Transfer-Encoding: chunked\0"]),
    ("TE 8-bit", ["Transfer-Encoding: chunke\xe4"]),
    ("TE and a blank before the colon", ["Transfer-Encoding : chunked", "Content-Length: 27"]),
    ("TE behind a bare CR", ["X: y\rTransfer-Encoding: chunked", "Content-Length: 27"]),
    ("TE folded", ["X: y", " Transfer-Encoding: chunked", "Content-Length: 27"]),
    ("CL twice, the same", ["Content-Length: 27", "Content-Length: 27"]),
    ("CL twice, other", ["Content-Length: 27", "Content-Length: 28"]),
    ("CL twice, one zero", ["Content-Length: 0", "Content-Length: 27"]),
    ("CL list, the same", ["Content-Length: 27, 27"]),
    ("CL list without blank", ["Content-Length: 27,27"]),
    ("CL list, other", ["Content-Length: 27, 28"]),
    ("CL +27", ["Content-Length: +27"]),
    ("CL -27", ["Content-Length: -27"]),
    ("CL -0", ["Content-Length: -0"]),
    ("CL 2 7", ["Content-Length: 2 7"]),
    ("CL 0x1b", ["Content-Length: 0x1b"]),
    ("CL 27.0", ["Content-Length: 27.0"]),
    ("CL 27e0", ["Content-Length: 27e0"]),
    ("CL 27;a", ["Content-Length: 27;a"]),
    ("CL \"27\"", ["Content-Length: \"27\""]),
    ("CL 2_7", ["Content-Length: 2_7"]),
    ("CL empty", ["Content-Length:"]),
    ("CL a word", ["Content-Length: many"]),
    ("CL 2^63", ["Content-Length: 9223372036854775808"]),
    ("CL 2^64", ["Content-Length: 18446744073709551616"]),
    ("CL 2^64 + 27", ["Content-Length: 18446744073709551643"]),
    ("CL of 5000 digits", ["Content-Length: " + "9" * 5000]),
    ("CL with other digits", ["Content-Length: \xb2\xb7"]),
]

# name, the body; each after "Transfer-Encoding: chunked"
CHUNKS = [
    ("size 2^64", b"10000000000000000\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("size 2^64 + 27", b"1000000000000001b\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("size of 40 digits", b"f" * 40 + b"\r\n"),
    ("size of 17 digits with zeros", b"0000000000000001b\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("size negative", b"-1b\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("size with a plus", b"+1b\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("size 0x1b", b"0x1b\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("size with a blank before", b" 1b\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("size with a blank behind", b"1b \r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("size with a tab behind", b"1b\t\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("size with a blank inside", b"1 b\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("size empty", b"\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("size not hex", b"1g\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("size with an underscore", b"1_b\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("size with LF only", b"1b\n" + BODY + b"\r\n0\r\n\r\n"),
    ("size with CR only", b"1b\r" + BODY + b"\r\n0\r\n\r\n"),
    ("data with LF behind", b"1b\r\n" + BODY + b"\n0\r\n\r\n"),
    ("data with nothing behind", b"1b\r\n" + BODY + b"0\r\n\r\n"),
    ("data longer than said", b"1a\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("data shorter than said", b"1c\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("another byte for CR", b"1b\r\n" + BODY + b"X\n0\r\n\r\n"),
    ("another byte for LF", b"1b\r\n" + BODY + b"\rX0\r\n\r\n"),
    ("other bytes behind the data", b"1b\r\n" + BODY + b"XX0\r\n\r\n"),
    ("extension empty", b"1b;\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("extension with LF only", b"1b;a=b\n" + BODY + b"\r\n0\r\n\r\n"),
    ("extension with a bare CR", b"1b;a\rb=c\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("extension with a control byte", b"1b;a\x01\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("extension with a NUL", b"1b;a=\0\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("extension with an open quote", b"1b;a=\"b\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("extension with LF in quotes", b"1b;a=\"\n0\r\n\r\n\"\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("extension of 70,000 bytes", b"1b;" + b"a" * 70000),
    ("70,000 bytes of extensions", (b"1;" + b"a" * 500 + b"\r\nx\r\n") * 150),
    ("last chunk with LF", PIECE + b"0\n\r\n"),
    ("last line with LF", PIECE + b"0\r\n\n"),
    ("trailer without colon", PIECE + b"0\r\nX\r\n\r\n"),
    ("trailer with a blank before the colon", PIECE + b"0\r\nX : y\r\n\r\n"),
    ("trailer with LF", PIECE + b"0\r\nX: y\n\r\n"),
    ("trailer folded", PIECE + b"0\r\nX: y\r\n z\r\n\r\n"),
    ("trailer with a bare CR", PIECE + b"0\r\nX: y\rz\r\n\r\n"),
    ("trailer with a NUL", PIECE + b"0\r\nX: \0\r\n\r\n"),
    ("trailers of 70,000 bytes", PIECE + b"0\r\n" + (b"X: " + b"a" * 500 + b"\r\n") * 140),
]


def test_request_lines():
    """a request line that is not exactly one is refused"""
    # What gets 403 was well-formed, so the connection stays.
    check_refused(world, [Case(name, request(line), status, status != 403)
                          for name, line, status in LINES])


def test_fields():
    """a field line that is not exactly one is refused"""
    check_refused(world, [Case(name, request("GET /api/hello HTTP/1.1", line), status, True)
                          for name, line, status in FIELDS])


def test_framings():
    """a request with two framings, or one that is not plain, is refused"""
    cases = [Case(name, request(MESSAGES, JSON, *lines,
                                body=WHOLE if "hunk" in str(lines) else BODY), 400, True)
             for name, lines in FRAMINGS]
    cases.append(Case("TE in HTTP/1.0", request("POST /v1/messages HTTP/1.0", JSON,
                                                "Transfer-Encoding: chunked",
                                                body=WHOLE), 400, True))
    check_refused(world, cases)


def test_chunks():
    """a chunked body that is not exactly one is refused, and never a whole request upstream"""
    failures = []
    for number, (name, body) in enumerate(CHUNKS):
        script = f"chunks-{number}"
        head = request(MESSAGES, JSON, "Transfer-Encoding: chunked", script=script)
        client = Client(world).through()
        try:
            answer = client.send(head + body).answer()
            if answer is None or answer.status != 400 or not answer.body:
                failures.append(f"{name}: {answer and answer.line}")
            elif not client.is_ended():
                failures.append(f"{name}: the connection stays open")
        except (Failed, OSError) as problem:
            failures.append(f"{name}: {problem}")
        finally:
            client.close()
        if any(r.whole for r in world.origin.seen(script)):
            failures.append(f"{name}: the origin got it whole")
    wait_until("a row with a reason for each", lambda: world.home.rows(
        "select count(*) n from request where status=400 and path='/v1/messages' and done=1 "
        "and reason<>''")[0]["n"] >= len(CHUNKS) - len(failures))
    if failures:
        raise Failed("\n       ".join(failures))
    print(f"     {len(CHUNKS)} cases")


# name, head lines, body as sent; what the origin must get as the body, and fields of it
GOOD = [
    ("plain", [JSON, "Content-Length: 27"], BODY),
    ("length with zeros", [JSON, "Content-Length: 00027"], BODY),
    ("length with blanks around", [JSON, "Content-Length: \t 27 \t"], BODY),
    ("names in any case", [JSON, "cOnTeNt-LeNgTh: 27"], BODY),
    ("chunked", [JSON, "Transfer-Encoding: chunked"], WHOLE),
    ("chunked in any case", [JSON, "transfer-encoding: Chunked"], WHOLE),
    ("chunked, blanks around", [JSON, "Transfer-Encoding:\tchunked "], WHOLE),
    ("chunk sizes in any form", [JSON, "Transfer-Encoding: chunked"],
     b"000A\r\n" + BODY[:10] + b"\r\n011;a;b=c;d=\"e \\\" f\"\r\n" + BODY[10:] + b"\r\n000\r\n\r\n"),
    ("byte by byte", [JSON, "Transfer-Encoding: chunked"],
     b"".join(b"1\r\n%c\r\n" % c for c in BODY) + b"0\r\n\r\n"),
    ("trailers", [JSON, "Transfer-Encoding: chunked", "Trailer: X-Sum"],
     PIECE + b"0\r\nX-Sum: 1\r\nY:\r\n\r\n"),
    ("trailers of framing", [JSON, "Transfer-Encoding: chunked"],
     PIECE + b"0\r\nContent-Length: 5\r\nTransfer-Encoding: gzip\r\nHost: evil.test\r\n\r\n"),
    ("empty and 8-bit values", [JSON, "Content-Length: 27", "X-Empty:", "X-Latin: \xe4\xf6"],
     BODY),
    ("60,000 bytes of fields", [JSON, "Content-Length: 27"] + ["X: " + "a" * 997] * 60, BODY),
    ("an empty line before", [JSON, "Content-Length: 27"], BODY),
    ("a dead name in Connection", [JSON, "Content-Length: 27", "Connection: ,, ,"], BODY),
    ("length named by Connection", [JSON, "Content-Length: 27", "Connection: content-length"],
     BODY),
    ("HTTP/1.0 with length", [JSON, "Content-Length: 27"], BODY),
]


def test_what_is_clear_passes():
    """what is unusual but clear arrives as one request with one framing"""
    failures = []
    for number, (name, lines, body) in enumerate(GOOD):
        script = f"good-{number}"
        line = "POST /v1/messages HTTP/1.0" if "1.0" in name else MESSAGES
        data = request(line, *lines, body=body, script=script)
        answer = ask(world, b"\r\n" + data if "empty line" in name else data)
        got = world.origin.seen(script)
        if answer is None or answer.status != 200:
            failures.append(f"{name}: {answer and answer.line} {answer and answer.body}")
        elif len(got) != 1 or got[0].body != BODY or not got[0].line.endswith(" HTTP/1.1"):
            failures.append(f"{name}: the origin got {[(r.head, r.body) for r in got]}")
        elif len(got[0].field("content-length") + got[0].field("transfer-encoding")) != 1:
            failures.append(f"{name}: framing at the origin {got[0].fields}")
        elif got[0].field("x-sum") or got[0].field("trailer"):
            failures.append(f"{name}: a trailer went through")
        elif got[0].field("host") != [HOST]:
            failures.append(f"{name}: host {got[0].field('host')}")
    if failures:
        raise Failed("\n       ".join(failures))
    print(f"     {len(GOOD)} cases")


def test_the_end():
    """the proxy still serves, has no descriptor left, no open row and nothing to say"""
    answer = ask(world, request())
    assert answer and answer.status == 200, "the proxy does not answer any more"
    world.end()


world = World()
try:
    main(test_request_lines, test_fields, test_framings, test_chunks, test_what_is_clear_passes,
         test_the_end)
finally:
    world.close()
