"""Talks to the MCP proxy over its socket: lines as an agent sends them, and the proxy itself."""
import json
import os
import select
import shutil
import socket
import subprocess
import tempfile
import time

BUILD = os.environ["IC_BUILD"]
SOURCE = os.environ["IC_SOURCE"]
SERVER = os.path.join(SOURCE, "tests", "support", "mcp_server.py")
DEADLINE = 30
with open(os.path.join(BUILD, "tests", "mcp_host"), "rb") as _file:
    SANITIZED = b"__asan_init" in _file.read()  # is slower, and does not give memory back


class Host:
    """mcp_host with a configuration. `servers`: name -> list of words, or a dictionary."""

    def __init__(self, servers, rules="allow */*\n", store=True, env=None, keep=None):
        self.dir = keep or tempfile.mkdtemp(prefix="ic-mcp-")
        self.own_dir = keep is None
        self.workspace = os.path.join(self.dir, "ws")
        os.makedirs(self.workspace, exist_ok=True)
        table = {}
        for name, spec in servers.items():
            table[name] = spec if isinstance(spec, dict) else {"command": spec}
        config = os.path.join(self.dir, "mcp.yaml")
        with open(config, "w") as f:
            json.dump({"servers": table}, f)
        policy = os.path.join(self.dir, "policy.rules")
        with open(policy, "w") as f:
            f.write(rules)
        self.socket_path = os.path.join(self.dir, "mcp.sock")
        self.database = os.path.join(self.dir, "audit.db")
        ours, theirs = socket.socketpair()
        self.commands = ours
        self.log = open(os.path.join(self.dir, "log"), "ab")
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "tests", "mcp_host"), config, policy, self.socket_path,
             self.workspace, self.database if store else "-", os.path.join(self.dir, "cache")],
            stdin=theirs, stdout=subprocess.PIPE, stderr=self.log,
            env={**os.environ, **(env or {})})
        theirs.close()
        self.lines = b""
        self.wait_for("ready")

    def next_line(self, deadline=DEADLINE):
        end = time.monotonic() + deadline
        while b"\n" not in self.lines:
            ready, _, _ = select.select([self.process.stdout], [], [],
                                        max(0, end - time.monotonic()))
            piece = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not piece:
                raise AssertionError("mcp_host says nothing")
            self.lines += piece
        line, self.lines = self.lines.split(b"\n", 1)
        return line.decode()

    def wait_for(self, start):
        while True:
            line = self.next_line()
            if line.startswith(start):
                return line

    def say(self, line):
        self.commands.sendall(line.encode() + b"\n")

    def client(self, **more):
        return Client(self.socket_path, **more)

    def rss(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            for line in f:
                if line.startswith("VmRSS"):
                    return int(line.split()[1])
        return 0

    def close(self):
        """Ends it and proves that it ended cleanly."""
        self.commands.close()
        try:
            status = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("mcp_host does not end")
        self.process.stdout.close()
        self.log.close()
        with open(os.path.join(self.dir, "log"), errors="replace") as file:
            said = file.read()
        if self.own_dir:
            shutil.rmtree(self.dir, ignore_errors=True)
        assert status == 0, "mcp_host ended with %d:\n%s" % (status, said[-4000:])

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.commands.close()
            self.log.close()
            with open(os.path.join(self.dir, "log"), errors="replace") as file:
                print(file.read()[-4000:])
        else:
            self.close()


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(path)
        self.input = b""
        self.number = 0
        self.notices = []   # everything that was no answer to what was waited for

    def send_raw(self, line):
        self.socket.sendall(line + b"\n")

    def send(self, message):
        self.send_raw(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def read_raw(self, deadline=DEADLINE):
        pieces, end = [self.input], time.monotonic() + deadline
        while b"\n" not in pieces[-1]:
            self.socket.settimeout(max(0.001, end - time.monotonic()))
            piece = self.socket.recv(1 << 20)
            if not piece:
                raise EOFError("the proxy closed the connection")
            pieces.append(piece)
        line, self.input = b"".join(pieces).split(b"\n", 1)
        return line

    def read(self, deadline=DEADLINE):
        return json.loads(self.read_raw(deadline))

    def request(self, method, params=None, number=None):
        """Sends it and returns its id."""
        if number is None:
            self.number += 1
            number = self.number
        self.send({"id": number, "method": method,
                   **({} if params is None else {"params": params})})
        return number

    def answer_to(self, number, deadline=DEADLINE):
        for at, message in enumerate(self.notices):
            if message.get("id") == number and "method" not in message:
                return self.notices.pop(at)
        while True:
            message = self.read(deadline)
            if message.get("id") == number and "method" not in message:
                return message
            self.notices.append(message)

    def wait_notice(self, method, deadline=DEADLINE):
        for at, message in enumerate(self.notices):
            if message.get("method") == method:
                return self.notices.pop(at)
        while True:
            message = self.read(deadline)
            if message.get("method") == method:
                return message
            self.notices.append(message)

    def ask(self, method, params=None, deadline=DEADLINE):
        return self.answer_to(self.request(method, params), deadline)

    def call(self, name, arguments=None, meta=None):
        params = {"name": name}
        if arguments is not None:
            params["arguments"] = arguments
        if meta is not None:
            params["_meta"] = meta
        return self.ask("tools/call", params)

    def initialize(self, version="2025-11-25", capabilities=None):
        answer = self.ask("initialize", {
            "protocolVersion": version, "capabilities": capabilities or {},
            "clientInfo": {"name": "test", "version": "1"}})
        self.send({"method": "notifications/initialized"})
        return answer["result"]

    def close(self):
        self.socket.close()


def text_of(answer):
    return answer["result"]["content"][0]["text"]
