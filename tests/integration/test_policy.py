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
    assert [one["decision"] for one in got] == ["allow", "ask", "deny", "deny"], got
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


for test in (without_a_file_the_shipped_policy_is_checked,
             a_wrong_file_is_refused_with_line_and_nearest_word, every_line_gets_one_decision,
             what_is_no_request_is_denied, the_file_in_the_home_is_the_standard_one,
             answers_are_explained_and_checked):
    test()
    print("ok", test.__name__)
