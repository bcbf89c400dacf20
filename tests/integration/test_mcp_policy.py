#!/usr/bin/env python3
"""Rules and the person between an agent and servers: what is not allowed does not reach a server,
what is asked waits, and everything is in the audit."""
import json
import os
import sqlite3
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mcp_client import SERVER, Host, text_of  # noqa: E402

RULES = """deny */die because "it would end the server"
allow fake/echo,fake/calls,fake/slow,fake/cancelled
allow fake/resource:test:*
allow other/prompt:hello
ask fake/write because "files change" timeout 2s
ask */*
"""


def rows(host, columns="decision,result,host,path,method"):
    db = sqlite3.connect("file:%s?mode=ro" % host.database, uri=True)
    try:
        return db.execute("SELECT %s FROM request WHERE kind='mcp' ORDER BY id" % columns).fetchall()
    finally:
        db.close()


class Policy(unittest.TestCase):
    def setUp(self):
        self.host = Host({"fake": [SERVER], "other": [SERVER]}, rules=RULES,
                         env={"MCP_HOST_ROWS": "1"})
        self.client = self.host.client()
        self.client.initialize()
        self.client.ask("tools/list")

    def tearDown(self):
        self.client.close()
        self.host.close()

    def test_a_denied_call_says_why_and_reaches_nobody(self):
        answer = self.client.call("fake__die")
        self.assertTrue(answer["result"]["isError"])
        self.assertEqual(text_of(answer),
                         "Denied by ironcurtain: fake/die was not run. The user's rules forbid "
                         "it: it would end the server. Calling it again in the same way will "
                         "not help.")
        self.assertEqual(text_of(self.client.call("fake__calls")), "1")
        answer = self.client.call("fake__echo", None)
        self.assertEqual(text_of(answer), "{}")
        self.client.send_raw(b'{"jsonrpc":"2.0","id":"d","method":"tools/call","params":{"name":'
                             b'"fake__echo","arguments":{"a":1,"a":2}}}')
        self.assertTrue(self.client.answer_to("d")["result"]["isError"])

    def test_an_approved_call_is_made_once_and_a_refused_one_has_the_message(self):
        number = self.client.request("tools/call", {"name": "fake__roots", "arguments": {"q": 1}})
        self.assertEqual(self.host.wait_for("asked"), 'asked fake/roots {"q": 1}')
        # Others go on meanwhile.
        self.assertEqual(text_of(self.client.call("fake__calls")), "1")
        self.host.say("yes")
        self.assertIn("-32601", text_of(self.client.answer_to(number)))
        self.assertEqual(text_of(self.client.call("fake__calls")), "3")

        number = self.client.request("tools/call", {"name": "fake__env"})
        self.host.wait_for("asked")
        self.host.say("no not today")
        answer = self.client.answer_to(number)
        self.assertTrue(answer["result"]["isError"])
        self.assertIn("not today", text_of(answer))
        self.assertEqual(text_of(self.client.call("fake__calls")), "4")

    def test_a_question_that_nobody_answers_is_a_no(self):
        answer = self.client.call("fake__write", {"path": "/x"})
        self.assertTrue(answer["result"]["isError"])
        self.assertIn("may be asked for again later", text_of(answer))
        end = time.monotonic() + 10
        while rows(self.host)[-1][:2] != ("expired", "error"):
            self.assertLess(time.monotonic(), end)

    def test_a_waiting_call_has_progress_and_can_be_taken_back(self):
        number = self.client.request("tools/call", {"name": "fake__env",
                                                    "_meta": {"progressToken": "t"}})
        self.host.wait_for("asked")
        got = self.client.wait_notice("notifications/progress")["params"]
        self.assertEqual(got["progressToken"], "t")
        self.assertLess(got["progress"], 0.001)
        self.assertIn("approval", got["message"])
        self.client.send({"method": "notifications/cancelled", "params": {"requestId": number}})
        self.assertEqual(self.host.wait_for("row held canceled")[:27],
                         "row held canceled fake/env ")
        self.assertEqual(text_of(self.client.call("fake__calls")), "1")
        db = sqlite3.connect("file:%s?mode=ro" % self.host.database, uri=True)
        end = time.monotonic() + 10
        while db.execute("SELECT state FROM escalation").fetchall() != [("canceled",)]:
            self.assertLess(time.monotonic(), end)
        db.close()

    def test_a_waiting_call_goes_with_its_agent(self):
        other = self.host.client()
        other.initialize()
        other.request("tools/call", {"name": "fake__env"})
        self.host.wait_for("asked")
        other.close()
        self.host.wait_for("row held canceled")

    def test_while_everything_is_held_no_call_begins(self):
        approved = self.client.request("tools/call", {"name": "fake__roots"})
        self.host.wait_for("asked")
        self.host.say("hold")
        self.host.say("yes")
        self.host.wait_for("row approved")
        held = self.client.request("tools/call", {"name": "fake__echo", "arguments": {"a": 1}})
        gone = self.client.request("tools/call", {"name": "fake__calls"})
        self.client.send({"method": "notifications/cancelled", "params": {"requestId": gone}})
        self.assertEqual(len(self.client.ask("tools/list")["result"]["tools"]), 46)
        self.assertEqual(self.client.notices, [])
        self.host.say("release")
        self.assertIn("-32601", text_of(self.client.answer_to(approved)))
        self.assertEqual(text_of(self.client.answer_to(held)), '{"a": 1}')
        self.assertEqual(text_of(self.client.call("fake__calls")), "3")
        self.assertEqual(self.client.notices, [])

    def test_resources_and_prompts_are_calls_too(self):
        read = self.client.ask("resources/read", {"uri": "test://ws"})
        self.assertEqual(read["result"]["contents"][0]["text"], "R")
        number = self.client.request("resources/read", {"uri": "file:///workspace/a.txt"})
        self.assertIn("resource:file://" + self.host.workspace, self.host.wait_for("asked"))
        self.host.say("no")
        self.assertEqual(self.client.answer_to(number)["error"]["code"], -32603)
        got = self.client.ask("prompts/get", {"name": "other__hello"})
        self.assertEqual(got["result"]["description"], "hello")
        number = self.client.request("prompts/get", {"name": "fake__hello"})
        self.host.wait_for("asked fake/prompt:hello")
        self.host.say("yes")
        self.assertEqual(self.client.answer_to(number)["result"]["description"], "hello")
        # What nobody is asked about is not done.
        ref = {"argument": {"name": "a", "value": "b"}}
        got = self.client.ask("completion/complete",
                              {"ref": {"type": "ref/prompt", "name": "fake__hello"}, **ref})
        self.assertEqual(got["result"], {"completion": {"values": []}})
        got = self.client.ask("completion/complete",
                              {"ref": {"type": "ref/prompt", "name": "other__hello"}, **ref})
        self.assertEqual(got["result"]["completion"]["values"], ["hello"])
        got = self.client.ask("resources/subscribe", {"uri": "file:///workspace/a.txt"})
        self.assertEqual(got["error"]["code"], -32603)

    def test_every_call_is_in_the_audit_without_its_secrets(self):
        arguments = {"password": "hunter2", "nested": {"apiKey": ["a", {"b": "c"}]},
                     "text": "use sk-ant-api03-abcdefghijkl and not ask-anybody-anything-else",
                     "header": "Authorization: Bearer abcdefgh12345678", "n": 12.50,
                     "key": "-----BEGIN RSA PRIVATE KEY-----\nabc"}
        self.client.call("fake__echo", arguments)
        self.client.call("fake__die")
        self.client.call("fake__echo", {"long": "\u20ac" * 5000})
        number = self.client.request("tools/call", {"name": "fake__env"})
        self.host.wait_for("asked")
        self.host.say("yes")
        self.client.answer_to(number)
        self.client.ask("resources/read", {"uri": "test://ws"})
        end = time.monotonic() + 10
        while len([r for r in rows(self.host) if r[1]]) < 5:
            self.assertLess(time.monotonic(), end)
        got = rows(self.host)
        self.assertEqual(got, [("allow", "ok", "fake", "echo", "call"),
                               ("deny", "error", "fake", "die", "call"),
                               ("allow", "ok", "fake", "echo", "call"),
                               ("approved", "ok", "fake", "env", "call"),
                               ("allow", "ok", "fake", "resource:test://ws", "read")])
        text = [r[0] for r in rows(self.host, "arguments")]
        self.assertEqual(json.loads(text[0]), {
            "password": "***", "nested": {"apiKey": ["***", {"b": "***"}]},
            "text": "use sk-*** and not ask-anybody-anything-else",
            "header": "Authorization: Bearer ***", "n": 12.5, "key": "***"})
        for secret in ("hunter2", "api03", "abcdefgh1234", "BEGIN", '"a"', '"c"'):
            self.assertNotIn(secret, text[0])
        self.assertLessEqual(len(text[2].encode()), 4096)
        self.assertGreater(len(text[2].encode()), 4000)
        more = rows(self.host, "bytes_up,bytes_down,done,total_ms,waited_ms,escalation<>0,rule")
        self.assertTrue(all(r[0] > 50 and r[2] == 1 and r[3] >= 0 for r in more), more)
        self.assertGreater(more[2][1], 5000)
        self.assertEqual([r[5] for r in more], [0, 0, 0, 1, 0])
        self.assertIn("deny */die", more[1][6])


if __name__ == "__main__":
    unittest.main(verbosity=2)
