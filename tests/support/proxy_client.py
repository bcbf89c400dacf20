"""A client of the proxy for script tests: CONNECT, TLS with the proxy's CA, HTTP/1.1 over it.
Standard library only."""
import json
import os
import socket
import ssl
import struct

from harness import Failed

HOST = "api.anthropic.com"
TIMEOUT = 30
MESSAGE = {"model": "demo", "max_tokens": 10,
           "messages": [{"role": "user", "content": "hello"}]}


class Proxy:
    """Where a running proxy listens, as its ready line says, and whom to trust through it."""

    def __init__(self, ready):
        self.addresses = ready.get("listening") or [ready["listen"]]
        self.key = ready["keys"]["anthropic"]
        self.tls = ssl.create_default_context(cafile=ready["ca"])
        # Debian 12 has Python take an end without close_notify for a clean one.
        self.tls.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF

    def socket(self, kind="unix"):
        address = next(a for a in self.addresses if a.startswith(kind + ":"))
        if kind == "unix":
            plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            where = address[len("unix:"):]
        else:
            plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            host, port = address[len("tcp:"):].rsplit(":", 1)
            where = (host, int(port))
        plain.settimeout(TIMEOUT)
        plain.connect(where)
        return plain


def connect_head(host=HOST, port=443):
    return f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()


def request(method, path, body=None, key=None, host=HOST):
    """The bytes of a request; a body that is not bytes is sent as JSON."""
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n"
    if key:
        head += f"x-api-key: {key}\r\n"
    if body is None:
        return (head + "\r\n").encode()
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


def read_head(stream):
    """Status and headers of an answer; a lost connection is a Failed."""
    line = stream.readline()
    if not line:
        raise Failed("the proxy closed the connection instead of answering")
    headers = {}
    while True:
        field = stream.readline().decode().rstrip("\r\n")
        if not field:
            return int(line.split()[1]), headers
        name, value = field.split(":", 1)
        headers[name.lower()] = value.strip()


class Tunnel:
    """One CONNECT with TLS inside; requests one after the other."""

    def __init__(self, proxy, kind="unix"):
        plain = proxy.socket(kind)
        plain.sendall(connect_head())
        status, _ = read_head_unbuffered(plain)
        if status != 200:
            raise Failed(f"CONNECT was answered {status}")
        self.tls = proxy.tls.wrap_socket(plain, server_hostname=HOST)
        self.stream = self.tls.makefile("rb")
        self.key = proxy.key

    def ask(self, method, path, body=None, key=True):
        """(status, content) of one request; key: True for the fake one, or one given."""
        self.tls.sendall(request(method, path, body, self.key if key is True else key))
        status, headers = read_head(self.stream)
        if headers.get("transfer-encoding") == "chunked":
            return status, self.read_chunks()
        return status, self.stream.read(int(headers.get("content-length", 0)))

    def read_chunks(self):
        content = b""
        while True:
            size = int(self.stream.readline(), 16)
            content += self.stream.read(size)
            self.stream.readline()
            if size == 0:
                return content

    def close(self):
        self.stream.close()
        self.tls.close()


def read_head_unbuffered(plain):
    """As read_head, but takes not a byte more: TLS begins behind it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = plain.recv(1)
        if not byte:
            raise Failed(f"the proxy closed the connection after {head!r}")
        head += byte
    return int(head.split()[1]), head


def reset(plain):
    """End a connection so that the other side gets a reset, not an end. On a Unix socket
    unread bytes do that."""
    if plain.family == socket.AF_INET:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    plain.close()


def client_hello(proxy):
    """The first bytes of a TLS client, without a connection."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = proxy.tls.wrap_bio(incoming, outgoing, server_hostname=HOST)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def fd_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def rss_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(f.read().split("VmRSS:")[1].split()[0])
