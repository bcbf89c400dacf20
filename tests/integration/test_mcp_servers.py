#!/usr/bin/env python3
"""Servers of the MCP proxy: how they start, end, are started again, and what lists show while
they are slow or gone."""
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mcp_client import SERVER, Host, text_of  # noqa: E402


def is_alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(check, seconds=20):
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            raise AssertionError("not within %d s" % seconds)
        time.sleep(0.02)


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [int(word) for word in file.read().split()]


class Servers(unittest.TestCase):
    def test_calls_of_a_server_that_dies_are_answered_at_once_and_it_comes_again(self):
        with Host({"fake": [SERVER]}) as host:
            client = host.client()
            client.initialize()
            client.ask("tools/list")
            waiting = client.request("tools/call", {"name": "fake__never"})
            start = time.monotonic()
            died = client.call("fake__die")
            self.assertTrue(died["result"]["isError"])
            self.assertIn("'fake' did not answer: it ended with status 7", text_of(died))
            self.assertTrue(client.answer_to(waiting)["result"]["isError"])
            self.assertLess(time.monotonic() - start, 5)
            # Its tools are still listed, and the next call starts it.
            self.assertGreater(len(client.ask("tools/list")["result"]["tools"]), 20)
            self.assertEqual(text_of(client.call("fake__echo", {})), "{}")
            client.close()

    def test_a_server_that_cannot_stay_up_is_tried_less_and_less_often(self):
        log = tempfile.mktemp(prefix="ic-mcp-seen-")
        with Host({"bad": ["sh", "-c", "echo start >>%s; exit 3" % log],
                   "good": [SERVER]}) as host:
            client = host.client()
            client.initialize()
            start = time.monotonic()
            self.assertGreater(len(client.ask("tools/list")["result"]["tools"]), 20)
            wait_until(lambda: os.path.getsize(log) >= 3 * len("start\n"))
            self.assertGreater(time.monotonic() - start, 1.3)  # 0.5 s and 1 s were between them
            client.close()
        os.unlink(log)

    def test_a_program_that_is_not_there_and_a_missing_secret_take_no_other_with_them(self):
        with Host({"none": ["/nowhere/program"], "lost": {
                "command": [SERVER], "env": {"TOKEN": "env:IC_TEST_NOT_SET"}},
                "good": [SERVER]}) as host:
            client = host.client()
            client.initialize()
            names = [t["name"] for t in client.ask("tools/list")["result"]["tools"]]
            self.assertEqual({n.split("__")[0] for n in names}, {"good"})
            client.close()

    def test_variables_come_from_where_the_configuration_says(self):
        secret = tempfile.NamedTemporaryFile("w", prefix="ic-mcp-")
        secret.write("from file\n")
        secret.flush()
        with Host({"fake": {"command": [SERVER], "cwd": "/tmp", "env": {
                "A": "plain: #text", "B": "env:IC_TEST_B", "C": "file:" + secret.name}}},
                env={"IC_TEST_B": "from env", "IC_TEST_OTHER": "x"}) as host:
            client = host.client()
            client.initialize()
            env = json.loads(text_of(client.call("fake__env")))
            self.assertEqual([env["A"], env["B"], env["C"]],
                             ["plain: #text", "from env", "from file"])
            self.assertNotIn("IC_TEST_OTHER", env)
            self.assertEqual(text_of(client.call("fake__cwd")), "/tmp")
            client.close()
        secret.close()

    def test_the_first_list_waits_for_a_slow_server(self):
        with Host({"slow": [SERVER, "--slow", "1.5"], "fast": [SERVER]}) as host:
            client = host.client()
            start = time.monotonic()
            client.initialize()
            self.assertLess(time.monotonic() - start, 1)
            early = client.request("tools/call", {"name": "slow__echo", "arguments": {}})
            names = [t["name"] for t in client.ask("tools/list")["result"]["tools"]]
            self.assertIn("slow__echo", names)
            self.assertIn("fast__echo", names)
            self.assertEqual(text_of(client.answer_to(early)), "{}")
            client.close()

    def test_a_server_that_is_too_slow_has_the_tools_of_last_time(self):
        keep = tempfile.mkdtemp(prefix="ic-mcp-keep-")
        slow = os.path.join(keep, "slow")
        word = "if test -e %s; then sleep 3; fi; exec %s" % (slow, SERVER)
        spec = {"fake": {"command": ["sh", "-c", word], "start_timeout": "1s"}}
        with Host(spec, keep=keep) as host:
            client = host.client()
            client.initialize()
            first = client.ask("tools/list")["result"]["tools"]
            client.close()
        with open(slow, "w"):
            pass
        with Host(spec, keep=keep) as host:
            client = host.client()
            client.initialize()
            start = time.monotonic()
            self.assertEqual(client.ask("tools/list")["result"]["tools"], first)
            self.assertLess(time.monotonic() - start, 2.5)
            self.assertEqual(text_of(client.call("fake__echo", {})), "{}")  # waits for it
            client.close()
        shutil.rmtree(os.path.join(keep, "cache"))
        with Host(spec, keep=keep) as host:
            client = host.client()
            client.initialize()
            self.assertEqual(client.ask("tools/list")["result"]["tools"], [])
            client.wait_notice("notifications/tools/list_changed")
            self.assertEqual(client.ask("tools/list")["result"]["tools"], first)
            client.close()
        shutil.rmtree(keep)

    def test_new_tools_are_told_once_to_everybody(self):
        with Host({"fake": [SERVER]}) as host:
            one, two = host.client(), host.client()
            for client in (one, two):
                client.initialize()
                client.ask("tools/list")
            one.call("fake__grow")
            for client in (one, two):
                client.wait_notice("notifications/tools/list_changed")
                names = [t["name"] for t in client.ask("tools/list")["result"]["tools"]]
                self.assertIn("fake__grown", names)
            one.call("fake__slow", {"seconds": 0.4})  # time for more of them
            self.assertEqual(one.notices, [])
            one.close()
            two.close()

    def test_everything_a_server_started_ends_with_the_proxy(self):
        host = Host({"fake": [SERVER]})
        client = host.client()
        client.initialize()
        grandchild = int(text_of(client.call("fake__child")))
        client.close()
        servers = children(host.process.pid)
        self.assertEqual(len(servers), 1)
        self.assertTrue(is_alive(grandchild))
        self.assertEqual(os.getsid(servers[0]), servers[0])
        host.close()
        wait_until(lambda: not is_alive(servers[0]) and not is_alive(grandchild))

    def test_servers_end_when_the_proxy_is_killed(self):
        host = Host({"fake": [SERVER], "deaf": ["sh", "-c", "exec sleep 1000"]})
        client = host.client()
        client.initialize()
        wait_until(lambda: len(children(host.process.pid)) == 2)
        client.call("fake__echo", {})
        servers = children(host.process.pid)
        host.process.send_signal(signal.SIGKILL)
        host.process.wait()
        wait_until(lambda: not any(is_alive(pid) for pid in servers))
        for open_file in (host.commands, host.process.stdout, host.log):
            open_file.close()
        client.close()
        shutil.rmtree(host.dir)

    def test_a_server_that_ignores_the_end_of_its_input_is_killed(self):
        deaf = "trap '' TERM; while :; do sleep 0.2; done"
        host = Host({"deaf": {"command": ["bash", "-c", deaf], "start_timeout": "1s"}})
        client = host.client()
        client.initialize()
        self.assertEqual(client.ask("tools/list")["result"]["tools"], [])
        server = children(host.process.pid)[0]
        client.close()
        start = time.monotonic()
        host.close()
        wait_until(lambda: not is_alive(server))
        self.assertLess(time.monotonic() - start, 10)

    def test_servers_of_all_revisions_are_spoken_to_and_no_others(self):
        known = ["2024-10-07", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]
        servers = {"v%s" % v.replace("-", ""): [SERVER, "--version", v] for v in known}
        with Host({**servers, "new": [SERVER, "--version", "2031-01-01"]}) as host:
            client = host.client()
            client.initialize("2024-10-07")
            names = {t["name"].split("__")[0] for t in client.ask("tools/list")["result"]["tools"]}
            self.assertEqual(names, set(servers))
            client.close()

    def test_a_server_without_tools_is_up_too(self):
        with Host({"fake": [SERVER, "--no-tools"]}) as host:
            client = host.client()
            client.initialize()
            self.assertEqual(client.ask("tools/list")["result"]["tools"], [])
            got = client.ask("resources/list")["result"]["resources"]
            self.assertEqual(len(got), 2)
            client.close()

    def test_what_it_writes_to_stderr_does_not_stop_it(self):
        with Host({"fake": [SERVER, "--noise"]}) as host:
            client = host.client()
            client.initialize()
            self.assertEqual(text_of(client.call("fake__echo", {})), "{}")
            client.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
