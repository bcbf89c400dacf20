#!/usr/bin/env python3
"""Bad input: a clear message, the right exit code, nothing half-made left behind."""
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Failed, Home, Screen, main  # noqa: E402

HOME = Home()


def run(*args, home=HOME, env=None, code=None, says=()):
    result = subprocess.run([PROGRAM, *args], env=env or home.env(), capture_output=True,
                            text=True, check=False, stdin=subprocess.DEVNULL, timeout=60)
    if code is not None and result.returncode != code:
        raise Failed(f"{args}: exit {result.returncode}, not {code}\n{result.stdout}\n"
                     f"{result.stderr}")
    for text in says:
        if text not in result.stderr:
            raise Failed(f"{args}: '{text}' is not in: {result.stderr}")
    return result


def leftovers():
    try:
        return os.listdir(os.path.join(HOME.path, "run"))
    except FileNotFoundError:
        return []


def test_unknown_command():
    """an unknown command names the nearest one"""
    run("polcy", code=2, says=["no command 'polcy'", "did you mean 'policy'"])


def test_unknown_option():
    """an unknown option names the nearest one"""
    run("run", "--runtme", "bwrap", "--", "true", code=2, says=["--runtme", "--runtime"])


def test_config_key():
    """an unknown configuration key is named with its line and the nearest key"""
    HOME.config("agent: shell\nruntim: bwrap\n")
    run("config", "check", code=2, says=["config.yaml:2", "runtim", "runtime"])
    run("run", "--", "true", code=2, says=["config.yaml:2", "runtim"])


def test_config_value():
    """a wrong value names what is possible"""
    HOME.config("runtime: dokcer\n")
    run("config", "check", code=2, says=["dokcer", "docker"])
    HOME.config("review: {timeout: soon}\n")
    run("config", "check", code=2, says=["timeout", "soon", "5m"])
    os.unlink(os.path.join(HOME.path, "config.yaml"))


def test_config_unreadable():
    """a configuration that cannot be read is said so"""
    run("run", "--config", "/nonexistent/c.yaml", "--", "true", says=["/nonexistent/c.yaml"])


def test_policy():
    """a broken policy names file and line, and nothing starts"""
    path = os.path.join(HOME.top, "p.rules")
    with open(path, "w", encoding="utf-8") as f:
        f.write("# ok\nalow net:GET https://x.org/**\n")
    run("run", "--policy", path, "--", "true", code=2, says=["p.rules:2", "alow"])


def test_not_a_terminal():
    """the screen without a terminal: exit 2 and what to use instead"""
    run("new", code=2, says=["terminal", "ironcurtain run"])
    run(code=2, says=["terminal"])


def test_dumb_terminal():
    """TERM=dumb: exit 2"""
    screen = Screen(["env", "TERM=dumb", PROGRAM, "demo"], HOME.env())
    try:
        assert screen.exit_status() == 2
        assert "TERM" in screen.errors()
    finally:
        screen.close()


def test_missing_key():
    """an agent without its key: exit 4 and the variable to set"""
    run("run", HOME.workspace, "-a", "claude-code", "--runtime", "bwrap", "--", "true", code=4,
        says=["ANTHROPIC_API_KEY"])


def test_unknown_agent():
    """an unknown agent is not found"""
    run("run", HOME.workspace, "-a", "nobody", "--", "true", code=3, says=["nobody"])


def test_workspace():
    """a workspace that is missing, '/', the home or our own folder is refused"""
    for folder in ("/nonexistent", "/", HOME.path):
        run("run", folder, "--runtime", "bwrap", "--", "true", code=125, says=[folder])
    run("run", HOME.workspace, "--runtime", "bwrap", "--", "true",
        env=HOME.env(HOME=HOME.workspace), code=125, says=["home folder"])
    assert leftovers() == []


def test_long_path():
    """a socket path that does not fit is said with its length and the way out"""
    long_home = os.path.join(HOME.top, "x" * 100)
    run("run", HOME.workspace, "--runtime", "bwrap", "--", "true",
        env=HOME.env(IRONCURTAIN_HOME=long_home), code=125, says=["IRONCURTAIN_HOME", "107"])


def test_port_in_use():
    """a port in use is named"""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run("proxy", "--listen", f"tcp:127.0.0.1:{port}", code=7, says=[str(port)])


def test_home_not_ours():
    """a home that is a symlink or a file is refused"""
    link = os.path.join(HOME.top, "link")
    os.symlink(HOME.path, link)
    run("run", "--", "true", env=HOME.env(IRONCURTAIN_HOME=link), says=["symlink"])
    plain = os.path.join(HOME.top, "plain")
    with open(plain, "w", encoding="utf-8"):
        pass
    run("run", "--", "true", env=HOME.env(IRONCURTAIN_HOME=plain), says=["plain"])


def test_key_mode():
    """a CA key that others can read is refused with the command that mends it"""
    run("run", HOME.workspace, "--runtime", "bwrap", "--", "true", code=0)
    key = os.path.join(HOME.path, "ca", "ca-key.pem")
    os.chmod(key, 0o644)
    run("run", HOME.workspace, "--runtime", "bwrap", "--", "true", code=125,
        says=["chmod 600", "ca-key.pem"])
    os.chmod(key, 0o600)


def test_missing_program():
    """a command that is not in the box: exit 127"""
    run("run", HOME.workspace, "--runtime", "bwrap", "--", "no-such-program", code=127)


def test_no_engine():
    """without an engine 'auto' falls back to bubblewrap and says so; 'docker' fails clearly"""
    env = HOME.env(DOCKER_HOST="unix:///nonexistent/docker.sock")
    run("run", HOME.workspace, "--runtime", "auto", "--", "true", env=env, code=0,
        says=["bubblewrap"])
    run("run", HOME.workspace, "--runtime", "docker", "--", "true", env=env, code=125,
        says=["docker"])
    assert leftovers() == []


def test_disk_full():
    """a full disk: said, nothing approved, exit not 0"""
    disk = os.path.join(HOME.top, "disk")
    os.mkdir(disk)
    if os.geteuid() != 0 or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", disk], check=False).returncode:
        print("     (cannot mount a small disk here)")
        return
    try:
        result = run("run", HOME.workspace, "--runtime", "bwrap", "--", "true",
                     env=HOME.env(IRONCURTAIN_HOME=disk + "/h"))
        assert result.returncode != 0, "the full disk was not noticed"
        assert "No space left" in result.stderr or "full" in result.stderr, result.stderr
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


try:
    main(test_unknown_command, test_unknown_option, test_config_key, test_config_value,
         test_config_unreadable, test_policy, test_not_a_terminal, test_dumb_terminal,
         test_missing_key, test_unknown_agent, test_workspace, test_long_path, test_port_in_use,
         test_home_not_ours, test_key_mode, test_missing_program, test_no_engine, test_disk_full)
finally:
    HOME.remove()
