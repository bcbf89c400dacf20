#!/usr/bin/env python3
"""`ironcurtain policy` from outside: exit codes, messages, one decision a line."""
import json
import os
import subprocess
import sys
import tempfile

PROGRAM = os.path.join(os.environ["IC_BUILD"], "ironcurtain")
if not os.path.exists(PROGRAM):
    print("skipped: no ironcurtain in $IC_BUILD")
    sys.exit(77)
HOME = tempfile.TemporaryDirectory(prefix="ic-policy-")
ENV = dict(os.environ, IRONCURTAIN_HOME=HOME.name)


def run(*arguments, stdin=""):
    return subprocess.run([PROGRAM, "policy", *arguments], input=stdin, env=ENV, text=True,
                          capture_output=True, timeout=60)


def write(name, text):
    path = os.path.join(HOME.name, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def without_a_file_the_shipped_policy_is_checked():
    result = run("check")
    assert result.returncode == 0, result
    assert result.stdout.startswith("default.policy.rules: ok; 6 deny"), result
    assert json.loads(run("check", "--json").stdout)["tests"] == 40


def a_wrong_file_is_refused_with_line_and_nearest_word():
    path = write("wrong", "default net ask\nalow net:GET *\n")
    result = run("check", "--policy", path)
    assert result.returncode == 2, result
    assert result.stdout == ""
    assert "wrong:2: unknown word 'alow', did you mean 'allow'?" in result.stderr, result
    assert run("explain", "--policy", path).returncode == 2
    assert run("check", "--policy", path + "-missing").returncode != 0
    assert run("chek").returncode == 2
    assert run("check", "--polcy", path).returncode == 2


def every_line_gets_one_decision():
    path = write("rules", "allow net:CONNECT example.org:443 because \"mirror\"\n")
    lines = ['{"method":"CONNECT","url":"example.org:443"}', '{"method":"GET","url":"http://a.org/"}',
             '{"method":"GET","url":"http://10.0.0.1/"}', '{"server":"git","tool":"push","arguments":{}}']
    result = run("explain", "--policy", path, stdin="\n".join(lines))
    assert result.returncode == 0, result
    got = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["decision"] for one in got] == ["allow", "ask", "deny", "ask"], got
    assert got[0]["where"].endswith("rules:1") and got[0]["reason"] == "mirror", got
    assert got[2]["where"] == "built in", got


def what_is_no_request_is_denied():
    lines = ["nonsense", "[]", "null", '{"method":1,"url":2}', '{"url":"http://a.org/"}',
             '{"method":"GET","method":"GET","url":"http://a.org/"}']
    result = run("explain", stdin="\n".join(lines) + "\n\n")
    assert result.returncode == 1, result
    got = [json.loads(line)["decision"] for line in result.stdout.splitlines()]
    assert got == ["deny"] * len(lines), got


def the_file_in_the_home_is_the_standard_one():
    path = write("policy.rules", "default net deny\n")
    result = run("explain", stdin='{"method":"GET","url":"http://a.org/"}\n')
    os.unlink(path)
    assert json.loads(result.stdout)["decision"] == "deny", result


def answers_are_explained_and_checked():
    lines = "".join(json.dumps({"method": "GET", "url": url}) + "\n"
                    for url in ("https://a.org/", "https://b.org/", "https://c.org/"))
    rules = write("policy.rules", "allow net:GET https://b.org/**\ndeny net:* c.org\n")
    path = write("answers.rules", "allow net:* a.org  # 2026-11-24 08:12 UTC, request 345\n"
                                  "deny net:* b.org\nallow net:* c.org\n")
    result = run("explain", stdin=lines)
    got = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["decision"] for one in got] == ["allow", "deny", "deny"], got
    assert got[0]["where"].endswith("answers.rules:1") and got[1]["where"].endswith("answers.rules:2")
    assert got[2]["where"].endswith("policy.rules:2"), got
    assert "answers.rules: ok; 1 deny, 0 ask, 2 allow;" in run("check").stdout
    assert json.loads(run("check", "--json").stdout)["answers"]["allow"] == 2
    write("answers.rules", "ask net:* a.org\n")
    for verb in ("check", "explain"):
        result = run(verb, stdin=lines)
        assert result.returncode == 2 and "answers.rules:1: an answer is" in result.stderr, result
        assert result.stdout == "", result
    os.unlink(path)
    os.unlink(rules)
    assert json.loads(run("check", "--json").stdout)["answers"] is None


def calls_are_judged_in_their_workspace():
    place = tempfile.TemporaryDirectory(prefix="ic-policy-")
    workspace = os.path.join(place.name, "ws")
    os.makedirs(os.path.join(workspace, "sub"))
    os.symlink("sub", os.path.join(workspace, "link"))
    path = write("calls", "allow fs/read if path within $WS\ndeny fs/* if * within ~/.ssh\n"
                          "test allow fs/read {\"path\":\"$WS/link/a\"}\n")
    calls = [{"path": "link/a", "n": 1}, {"path": "/workspace/b"}, {"path": "../x"},
             {"path": "~/.ssh/id"}, {"path": os.path.join(HOME.name, "policy.rules")}]
    lines = "".join(json.dumps({"server": "fs", "tool": "read", "arguments": call}) + "\n"
                    for call in calls)
    lines += '{"server":"fs","tool":"read","arguments":{"path":"a","path":"b"}}\n'
    lines += '{"server":"fs","tool":"read","arguments":[]}\n{"server":"fs","tool":"other"}\n'
    result = run("explain", "--policy", path, "--workspace", workspace, stdin=lines)
    assert result.returncode == 0, result
    got = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["decision"] for one in got] == ["allow", "allow", "ask", "deny", "deny", "deny",
                                                "deny", "ask"], got
    assert got[0]["arguments"] == {"path": os.path.realpath(workspace) + "/sub/a", "n": 1}, got[0]
    assert got[1]["arguments"] == {"path": os.path.realpath(workspace) + "/b"}, got[1]
    assert got[4]["rule"] == "structural: protected path", got[4]
    steps = run("explain", "--steps", "--policy", path, "--workspace", workspace, stdin=lines)
    assert "path   path \"link/a\" is " in steps.stdout, steps.stdout
    assert "yes: path within $WS" in steps.stdout and "=> deny" in steps.stdout, steps.stdout
    result = run("test", "--policy", path, "--workspace", workspace)
    assert result.returncode == 0 and result.stdout == "1 tests passed\n", result
    os.unlink(os.path.join(workspace, "link"))
    os.symlink("/etc", os.path.join(workspace, "link"))
    result = run("test", "--policy", path, "--workspace", workspace)
    assert result.returncode == 2 and "calls:3: test failed" in result.stderr, result
    assert run("test", "--policy", path, "--workspace", workspace + "-not").returncode != 0


def lists_of_claude_code_become_rules():
    path = write("settings.json", json.dumps({"permissions": {
        "allow": ["mcp__github__get_me", "Bash(ls:*)", "mcp__memory"], "ask": ["mcp__git__push"],
        "deny": ["mcp__fs__delete_*", "mcp__fs__write(/etc)"]}}))
    result = run("import", path)
    assert result.returncode == 0, result
    rules = [line for line in result.stdout.splitlines() if not line.startswith("#")]
    assert rules == ["deny  fs/delete_*", "ask   git/push", "allow github/get_me",
                     "allow memory/*"], rules
    assert "mcp__fs__write(/etc)" in result.stdout and "Bash(ls:*)" in result.stdout
    assert run("import", write("x.json", "{}")).returncode == 2
    assert run("import").returncode == 2


COMPILED = {"generatedAt": "x", "constitutionHash": "x", "inputHash": "x", "rules": [
    {"name": "secrets", "if": {"paths": {"roles": ["read-path"], "within": "/home/u/secret"}},
     "then": "deny", "reason": "no"},
    {"name": "docs", "if": {"server": ["filesystem"],
                            "paths": {"roles": ["read-path"], "within": "/home/u/docs"}},
     "then": "allow", "reason": "reading"},
    {"name": "inbox", "if": {"paths": {"roles": ["write-path"], "within": "/home/u/inbox"}},
     "then": "allow", "reason": "inbox"},
    {"name": "writes", "if": {"roles": ["write-path"]}, "then": "escalate", "reason": "ask"},
    {"name": "web", "if": {"tool": ["fetch"], "domains": {"roles": ["fetch-url"],
                                                          "allowed": ["*.python.org"]}},
     "then": "allow", "reason": "docs"},
    {"name": "rest", "if": {"tool": ["fetch"]}, "then": "escalate", "reason": "web"},
    {"name": "status", "if": {"tool": ["status"]}, "then": "allow", "reason": "harmless"}]}
ANNOTATIONS = {"servers": {
    "filesystem": {"inputHash": "x", "tools": [
        {"toolName": "read", "comment": "", "args": {"path": ["read-path"], "head": ["none"]},
         "inputSchema": {"required": ["path"]}},
        {"toolName": "copy", "comment": "",
         "args": {"from": ["read-path"], "to": ["write-path"]},
         "inputSchema": {"required": ["from", "to"]}}]},
    "web": {"tools": [{"toolName": "fetch", "args": {"url": ["fetch-url"]}, "inputSchema":
                       {"required": ["url"]}}, {"toolName": "status", "args": {}}]}}}


def compiled_rules_of_ironcurtain_mean_the_same_or_less():
    first, second = write("c.json", json.dumps(COMPILED)), write("t.json", json.dumps(ANNOTATIONS))
    result = run("import", first, second)
    assert result.returncode == 0, result
    path = write("imported", result.stdout)
    cases = [("filesystem", "read", {"path": "/home/u/docs/a"}, "allow"),
             ("filesystem", "read", {"path": "/home/u/docs/a", "head": 5}, "allow"),
             ("filesystem", "read", {"path": "/home/u/docs/a", "other": "/etc"}, "deny"),
             ("filesystem", "read", {"path": "/home/u/secret/a"}, "deny"),
             ("filesystem", "read", {"path": "/etc/passwd"}, "deny"),
             ("filesystem", "read", {}, "deny"),
             ("filesystem", "copy", {"from": "/home/u/docs/a", "to": "/home/u/inbox/a"}, "allow"),
             ("filesystem", "copy", {"from": "/home/u/docs/a", "to": "/srv/a"}, "ask"),
             ("filesystem", "copy", {"from": "/home/u/secret/a", "to": "/srv/a"}, "deny"),
             ("web", "fetch", {"url": "https://docs.python.org/"}, "allow"),
             ("web", "fetch", {"url": "https://python.org/"}, "allow"),
             ("web", "fetch", {"url": "https://evil.org/"}, "ask"),
             ("web", "fetch", {"url": "http://127.0.0.1/"}, "deny"),
             ("web", "status", {}, "allow"), ("web", "status", {"x": 1}, "deny"),
             ("web", "unknown", {}, "deny")]
    lines = "".join(json.dumps({"server": one[0], "tool": one[1], "arguments": one[2]}) + "\n"
                    for one in cases)
    got = run("explain", "--policy", path, stdin=lines).stdout.splitlines()
    for case, line in zip(cases, got):
        assert json.loads(line)["decision"] == case[3], (case, line, result.stdout)
    wrong = json.loads(json.dumps(COMPILED))
    wrong["rules"][0]["if"]["paths"]["wihtin"] = wrong["rules"][0]["if"]["paths"].pop("within")
    result = run("import", write("w.json", json.dumps(wrong)), second)
    assert result.returncode == 2 and "unknown field 'wihtin'" in result.stderr, result


for test in (without_a_file_the_shipped_policy_is_checked,
             a_wrong_file_is_refused_with_line_and_nearest_word, every_line_gets_one_decision,
             what_is_no_request_is_denied, the_file_in_the_home_is_the_standard_one,
             answers_are_explained_and_checked, calls_are_judged_in_their_workspace,
             lists_of_claude_code_become_rules,
             compiled_rules_of_ironcurtain_mean_the_same_or_less):
    test()
    print("ok", test.__name__)
