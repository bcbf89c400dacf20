#!/usr/bin/env python3
"""Hosts that are no provider: the rules hold for what the server will read, not only for what a
request seems to ask; addresses that are not public are never reached; and every refusal is
answered inside of TLS, says what to do, and has a row."""
import os
import ssl
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import Failed, main, wait_until  # noqa: E402
from hostile_http import (A, B, BODY, GOOGLE, HOST, OPENAI, Case, Client, World, ask,  # noqa: E402
                          check_refused, request)

JSON = "Content-Type: application/json"
LENGTH = "Content-Length: 27"
RULES = f"""
deny  net:* https://{A}/secret/**  because "not yours"
deny  net:* https://{A}/exact
allow net:* https://{A}/**
allow net:GET https://{B}/v1/**
allow net:GET https://{B}/v2/*
allow net:GET https://{B}/v3/*/get
allow net:GET https://play.googleapis.com/allowed
"""

# The server goes by such a target and not by Host.
TARGETS = [
    f"GET https://{B}/x HTTP/1.1", f"GET http://{B}/x HTTP/1.1", f"GET https://{A}/x HTTP/1.1",
    f"GET http://{A}/x HTTP/1.1", f"GET HTTPS://{B}/x HTTP/1.1", f"GET ftp://{B}/x HTTP/1.1",
    f"CONNECT {B}:443 HTTP/1.1", f"CONNECT {A}:443 HTTP/1.1", f"OPTIONS https://{B} HTTP/1.1",
]

SECRETS = [
    "/secret/x", "/x/../secret/y", "/%73ecret/y", "//secret/y", "/x/..;/secret/y", "/secret\\y",
    "/secret%2fy", "/secret;a=b/y", "/secret%3ba=b/y", "/./secret/y", "/x/..%2fsecret/y",
    "/exact", "/exact;x", "/;/exact", "//exact", "/exact%00", "/exac%74", "/exact%3f",
    "/x/%2e%2e/exact", "/x\\..\\exact",
]

OUTSIDE = [
    "/", "/v1", "/v1/../x", "/v1/%2e%2e/x", "/v1/.%2e/x", "/v1//x", "/v1/a;b", "/v1/..;/x",
    "/v1/%2e%2e;/x", "/v1/..%3b/x", "/v1/a\\..\\..\\x", "/v1/a%5c..%5cx", "/v1/a%2f..%2f..%2fx",
    "/v1/%252e%252e/x", "/v1/a/./b", "/v1/a/.", "/v1/a/..", "/v1/%00", "/v1/%zz", "/v1/%6", "/V1/x",
    "/v2/", "/v2/a/b", "/v2/a;b", "/v2/a%2fb", "/v2/..", "/v2/a\\b", "/v3/a;/get", "/v3/../get",
    "/v3/%2e/get", "/v3//get", "/v3/a/b/get",
]


def test_targets():
    """inside of a tunnel no request names a host of its own"""
    check_refused(world, [Case(line, request(line, host=A), 403, host=A) for line in TARGETS])


def test_paths():
    """what may be a denied path is denied, what only may be an allowed one is not allowed"""
    check_refused(world, [Case(path, request(f"GET {path} HTTP/1.1", host=A), 403, host=A)
                          for path in SECRETS])
    check_refused(world, [Case(path, request(f"GET {path} HTTP/1.1", host=B), 403, host=B)
                          for path in OUTSIDE])
    for host, path in ((A, "/x"), (A, "/secrets/x"), (A, "/x?/../secret/"), (A, "/%20x"),
                       (B, "/v1/a%20b?x;y"), (B, "/v1/"), (B, "/v2/a"), (B, "/v3/a/get")):
        line = f"GET {path} HTTP/1.1"
        answer = ask(world, request(line, host=host, script=path), host)
        assert answer.status == 200, (path, answer.line, answer.body)
        assert world.origin.seen(path)[0].line == line


def test_other_readings():
    """fields with which some servers see another method, path or framing do not pass"""
    fields = ["X-HTTP-Method-Override: DELETE", "x-http-method: DELETE", "X-Method-Override: PUT",
              "X-Original-URL: /secret/x", "X-Rewrite-URL: /secret/x", "Transfer_Encoding: chunked",
              "content_length: 5"]
    answer = ask(world, request("POST /x HTTP/1.1", JSON, LENGTH, *fields, host=A, body=BODY,
                                script="readings"), A)
    got = world.origin.seen("readings")[0]
    assert answer.status == 200 and got.body == BODY, answer.line
    names = {name.lower() for name, _ in got.fields}
    assert not names & {field.split(":")[0].lower() for field in fields}, got.fields


def test_a_body_where_none_is_expected():
    """a body of a GET goes to no provider, and elsewhere no other request follows it"""
    check_refused(world, [Case(f"{method}, {framing}", request(
        f"{method} /v1/models HTTP/1.1", framing, body=b"1b\r\n" + BODY + b"\r\n0\r\n\r\n"
        if "chunked" in framing else BODY), 400, True, method=method) for method in ("GET", "HEAD")
        for framing in (LENGTH, "Transfer-Encoding: chunked")])

    ended = threading.Event()

    def takes_no_notice(connection, got):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        connection.wait_for_end()
        ended.set()
    world.origin.scripts["odd"] = takes_no_notice
    inner = request("GET /inner HTTP/1.1", host=A)
    client = Client(world).through(A)
    client.send(request("GET /x HTTP/1.1", f"Content-Length: {len(inner)}", host=A, script="odd",
                        body=inner))
    assert client.answer().status == 200
    assert ended.wait(10), "the connection is kept"
    assert client.send(request("GET /y HTTP/1.1", host=A)).answer().body == b"ok"
    client.close()


def through_unknown(host):
    """A tunnel to a host, whose leaf is checked; without a name in it for addresses."""
    client = Client(world)
    client.send(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    answer = client.answer("HEAD")
    assert answer.status == 200, (host, answer.line)
    context = ssl.create_default_context(cafile=world.ca)
    client.sock = context.wrap_socket(client.sock, server_hostname=host.strip("[]"))
    return client


# Hosts that no rule can let through; many of them say so in their name only.
NOWHERE = [
    "localhost", "x.localhost", "LOCALHOST", "printer.local", "metadata.google.internal", "x.internal",
    "x.localdomain", "router.home.arpa", "single", "metadata", "127.0.0.1", "127.255.255.254",
    "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200",
    "100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "255.255.255.255", "[::]", "[::1]",
    "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[::ffff:10.0.0.1]", "[::127.0.0.1]",
    "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a00:1]", "[fd00::1]",
    "[fd00:ec2::254]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[2002:7f00:1::]", "[2002:a00:1::1]",
    "[2001:0:a00:1::]", "[2001:db8::1]", "[::ffff:0:127.0.0.1]",
]


def test_nowhere():
    """hosts and addresses that are not public are 403 inside of TLS, whatever the form"""
    failures = []
    before = world.last_row()
    for host in NOWHERE:
        client = through_unknown(host.lower())
        answer = client.send(request("POST /x HTTP/1.1", JSON, LENGTH, host=host,
                                     body=BODY)).answer()
        client.close()
        if answer is None or answer.status != 403 or b"refused" not in answer.body:
            failures.append(f"{host}: {answer and (answer.line, answer.body)}")
    if failures:
        raise Failed("\n       ".join(failures))
    wait_until("a row with a reason for each", lambda: world.home.rows(
        "select count(*) n from request where id>? and status=403 and decision='deny' and "
        "reason<>''", before)[0]["n"] == len(NOWHERE))


# Public names whose address is not.
REBOUND = {f"r{n}.test": address for n, address in enumerate((
    "127.0.0.1", "0.0.0.0", "10.0.0.1", "169.254.169.254", "100.100.100.200", "::1", "fd00::1",
    "fe80::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::"))}


def test_rebinding():
    """a public name is refused at its address where that is not public, allowed or not"""
    if os.geteuid() != 0:
        print("     skipped: only root can give a process names of its own")
        return
    failures = []
    for name, address in REBOUND.items():
        client = through_unknown(name)
        answer = client.send(request("GET /x HTTP/1.1", host=name)).answer()
        client.close()
        if answer is None or answer.status != 502 or b"not a public address" not in answer.body:
            failures.append(f"{address}: {answer and (answer.line, answer.body)}")
    if failures:
        raise Failed("\n       ".join(failures))
    wait_until("rows with the reason", lambda: world.home.rows(
        "select count(*) n from request where host like 'r%.test' and status=502 and reason like "
        "'%not a public address%'")[0]["n"] == len(REBOUND))


def test_telemetry():
    """hosts for telemetry and updates are 404 where no rule says otherwise, and nobody is asked"""
    for host in ("play.googleapis.com", "statsig.anthropic.com", "downloads.claude.ai",
                 "ab.chatgpt.com"):
        client = through_unknown(host)
        answer = client.send(request("POST /log HTTP/1.1", JSON, LENGTH, host=host,
                                     body=BODY)).answer()
        assert answer.status == 404 and b"telemetry" in answer.body, (host, answer.line)
        client.close()
    client = through_unknown("play.googleapis.com")
    answer = client.send(request("GET /allowed HTTP/1.1", host="play.googleapis.com")).answer()
    assert answer.status == 502, f"a rule lets it go, there is nobody: {answer.line}"
    client.close()


def test_refusals_say_what_to_do():
    """the rule's words, or that a person would have to be asked; in the form of each provider"""
    answer = ask(world, request("GET /secret/x HTTP/1.1", host=A), A)
    assert b"not yours" in answer.body, answer.body
    client = through_unknown("xn--pi-anthropic-e1a.com")  # looks like another
    answer = client.send(request(host="xn--pi-anthropic-e1a.com")).answer()
    assert answer.status == 403 and b"approval" in answer.body and b"rule" in answer.body
    client.close()
    for host, mark in ((HOST, b'{"type":"error","error":{"type":"permission_error","message":"Blo'),
                       (OPENAI, b'{"error":{"message":"Blocked: GET /nope'),
                       (GOOGLE, b'{"error":{"code":403,"message":"Blocked: GET /nope')):
        answer = ask(world, request("GET /nope HTTP/1.1", host=host), host)
        assert answer.status == 403 and answer.body.startswith(mark), (host, answer.body)
        assert answer.fields["content-type"] == ["application/json"], answer.fields


def test_the_end():
    """the proxy still serves, has no descriptor left, no open row and nothing to say"""
    assert ask(world, request()).status == 200, "the proxy does not answer any more"
    world.end()


world = World(policy=RULES + "".join(f"allow net:* https://{name}/**\n" for name in REBOUND),
              names=REBOUND if os.geteuid() == 0 else None)
try:
    main(test_targets, test_paths, test_other_readings, test_a_body_where_none_is_expected, test_nowhere, test_rebinding,
         test_telemetry, test_refusals_say_what_to_do, test_the_end)
finally:
    world.close()
