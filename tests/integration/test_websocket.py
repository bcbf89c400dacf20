#!/usr/bin/env python3
"""WebSocket through the whole proxy: CONNECT, TLS, the key swapped in the handshake, messages
judged and logged, and every way in which it ends. The origin speaks TLS, too."""
import json
import os
import select
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import Failed, main, wait_until  # noqa: E402
from hostile_http import KEYS, OPENAI, PATIENCE, Client, World, request  # noqa: E402
from ws_client import (BINARY, CLOSE, CONT, PING, PONG, TEXT, accept, accept_of,  # noqa: E402
                       client_side, close_payload, frame, handshake_fields, new_key, server_side)

LINE = "GET /v1/responses HTTP/1.1"
REAL = KEYS["OPENAI_API_KEY"]
CREATE = '{"type":"response.create","response":{"model":"m","input":"hello"}}'

world = World()


def open_socket(script, *more, line=LINE, key=None, auth=None):
    """A client, and the answer to its handshake."""
    client = Client(world).through(OPENAI)
    bearer = auth or f"Authorization: Bearer {world.keys['openai']}"
    fields = handshake_fields(key or new_key(), bearer, *more)
    client.send(request(line, *fields, host=OPENAI, script=script))
    return client, client.answer()


def opened(script, serve, *more):
    """A socket through the proxy to an origin that runs serve(socket) after its 101."""
    def answer(connection, got):
        accept(connection, got)
        serve(server_side(connection))
        connection.wait_for_end()

    world.origin.scripts[script] = answer
    client, got = open_socket(script, *more)
    if not got or got.status != 101:
        raise Failed(f"the handshake was answered {got and got.line}")
    return client, client_side(client)


def echo(ws):
    while True:
        got = ws.recv()
        if got is None:
            return
        if got.opcode == CLOSE:
            ws.send(CLOSE, got.payload)
            return
        if got.opcode == PING:
            ws.send(PONG, got.payload)
        elif got.opcode != PONG:
            ws.send(got.opcode, got.payload, fin=got.fin)


def ends(client):
    """Whatever comes, the connection ends."""
    while client.fill():
        pass


def key_is_swapped_and_extensions_are_not_asked_for():
    """the handshake carries the real key, no extension, and the client's own Sec-WebSocket-Key"""
    key = new_key()

    def answer(connection, got):
        accept(connection, got, "Sec-WebSocket-Protocol: beta")
        echo(server_side(connection))

    world.origin.scripts["swap"] = answer
    client, got = open_socket("swap", "Sec-WebSocket-Extensions: permessage-deflate",
                              "Sec-WebSocket-Protocol: alpha, beta", key=key)
    assert got.status == 101, got.line
    assert got.fields["sec-websocket-accept"] == [accept_of(key)], got.fields
    assert got.fields["sec-websocket-protocol"] == ["beta"], got.fields
    assert got.fields["upgrade"][0].lower() == "websocket", got.fields
    assert "upgrade" in got.fields["connection"][0].lower(), got.fields
    seen = world.origin.seen("swap")[0]
    assert seen.field("authorization") == [f"Bearer {REAL}"], seen.head
    assert seen.field("sec-websocket-extensions") == [], seen.head
    assert seen.field("sec-websocket-key") == [key], seen.head
    assert [v.lower() for v in seen.field("upgrade")] == ["websocket"], seen.head
    client.close()


def messages_go_both_ways():
    """text, fragments, Pings and megabytes go through; a Close ends both sides"""
    client, ws = opened("echo", echo)
    long = CREATE.replace("hello", "h" * (3 << 20))
    for payload in (CREATE.encode(), long.encode()):
        ws.send(TEXT, payload)
        assert ws.message() == (TEXT, payload)
    half = len(CREATE) // 2
    ws.send(TEXT, CREATE[:half], fin=False)
    ws.send(PING, b"in between")
    got = ws.recv()
    assert got.opcode == PONG and got.payload == b"in between", got
    ws.send(CONT, CREATE[half:])
    assert ws.message() == (TEXT, CREATE.encode())
    ws.close(1000, "done")
    assert ws.expect_close(1000) == "done"
    ends(client)
    client.close()


def binary_messages():
    """binary comes down; where rules look into messages none goes up"""
    client, ws = opened("binary", lambda far: (far.send(BINARY, b"\0\xff" * 9), echo(far)))
    assert ws.message() == (BINARY, b"\0\xff" * 9)
    ws.send(BINARY, b"\1")
    assert "binary" in ws.expect_close(1008)
    ends(client)
    client.close()


def an_event_does_not_wait():
    """a fragment of the origin arrives before the next one is sent"""
    def serve(ws):
        ws.send(TEXT, b"first ", fin=False)
        if ws.recv().payload == b"go on":
            ws.send(CONT, b"second")
        ws.recv()

    client, ws = opened("events", serve)
    got = ws.recv()
    assert (got.opcode, got.fin, got.payload) == (TEXT, False, b"first "), got
    ws.send(PONG, b"go on")
    got = ws.recv()
    assert (got.opcode, got.fin, got.payload) == (CONT, True, b"second"), got
    client.close()


def unfinished_messages_share_the_room_of_bodies():
    """half messages of many sockets are held up to a limit, then one is told to come back"""
    # 15 MiB each, with a mask of zeros.
    half = bytes([TEXT, 0xff]) + struct.pack(">Q", 15 << 20) + bytes(4) + b"{" * (15 << 20)
    sockets = {}
    for n in range(9):
        client, ws = opened(f"half{n}", echo)
        sockets[client.sock] = (client, ws)
        client.send(half)
    told, _, _ = select.select(list(sockets), [], [], PATIENCE)
    assert told, "all of it is held"
    assert "too many" in sockets[told[0]][1].expect_close(1013)
    for client, _ in sockets.values():
        client.close()
    client, ws = opened("room", echo)
    ws.send(TEXT, CREATE.replace("hello", "h" * (8 << 20)))
    assert len(ws.message()[1]) > 8 << 20
    client.close()


def server_side_tools_are_removed():
    """a tool that the provider would run is not in what reaches it"""
    client, ws = opened("tools", echo)
    message = json.loads(CREATE)
    message["response"]["tools"] = [{"type": "web_search"}, {"type": "function", "name": "f"}]
    ws.send(TEXT, json.dumps(message))
    _, got = ws.message()
    assert json.loads(got)["response"]["tools"] == [{"type": "function", "name": "f"}], got
    client.close()


def the_real_key_does_not_come_back():
    """wherever it stands in what the origin says, the connection ends before it is shown"""
    first, rest = REAL[:9], REAL[9:]
    usage = '"usage":{"input_tokens":1,"output_tokens":1}'
    said = [frame(TEXT, f"you are {REAL}"), frame(BINARY, REAL), frame(PING, REAL), frame(PONG, REAL),
            frame(CLOSE, close_payload(1000, REAL)),
            frame(TEXT, first, fin=False) + frame(CONT, rest),
            frame(TEXT, first, fin=False) + frame(PING) + frame(CONT, rest[:4], fin=False) +
            frame(CONT, fin=False) + frame(CONT, rest[4:]),
            frame(TEXT, '{"type":"response.completed","response":{"model":"%s",%s}}' % (REAL, usage))]
    for n, raw in enumerate(said):
        client, ws = opened(f"leak{n}", lambda far, raw=raw: (far.send_bytes(raw), far.recv()))
        got, shown = ws.recv(), b""
        while got.opcode != CLOSE:
            shown += got.payload
            got = ws.recv()
        assert got.code()[0] == 1011 and "withheld" in got.code()[1], (raw, got)
        assert REAL.encode() not in shown + client.buffer, raw
        ends(client)
        client.close()


def other_endpoints_and_keys_are_refused():
    """an endpoint outside the table or a wrong key never reaches the origin"""
    for n, (line, auth) in enumerate((("GET /v1/files HTTP/1.1", None),
                                      ("GET /v1/models HTTP/1.1", None),
                                      (LINE, "Authorization: Bearer sk-wrong"),
                                      (LINE, f"Authorization: Bearer {REAL}"))):
        client, got = open_socket(f"refused{n}", line=line, auth=auth)
        assert got and 400 <= got.status < 500, got and got.line
        assert not world.origin.seen(f"refused{n}"), line
        client.close()


def a_refusal_of_the_origin_is_an_ordinary_answer():
    """what the origin answers instead of 101 reaches the client whole"""
    world.origin.scripts["426"] = lambda connection, got: connection.send(
        b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 4\r\n\r\nnope")
    client, got = open_socket("426")
    assert got.status == 426 and got.body == b"nope", got.line
    client.close()


def a_wrong_accept_is_a_bad_gateway():
    """an origin that did not understand the handshake is not trusted with frames"""
    world.origin.scripts["wrong"] = lambda connection, got: connection.send(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n")
    client, got = open_socket("wrong")
    assert got and got.status == 502, got and got.line
    client.close()


def a_client_that_leaves_ends_the_origin():
    """within a second of the client's end the origin sees it"""
    left = []

    def serve(ws):
        got = ws.recv()
        left.append(got.code()[0] if got and got.opcode == CLOSE else None)

    client, _ = opened("left", serve)
    client.close()
    wait_until("the origin saw the end", lambda: left, 2)


def an_origin_that_dies_is_no_proper_close():
    """the client is told 1011, not that all is well"""
    def answer(connection, got):
        accept(connection, got)
        server_side(connection).send(TEXT, b"half", fin=False)
        server_side(connection).recv()
        connection.die()

    world.origin.scripts["dies"] = answer
    client, got = open_socket("dies")
    assert got.status == 101, got.line
    ws = client_side(client)
    assert ws.recv().payload == b"half"
    ws.send(PONG)
    ws.expect_close(1011)
    ends(client)
    client.close()


def broken_frames_end_both_sides():
    """an unmasked frame, a reserved bit and text that is not UTF-8 are answered 1002 or 1007"""
    for n, (data, code) in enumerate(((b"\x81\x01x", 1002), (b"\xc1\x81\0\0\0\0x", 1002),
                                      (b"\x81\x81\0\0\0\0\xff", 1007))):
        client, ws = opened(f"broken{n}", echo)
        client.send(data)
        ws.expect_close(code)
        ends(client)
        client.close()


def broken_frames_of_the_origin_do_not_pass():
    """the client is told 1011 and why, and never sees them"""
    bad = [("masked", frame(TEXT, "x", mask=True)), ("malformed", frame(PING, "x", fin=False)),
           ("malformed", frame(PING, "x" * 126)), ("malformed", frame(CLOSE, b"\x03\xe8" + b"x" * 124)),
           ("reserved", frame(TEXT, "x", rsv=4)), ("opcode", frame(3, "x")), ("opcode", frame(11)),
           ("continuation", frame(CONT, "x")),
           ("inside", frame(TEXT, "x", fin=False) + frame(TEXT, "x")),
           ("malformed", b"\x81\x7f\x80" + bytes(7)), ("malformed", b"\x81\x7e\0\x01x"),
           ("Close", frame(CLOSE, close_payload(1005))), ("Close", frame(CLOSE, b"\3")),
           ("UTF-8", frame(CLOSE, close_payload(1000) + b"\xff")), ("UTF-8", frame(TEXT, b"\xff")),
           ("UTF-8", frame(TEXT, b"\xc3", fin=False) + frame(CONT, b"("))]
    for n, (why, raw) in enumerate(bad):
        client, ws = opened(f"bad{n}", lambda far, raw=raw: (far.send_bytes(raw), far.recv()))
        got = ws.recv()
        while got.opcode != CLOSE:
            assert got.opcode == TEXT and not got.fin, (why, got)
            got = ws.recv()
        assert got.code()[0] == 1011 and why in got.code()[1], (why, got)
        ends(client)
        client.close()


def handshakes_that_nobody_asked_for_are_bad_gateways():
    """a 101 with an extension, a protocol, a body or something other than websocket"""
    def switching(got, *lines):
        told = {"Upgrade": "websocket", "Connection": "Upgrade",
                "Sec-WebSocket-Accept": accept_of(got.field("sec-websocket-key")[0])}
        told.update(line.split(": ", 1) for line in lines)
        fields = [f"{name}: {value}" for name, value in told.items() if value]
        return "\r\n".join(["HTTP/1.1 101 x", *fields]).encode() + b"\r\n\r\n"
    for n, line in enumerate(("Sec-WebSocket-Extensions: permessage-deflate", "Upgrade: h2c",
                              "Sec-WebSocket-Protocol: x", "Content-Length: 5", "Upgrade: ",
                              "Transfer-Encoding: chunked", "Connection: keep-alive", f"X: {REAL}",
                              "Sec-WebSocket-Accept: ")):
        world.origin.scripts[f"odd{n}"] = lambda connection, got, line=line: connection.send(
            switching(got, line))
        client, got = open_socket(f"odd{n}", "Sec-WebSocket-Extensions: permessage-deflate")
        assert got and got.status == 502 and REAL.encode() not in got.body, (line, got and got.line)
        client.close()


def rows_tell_what_happened():
    """each WebSocket has a row that is closed, and no row names the real key"""
    rows = wait_until("no open row", lambda: (lambda r: r if all(x["done"] for x in r) else None)(
        world.home.rows("select * from request where path = '/v1/responses'")))
    assert [r for r in rows if r["status"] == 101], rows
    rows = world.home.rows("select * from request")
    assert REAL not in json.dumps(rows, default=str)


def proxy_ends_cleanly():
    """no open row, no descriptor, no complaint of a sanitizer is left"""
    world.end()


try:
    main(key_is_swapped_and_extensions_are_not_asked_for, messages_go_both_ways,
         binary_messages,
         an_event_does_not_wait, unfinished_messages_share_the_room_of_bodies, server_side_tools_are_removed, the_real_key_does_not_come_back,
         other_endpoints_and_keys_are_refused, a_refusal_of_the_origin_is_an_ordinary_answer,
         a_wrong_accept_is_a_bad_gateway, a_client_that_leaves_ends_the_origin,
         an_origin_that_dies_is_no_proper_close, broken_frames_end_both_sides,
         broken_frames_of_the_origin_do_not_pass, handshakes_that_nobody_asked_for_are_bad_gateways,
         rows_tell_what_happened, proxy_ends_cleanly)
finally:
    world.close()
