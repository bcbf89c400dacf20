#!/usr/bin/env python3
"""`ironcurtain proxy`: the ready line, what scripts rely on, and its ends."""
import json
import os
import signal
import socket
import stat
import subprocess
import tempfile
import unittest

PROGRAM = os.path.join(os.environ["IC_BUILD"], "ironcurtain")


class Proxy(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="ic-proxy-")
        self.env = dict(os.environ, IRONCURTAIN_HOME=os.path.join(self.dir.name, "home"))
        for name in list(self.env):
            if name.endswith("_API_KEY") or name == "IRONCURTAIN_CONFIG":
                del self.env[name]
        self.running = []

    def tearDown(self):
        for process in self.running:
            process.kill()
            process.communicate()
        self.dir.cleanup()

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def start(self, *args, **env):
        process = subprocess.Popen(
            [PROGRAM, "proxy", *args], env=dict(self.env, **env), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.running.append(process)
        return process, json.loads(process.stdout.readline())

    def fails(self, *args):
        done = subprocess.run([PROGRAM, "proxy", *args], env=self.env, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True)
        self.assertEqual(done.stdout, "")
        self.assertIn("ironcurtain: ", done.stderr)
        return done.returncode, done.stderr

    def connect(self, sock, target):
        sock.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        answer = b""
        while True:
            piece = sock.recv(4096)
            answer += piece
            if not piece or answer.startswith(b"HTTP/1.1 200"):
                return answer.decode()

    def test_ready_line_answers_and_clean_end(self):
        path = self.path("p.sock")
        process, ready = self.start("--listen", "unix:" + path, "--listen", "tcp:127.0.0.1:0",
                                    ANTHROPIC_API_KEY="sk-ant-real")
        self.assertIs(ready["ready"], True)
        self.assertEqual(ready["listen"], "unix:" + path)
        self.assertTrue(ready["keys"]["anthropic"].startswith("sk-ant-api03-ironcurtain-"))
        self.assertEqual(list(ready["keys"]), ["anthropic"])
        with open(ready["ca"]) as cert:
            self.assertIn("BEGIN CERTIFICATE", cert.read())
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(f"/proc/{process.pid}/environ", "rb") as environ:
            self.assertNotIn(b"sk-ant-real", environ.read())

        port = int(ready["listening"][1].rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as sock:
            answer = self.connect(sock, "example.test:8443")
        self.assertTrue(answer.startswith("HTTP/1.1 403 Forbidden\r\n"), answer)
        self.assertIn("nobody can be asked", answer)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)
            answer = self.connect(sock, "api.anthropic.com:443")
        self.assertTrue(answer.startswith("HTTP/1.1 200 "), answer)

        process.send_signal(signal.SIGTERM)
        _, talk = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0, talk)
        self.assertFalse(os.path.exists(path))
        rows = subprocess.run([PROGRAM, "audit", "ls", "--json"], env=self.env, text=True,
                              capture_output=True, check=True).stdout
        self.assertIn("example.test", rows)
        self.assertNotIn("sk-ant-real", rows)

    def test_wrong_arguments_are_usage(self):
        for args in ([], ["--listen"], ["--listen", "p.sock"], ["--listen", "tcp:nowhere"],
                     ["--listen", "unix:"], ["--lisen", "unix:x"],
                     ["--listen", "unix:/tmp/x", "--config", self.path("missing.yaml")]):
            code, talk = self.fails(*args)
            self.assertIn(code, (2, 3), (args, talk))
        self.assertIn("did you mean --listen", self.fails("--lisen", "unix:x")[1])

    def test_places_that_are_taken_or_impossible(self):
        path = self.path("p.sock")
        _, ready = self.start("--listen", "tcp:127.0.0.1:0", "--listen", "unix:" + path)
        code, talk = self.fails("--listen", ready["listen"])
        self.assertEqual(code, 7, talk)
        self.assertIn(ready["listen"].rsplit(":", 1)[1], talk)
        self.assertEqual(self.fails("--listen", "unix:" + path)[0], 7)
        code, talk = self.fails("--listen", "unix:" + self.path("x" * 120))
        self.assertEqual(code, 1, talk)
        self.assertIn("107", talk)

    def test_interrupt_says_130(self):
        process, _ = self.start("--listen", "unix:" + self.path("p.sock"))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130)

    def test_a_ca_key_that_others_can_read_is_refused(self):
        process, ready = self.start("--listen", "unix:" + self.path("p.sock"))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        key = os.path.join(os.path.dirname(ready["ca"]), "ca-key.pem")
        os.chmod(key, 0o644)
        code, talk = self.fails("--listen", "unix:" + self.path("p.sock"))
        self.assertEqual(code, 2)
        self.assertIn("chmod 600 " + key, talk)
        self.assertFalse(os.path.exists(self.path("p.sock")))

    def test_a_configuration_with_a_key_that_others_can_read_is_refused(self):
        file = self.path("keys.yaml")
        with open(file, "w", encoding="utf-8") as f:
            f.write("providers: {anthropic: {key: {value: sk-ant-literal}}}\n")
        os.chmod(file, 0o640)
        code, talk = self.fails("--listen", "unix:" + self.path("p.sock"), "--config", file)
        self.assertNotEqual(code, 0)
        self.assertIn("chmod 600 " + file, talk)
        self.assertNotIn("sk-ant-literal", talk)
        self.assertFalse(os.path.exists(self.path("p.sock")))
        os.chmod(file, 0o600)
        _, ready = self.start("--listen", "unix:" + self.path("p.sock"), "--config", file)
        self.assertIn("anthropic", ready["keys"])


if __name__ == "__main__":
    unittest.main()
