"""What is measured, and against what: each peer is started in a folder of its own and says how
the load reaches it. Standard library only."""
import json
import os
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
HOST = "api.bench.test"
REAL_KEY = "sk-ant-real-0123456789abcdef0123456789abcdef"
FAKE_KEY = "sk-ant-fake-0123456789abcdef0123456789abcdef"

# The shipped rule for Anthropic's messages: server-side tools are taken out of every body.
BODY_RULES = """    usage: anthropic
    error: anthropic
    body:
      - {endpoint: POST /v1/messages, api: anthropic, tools: {keep: [custom], typeless: keep},
         drop: [mcp_servers, container], deny_urls: true}
"""
CONFIG = """network:
  upstream_ca: {ca}
  resolve:
    - {{host: {host}, port: 443, address: 127.0.0.1, to_port: {port}}}
providers:
  bench:
    hosts: [{host}]
    key: {{header: x-api-key, format: "{{key}}", fake_prefix: sk-bench-, value: {key}}}
    allow: [POST /v1/messages, POST /v1/files]
"""


class Failed(Exception):
    pass


def wait_for(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"did not happen within {seconds} s: {what}")
        select.select([], [], [], 0.01)


def ready_line(process, what):
    line = process.stdout.readline()
    if not line:
        raise Failed(f"{what} did not start")
    return json.loads(line)


def children(pid):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                    if int(f.read().rsplit(")", 1)[1].split()[1]) == pid:
                        found.append(int(entry))
            except OSError:
                pass
    return found


def place(pids, cpu):
    """All threads of these processes run on this CPU only."""
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(thread), {cpu})


def rss_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        return int(re.search(r"VmRSS:\s*(\d+)", f.read()).group(1))


class Origin:
    """The certificates and the server behind all peers."""

    def __init__(self, program, top):
        self.dir = os.path.join(top, "certs")
        os.mkdir(self.dir, 0o700)
        subprocess.run([program, "certs", self.dir], check=True)
        self.process = subprocess.Popen([program, "origin", self.dir, REAL_KEY],
                                        stdout=subprocess.PIPE, text=True)
        self.port = ready_line(self.process, "the origin")["port"]
        self.ca = os.path.join(self.dir, "ca.pem")

    def args(self):
        return ["--origin", str(self.port), "--origin-pid", str(self.process.pid),
                "--origin-ca", self.ca, "--real-key", REAL_KEY]

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Peer:
    """One process (and its children) between the load and the origin."""
    connects = True
    mints = False

    def __init__(self, name, origin, top):
        self.name, self.origin = name, origin
        self.dir = os.path.join(top, name)
        os.mkdir(self.dir, 0o700)
        self.process, self.key, self.ca, self.address = None, None, None, None

    def pids(self):
        return [self.process.pid, *children(self.process.pid)] if self.process else []

    def base_rss_kb(self):
        return sum(rss_kb(pid) for pid in self.pids())

    def args(self):
        return ["--proxy", self.address, "--ca", self.ca, "--key", self.key, "--no-connect",
                str(int(not self.connects)), "--pids", ",".join(map(str, self.pids()))]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
        self.process = None

    def lost_rows(self, answered):
        """What is wrong with the audit after `answered` requests; None: nothing."""
        return None


class Direct(Peer):
    """No peer at all: what the load and the origin can do."""
    connects = False

    def start(self):
        pass

    def args(self):
        return []


class Ours(Peer):
    """`ironcurtain proxy` as it is shipped: audit, usage and body rules on."""
    mints = True
    rules = BODY_RULES

    def __init__(self, name, origin, top, program):
        super().__init__(name, origin, top)
        self.program = program
        with open(os.path.join(self.dir, "config.yaml"), "w", encoding="utf-8") as f:
            f.write(CONFIG.format(ca=origin.ca, host=HOST, port=origin.port, key=REAL_KEY)
                    + self.rules)
        os.chmod(f.name, 0o600)
        self.address = f"unix:{self.dir}/proxy.sock"

    def start(self):
        env = {k: v for k, v in os.environ.items()
               if not re.search(r"_API_KEY$|_PROXY$|_proxy$|^IRONCURTAIN_", k)}
        with open(os.path.join(self.dir, "stderr"), "ab") as errors:
            self.process = subprocess.Popen(
                [self.program, "proxy", "--listen", self.address],
                env=dict(env, IRONCURTAIN_HOME=self.dir), stdout=subprocess.PIPE,
                stderr=errors, text=True)
        ready = ready_line(self.process, f"{self.program} proxy (see {self.dir}/stderr)")
        self.process.stdout.close()
        self.key, self.ca = ready["keys"]["bench"], ready["ca"]

    def stop(self):
        process = self.process
        super().stop()
        if process and process.returncode != 0:
            with open(os.path.join(self.dir, "stderr"), encoding="utf-8") as f:
                raise Failed(f"the proxy ended with {process.returncode}: {f.read()[-2000:]}")

    def lost_rows(self, answered):
        with sqlite3.connect(os.path.join(self.dir, "ironcurtain.db")) as db:
            rows, good = db.execute(
                "select count(*), sum(done=1 and status=200 and key_swapped=1) from request "
                "where host=?", (HOST,)).fetchone()
        if rows == answered == (good or 0):
            return None
        return f"{self.name}: {answered} requests were answered, {rows} are in the audit, " \
               f"{good or 0} of them whole"


class Bare(Ours):
    """Ours without counting tokens: what the usage tap costs."""
    rules = BODY_RULES.replace("usage: anthropic", "usage: none")


class Nginx(Peer):
    connects = False
    buffers = ""

    def __init__(self, name, origin, top, connections):
        super().__init__(name, origin, top)
        self.key, self.ca = FAKE_KEY, origin.ca
        self.address = f"unix:{self.dir}/nginx.sock"
        for file in ("ca.pem", "leaf.pem", "leaf-key.pem"):
            shutil.copy(os.path.join(origin.dir, file), self.dir)
        with open(os.path.join(HERE, "nginx.conf"), encoding="utf-8") as f:
            text = f.read()
        for word, value in (("DIR", self.dir), ("FAKE", FAKE_KEY), ("REAL", REAL_KEY),
                            ("HOST", HOST), ("ORIGIN", origin.port), ("BUFFERS", self.buffers),
                            ("CONNECTIONS", connections),
                            ("USER", "user root;" if os.geteuid() == 0 else "")):
            text = text.replace(f"@{word}@", str(value))
        with open(os.path.join(self.dir, "nginx.conf"), "w", encoding="utf-8") as f:
            f.write(text)

    def start(self):
        path = self.address.removeprefix("unix:")
        if os.path.exists(path):
            os.unlink(path)
        self.process = subprocess.Popen(
            [nginx_program(), "-p", self.dir, "-c", os.path.join(self.dir, "nginx.conf")],
            stderr=subprocess.DEVNULL)
        wait_for("nginx's worker", lambda: self.process.poll() is not None or
                 os.path.exists(path) and children(self.process.pid))
        if self.process.poll() is not None:
            raise Failed(f"nginx did not start, see {self.dir}/nginx.err")


class Nginx64k(Nginx):
    """With buffers of 64 KiB instead of a page: faster with large bodies."""
    buffers = ("ssl_buffer_size 16k; proxy_buffer_size 64k; proxy_buffers 4 64k; "
               "proxy_busy_buffers_size 128k; client_body_buffer_size 64k;")


def nginx_program():
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
