#!/usr/bin/env python3
"""HTTP/2 through the proxy as a client of somebody else speaks it: curl over CONNECT."""
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import (PROGRAM, Failed, Home, main, read_lines, skip,  # noqa: E402
                     start_demo_provider, stop, wait_until)
from proxy_client import HOST, MESSAGE  # noqa: E402

KEY = "sk-ant-api03-REAL-0123456789abcdefghijklmnopqrstuvwxyz"
CURL = shutil.which("curl")
if not CURL or "HTTP2" not in subprocess.run([CURL, "-V"], capture_output=True, text=True,
                                             check=True).stdout:
    skip("no curl with HTTP/2")


class World:
    """A home, a provider and a proxy in front of it."""

    def __init__(self):
        self.home = Home()
        self.provider, port, authority, self.log = start_demo_provider(self.home, KEY)
        self.home.config(f"providers: {{anthropic: {{upstream: 'https://localhost:{port}', "
                         f"upstream_ca: '{authority}'}}}}\n")
        self.process = subprocess.Popen([PROGRAM, "proxy", "--listen", "tcp:127.0.0.1:0"],
                                        env=self.home.env(ANTHROPIC_API_KEY=KEY),
                                        stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline())
        self.listen, self.ca = ready["listen"][len("tcp:"):], ready["ca"]
        self.key = ready["keys"]["anthropic"]

    def curl(self, *args, key=None, body=None):
        """What curl says of each answer (version, status, connections made), and the bodies."""
        done = subprocess.run(
            [CURL, "-sS", "--max-time", "60", "--proxy", f"http://{self.listen}",
             "--cacert", self.ca, "-H", f"x-api-key: {key or self.key}",
             "-H", "content-type: application/json",
             "-w", "\n== %{http_version} %{http_code} %{num_connects}\n", *args],
            input=body, capture_output=True, check=False)
        if done.returncode:
            raise Failed(f"curl {done.returncode}: {done.stderr.decode()}")
        out = done.stdout.decode()
        return re.findall(r"^== (\S+) (\d+) (\d+)$", out, re.M), out

    def post(self, path="/v1/messages", protocol="--http2", key=None, **more):
        return self.curl(protocol, "-N", "--path-as-is", "--data-binary", "@-",
                         f"https://{HOST}{path}", key=key,
                         body=json.dumps(dict(MESSAGE, **more)).encode())

    def close(self):
        stop(self.process)
        stop(self.provider)
        self.process.stdout.close()
        self.home.remove()


def test_message():
    """a message over HTTP/2 gets its answer, and the provider gets the real key"""
    said, out = world.post()
    assert said == [("2", "200", "1")] and '"role"' in out, out
    assert KEY not in out
    assert read_lines(world.log)


def test_stream():
    """streamed answers arrive whole"""
    for _ in range(5):
        said, out = world.post(stream=True)
        assert said == [("2", "200", "1")] and "message_stop" in out, out


def test_refusals():
    """what is refused is refused the same"""
    for path, key in (("/v1/files", None), ("/v1/messages", "sk-ant-stolen"),
                      ("/v1/models/../files", None)):
        said, out = world.post(path, key=key)
        assert said == [("2", "403", "1")] and "permission_error" in out, out


def test_large():
    """a body of some megabytes goes up"""
    said, out = world.post(system="x" * 4000000)
    assert said == [("2", "200", "1")], out[-500:]


def test_parallel():
    """sixty requests at once share one connection"""
    args = []
    for _ in range(60):
        args += ["-o", "/dev/null", f"https://{HOST}/api/hello"]
    said, _ = world.curl("--http2", "--parallel", "--parallel-max", "60", *args)
    assert len(said) == 60 and {s[0] for s in said} == {"2"}, said
    assert sum(int(s[2]) for s in said) == 1, said


def test_old_clients():
    """a client that wants HTTP/1.1 gets it"""
    said, out = world.post(protocol="--http1.1")
    assert said == [("1.1", "200", "1")], out


def test_rows():
    """the rows name the protocol"""
    def counts():
        rows = world.home.rows("select protocol, count(*) n from request where done=1 group by 1")
        return {row["protocol"]: row["n"] for row in rows}
    wait_until("70 rows of h2 and one of http/1.1",
               lambda: (counts().get("h2"), counts().get("http/1.1")) == (70, 1))


world = World()
try:
    main(test_message, test_stream, test_refusals, test_large, test_parallel, test_old_clients,
         test_rows)
finally:
    world.close()
