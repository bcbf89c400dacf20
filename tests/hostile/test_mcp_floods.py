#!/usr/bin/env python3
"""Agents and servers that send too much, too long, or never: the proxy stays small, and nobody
else notices."""
import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mcp_client import SANITIZED, SERVER, Host, text_of  # noqa: E402

MB = 1 << 20
SLACK = 400 * 1024 if SANITIZED else 200 * 1024  # KiB; see each test


class Floods(unittest.TestCase):
    def setUp(self):
        self.host = Host({"fake": [SERVER], "other": [SERVER]})
        self.client = self.host.client()
        self.client.initialize()
        self.client.ask("tools/list")

    def tearDown(self):
        self.client.close()
        self.host.close()

    def other_is_served(self):
        start = time.monotonic()
        self.assertEqual(text_of(self.client.call("other__echo", {})), "{}")
        self.assertLess(time.monotonic() - start, 5)

    def test_a_server_that_floods_stops_nobody(self):
        flood = self.host.client()
        flood.initialize()
        number = flood.request("tools/call", {"name": "fake__flood"})
        self.other_is_served()
        self.assertEqual(text_of(flood.answer_to(number)), "flooded")
        flood.close()

    def test_a_line_that_is_too_long_ends_its_call_and_no_other(self):
        before = self.host.rss()
        never = self.client.request("tools/call", {"name": "fake__never"})
        for _ in range(2):
            for tool in ("fake__long", "fake__big"):  # the id at either end
                answer = self.client.call(tool, {"size": 100 * MB})
                self.assertTrue(answer["result"]["isError"])
                self.assertIn("its answer was too large", text_of(answer))
        self.assertEqual(text_of(self.client.call("fake__echo", {})), "{}")
        self.client.send({"method": "notifications/cancelled", "params": {"requestId": never}})
        self.client.ask("ping")
        self.assertLess(self.host.rss() - before, SLACK)

    def test_an_agent_that_does_not_read_is_cut_off_and_holds_up_nobody(self):
        deaf = self.host.client()
        deaf.initialize()
        deaf.ask("ping")
        for i in range(20):
            deaf.request("tools/call", {"name": "fake__big", "arguments": {"size": 10 * MB}})
        for _ in range(5):
            self.other_is_served()
        end = time.monotonic() + 30
        deaf.socket.settimeout(1)
        with self.assertRaises((EOFError, OSError)):
            # It is read again only long after it was cut off.
            while json.loads(text_of(self.client.call("fake__calls"))) < 21:
                self.assertLess(time.monotonic(), end)
            self.client.call("fake__slow", {"seconds": 2})
            while time.monotonic() < end:
                deaf.read(end - time.monotonic())
        deaf.close()

    def test_calls_without_end_are_refused_at_the_limit(self):
        for i in range(300):
            self.client.request("tools/call", {"name": "fake__never"}, number=1000 + i)
        refused = [self.client.answer_to(1000 + i) for i in range(256, 300)]
        self.assertEqual({r["error"]["message"] for r in refused},
                         {"too many requests are under way"})
        other = self.host.client()
        other.initialize()
        self.assertEqual(text_of(other.call("other__echo", {})), "{}")
        other.close()

    def test_unfinished_lines_are_held_only_while_there_is_room(self):
        before = self.host.rss()
        many = [self.host.client() for _ in range(20)]
        for client in many:
            client.initialize()
            client.socket.settimeout(0.5)
            try:
                client.socket.sendall(b'{"x":"' + b"y" * (30 * MB))
            except OSError:
                pass
        self.other_is_served()
        self.assertLess(self.host.rss() - before, 900 * 1024)
        for client in many:
            client.close()
        self.other_is_served()

    def test_connections_beyond_the_limit_are_closed(self):
        many = [self.host.client() for _ in range(40)]
        served = 0
        for client in many:
            try:
                client.initialize()
                served += 1
            except (EOFError, OSError):
                pass
        self.assertEqual(served, 31)
        for client in many:
            client.close()
        self.other_is_served()

    def test_ten_thousand_calls_leave_nothing_behind(self):
        count = 1000 if SANITIZED else 10000
        rss = []
        for _ in range(3):
            for _ in range(count // 100):
                numbers = [self.client.request("tools/call", {"name": "fake__nope"})
                           for _ in range(50)]
                numbers += [self.client.request("tools/call", {"name": "other__echo",
                                                               "arguments": {"i": i}})
                            for i in range(50)]
                for number in numbers:
                    self.client.answer_to(number)
            rss.append(self.host.rss())
        self.assertLess(rss[2] - rss[1], (64 if SANITIZED else 4) * 1024)

    def test_garbage_between_messages_is_answered_and_does_no_harm(self):
        for line in (b"\x00\xff\xfe", b"{", b"[" * 100000, b'{"jsonrpc":"2.0"}', b"null",
                     b'{"jsonrpc":"2.0","id":{},"method":"ping"}',
                     b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"fake__die"}}',
                     b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":[]}',
                     b'{"jsonrpc":"2.0","method":"notifications/cancelled"}',
                     b'{"jsonrpc":"2.0","id":1,"result":{}}', b'{"jsonrpc":"2.0","id":1025,'
                     b'"error":{"code":1,"message":"x"}}',
                     b'{"jsonrpc":"2.0","method":"notifications/progress","params":'
                     b'{"progressToken":1,"progress":1}}'):
            self.client.send_raw(line)
        self.assertEqual(text_of(self.client.call("fake__echo", {})), "{}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
