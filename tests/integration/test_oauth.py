#!/usr/bin/env python3
"""A login of the host through the real proxy: the fake token in, the real one out; renewed on 401
once and for all; never sent where the fake one was not."""
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from harness import PROGRAM, stop, wait_until  # noqa: E402
from proxy_client import Proxy, connect_head, read_head, read_head_unbuffered  # noqa: E402
from token_endpoint import TokenEndpoint  # noqa: E402

HOST = "api.anthropic.com"
MESSAGES = "/v1/messages"
BODY = json.dumps({"model": "m", "max_tokens": 1, "pad": "x" * 50000}).encode()
FAILED = b"Authentication failed: unable to refresh OAuth token."


class Agent:
    """One tunnel of an agent that has a token."""

    def __init__(self, proxy):
        plain = proxy.socket()
        plain.sendall(connect_head())
        assert read_head_unbuffered(plain)[0] == 200
        self.tls = proxy.tls.wrap_socket(plain, server_hostname=HOST)
        self.stream = self.tls.makefile("rb")

    def send(self, method, path, token=None, body=None):
        head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n"
        if token:
            head += f"Authorization: Bearer {token}\r\n"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self.tls.sendall(head.encode() + b"\r\n" + (body or b""))

    def answer(self):
        status, headers = read_head(self.stream)
        return status, self.stream.read(int(headers.get("content-length", 0)))

    def ask(self, *args, **more):
        self.send(*args, **more)
        return self.answer()

    def close(self):
        self.stream.close()
        self.tls.close()


class OAuth(unittest.TestCase):
    LIFE = 8 * 3600

    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="ic-oauth-", dir="/tmp")
        self.provider = TokenEndpoint(self.dir.name)
        self.provider.__enter__()
        self.file = os.path.join(self.dir.name, ".claude", ".credentials.json")
        os.makedirs(os.path.dirname(self.file), mode=0o700)
        self.write_login(time.time() + self.LIFE)
        self.process, self.agents = None, []

    def tearDown(self):
        for agent in self.agents:
            agent.close()
        if self.process:
            stop(self.process)
        self.provider.__exit__()
        self.dir.cleanup()

    def write_login(self, ends):
        login = {"claudeAiOauth": {"accessToken": self.provider.access,
                                   "refreshToken": self.provider.refresh,
                                   "expiresAt": int(ends) * 1000, "scopes": ["a"]},
                 "other": {"kept": True}}
        with open(os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                  encoding="utf-8") as f:
            json.dump(login, f)

    def start(self, hosts=(HOST, "platform.claude.com"), **more):
        home = os.path.join(self.dir.name, "home")
        os.makedirs(home, mode=0o700)
        rows = [{"host": host, "port": 443, "address": "127.0.0.1",
                 "to_port": self.provider.port} for host in hosts]
        with open(os.path.join(home, "config.yaml"), "w", encoding="utf-8") as f:
            json.dump({"network": {"upstream_ca": self.provider.cert, "resolve": rows}}, f)
        env = {k: v for k, v in os.environ.items()
               if not k.endswith(("_API_KEY", "_BASE_URL", "_CONFIG_DIR", "_CONFIG_HOME"))
               and not k.startswith("IRONCURTAIN_") and k.lower() != "https_proxy"}
        env.update(HOME=self.dir.name, IRONCURTAIN_HOME=home, **more)
        self.process = subprocess.Popen(
            [PROGRAM, "proxy", "--listen", "unix:" + os.path.join(self.dir.name, "p.sock")],
            env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        ready = json.loads(self.process.stdout.readline())
        self.fake = ready["keys"]["anthropic"]
        self.proxy = Proxy(ready)

    def agent(self):
        self.agents.append(Agent(self.proxy))
        return self.agents[-1]

    def tokens(self):
        return [r["token"] for r in self.provider.requests]

    def test_the_fake_token_goes_in_and_the_real_one_out(self):
        self.start()
        self.assertTrue(self.fake.startswith("sk-ant-oat01-ironcurtain-"))
        status, _ = self.agent().ask("POST", MESSAGES, self.fake, BODY)
        self.assertEqual(status, 200)
        self.assertEqual(self.tokens(), ["Bearer sk-ant-oat01-REAL-0"])
        self.assertEqual(self.provider.grants, [])

    def test_401_is_renewed_and_asked_again_once_with_the_same_body(self):
        self.start()
        self.provider.revoke()
        agent = self.agent()
        self.assertEqual(agent.ask("POST", MESSAGES, self.fake, BODY)[0], 200)
        self.assertEqual(self.tokens(),
                         ["Bearer sk-ant-oat01-REAL-0", "Bearer sk-ant-oat01-REAL-1"])
        self.assertEqual([r["body"] for r in self.provider.requests], [BODY, BODY])
        self.assertEqual(len(self.provider.grants), 1)
        self.assertEqual(self.provider.grants[0]["client_id"],
                         "9d1c250a-e61b-44d9-88ed-5944d1962f5e")
        self.assertEqual(agent.ask("POST", MESSAGES, self.fake, BODY)[0], 200)
        self.assertEqual(len(self.provider.grants), 1)
        with open(self.file, encoding="utf-8") as f:
            login = json.load(f)
        self.assertEqual(login["claudeAiOauth"]["refreshToken"], "sk-ant-ort01-REAL-1")
        self.assertEqual(login["claudeAiOauth"]["scopes"], ["a"])
        self.assertEqual(login["other"], {"kept": True})
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        with open(os.path.join(self.dir.name, "home", "server.log"), encoding="utf-8") as f:
            self.assertNotIn("REAL", f.read())

    def test_a_request_without_a_body_is_asked_again_too(self):
        self.start()
        self.provider.revoke()
        self.assertEqual(self.agent().ask("GET", "/v1/models", self.fake)[0], 200)
        self.assertEqual([r["method"] for r in self.provider.requests], ["GET", "GET"])
        self.assertEqual(len(self.provider.grants), 1)

    def test_two_401_at_once_are_one_grant(self):
        self.start()
        self.provider.revoke()
        self.provider.hold()
        agents = [self.agent(), self.agent()]
        for agent in agents:
            agent.send("POST", MESSAGES, self.fake, BODY)
        wait_until("both requests refused and a grant asked for",
                   lambda: len(self.provider.requests) == 2 and self.provider.grants)
        self.provider.release()
        self.assertEqual([agent.answer()[0] for agent in agents], [200, 200])
        self.assertEqual(len(self.provider.grants), 1)

    def test_without_the_fake_token_the_real_one_is_never_sent(self):
        self.start()
        self.provider.revoke()
        agent = self.agent()
        self.assertEqual(agent.ask("GET", "/api/hello")[0], 200)
        self.assertEqual(self.tokens(), [None])
        self.assertEqual(agent.ask("GET", "/v1/models", "sk-ant-oat01-of-somebody")[0], 403)
        self.assertEqual(self.tokens(), [None])
        self.assertEqual(self.provider.grants, [])

    def test_a_401_without_a_key_is_passed_on(self):
        self.start()
        self.provider.api = lambda *_: (401, {"error": "who are you"})
        status, content = self.agent().ask("GET", "/api/hello")
        self.assertEqual((status, json.loads(content)), (401, {"error": "who are you"}))
        self.assertEqual(self.provider.grants, [])

    def test_a_token_that_cannot_be_renewed_is_a_403_that_says_so(self):
        self.start()
        self.provider.revoke()
        self.provider.refuse = True
        status, content = self.agent().ask("POST", MESSAGES, self.fake, BODY)
        self.assertEqual(status, 403)
        self.assertIn(FAILED, content)
        self.assertNotIn(b"REAL", content)
        self.assertEqual(len(self.provider.requests), 1)
        with open(os.path.join(self.dir.name, "home", "server.log"), encoding="utf-8") as f:
            log = f.read()
        self.assertIn("the token endpoint answered 400", log)
        self.assertNotIn("REAL", log)

    def test_a_renewal_takes_the_way_through_a_corporate_proxy(self):
        with socket.create_server(("127.0.0.1", 0)) as corporate:
            corporate.settimeout(30)
            self.start(hosts=[HOST],
                       HTTPS_PROXY=f"http://127.0.0.1:{corporate.getsockname()[1]}")
            self.provider.revoke()
            agent = self.agent()
            agent.send("POST", MESSAGES, self.fake, BODY)
            with corporate.accept()[0] as tunnel, tunnel.makefile("rb") as head:
                self.assertEqual(head.readline(),
                                 b"CONNECT platform.claude.com:443 HTTP/1.1\r\n")
                tunnel.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            self.assertEqual(agent.answer()[0], 403)
        self.assertEqual(self.provider.grants, [])

    def test_a_second_401_is_not_renewed_again(self):
        self.start()
        refused = self.provider.api
        self.provider.api = lambda *args: (refused(*args), (401, {"error": "no"}))[1]
        self.assertEqual(self.agent().ask("POST", MESSAGES, self.fake, BODY)[0], 401)
        self.assertEqual(len(self.provider.requests), 2)
        self.assertEqual(len(self.provider.grants), 1)

    def test_a_token_that_is_about_to_end_is_renewed_before(self):
        self.write_login(time.time() + 60)
        self.start()
        self.assertEqual(self.agent().ask("POST", MESSAGES, self.fake, BODY)[0], 200)
        self.assertEqual(self.tokens(), ["Bearer sk-ant-oat01-REAL-1"])

    def test_if_that_fails_the_old_one_is_tried(self):
        self.write_login(time.time() + 60)
        self.start()
        self.provider.refuse = True
        self.assertEqual(self.agent().ask("POST", MESSAGES, self.fake, BODY)[0], 200)
        self.assertEqual(self.tokens(), ["Bearer sk-ant-oat01-REAL-0"])

    def test_what_claude_code_renewed_meanwhile_is_used(self):
        self.start()
        self.provider.revoke()
        self.provider.access = "sk-ant-oat01-REAL-cli"
        self.provider.valid.add(self.provider.access)
        self.write_login(time.time() + self.LIFE)
        self.assertEqual(self.agent().ask("POST", MESSAGES, self.fake, BODY)[0], 200)
        self.assertEqual(self.tokens()[1], "Bearer sk-ant-oat01-REAL-cli")
        self.assertEqual(self.provider.grants, [])

    def test_an_agent_that_leaves_during_a_renewal_harms_nobody(self):
        self.start()
        self.provider.revoke()
        self.provider.hold()
        leaves, stays = self.agent(), self.agent()
        leaves.send("POST", MESSAGES, self.fake, BODY)
        wait_until("a grant", lambda: self.provider.grants)
        stays.send("POST", MESSAGES, self.fake, BODY)
        wait_until("the second request", lambda: len(self.provider.requests) == 2)
        leaves.close()
        self.agents.remove(leaves)
        self.provider.release()
        self.assertEqual(stays.answer()[0], 200)
        self.assertEqual(len(self.provider.grants), 1)


if __name__ == "__main__":
    unittest.main()
