#!/usr/bin/env python3
"""The MCP proxy between agents and servers: what passes, passes as it was written; what is asked
for comes from whoever has it; nobody waits for somebody else."""
import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mcp_client import SANITIZED, SERVER, Host, text_of  # noqa: E402


class Bytes(unittest.TestCase):
    """One proxy for tests that leave it as it was."""

    @classmethod
    def setUpClass(cls):
        cls.host = Host({"fake": [SERVER], "other": [SERVER, "--pages", "--noise"]})

    @classmethod
    def tearDownClass(cls):
        cls.host.close()

    def setUp(self):
        self.client = self.host.client()
        self.client.initialize()

    def tearDown(self):
        self.client.close()

    def test_only_id_name_and_token_of_a_call_are_exchanged(self):
        line = (b'{ "params":{"arguments" : {"n":[18446744073709551615,1e400,-0,1.0,"\\ud800",'
                b'"\\u0000"],"__proto__":1},"_meta":{"progressToken":"\\u0041","x":1.50},'
                b'"name":"fake__raw","unknown":0.10} ,"id":"\\u00e4/1","method":"tools/call",'
                b'"jsonrpc":"2.0"}')
        self.client.send_raw(line)
        answer = self.client.read_raw()
        self.assertTrue(answer.startswith(b'{ "id" :"\\u00e4/1" , "result":{'), answer[:80])
        self.assertIn(b'"n":[1.0,1e400,-0,18446744073709551615,"\\ud800"],"__proto__":{}}, '
                      b'"jsonrpc":"2.0" }', answer)
        sent = json.loads(answer)["result"]["content"][0]["text"]
        number = json.loads(sent)["id"]
        self.assertIsInstance(number, int)
        expected = (line.replace(b'"fake__raw"', b'"raw"')
                    .replace(b'"\\u00e4/1"', b"%d" % number)
                    .replace(b'"\\u0041"', b"%d" % number))
        self.assertEqual(sent.encode(), expected)

    def test_definitions_of_tools_are_raw_but_for_the_name(self):
        self.client.request("tools/list", number=5)
        raw = self.client.read_raw()
        self.assertIn(b'{"title":"T","name":"fake__echo","inputSchema":{"type":"object","x-big":'
                      b'18446744073709551615,"x-exp":1e400},"x-unknown":[1.0,-0,"\\ud800"]}', raw)
        tools = json.loads(raw)["result"]["tools"]
        names = [tool["name"] for tool in tools]
        self.assertEqual(len(names), 46)  # all pages of the second one, and none for tasks only
        self.assertEqual(len(set(names)), 46)
        self.assertLess(names.index("fake__twice"), names.index("other__echo"))
        for name in names:
            self.assertRegex("mcp__ic__" + name, r"^[A-Za-z0-9_-]{1,64}$")
        long = [name for name in names if "given" in name and name.startswith("fake")]
        self.assertEqual([name[-3:] for name in long], ["one", "two"])
        self.assertIn("MCP error -32602", text_of(self.client.call(long[0])))
        answer = self.client.ask("tools/list", {"cursor": "x"})
        self.assertEqual(answer["error"]["code"], -32602)

    def test_results_of_20_megabytes_pass_and_leave_nothing_behind(self):
        self.assertEqual(len(text_of(self.client.call("fake__big", {"size": 1000}))), 1000)
        before = self.host.rss()
        for _ in range(3):
            self.assertEqual(len(text_of(self.client.call("fake__big"))), 20 << 20)
        text = text_of(self.client.call("fake__echo", {"text": "y" * (20 << 20)}))
        self.assertEqual(len(text), (20 << 20) + len('{"text": ""}'))
        self.client.ask("ping")
        if not SANITIZED:
            self.assertLess(self.host.rss() - before, 300 * 1024)

    def test_calls_are_not_behind_one_another(self):
        slow = [self.client.request("tools/call", {"name": "fake__slow",
                                                   "arguments": {"seconds": 2}})
                for _ in range(20)]
        start = time.monotonic()
        self.assertEqual(text_of(self.client.call("fake__echo", {})), "{}")
        self.assertEqual(text_of(self.client.call("other__echo", {})), "{}")
        self.assertLess(time.monotonic() - start, 1.5)
        for number in slow:
            self.assertEqual(text_of(self.client.answer_to(number)), "slept")
        self.assertLess(time.monotonic() - start, 15)

    def test_a_hundred_calls_at_once_each_get_their_own_answer(self):
        numbers = [self.client.request("tools/call",
                                       {"name": "fake__echo", "arguments": {"i": i}},
                                       number="n%d" % i) for i in range(100)]
        for i, number in enumerate(numbers):
            self.assertEqual(text_of(self.client.answer_to(number)), '{"i": %d}' % i)

    def test_progress_comes_with_the_token_of_its_own_connection(self):
        other = self.host.client()
        other.initialize()
        for client, token in ((self.client, 7), (other, 7), (self.client, "7"), (other, "\u20ac")):
            answer = client.call("fake__progress", {}, {"progressToken": token})
            self.assertEqual(text_of(answer), "done")
            got = [client.wait_notice("notifications/progress")["params"] for _ in range(3)]
            self.assertEqual([(p["progressToken"], p["progress"]) for p in got],
                             [(token, 1), (token, 2), (token, 3)])
        self.assertEqual(self.client.notices + other.notices, [])
        other.close()

    def test_a_call_that_is_taken_back_is_taken_back_from_the_server(self):
        self.client.ask("tools/list")  # servers are there
        number = self.client.request("tools/call", {"name": "fake__never"}, number="mine")
        self.client.send({"method": "notifications/cancelled",
                          "params": {"requestId": "unknown"}})
        self.client.send({"method": "notifications/cancelled",
                          "params": {"requestId": number, "reason": "because"}})
        got = json.loads(text_of(self.client.call("fake__cancelled")))
        self.assertEqual(got[-1]["reason"], "because")
        self.assertIsInstance(got[-1]["requestId"], int)
        slow = self.client.request("tools/call", {"name": "fake__slow",
                                                  "arguments": {"seconds": 0.3}})
        self.client.send({"method": "notifications/cancelled", "params": {"requestId": slow}})
        time_out = self.client.call("fake__slow", {"seconds": 0.6})
        self.assertEqual(text_of(time_out), "slept")  # and no late answer before it
        self.assertEqual(self.client.notices, [])

    def test_an_agent_that_goes_takes_its_calls_back(self):
        other = self.host.client()
        other.initialize()
        other.ask("tools/list")
        other.request("tools/call", {"name": "other__never"})
        other.ask("ping")
        other.close()
        for _ in range(100):
            got = json.loads(text_of(self.client.call("other__cancelled")))
            if got and got[-1].get("reason") == "the agent has gone":
                return
        self.fail(got)

    def test_a_second_and_an_unasked_answer_are_ignored(self):
        self.assertEqual(text_of(self.client.call("fake__twice")), "first")
        self.assertEqual(text_of(self.client.call("fake__echo", {})), "{}")
        self.assertEqual(self.client.notices, [])

    def test_log_messages_say_whose_they_are_and_levels_are_kept_apart(self):
        other = self.host.client()
        other.initialize()
        self.assertEqual(other.ask("logging/setLevel", {"level": "error"})["result"], {})
        self.client.call("fake__log")
        got = [self.client.wait_notice("notifications/message")["params"] for _ in range(2)]
        self.assertEqual([(m["level"], m["logger"]) for m in got],
                         [("info", "fake/x"), ("error", "fake")])
        self.assertEqual(other.notices, [])  # who has the call under way gets them
        other.call("fake__log")
        got = other.wait_notice("notifications/message")["params"]
        self.assertEqual(got["level"], "error")
        self.assertEqual(other.notices, [])
        self.assertEqual(other.ask("logging/setLevel", {"level": "x"})["error"]["code"], -32602)
        other.close()

    def test_a_server_has_its_own_environment_and_works_in_the_workspace(self):
        env = json.loads(text_of(self.client.call("fake__env")))
        self.assertIn("PATH", env)
        self.assertNotIn("IC_BUILD", env)
        cwd = text_of(self.client.call("fake__cwd"))
        self.assertEqual(cwd, "/workspace")  # which is what the box calls it

    def test_resources_are_found_where_they_are(self):
        got = self.client.ask("resources/list")["result"]["resources"]
        self.assertEqual([r["uri"] for r in got], ["test://ws", "file:///workspace/a.txt"])
        read = self.client.ask("resources/read", {"uri": "file:///workspace/a.txt"})
        self.assertEqual(read["result"]["contents"][0]["uri"], "file:///workspace/a.txt")
        got = self.client.ask("resources/templates/list")["result"]["resourceTemplates"]
        self.assertEqual(got[0]["uriTemplate"], "tpl://{name}/end")
        read = self.client.ask("resources/read", {"uri": "tpl://x/end"})
        self.assertEqual(read["result"]["contents"][0]["uri"], "tpl://x/end")
        lost = self.client.ask("resources/read", {"uri": "nowhere://x"})
        self.assertEqual(lost["error"],
                         {"code": -32002, "message": "not here", "data": {"uri": "nowhere://x"}})
        self.assertEqual(self.client.ask("resources/read", {})["error"]["code"], -32602)

    def test_who_is_subscribed_is_told(self):
        other = self.host.client()
        other.initialize()
        self.client.ask("resources/list")
        self.assertEqual(
            self.client.ask("resources/subscribe", {"uri": "file:///workspace/a.txt"})["result"],
            {})
        got = self.client.wait_notice("notifications/resources/updated")
        self.assertEqual(got["params"]["uri"], "file:///workspace/a.txt")
        self.client.ask("resources/unsubscribe", {"uri": "file:///workspace/a.txt"})
        self.client.ask("ping")
        other.ask("ping")
        self.assertEqual(self.client.notices + other.notices, [])
        other.close()

    def test_a_subscription_outlives_the_server(self):
        with Host({"fake": [SERVER]}) as host:
            client = host.client()
            client.initialize()
            client.ask("resources/list")
            client.ask("resources/subscribe", {"uri": "test://ws"})
            client.wait_notice("notifications/resources/updated")
            client.call("fake__die")
            client.call("fake__echo", {})  # which starts it, and it is told
            client.wait_notice("notifications/resources/updated")
            client.close()

    def test_prompts_have_their_servers_name(self):
        got = self.client.ask("prompts/list")["result"]["prompts"]
        self.assertEqual([p["name"] for p in got], ["fake__hello", "other__hello"])
        got = self.client.ask("prompts/get", {"name": "other__hello"})
        self.assertEqual(got["result"]["description"], "hello")
        self.assertEqual(self.client.ask("prompts/get", {"name": "x"})["error"]["code"], -32602)
        got = self.client.ask("completion/complete", {
            "ref": {"type": "ref/prompt", "name": "fake__hello"},
            "argument": {"name": "a", "value": "b"}})
        self.assertEqual(got["result"]["completion"]["values"], ["hello"])

    def test_what_an_agent_cannot_answer_is_refused_at_once(self):
        for tool in ("fake__ask", "fake__roots", "fake__elicit"):
            self.assertEqual(json.loads(text_of(self.client.call(tool)))["code"], -32601)

    def test_calls_in_a_batch_are_answered_in_one(self):
        client = self.host.client()
        client.initialize("2025-03-26")
        client.send_raw(b'[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":'
                        b'"fake__echo","arguments":{}}},{"jsonrpc":"2.0","method":"x"},'
                        b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":'
                        b'"fake__slow","arguments":{"seconds":0.2}}},'
                        b'{"jsonrpc":"2.0","id":3,"method":"nope"}]')
        got = {m["id"]: m for m in client.read()}
        self.assertEqual(text_of(got[1]), "{}")
        self.assertEqual(text_of(got[2]), "slept")
        self.assertEqual(got[3]["error"]["code"], -32601)
        client.close()

    def test_unknown_tools_and_tasks_are_errors(self):
        for params, text in (({"name": "fake__nope"}, "Unknown tool: fake__nope"),
                             ({"name": "echo"}, "Unknown tool: echo"),
                             ({"name": "fake__tasky"}, "Unknown tool: fake__tasky"),
                             ({"name": "fake__echo", "task": {}}, "there are no tasks here"),
                             ({"name": "fake__echo", "arguments": []},
                              "the arguments are no object")):
            answer = self.client.ask("tools/call", params)
            self.assertEqual(answer["error"], {"code": -32602, "message": text})

    def test_only_strings_that_are_paths_of_the_workspace_get_the_boxes_name(self):
        ws = self.host.workspace
        for text, wanted in (
                (ws + "/a b.txt", "/workspace/a b.txt"),
                (ws, "/workspace"),
                ("Allowed directories:\n" + ws + "\n", "Allowed directories:\n/workspace\n"),
                (ws + "/a\n" + ws + "/b", "/workspace/a\n/workspace/b"),
                ("file://" + ws + "/x", "file:///workspace/x"),
                ("see " + ws + "/a", "see " + ws + "/a"),
                (ws + "/a\nis a file", ws + "/a\nis a file"),
                (ws + "2/a", ws + "2/a")):
            answer = self.client.call("fake__write", {"path": ws + "/p", "text": text})
            self.assertEqual(text_of(answer), wanted)
            self.assertEqual(answer["result"]["structuredContent"]["path"], "/workspace/p")


class Questions(unittest.TestCase):
    def setUp(self):
        self.host = Host({"fake": [SERVER]})

    def tearDown(self):
        self.host.close()

    def test_sampling_goes_to_the_caller_and_back_with_its_ids_and_progress(self):
        one, two = self.host.client(), self.host.client()
        for client in (one, two):
            client.initialize(capabilities={"sampling": {}, "tasks": {}})
        two.ask("ping")
        for client, answer in ((one, "a"), (two, "b")):
            number = client.request("tools/call", {"name": "fake__ask"})
            asked = client.wait_notice("sampling/createMessage")
            token = asked["params"]["_meta"]["progressToken"]
            self.assertEqual(asked["params"]["maxTokens"], 5)
            client.send({"method": "notifications/progress",
                         "params": {"progressToken": token, "progress": 1}})
            client.send({"id": asked["id"], "result": {"said": answer}})
            client.send({"id": asked["id"], "result": {"said": "again"}})
            self.assertEqual(json.loads(text_of(client.answer_to(number))), {"said": answer})
        one.close()
        two.close()

    def test_roots_are_the_hosts_and_no_place_outside_of_the_workspace(self):
        client = self.host.client()
        client.initialize(capabilities={"roots": {"listChanged": True}})
        number = client.request("tools/call", {"name": "fake__roots"})
        asked = client.wait_notice("roots/list")
        client.send({"id": asked["id"], "result": {"roots": [
            {"uri": "file:///etc", "name": "no"},
            {"uri": "file:///workspace/../etc", "name": "no"},
            {"uri": "file:///workspace/%2e%2e/etc", "name": "no"},
            {"uri": "file:///workspace", "name": "ws"},
            {"uri": "file:///workspace/sub dir".replace(" ", "%20")},
            {"uri": "file:///workspaces"}, 1]}})
        got = json.loads(text_of(client.answer_to(number)))
        self.assertEqual(got, {"roots": [{"uri": "file://" + self.host.workspace, "name": "ws"}]})
        client.close()

    def test_a_question_whose_agent_goes_is_answered(self):
        one, two = self.host.client(), self.host.client()
        one.initialize(capabilities={"elicitation": {}})
        two.initialize(capabilities={"elicitation": {}})
        one.request("tools/call", {"name": "fake__elicit"})
        one.wait_notice("elicitation/create")
        one.close()
        self.assertEqual(text_of(two.call("fake__echo", {})), "{}")
        two.close()

    def test_servers_are_told_what_agents_can_and_start_anew_for_another(self):
        log = os.path.join(self.host.dir, "seen")
        with Host({"fake": [SERVER, "--log", log]}) as host:
            client = host.client()
            client.initialize(capabilities={"sampling": {"tools": {}}, "tasks": {}, "x": 1})
            client.ask("tools/list")
            client.close()
            client = host.client()
            client.initialize(capabilities={"sampling": {"tools": {}}})
            client.ask("tools/list")
            client.close()
            client = host.client()
            client.initialize(capabilities={"elicitation": {}})
            client.ask("tools/list")
            client.close()
        with open(log) as file:
            seen = file.read().splitlines()
        inits = [json.loads(line)["params"] for line in seen if '"initialize"' in line]
        self.assertEqual([i["capabilities"] for i in inits],
                         [{"sampling": {"tools": {}}}, {"elicitation": {}}])
        self.assertEqual(inits[0]["protocolVersion"], "2025-11-25")


if __name__ == "__main__":
    unittest.main(verbosity=2)
