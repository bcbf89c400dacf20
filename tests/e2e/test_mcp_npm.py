#!/usr/bin/env python3
"""The servers of the MCP project itself (npm: server-everything, -filesystem, -memory) through the
proxy, and its inspector as the agent."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mcp_client import BUILD, Host, text_of  # noqa: E402
from npm_servers import CACHE, fetch, server  # noqa: E402


class Npm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host({"everything": server("everything"), "files": server("filesystem", "."),
                         "memory": {"command": server("memory"),
                                    "env": {"MEMORY_FILE_PATH": "/tmp/ic-none/memory.json"}}})

    @classmethod
    def tearDownClass(cls):
        cls.host.close()

    def setUp(self):
        self.client = self.host.client()
        self.client.initialize(capabilities={"roots": {"listChanged": True}, "sampling": {},
                                             "elicitation": {}})
        self.tools = [t["name"] for t in self.client.ask("tools/list")["result"]["tools"]]

    def tearDown(self):
        self.client.close()

    def test_all_their_tools_are_there(self):
        self.assertIn("everything__echo", self.tools)
        self.assertIn("everything__trigger-sampling-request", self.tools)  # needs the capability
        self.assertIn("files__write_file", self.tools)
        self.assertIn("memory__read_graph", self.tools)

    def test_calls_progress_and_errors(self):
        self.assertEqual(text_of(self.client.call("everything__echo", {"message": "hi"})),
                         "Echo: hi")
        answer = self.client.call("everything__trigger-long-running-operation",
                                  {"duration": 1, "steps": 3}, {"progressToken": "p"})
        self.assertIn("completed", text_of(answer))
        got = [self.client.wait_notice("notifications/progress")["params"] for _ in range(3)]
        self.assertEqual([(p["progressToken"], p["progress"]) for p in got],
                         [("p", 1), ("p", 2), ("p", 3)])
        self.assertTrue(self.client.call("everything__get-sum", {"a": "x"})["result"]["isError"])

    def test_the_model_of_the_agent_is_asked(self):
        number = self.client.request("tools/call", {
            "name": "everything__trigger-sampling-request",
            "arguments": {"prompt": "p", "maxTokens": 10}})
        asked = self.client.wait_notice("sampling/createMessage")
        self.client.send({"id": asked["id"], "result": {
            "role": "assistant", "model": "m", "content": {"type": "text", "text": "SAID"}}})
        self.assertIn("SAID", text_of(self.client.answer_to(number)))

    def test_files_are_written_where_the_box_has_them(self):
        wanted = "see %s/x\n" % self.host.workspace
        self.client.call("files__write_file", {"path": "/workspace/a.txt", "content": wanted})
        with open(os.path.join(self.host.workspace, "a.txt")) as file:
            self.assertEqual(file.read(), wanted)
        read = self.client.call("files__read_text_file", {"path": "/workspace/a.txt"})
        self.assertEqual(text_of(read), wanted)  # as it is
        found = self.client.call("files__search_files", {"path": "/workspace",
                                                         "pattern": "*.txt"})
        self.assertEqual(text_of(found), "/workspace/a.txt")
        listed = self.client.call("files__list_allowed_directories", {})
        self.assertEqual(text_of(listed), "Allowed directories:\n/workspace")
        refused = self.client.call("files__read_text_file", {"path": "/etc/passwd"})
        self.assertTrue(refused["result"]["isError"])

    def test_resources_prompts_and_completions(self):
        got = self.client.ask("resources/list")["result"]["resources"]
        uri = next(r["uri"] for r in got if r["uri"].startswith("demo://"))
        read = self.client.ask("resources/read", {"uri": uri})
        self.assertEqual(read["result"]["contents"][0]["uri"], uri)
        self.client.ask("resources/templates/list")
        read = self.client.ask("resources/read", {"uri": "demo://resource/dynamic/text/1"})
        self.assertIn("contents", read["result"])
        names = [p["name"] for p in self.client.ask("prompts/list")["result"]["prompts"]]
        self.assertIn("everything__simple-prompt", names)
        got = self.client.ask("prompts/get", {"name": "everything__simple-prompt"})
        self.assertTrue(got["result"]["messages"])
        got = self.client.ask("completion/complete", {
            "ref": {"type": "ref/prompt", "name": "everything__completable-prompt"},
            "argument": {"name": "department", "value": "E"}})
        self.assertEqual(got["result"]["completion"]["values"], ["Engineering"])

    def test_the_inspector_works_through_the_helper_of_the_box(self):
        def inspect(*words):
            done = subprocess.run(
                [os.path.join(CACHE, "node_modules", ".bin", "mcp-inspector"), "--cli",
                 os.path.join(BUILD, "icguest"), "--mcp-stdio", self.host.socket_path, *words],
                capture_output=True, text=True, timeout=100)
            self.assertEqual(done.returncode, 0, done)
            return json.loads(done.stdout)
        tools = inspect("--method", "tools/list")["tools"]
        self.assertIn("files__read_file", [t["name"] for t in tools])
        got = inspect("--method", "tools/call", "--tool-name", "everything__get-sum",
                      "--tool-arg", "a=2", "b=3")
        self.assertEqual(got["content"][0]["text"], "The sum of 2 and 3 is 5.")


fetch()
if __name__ == "__main__":
    unittest.main(verbosity=2)
