#!/usr/bin/env python3
"""Where a request may go and with which key: CONNECT, the handshake's name, Host, paths, keys,
and the fields that end at the proxy."""
import json
import os
import ssl
import subprocess
import sys
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import Failed, main, wait_until  # noqa: E402
from hostile_http import (BODY, GOOGLE, HOST, KEYS, OPENAI, Case, Client, World,  # noqa: E402
                          ask, check_refused, request)
from proxy_client import client_hello  # noqa: E402

JSON = "Content-Type: application/json"
POST = "POST /v1/messages HTTP/1.1"
LENGTH = "Content-Length: 27"


def connect(target, *fields, version="HTTP/1.1", host=""):
    """A CONNECT; host: its Host field, "" for the target itself."""
    return request(f"CONNECT {target} {version}", *fields, host=target if host == "" else host)


BAD = 400
# name, bytes before any TLS, status
CONNECTS = [
    ("no port behind the colon", connect(HOST + ":"), BAD),
    ("port 0", connect(HOST + ":0"), BAD),
    ("port 65536", connect(HOST + ":65536"), BAD),
    ("port 99999999999999999999", connect(HOST + ":99999999999999999999"), BAD),
    ("port negative", connect(HOST + ":-443"), BAD),
    ("port with a plus", connect(HOST + ":+443"), BAD),
    ("port in hex", connect(HOST + ":0x1bb"), BAD),
    ("port with six digits", connect(HOST + ":000443"), BAD),
    ("port a word", connect(HOST + ":https"), BAD),
    ("two ports", connect(HOST + ":443:443"), BAD),
    ("no host", connect(":443"), BAD),
    ("only a dot", connect(".:443"), BAD),
    ("dots first", connect("." + HOST + ":443"), BAD),
    ("two dots inside", connect("api..anthropic.com:443"), BAD),
    ("two dots behind", connect(HOST + "..:443"), BAD),
    ("user name", connect(f"user@{HOST}:443"), BAD),
    ("user and password", connect(f"user:pw@{HOST}:443"), BAD),
    ("host as password", connect(f"{HOST}:443@evil.test:443"), BAD),
    ("path", connect(f"{HOST}:443/"), BAD),
    ("path first", connect("/api/hello"), BAD),
    ("query", connect(f"{HOST}:443?x"), BAD),
    ("fragment", connect(f"{HOST}#evil.test:443"), BAD),
    ("absolute form", connect(f"https://{HOST}:443"), BAD),
    ("asterisk", connect("*:443"), BAD),
    ("wildcard", connect("*.anthropic.com:443"), BAD),
    ("encoded dot", connect("api%2eanthropic.com:443"), BAD),
    ("encoded NUL", connect(HOST + "%00.evil.test:443"), BAD),
    ("NUL", connect(HOST + "\0.evil.test:443"), BAD),
    ("backslash", connect(f"evil.test\\{HOST}:443"), BAD),
    ("comma", connect(f"{HOST},evil.test:443"), BAD),
    ("8-bit", connect("\xe4pi.anthropic.com:443"), BAD),
    ("tab", connect(HOST + "\t:443"), BAD),
    ("label of 64", connect("a" * 64 + ".test:443"), BAD),
    ("name of 254", connect("a." * 126 + "aa:443"), BAD),
    ("open bracket", connect("[::1:443"), BAD),
    ("empty brackets", connect("[]:443"), BAD),
    ("name in brackets", connect(f"[{HOST}]:443"), BAD),
    ("IPv4 in brackets", connect("[127.0.0.1]:443"), BAD),
    ("more behind the bracket", connect("[::1]x:443"), BAD),
    ("zone", connect("[fe80::1%25eth0]:443"), BAD),
    ("IPv6 without brackets", connect("::1:443"), BAD),
    ("IPv6 with nine parts", connect("[1:2:3:4:5:6:7:8:9]:443"), BAD),
    ("number for an address", connect("2130706433:443"), BAD),
    ("hex for an address", connect("0x7f000001:443"), BAD),
    ("octal for an address", connect("0177.0.0.1:443"), BAD),
    ("short address", connect("127.1:443"), BAD),
    ("address out of range", connect("1.2.3.256:443"), BAD),
    ("version 2.0", connect(HOST + ":443", version="HTTP/2.0"), 505),
    ("version 0.9", f"CONNECT {HOST}:443\r\n\r\n".encode(), 505),
    ("no target", b"CONNECT  HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
    ("another Host", connect(HOST + ":443", host="evil.test:443"), BAD),
    ("another Host's port", connect(HOST + ":443", host=HOST + ":80"), BAD),
    ("a longer Host", connect(HOST + ":443", host=HOST + ".evil.test"), BAD),
    ("Host with a user", connect(HOST + ":443", host="x@" + HOST), BAD),
    ("Host a list", connect(HOST + ":443", host=f"{HOST}, {HOST}"), BAD),
    ("Host empty", connect(HOST + ":443", "Host:", host=None), BAD),
    ("no Host", connect(HOST + ":443", host=None), BAD),
    ("two Hosts", connect(HOST + ":443", "Host: y"), BAD),
    ("a body", connect(HOST + ":443", "Content-Length: 5") + b"hello", BAD),
    ("a chunked body", connect(HOST + ":443", "Transfer-Encoding: chunked") + b"0\r\n\r\n", BAD),
    ("small letters", f"connect {HOST}:443 HTTP/1.1\r\nHost: x\r\n\r\n".encode(), BAD),
    ("folded field", connect(HOST + ":443", "X: a\r\n b"), BAD),
    ("head of 70,000 bytes", connect(HOST + ":443", "X: " + "a" * 70000), 431),
    ("relative GET", request("GET /api/hello HTTP/1.1"), 405),
    ("absolute GET of a provider", request(f"GET http://{HOST}/api/hello HTTP/1.1"), 403),
    ("absolute GET nobody allows", request("GET http://a.test/ HTTP/1.1", host="a.test"), 403),
    ("absolute GET, Host differs", request("GET http://a.test/ HTTP/1.1", host="b.test"), 421),
    ("absolute GET of ourselves", request("GET http://127.0.0.1:1/ HTTP/1.1", host="127.0.0.1:1"),
     403),
    ("absolute GET, user name", request("GET http://u@a.test/ HTTP/1.1", host="a.test"), BAD),
    ("absolute GET, https", request("GET https://a.test/ HTTP/1.1", host="a.test"), 405),
    ("absolute GET, ftp", request("GET ftp://a.test/ HTTP/1.1", host="a.test"), 405),
    ("TLS at once", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64, BAD),
    ("SOCKS 5", b"\x05\x01\x00\r\n\r\n", BAD),
    ("a PROXY line", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 443\r\n\r\n", BAD),
]


def test_connects():
    """a CONNECT that is not exactly one host and port is refused, and plain HTTP to a provider"""
    failures, before = [], world.origin.bytes
    for name, data, status in CONNECTS:
        client = Client(world, "tcp")
        try:
            answer = client.send(data).answer()
            if answer is None or answer.status != status or not answer.body:
                failures.append(f"{name}: {answer and answer.line}, not {status}")
            elif status in (400, 431, 505) and not client.is_ended():
                failures.append(f"{name}: the connection stays open")
        except (Failed, OSError) as problem:
            failures.append(f"{name}: {problem}")
        finally:
            client.close()
    if world.origin.bytes != before:
        failures.append("the origin got bytes")
    wait_until("a row with a reason for each", lambda: world.home.rows(
        "select count(*) n from request where status>=400 and reason<>''")[0]["n"] >=
        len(CONNECTS) - len(failures))
    if failures:
        raise Failed("\n       ".join(failures))
    print(f"     {len(CONNECTS)} cases")


def test_good_connects():
    """other spellings of a provider's name are the provider; bytes sent with CONNECT are TLS"""
    targets = [HOST + ":443", HOST, "API.Anthropic.COM:443", HOST + ".:443", HOST + ":00443"]
    for target in targets:
        client = Client(world)
        client.send(connect(target, "X: y", "Proxy-Authorization: Basic eDp5",
                            host=HOST.upper() if target == HOST else ""))
        assert client.answer("HEAD").status == 200, target
        client.sock = world.proxy.tls.wrap_socket(client.sock, server_hostname=HOST)
        assert client.send(request()).answer().status == 200, target
        client.close()
    client = Client(world)
    client.send(b"CONNECT api.anthropic.com:443 HTTP/1.0\r\n\r\n" + client_hello(world.proxy))
    assert client.answer("HEAD").status == 200
    assert client.take(1) == b"\x16", "the handshake is not answered"
    client.close()
    client = Client(world)
    client.send(connect(HOST + ":80"))  # not where the provider is: never with its key
    answer = client.answer("HEAD")
    assert answer.status == 403, answer.line
    client.close()


def certificate_names(client_sni, connect_host=HOST):
    """The names in the certificate that this handshake gets, or None if it fails."""
    client = Client(world)
    client.send(connect(connect_host + ":443"))
    assert client.answer("HEAD").status == 200
    context = ssl.create_default_context(cafile=None)
    context.load_verify_locations(world.ca)
    context.check_hostname = False
    try:
        tls = context.wrap_socket(client.sock, server_hostname=client_sni)
    except (ssl.SSLError, OSError):
        return None
    names = [n for _, n in tls.getpeercert()["subjectAltName"]]
    tls.close()
    return names


def test_server_names():
    """a leaf is only made for the CONNECT's host, whatever name the handshake asks for"""
    assert certificate_names(HOST) == [HOST]
    assert certificate_names("API.ANTHROPIC.com") == [HOST]
    assert certificate_names(None) == [HOST]
    for name in (OPENAI, "evil.test", "localhost", "a.api.anthropic.com"):
        assert certificate_names(name) is None, name


def handshake(alpn=None, version=None):
    """(protocol chosen, version) of a handshake, or None if it is refused."""
    client = Client(world)
    client.send(connect(HOST + ":443"))
    assert client.answer("HEAD").status == 200
    context = ssl.create_default_context(cafile=world.ca)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    if version:
        context.maximum_version = version
    if alpn:
        context.set_alpn_protocols(alpn)
    try:
        tls = context.wrap_socket(client.sock, server_hostname=HOST)
    except (ssl.SSLError, OSError):
        return None
    got = tls.selected_alpn_protocol(), tls.version()
    tls.close()
    return got


def test_protocols():
    """HTTP/2 goes before HTTP/1.1, who knows neither is refused, and so is old TLS"""
    for alpn, chosen in ((None, None), (["http/1.1"], "http/1.1"), (["h2"], "h2"),
                         (["http/1.1", "h2"], "h2"), (["x", "http/1.1"], "http/1.1")):
        assert handshake(alpn) == (chosen, "TLSv1.3"), alpn
    for alpn in (["x"], ["HTTP/1.1"], ["H2"], ["h2c"], ["http/1.0"], ["h3"], ["x" * 255]):
        assert handshake(alpn) is None, alpn
    assert handshake(version=ssl.TLSVersion.TLSv1_2) == (None, "TLSv1.2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for version in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1):
            assert handshake(version=version) is None, version


def s_client(host, sni, *more, say=b""):
    """What openssl prints of a connection through the proxy."""
    address = next(a for a in world.proxy.addresses if a.startswith("tcp:"))
    got = subprocess.run(["openssl", "s_client", "-connect", host + ":443", "-proxy",
                          address[len("tcp:"):], "-servername", sni, "-CAfile", world.ca, *more],
                         input=say, capture_output=True, timeout=60, check=False)
    return (got.stdout + got.stderr).decode("latin-1")


def test_sessions():
    """nothing comes before a handshake or is begun anew, and a session holds for its host only"""
    end = b"GET /nope HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
    say, other = end % HOST.encode(), end % OPENAI.encode()
    early = os.path.join(world.home.top, "early")
    with open(early, "wb") as f:
        f.write(say)
    for version in ("-tls1_2", "-tls1_3"):
        session = os.path.join(world.home.top, "session" + version)
        first = s_client(HOST, HOST, version, "-ign_eof", "-sess_out", session, say=say)
        assert "New, TLSv1" in first and "Blocked: GET /nope" in first, first
        again = s_client(HOST, HOST, version, "-ign_eof", "-sess_in", session, say=say)
        assert "Reused, TLSv1" in again, again
        there = s_client(OPENAI, OPENAI, version, "-ign_eof", "-sess_in", session, say=other)
        assert "New, TLSv1" in there and "CN = api.openai.com" in there, there
        wrong = s_client(OPENAI, HOST, version, "-ign_eof", "-sess_in", session, say=say)
        assert "unrecognized name" in wrong and "Blocked" not in wrong, wrong
    got = s_client(HOST, HOST, "-ign_eof", "-sess_in", session, "-early_data", early, say=say)
    assert "Early data was not sent" in got and "Max Early Data: 0" in got, got
    assert "no renegotiation" in s_client(HOST, HOST, "-tls1_2", say=b"R\n")


HOSTS = [
    ("another host", "evil.test", 421), ("another provider", OPENAI, 421),
    ("none", None, 400), ("empty", "", 400), ("port 80", HOST + ":80", 421),
    ("port 0", HOST + ":0", 421), ("no port behind the colon", HOST + ":", 421),
    ("user name", "x@" + HOST, 400), ("a path", HOST + "/", 400), ("a list", HOST + ", evil.test", 400),
    ("longer", HOST + ".evil.test", 421), ("shorter", "anthropic.com", 421),
    ("an address", "127.0.0.1", 421), ("IPv6", "[::1]", 421),
    ("scheme", "https://" + HOST, 400), ("blank inside", "api. anthropic.com", 400),
    ("quote", "\"" + HOST + "\"", 400), ("8-bit", "\xe4pi.anthropic.com", 400),
    ("encoded", "api%2eanthropic.com", 400), ("underscore", "api_anthropic.com", 421),
]

SEGMENTS = ["..", "%2e%2e", "%2E%2e", ".%2e", "a/..", "a/../b", "a%2fb", "a%2Fb", "%2f", "a%5cb",
            "a\\b", "..\\b", "a;b", ";", "a;/b", "a//b", "/b", "./b", "a/./b", "a/.", "%00", "a%00",
            "%252e%252e", "%25", "a%", "a%2", "a%zz", "a/b", "", "a/", "a%0ab", "a%0d%0aX:y",
            "\xe4", "%c0%ae%c0%ae", "a%20/../b"]
PATHS = [
    "/v1/models/../messages", "/v1/../v1/messages", "//v1/messages", "/v1//messages",
    "/v1/messages/", "/v1/messages/.", "/v1/messages/..", "/v1/./messages", "/v1/messages;x",
    "/v1/messages%00", "/v1/messages%20", "/v1%2fmessages", "/v1%2Fmessages", "/v1/%6dessages",
    "/v1/Messages", "/V1/messages", "/v1\\messages", "\\v1\\messages", "/v1/messages%3fa=b",
    "/v1/messages%23", "/v1/message", "/v1/messagess", "/v1/files", "/", "/v1/messages/batches",
    "/./v1/messages", "/v1/messages\xa0", "/%2e/v1/messages", "/v1/messages/count_tokens/..",
]


def test_hosts():
    """a Host that is not the CONNECT's is refused"""
    check_refused(world, [Case(name, request(host=None) if host is None else
                               request("GET /api/hello HTTP/1.1", "Host: " + host, host=None),
                               status) for name, host, status in HOSTS])
    for host in (HOST, HOST + ":443", HOST.upper(), HOST + ".", HOST + ".:443", "  " + HOST + " \t"):
        answer = ask(world, request("GET /api/hello HTTP/1.1", "Host: " + host, host=None))
        assert answer.status == 200, host
    assert ask(world, request("GET /api/hello HTTP/1.0", host=None)).status == 200


def test_paths():
    """a path that only looks like an allowed one is refused"""
    def post(path, host):
        target = path.isascii() and path.startswith("/")
        return Case(f"POST {path!r}", request(f"POST {path} HTTP/1.1", JSON, LENGTH, host=host,
                                              body=BODY), 403 if target else 400, host=host)
    cases = [post(path, HOST) for path in PATHS]
    cases += [Case(f"GET /v1/models/{s!r}", request(f"GET /v1/models/{s} HTTP/1.1"),
                   403 if s.isascii() else 400) for s in SEGMENTS]
    cases += [post(f"/v1beta/models/{s}:generateContent", GOOGLE) for s in SEGMENTS]
    check_refused(world, cases)
    good = [("GET /v1/models/claude-x_1.0~b HTTP/1.1", HOST), ("GET /v1/models/a%20b HTTP/1.1", HOST),
            ("GET /v1/models?a=/../b//c;d HTTP/1.1", HOST),
            ("POST /v1beta/models/gemini-1.5:generateContent HTTP/1.1", GOOGLE)]
    for number, (line, host) in enumerate(good):
        fields = [JSON, LENGTH] if line.startswith("POST") else []
        answer = ask(world, request(line, *fields, host=host, script=f"path-{number}",
                                    body=BODY if fields else b""), host)
        assert answer.status == 200, (line, answer.line, answer.body)
        assert world.origin.seen(f"path-{number}")[0].line == line


def test_kept_connection():
    """on a kept connection each request is judged anew"""
    client = Client(world).through()
    for path, status in (("/api/hello", 200), ("/v1/files", 403), ("/api/hello", 200),
                         ("/v1/models/..", 403), ("/api/hello", 200)):
        answer = client.send(request(f"GET {path} HTTP/1.1")).answer()
        assert answer.status == status, (path, answer.line)
    client.close()


def test_keys():
    """only the fake key of this provider, once and where it belongs, becomes the real one"""
    fake, other = world.keys["anthropic"], world.keys["openai"]
    refused = 403
    wrong = ["sk-ant-api03-of-the-agent", fake + "x", fake[:-1], fake.upper(), "x" + fake,
             fake + ", " + fake, fake + "," + KEYS["ANTHROPIC_API_KEY"], "Bearer " + fake, other, "",
             world.keys["google"], KEYS["ANTHROPIC_API_KEY"], fake + " x", "\"" + fake + "\"",
             fake + "\xa0"]
    cases = [Case(f"x-api-key {key!r}", request(POST, JSON, LENGTH, "x-api-key: " + key, body=BODY),
                  refused) for key in wrong]
    for second in ("x-api-key: " + fake, "X-API-KEY: sk-ant-stolen"):
        cases.append(Case("twice, then " + second, request(POST, JSON, LENGTH, "x-api-key: " + fake,
                                                           second, body=BODY), 400))
    for lines in (["x-api-key: sk-ant-stolen", "x-api-key: " + fake],
                  ["x-api-key: " + fake, "Authorization: Bearer sk-ant-stolen"],
                  ["Authorization: Bearer sk-ant-stolen"], ["Authorization: Basic eDp5"],
                  ["Authorization: Bearer " + other], ["Authorization: " + fake],
                  ["x-goog-api-key: x"], ["api-key: x"], ["x_api_key: sk-ant-stolen"],
                  ["X_Goog_Api_Key: x"], ["x-goog-iam-authorization-token: x"],
                  ["Authorization: bearer " + fake], ["Authorization: Bearer  " + fake]):
        cases.append(Case(str(lines), request(POST, JSON, LENGTH, *lines, body=BODY), refused))
    for query in ("key=x", "a=b&key=x", "api_key=x", "access_token=x", "KEY=x", "key", "%6bey=x",
                  "bearer_token=x", "$key=x", "%24key=x", "$httpHeaders=x-goog-api-key:x",
                  "key=" + fake):
        cases.append(Case(query, request(f"POST /v1/messages?{query} HTTP/1.1", JSON, LENGTH,
                                         body=BODY), refused))
    for value in ("Bearer " + fake, "bearer x", other, "Bearer  " + other, "Bearer " + other + " x"):
        cases.append(Case(f"OpenAI {value!r}", request(
            "POST /v1/responses HTTP/1.1", JSON, LENGTH, "Authorization: " + value, host=OPENAI,
            body=BODY), refused, host=OPENAI))
    check_refused(world, cases)

    post = request(POST, JSON, LENGTH, "X-Api-KEY:\t" + fake + " ", "X-Note: " + fake, body=BODY,
                   script="key")
    assert ask(world, post).status == 200
    got = world.origin.seen("key")[0]
    assert got.field("x-api-key") == [KEYS["ANTHROPIC_API_KEY"]], got.fields
    assert got.field("x-note") == [fake], "a fake key elsewhere is not touched"
    assert ask(world, request(POST, JSON, LENGTH, body=BODY, script="keyless")).status == 200
    assert not world.origin.seen("keyless")[0].field("x-api-key"), "no key, none is added"
    assert ask(world, request("POST /v1/responses HTTP/1.1", JSON, LENGTH, "Authorization: Bearer " +
                              other, host=OPENAI, body=BODY, script="bearer"), OPENAI).status == 200
    assert world.origin.seen("bearer")[0].field("authorization") == \
        ["Bearer " + KEYS["OPENAI_API_KEY"]]
    body = json.dumps({"model": fake, "messages": []}).encode()
    for line, body in ((f"GET /v1/models/{fake}?a={fake} HTTP/1.1", b""),
                       (f"POST /v1/messages?a={fake} HTTP/1.1", body)):
        everywhere = request(line, "Cookie: k=" + fake, "Content-Length: %d" % len(body),
                             f"{fake}: 1", body=body, script=line)
        assert ask(world, everywhere).status == 200, line
        got = world.origin.seen(line)[0]
        assert KEYS["ANTHROPIC_API_KEY"].encode() not in got.head + got.body, got.head
        assert not got.field("cookie"), "a cookie is a login, too"
    hidden = request(POST, JSON, LENGTH, "Connection: x-api-key", "x-api-key: sk-ant-stolen",
                     body=BODY, script="hidden")
    assert ask(world, hidden).status == 200
    assert not world.origin.seen("hidden")[0].field("x-api-key"), "a field of one hop is passed on"


def test_keys_of_others():
    """a fake key of one provider is refused at each other one, in each place for keys"""
    line = {HOST: POST, OPENAI: "POST /v1/responses HTTP/1.1",
            GOOGLE: "POST /v1beta/models/m:generateContent HTTP/1.1"}
    own = {HOST: "anthropic", OPENAI: "openai", GOOGLE: "google"}
    cases = []
    for host, name in own.items():
        for key in (k for n, k in world.keys.items() if n != name and k):
            for field in ("x-api-key: ", "Authorization: Bearer ", "x-goog-api-key: ", "api-key: "):
                cases.append(Case(f"{field}{key} at {host}", request(
                    line[host], JSON, LENGTH, field + key, host=host, body=BODY), 403, host=host))
            query = line[host].replace(" HTTP", f"?key={key} HTTP")
            cases.append(Case(f"?key={key} at {host}", request(
                query, JSON, LENGTH, host=host, body=BODY), 403, host=host))
    check_refused(world, cases)
    google = world.keys["google"]
    for where, answers in ((f"?key={google}", 200), (f"?key={google}&key={google}", 400)):
        answer = ask(world, request(line[GOOGLE].replace(" HTTP", where + " HTTP"), JSON, LENGTH,
                                    host=GOOGLE, body=BODY, script="google"), GOOGLE)
        assert answer.status == answers, (where, answer.line)
    assert f"?key={KEYS['GEMINI_API_KEY']} " in world.origin.seen("google")[0].line


HOP = ["Connection: X-Foo, te , Keep-Alive", "connection: x-bar", "X-Foo: 1", "x-bar: 2",
       "X-BAR: 3", "TE: trailers, deflate", "Trailer: X-Sum", "Keep-Alive: timeout=5",
       "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic eDp5", "Upgrade: h2c",
       "HTTP2-Settings: AAMAAABk", "Proxy-Authenticate: Basic", "X-Keep: 4"]
GONE = ["connection", "x-foo", "x-bar", "te", "trailer", "keep-alive", "proxy-connection",
        "proxy-authorization", "upgrade", "http2-settings", "proxy-authenticate", "expect"]


def test_hop_by_hop():
    """fields that concern one hop end there, both ways, those that Connection names too"""
    def answer_with_hops(connection, got):
        connection.read_body(got)
        head = "\r\n".join(["HTTP/1.1 200 OK", *HOP, "Content-Length: 2"])
        connection.send(head.encode() + b"\r\n\r\nok")
    world.origin.scripts["hop"] = answer_with_hops
    answer = ask(world, request(POST, JSON, LENGTH, *HOP, body=BODY, script="hop"))
    got = world.origin.seen("hop")[0]
    for name in GONE:
        assert name == "connection" or not got.field(name), (name, got.fields)
        values = answer.fields.get(name, [])
        assert not values or (name == "connection" and values == ["close"]), (name, values)
    assert got.field("connection") in ([], ["keep-alive"]), got.fields
    assert got.field("x-keep") == ["4"] and answer.fields["x-keep"] == ["4"]
    assert answer.body == b"ok" and got.body == BODY


def test_the_end():
    """the proxy still serves, has no descriptor left, no open row and nothing to say"""
    assert ask(world, request()).status == 200, "the proxy does not answer any more"
    for row in world.home.rows("select * from request"):
        text = json.dumps(row, default=str)
        assert not any(key in text for key in KEYS.values()), text
    world.end()


world = World()
try:
    main(test_connects, test_good_connects, test_server_names, test_protocols, test_sessions, test_hosts, test_paths,
         test_kept_connection, test_keys, test_keys_of_others, test_hop_by_hop, test_the_end)
finally:
    world.close()
