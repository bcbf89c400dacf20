"""WebSocket (RFC 6455) for script tests, both roles, over anything that can take and send: the
client of hostile_http through the proxy, and the origin's connections. Standard library only."""
import base64
import hashlib
import os
import struct

from harness import Failed

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept_of(key):
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


def new_key():
    return base64.b64encode(os.urandom(16)).decode()


def handshake_fields(key, *more):
    """The fields of an opening handshake but for Host and what names the user."""
    return ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}", *more]


def accept(connection, request, *more):
    """The origin's 101."""
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
             f"Sec-WebSocket-Accept: {accept_of(request.field('sec-websocket-key')[0])}", *more]
    connection.send("\r\n".join(lines).encode() + b"\r\n\r\n")


def frame(opcode, payload=b"", mask=False, fin=True, rsv=0):
    data = payload.encode() if isinstance(payload, str) else payload
    n, bit = len(data), 0x80 if mask else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if n < 126:
        head += bytes([bit | n])
    elif n < 1 << 16:
        head += bytes([bit | 126]) + struct.pack(">H", n)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", n)
    if not mask:
        return head + data
    key = os.urandom(4)
    stream = int.from_bytes((key * (n // 4 + 1))[:n], "big")
    return head + key + (int.from_bytes(data, "big") ^ stream).to_bytes(n, "big")


def close_payload(code, reason=""):
    return struct.pack(">H", code) + reason.encode()


class Frame:
    """One frame as it came."""

    def __init__(self, first, masked, payload):
        self.fin, self.rsv, self.opcode = bool(first & 0x80), first >> 4 & 7, first & 15
        self.masked, self.payload = masked, payload

    def code(self):
        """Of a Close: (code, reason), or None if there is none."""
        if len(self.payload) < 2:
            return None
        return struct.unpack(">H", self.payload[:2])[0], self.payload[2:].decode()

    def __repr__(self):
        return f"<frame {self.opcode} fin={self.fin} {self.payload[:60]!r}>"


class Socket:
    """One end. `take(n)` gives exactly n bytes or None at the end, `send(bytes)` sends."""

    def __init__(self, take, send, is_client):
        self.take, self.send_bytes, self.is_client = take, send, is_client

    def send(self, opcode, payload=b"", fin=True, rsv=0):
        self.send_bytes(frame(opcode, payload, self.is_client, fin, rsv))

    def close(self, code=1000, reason=""):
        self.send(CLOSE, close_payload(code, reason))

    def recv(self):
        """The next frame, or None at the end; masks are checked."""
        head = self.take(2)
        if head is None:
            return None
        n = head[1] & 0x7f
        if n >= 126:
            n = int.from_bytes(self.take(2 if n == 126 else 8), "big")
        masked = bool(head[1] & 0x80)
        if masked == self.is_client:
            raise Failed(f"a frame {'with' if masked else 'without'} a mask reached the "
                         f"{'client' if self.is_client else 'server'}")
        key = self.take(4) if masked else None
        data = self.take(n) if n else b""
        if data is None:
            raise Failed("the connection ended inside a frame")
        if masked and n:
            stream = int.from_bytes((key * (n // 4 + 1))[:n], "big")
            data = (int.from_bytes(data, "big") ^ stream).to_bytes(n, "big")
        return Frame(head[0], masked, data)

    def message(self):
        """(opcode, payload) of the next data message; anything else is a Failed."""
        opcode, payload = None, b""
        while True:
            got = self.recv()
            if got is None or got.opcode > BINARY or (got.opcode == CONT) != (opcode is not None):
                raise Failed(f"expected a message, got {got} after {payload[:60]!r}")
            opcode = got.opcode if opcode is None else opcode
            payload += got.payload
            if got.fin:
                return opcode, payload

    def expect_close(self, code):
        """The next frame is a Close with this code; returns the reason."""
        got = self.recv()
        if got is None or got.opcode != CLOSE or not got.code() or got.code()[0] != code:
            raise Failed(f"expected a Close {code}, got {got}")
        return got.code()[1]


def client_side(client):
    """Over a hostile_http.Client whose handshake is done."""
    return Socket(client.take, client.send, True)


def server_side(connection):
    """Over a hostile_http.Connection after accept()."""
    return Socket(connection.exactly, connection.send, False)
