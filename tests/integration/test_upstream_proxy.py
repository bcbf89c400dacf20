#!/usr/bin/env python3
"""`ironcurtain proxy` behind a corporate proxy: configured, from the environment, or wrong."""
import base64
import json
import os
import socket
import subprocess
import tempfile
import threading
import unittest

PROGRAM = os.path.join(os.environ["IC_BUILD"], "ironcurtain")


class Corporate:
    """Answers each CONNECT with `answer` and echoes what comes through the tunnel."""

    def __init__(self, answer=b"HTTP/1.1 200 OK\r\n\r\n"):
        self.answer = answer
        self.heads = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.tunnel, args=(sock,), daemon=True).start()

    def tunnel(self, sock):
        with sock:
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(4096)
            self.heads.append(head.decode())
            sock.sendall(self.answer)
            try:
                while piece := sock.recv(4096):
                    sock.sendall(piece)
            except ConnectionResetError:
                pass  # a tunnel may be cut off


class UpstreamProxy(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="ic-via-")
        home = os.path.join(self.dir.name, "home")
        os.mkdir(home, 0o700)
        self.env = {k: v for k, v in os.environ.items()
                    if not k.lower().endswith("_proxy") and not k.endswith("_API_KEY")}
        self.env["IRONCURTAIN_HOME"] = home
        self.config = os.path.join(home, "config.yaml")
        with open(os.path.join(home, "policy.rules"), "w") as rules:
            rules.write("allow net:CONNECT *.test\n")
        self.corporate = Corporate()
        self.running = []

    def tearDown(self):
        for process in self.running:
            process.kill()
            process.communicate()
        self.corporate.listener.close()
        self.dir.cleanup()

    def connect(self, target, **env):
        """The head of our proxy's answer, and an echo through the tunnel if there is one."""
        process = subprocess.Popen(
            [PROGRAM, "proxy", "--listen", "tcp:127.0.0.1:0"], env=dict(self.env, **env),
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.running.append(process)
        port = int(json.loads(process.stdout.readline())["listen"].rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.settimeout(30)
            sock.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
            answer = sock.recv(65536).decode()
            if answer.startswith("HTTP/1.1 200"):
                sock.sendall(b"ping")
                self.assertEqual(sock.recv(4), b"ping")
            return answer

    def url(self, user=""):
        return f"http://{user}127.0.0.1:{self.corporate.port}"

    def test_environment_names_it_with_user_and_password(self):
        for name in ("HTTPS_PROXY", "https_proxy"):
            answer = self.connect("shop.test:8443", **{name: self.url("me:pw@")})
            self.assertTrue(answer.startswith("HTTP/1.1 200"), answer)
            head = self.corporate.heads.pop()
            self.assertTrue(head.startswith("CONNECT shop.test:8443 HTTP/1.1\r\n"), head)
            self.assertIn(base64.b64encode(b"me:pw").decode(), head)

    def test_configuration_beats_the_environment(self):
        with open(self.config, "w") as config:
            config.write(f"network:\n  upstream_proxy: {self.url()}\n")
        answer = self.connect("shop.test:443", HTTPS_PROXY="http://127.0.0.1:1")
        self.assertTrue(answer.startswith("HTTP/1.1 200"), answer)
        with open(self.config, "w") as config:
            config.write("network:\n  upstream_proxy: none\n")
        answer = self.connect("shop.test:443", HTTPS_PROXY=self.url())
        self.assertTrue(answer.startswith("HTTP/1.1 502"), answer)
        self.assertEqual(len(self.corporate.heads), 1)

    def test_exceptions_go_around_it(self):
        answer = self.connect("shop.test:443", HTTPS_PROXY=self.url(), NO_PROXY="a.org, .test")
        self.assertTrue(answer.startswith("HTTP/1.1 502"), answer)
        self.assertEqual(self.corporate.heads, [])

    def test_refusals_are_told(self):
        self.corporate.answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"
        answer = self.connect("shop.test:443", HTTPS_PROXY=self.url("me:hunter2@"))
        self.assertTrue(answer.startswith("HTTP/1.1 502"), answer)
        self.assertIn("does not accept the user name and password", answer)
        self.assertNotIn("hunter2", answer)

    def test_one_that_cannot_be_used_stops_the_start(self):
        done = subprocess.run(
            [PROGRAM, "proxy", "--listen", "tcp:127.0.0.1:0"], text=True, timeout=60,
            env=dict(self.env, HTTPS_PROXY="socks5://u:hunter2@h:1"), capture_output=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("HTTPS_PROXY: only http:// and https://", done.stderr)
        self.assertNotIn("hunter2", done.stderr)


if __name__ == "__main__":
    unittest.main()
