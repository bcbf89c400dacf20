"""A proxy between a client that sends any bytes and an origin that keeps every byte it gets and
answers any bytes: for the tests of what HTTP lets through. Standard library and openssl only."""
import json
import os
import select
import socket
import ssl
import struct
import subprocess
import threading
import time

from harness import PROGRAM, SLOW, Failed, Home, make_certificate, stop, wait_until
from proxy_client import Proxy, fd_count, read_head_unbuffered

HOST = "api.anthropic.com"
OPENAI = "api.openai.com"
GOOGLE = "generativelanguage.googleapis.com"
# No providers: what the policy of a test says about them goes.
A, B = "a.test", "b.test"
NAMES = (HOST, OPENAI, GOOGLE, A, B)
KEYS = {"ANTHROPIC_API_KEY": "sk-ant-api03-REAL-anthropic-0123456789",
        "OPENAI_API_KEY": "sk-proj-REAL-openai-0123456789",
        "GEMINI_API_KEY": "AIzaSyREAL-google-0123456789"}
PATIENCE = 15 * SLOW
BODY = b'{"model":"m","messages":[]}'


class Request:
    """What the origin got of one request; `whole` once its body ended."""

    def __init__(self, head):
        self.head, self.body, self.whole = head, b"", False
        lines = head[:-4].decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.fields = [tuple(p.strip() for p in line.split(":", 1)) for line in lines[1:]]

    def field(self, name):
        """All values of that field."""
        return [v for n, v in self.fields if n.lower() == name.lower()]


class Connection:
    """One connection at the origin, for the function that answers."""

    def __init__(self, origin, tls):
        self.origin, self.tls, self.buffer, self.ended = origin, tls, b"", False

    def fill(self):
        """More bytes; False when the proxy ended the connection."""
        try:
            piece = self.tls.recv(65536)
        except (OSError, ValueError):
            piece = b""
        with self.origin.lock:
            self.origin.bytes += len(piece)
        self.buffer += piece
        self.ended = not piece
        return bool(piece)

    def until(self, mark):
        """Everything up to and with mark, or None."""
        while mark not in self.buffer:
            if not self.fill():
                return None
        at = self.buffer.index(mark) + len(mark)
        taken, self.buffer = self.buffer[:at], self.buffer[at:]
        return taken

    def exactly(self, n):
        while len(self.buffer) < n:
            if not self.fill():
                return None
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        return taken

    def read_body(self, request):
        """The body after its framing; True if it came whole."""
        if request.field("transfer-encoding"):
            while True:
                line = self.until(b"\r\n")
                data = self.exactly(int(line, 16) + 2) if line else None
                if data is None:
                    return False
                request.body += data[:-2]
                if line == b"0\r\n":
                    break
        else:
            data = self.exactly(int((request.field("content-length") or ["0"])[0]))
            if data is None:
                return False
            request.body = data
        request.whole = True
        return True

    def send(self, data):
        try:
            self.tls.sendall(data)
        except OSError:
            self.ended = True

    def wait_for_end(self):
        """Until the proxy ends the connection; bytes that still come are kept."""
        while self.fill():
            pass

    def close(self):
        """A clean end of TLS."""
        try:
            self.tls.settimeout(0.3)
            self.tls.unwrap().close()
        except (OSError, ValueError):
            pass  # the proxy may have gone without saying so
        self.ended = True

    def die(self):
        """A reset, not an end."""
        self.tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.tls.detach())
        self.ended = True


def answer_ok(connection, request):
    if connection.read_body(request):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


class Origin:
    """The providers' side. The field x-script of a request names the function that answers."""

    def __init__(self, top):
        self.cert, key = make_certificate(top, ["DNS:" + n for n in (*NAMES, "localhost")])
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.cert, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.bytes, self.requests, self.scripts = 0, [], {}
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a reset drops what waits
            threading.Thread(target=self.serve, args=(plain,), daemon=True).start()

    def serve(self, plain):
        try:
            connection = Connection(self, self.context.wrap_socket(plain, server_side=True))
            while not connection.ended:
                head = connection.until(b"\r\n\r\n")
                if not head:
                    break
                request = Request(head)
                with self.lock:
                    self.requests.append(request)
                script = (request.field("x-script") or [""])[0]
                self.scripts.get(script, answer_ok)(connection, request)
            connection.tls.close()
        except OSError:
            plain.close()

    def seen(self, script):
        """The requests with that x-script."""
        with self.lock:
            return [r for r in self.requests if r.field("x-script") == [script]]


class Answer:
    """One answer: status, fields by small name, body; `broken` if it broke off in the body."""

    def __init__(self, head):
        lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.line = lines[0]
        self.fields = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            self.fields.setdefault(name.lower(), []).append(value.strip())
        self.body, self.broken = b"", False


class Client:
    """The agent's side of one connection; TLS once through()."""

    def __init__(self, world, kind="unix"):
        self.world = world
        self.sock = world.proxy.socket(kind)
        self.sock.settimeout(PATIENCE)
        self.buffer, self.closed, self.reset = b"", False, False

    def through(self, host=HOST, sni=None, behind=b""):
        """CONNECT and handshake; `behind`: bytes sent together with the CONNECT."""
        self.sock.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode() +
                          behind)
        status, head = read_head_unbuffered(self.sock)
        if status != 200:
            raise Failed(f"CONNECT was answered {head!r}")
        self.sock = self.world.proxy.tls.wrap_socket(self.sock, server_hostname=sni or host,
                                                     suppress_ragged_eofs=False)
        return self

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            pass  # it was refused before its end: the answer tells
        return self

    def fill(self):
        try:
            piece = self.sock.recv(65536)
        except socket.timeout:
            raise Failed(f"no answer and no end within {PATIENCE} s, got {self.buffer[-200:]!r}") \
                from None
        except OSError:  # also the end of the connection without the end of TLS
            piece, self.reset = b"", True
        self.buffer += piece
        self.closed = not piece
        return bool(piece)

    def answer(self, method="GET"):
        """The next answer, or None if the connection ended before it."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.fill():
                return None
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        answer = Answer(head)
        if answer.status >= 200 and answer.status not in (204, 304) and method != "HEAD":
            answer.broken = not self.read_body(answer)
        return answer

    def take(self, n):
        while len(self.buffer) < n:
            if not self.fill():
                return None
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        return taken

    def read_body(self, answer):
        if answer.fields.get("transfer-encoding") == ["chunked"]:
            while True:
                while b"\r\n" not in self.buffer:
                    if not self.fill():
                        return False
                line, self.buffer = self.buffer.split(b"\r\n", 1)
                data = self.take(int(line, 16) + 2)
                if data is None:
                    return False
                answer.body += data[:-2]
                if int(line, 16) == 0:
                    return True
        if "content-length" not in answer.fields:
            while self.fill():
                pass
            answer.body, self.buffer = self.buffer, b""
            return True
        n = int(answer.fields["content-length"][0])
        data = self.take(n)
        answer.body = self.buffer if data is None else data
        return data is not None

    def is_ended(self):
        """The proxy ends the connection without a further byte."""
        return not self.buffer and not self.fill() and not self.buffer

    def close(self):
        self.sock.close()


def request(line="GET /api/hello HTTP/1.1", *fields, host=HOST, body=b"", script=None):
    """The bytes of a request; fields as they are sent, without line ends."""
    lines = [line] + ([f"Host: {host}"] if host else []) + list(fields)
    if script:
        lines.append(f"x-script: {script}")
    return b"\r\n".join(x if isinstance(x, bytes) else x.encode("latin-1") for x in lines) + \
        b"\r\n\r\n" + body


# No rule looks into the bodies of the endpoint, so that they flow.
BODIES_ARE_BYTES = ("providers:\n  anthropic:\n    body:\n      - {endpoint: POST /nowhere, "
                    "api: anthropic, tools: {keep: [custom]}}\n")


class World:
    """A home, an origin and the proxy in front of it; policy: the rules, or the shipped ones;
    names: {name: address} that only this proxy resolves so, for which one must be root."""

    def __init__(self, more="", policy=None, names=None):
        self.home = Home()
        self.origin = Origin(self.home.top)
        hosts = "".join(f"    - {{host: {h}, port: 443, address: 127.0.0.1, "
                        f"to_port: {self.origin.port}}}\n" for h in NAMES)
        self.home.config(f"network:\n  upstream_ca: {self.origin.cert}\n  resolve:\n{hosts}" + more)
        if policy:
            with open(os.path.join(self.home.path, "policy.rules"), "w", encoding="utf-8") as f:
                f.write(policy)
        self.stderr = os.path.join(self.home.top, "stderr")
        with open(self.stderr, "wb") as errors:
            self.process = subprocess.Popen(
                [*self.with_names(names or {}), PROGRAM, "proxy", "--listen", f"unix:{self.home.top}/proxy.sock",
                 "--listen", "tcp:127.0.0.1:0"], stdout=subprocess.PIPE, stderr=errors,
                env=self.home.env(**KEYS, ASAN_OPTIONS=os.environ.get(
                    "ASAN_OPTIONS", "detect_leaks=1")), text=True)
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"the proxy did not start: {self.errors()}")
        ready = json.loads(line)
        self.proxy = Proxy(ready)
        self.keys, self.ca = ready["keys"], ready["ca"]
        self.fds = fd_count(self.process.pid)

    def with_names(self, names):
        """The command that begins a process which sees another /etc/hosts."""
        if not names:
            return []
        path = os.path.join(self.home.top, "hosts")
        with open(path, "w", encoding="ascii") as f:
            f.writelines(f"{address} {name}\n" for name, address in names.items())
        return ["unshare", "--mount", "sh", "-c", f'mount --bind {path} /etc/hosts && exec "$@"',
                "sh"]

    def errors(self):
        with open(self.stderr, encoding="utf-8", errors="replace") as f:
            return f.read()

    def last_row(self):
        return self.home.rows("select coalesce(max(id),0) n from request")[0]["n"]

    def end(self):
        """Ends the proxy; complains about descriptors, sanitizers and open rows."""
        if self.process.poll() is not None:
            raise Failed(f"the proxy died: {self.errors()[-4000:]}")
        wait_until("no open row", lambda: self.home.rows(
            "select count(*) n from request where done=0")[0]["n"] == 0)
        # Idle connections to the origin are kept on purpose.
        try:
            wait_until("no descriptor left",
                       lambda: fd_count(self.process.pid) <= self.fds + IDLE)
        except Failed:
            raise Failed(f"{fd_count(self.process.pid)} descriptors, {self.fds} at first") from None
        stop(self.process)
        if self.process.returncode != 0 or self.errors():
            raise Failed(f"exit {self.process.returncode}: {self.errors()[-4000:]}")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.origin.listener.close()
        self.home.remove()


IDLE = 8  # connections to the origin that may be kept, and files opened on first use


class Case:
    """One request that is refused, or passes and is compared."""

    def __init__(self, name, data, status, closes=None, host=HOST, method="GET"):
        self.name, self.data, self.host, self.method = name, data, host, method
        self.status = status if isinstance(status, (tuple, set)) else (status,)
        self.closes = closes  # True, False, None: either


def is_open(client):
    """Can a further request be made? It is one that is refused, so the origin sees nothing."""
    client.send(request("GET /still-there HTTP/1.1"))
    answer = client.answer()
    return answer is not None and answer.status in (403, 404, 421)


def run_refused(world, case):
    client = Client(world).through(case.host)
    try:
        client.send(case.data)
        answer = client.answer(case.method)
        if answer is None:
            return "no answer", 0
        if answer.status not in case.status:
            return f"answered {answer.line} {answer.body[:120]!r}, not {case.status}", 0
        if answer.broken or (case.method != "HEAD" and not answer.body):
            return "the answer has no reason in it", answer.status
        if answer.fields.get("connection") == ["close"]:
            if not client.is_ended():
                return "said close and did not close", answer.status
        elif case.closes:
            return "the connection stays open", answer.status
        if case.closes is False and client.closed:
            return "the connection was closed", answer.status
        if case.closes is False and not is_open(client):
            return "no further request is answered", answer.status
        return None, answer.status
    finally:
        client.close()


def check_refused(world, cases):
    """Each is refused as it says, has a row with its reason, and nothing of it reaches the
    origin."""
    before, first = world.origin.bytes, world.last_row()
    failures, statuses = [], {}
    for case in cases:
        try:
            problem, status = run_refused(world, case)
        except (Failed, OSError, ValueError) as failed:
            problem, status = f"{type(failed).__name__}: {failed}", 0
        statuses[status] = statuses.get(status, 0) + 1
        if world.origin.bytes != before:
            problem, before = f"{problem or 'refused'}; the origin got bytes", world.origin.bytes
        if problem:
            failures.append(f"{case.name}: {problem}")
    rows = {}

    def have_rows():
        rows.update({r["status"]: r["n"] for r in world.home.rows(
            "select status, count(*) n from request where id>? and done=1 and reason<>'' "
            "and path not like '%still-there%' group by 1", first)})
        return all(rows.get(s, 0) >= n for s, n in statuses.items() if s)
    try:
        wait_until("a row with a reason for each", have_rows, 5)
    except Failed:
        failures.append(f"rows {rows}, refused {statuses}")
    probe = world.origin.bytes
    if probe != before:
        failures.append("later bytes reached the origin")
    if failures:
        raise Failed(f"{len(failures)} of {len(cases)}:\n       " + "\n       ".join(failures))
    print(f"     {len(cases)} cases")


def ask(world, data, host=HOST, method="GET"):
    """One request through a tunnel of its own; its answer."""
    client = Client(world).through(host)
    try:
        return client.send(data).answer(method)
    finally:
        client.close()


def elapsed(start):
    return time.monotonic() - start


def readable(sock, seconds):
    return bool(select.select([sock], [], [], seconds)[0])
