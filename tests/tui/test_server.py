#!/usr/bin/env python3
"""Client and server: sessions outlive their screens, whatever ends those, and nothing is left."""
import errno
import os
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import (Failed, Home, PROGRAM, Screen, is_running, main, skip,  # noqa: E402
                     wait_until)

if not shutil.which("bwrap"):
    skip("bubblewrap is not installed")

SHELL = ["-a", "shell", "--runtime", "bwrap", "--", "bash", "--norc", "--noprofile"]
WAIT = "read -r _ </workspace/go"


class World:
    """A home and the terminals that look at it; nothing of it is left afterwards."""

    def __init__(self):
        self.home = Home()
        self.screens = []
        self.pipe = os.path.join(self.home.workspace, "go")
        os.mkfifo(self.pipe)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for screen in self.screens:
            screen.close()
        home = self.home.path
        self.home.remove()
        wait_until("no process of it is left", lambda: not left(home))

    def screen(self, *args, env=None, cols=120, rows=36):
        screen = Screen([PROGRAM, *args], self.home.env(**(env or {})), cols, rows)
        self.screens.append(screen)
        return screen

    def new(self, *options, **more):
        """A session with a shell in it, on a terminal, ready."""
        screen = self.screen("new", self.home.workspace, *options, *SHELL, **more)
        screen.wait(r"bash-[\d.]+[$#]", 40)
        return screen

    def attach(self, *args, **more):
        screen = self.screen("attach", *args, **more)
        screen.wait(r"bash-[\d.]+[$#]", 40)
        return screen

    def go(self):
        """Whoever waits in a box with WAIT goes on."""
        def opened():
            try:
                return os.open(self.pipe, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:  # nobody has it open for reading yet
                    raise
                return None
        os.close(wait_until("somebody waits for the pipe", opened))

    def run(self, *args, env=None, **more):
        return subprocess.run([PROGRAM, *args], env=self.home.env(**(env or {})), check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, **more)

    def detached(self, name):
        done = self.run("new", self.home.workspace, "-n", name, "--detach", *SHELL)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def left(home):
    out = subprocess.run(["ps", "-eo", "args="], check=True, capture_output=True, text=True).stdout
    return [line for line in out.split("\n") if home in line]


def states(world):
    return [r["state"] for r in world.home.rows("select state from session order by started_ms")]


def ended(pid):
    wait_until("the server ended", lambda: not is_running(pid))


def check_restored(screen):
    """The terminal is as a shell wants it."""
    screen.wait("SHELL-IS-BACK")
    screen.wait(r"(?m)^ icanon")
    assert screen.tmux("display", "-p", "#{alternate_on} #{cursor_flag}").split() == ["0", "1"]


def run(screen, line):
    screen.type(line)
    screen.keys("Enter")


def pane(screen, cols):
    """What the agent shows: its rows, without the host's."""
    rows = screen.text().split("\n")[1:-2]
    return [row[:cols].rstrip() for row in rows]


def test_detach_and_attach():
    """detached, the agent goes on; attached, the screen is as it was, and follows the size"""
    with World() as w:
        first = w.new()
        run(first, "clear; printf '\\033[31mred\\033[m\\n'; seq 3")
        first.wait(r"(?m)^3\b")
        run(first, f"({WAIT}; echo later-$((6*7))) & true")
        first.wait(r"(?m)^\[1\] \d+")
        before = pane(first, 80)
        first.prefix("d")
        assert first.exit_status() == 0
        assert "detached; 'ironcurtain attach' comes back" in first.errors()
        check_restored(first)
        pid = w.home.server_pid()
        assert pid and states(w) == ["running"]
        w.go()
        second = w.attach()
        second.wait("later-42")
        after = pane(second, 80)
        assert before[:6] == after[:6] and before[0] == "red", (before, after)
        assert re.search(r"\x1b\[[0-9;]*31[;m].*red", second.text(escapes=True))
        second.resize(100, 20)
        run(second, "clear; stty size")
        second.wait(r"(?m)^18 100\b")
        second.prefix("d")
        assert second.exit_status() == 0
        third = w.attach(cols=200, rows=50)
        run(third, "clear; stty size")
        third.wait(r"(?m)^48 120\b")
        third.prefix("q")
        third.prefix("q")
        assert third.exit_status() == 0
        check_restored(third)
        ended(pid)
        wait_until("its row says so", lambda: states(w) == ["stopped"])


def test_takeover():
    """a second attach takes the screen over and the first one is told; an idle one too"""
    with World() as w:
        first = w.new()
        run(first, "echo from-the-first")
        second = w.attach("1", cols=90, rows=24)
        second.wait("from-the-first")
        assert first.exit_status() == 0
        assert "another terminal attached" in first.errors()
        check_restored(first)
        third = w.attach()
        assert second.exit_status() == 0
        check_restored(second)
        run(third, "echo still-$((40+2))")
        third.wait("still-42")


def in_shell(world):
    """The client as the job of an interactive shell."""
    screen = Screen(["sh", "-c", "PS1='SHELL> ' exec bash --norc --noprofile -i 2>/dev/tty"],
                    world.home.env())
    world.screens.append(screen)
    screen.wait("SHELL>")
    screen.type(" ".join([PROGRAM, "new", world.home.workspace, *SHELL]))
    screen.keys("Enter")
    screen.wait(r"bash-[\d.]+[$#]", 40)
    screen.wait("net: proxy only")
    return screen


def client_of(screen):
    """The client as the child of the interactive shell."""
    return screen.pid()


def test_suspend():
    """C-z in a view and SIGTSTP give the terminal back; fg brings the screen; the agent has C-z"""
    with World() as w:
        screen = in_shell(w)
        client = client_of(screen)
        run(screen, "sh -c 'echo re\"\"ady; exec cat'")
        screen.wait(r"(?m)^ready")
        screen.keys("C-z")
        screen.wait(r"Stopped +sh -c")
        screen.wait("net: proxy only")
        for suspend in (lambda: (screen.prefix("?"), screen.wait("HELP"), screen.keys("C-z")),
                        lambda: os.kill(client, signal.SIGTSTP)):
            suspend()
            screen.wait(r"Stopped +/.*ironcurtain")
            run(screen, "clear; echo in-between")
            screen.wait(r"(?m)^in-between")
            run(screen, "fg")
            screen.wait("net: proxy only")
        run(screen, "echo after-$((40+2))")
        screen.wait("after-42")


def test_kill_client():
    """kill -9 of the client, or a signal: the screen goes, the terminal is usable, agents go on"""
    with World() as w:
        screen = w.new()
        os.kill(screen.client(), signal.SIGKILL)
        check_restored(screen)
        for number, status in ((signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)):
            screen = w.attach()
            os.kill(screen.client(), number)
            assert screen.exit_status() == status
            check_restored(screen)
        assert w.home.server_pid() and states(w) == ["running"]


def test_kill_server():
    """kill -9 of the server: the client restores the terminal; the next start cleans up"""
    with World() as w:
        screen = w.new()
        pid = w.home.server_pid()
        os.kill(pid, signal.SIGKILL)
        assert screen.exit_status() == 1
        assert "the server is gone" in screen.errors(), screen.errors()
        check_restored(screen)
        assert w.run("attach").returncode == 2  # no terminal
        done = w.screen("attach")
        assert done.exit_status() == 3, done.errors()
        again = w.new()
        wait_until("the old session is marked", lambda: states(w) == ["crashed", "running"])
        again.prefix("d")
        assert again.exit_status() == 0


def test_kill_server_command():
    """kill-server and SIGTERM end all in order; whoever looks on is told"""
    with World() as w:
        screen = w.new()
        w.detached("other")
        pid = w.home.server_pid()
        done = w.run("kill-server")
        assert done.returncode == 0, done.stderr
        assert not is_running(pid)
        assert screen.exit_status() == 1 and "told to end" in screen.errors()
        check_restored(screen)
        assert states(w) == ["stopped", "stopped"]
        assert os.listdir(os.path.join(w.home.path, "run")) == []
        done = w.run("kill-server")
        assert done.returncode == 0 and "no server runs" in done.stderr


def test_window_closed():
    """the window is closed: its client ends at once, the session is still there for another"""
    with World() as w:
        screen = w.new()
        run(screen, "echo kept-$((40+2))")
        screen.wait("kept-42")
        client, server = screen.client(), w.home.server_pid()
        os.kill(server, signal.SIGSTOP)  # nobody answers the client's good-bye
        try:
            screen.tmux("kill-server")
            wait_until("the client ended", lambda: not is_running(client), 2)
        finally:
            os.kill(server, signal.SIGCONT)
        w.attach().wait("kept-42")


def test_two_starts_at_once():
    """of many starts at once one becomes the server, and all have their session"""
    with World() as w:
        starts = [subprocess.Popen(
            [PROGRAM, "new", w.home.workspace, "-n", f"s{i}", "--detach", *SHELL],
            env=w.home.env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True) for i in range(5)]
        ids = set()
        for start in starts:
            out, err = start.communicate(timeout=120)
            assert start.returncode == 0, err
            ids.add(out.strip())
        assert len(ids) == 5
        pids = w.home.rows("select distinct pid from session")
        assert [r["pid"] for r in pids] == [w.home.server_pid()], pids


def test_tabs():
    """tabs: numbers, marks, and the keys that go from one to the other and end one"""
    with World() as w:
        screen = w.new("-n", "one")
        session = w.detached("two")
        w.detached("three")
        screen.wait(r"1:one\*.* 2:two\.? .*3:three")
        screen.prefix("2")
        screen.wait(r"1:one .*2:two\*")
        screen.wait(r"bash-[\d.]+[$#]", 40)
        run(screen, f"{WAIT}; printf 'ding\\a\\n'")
        screen.prefix("Right")
        screen.wait(r"3:three\*")
        w.go()
        screen.wait(r"2:two\?")
        screen.prefix("g")
        screen.wait(r"2:two\*")
        screen.wait("ding")
        screen.prefix("Space")
        screen.wait(r"3:three\*")
        screen.prefix("Right")
        screen.wait(r"1:one\*")
        screen.prefix("Left")
        screen.wait(r"3:three\*")
        screen.prefix("7")
        screen.wait("there is no tab 7")
        screen.prefix("2")
        screen.wait(r"2:two\*")
        run(screen, f"exec sh -c '{WAIT}; exit 5'")
        screen.prefix("1")
        screen.wait(r"1:one\*")
        w.go()
        screen.wait(r"2:twox")
        screen.wait(r"two: session ended \(exit 5\)")
        screen.prefix("g")
        screen.wait(r"2:two\*x")
        screen.wait("ENDED")
        screen.prefix("x")  # has ended: there is nothing to ask
        screen.wait_gone("2:two")
        screen.wait(r"1:one\*")
        screen.prefix("x")
        screen.wait(r"end this session\? C-\\ x again")
        screen.keys("y")
        screen.wait_gone("end this session")
        screen.wait(r"1:one\*")
        screen.prefix("x")
        screen.wait("end this session")
        screen.prefix("x")
        screen.wait(r"3:three\*")
        screen.wait_gone("1:one")
        assert w.detached("four") != session
        screen.wait(r"1:four\.? .*3:three\*")
        screen.prefix("d")
        listed = w.run("ls").stdout
        assert re.search(r"(?m)four\t.*\t1$", listed) and re.search(r"(?m)three\t.*\t3$", listed), listed


def test_names():
    """attach takes a tab's number, a name, the start of an id; says what is wrong with others"""
    with World() as w:
        one = w.detached("one")
        w.detached("two")
        w.detached("two")
        for name, tab in (("2", r"2:two\*"), ("one", r"1:one\*"), (one[:8], r"1:one\*")):
            screen = w.attach(name)
            screen.wait(tab)
            screen.prefix("d")
            assert screen.exit_status() == 0
        last = w.attach()
        last.wait(r"1:one\*")
        last.prefix("d")
        # An id begins with one of these digits in every second run; it must not be taken for it.
        for name, code, text in (("two", 2, "any of 2 sessions"), ("no\033]0;x", 3, "no session"),
                                 *((str(n), 3, "no session") for n in range(4, 10))):
            screen = w.screen("attach", name)
            assert screen.exit_status() == code, screen.errors()
            assert text in screen.errors() and "\033" not in screen.errors(), screen.errors()


def test_alone():
    """`ironcurtain` alone shows what runs"""
    with World() as w:
        w.detached("mine")
        screen = w.screen()
        screen.wait(r"1:mine\*")
        screen.prefix("d")
        assert screen.exit_status() == 0


def test_end():
    """the server ends with its last session; an end that nobody has seen is kept to be seen"""
    with World() as w:
        screen = w.new()
        pid = w.home.server_pid()
        run(screen, "exit 3")
        screen.wait(r"session ended \(exit 3\)")
        screen.prefix("q")
        assert screen.exit_status() == 3
        assert "session ended (exit 3)" in screen.errors()
        ended(pid)
        done = w.run("new", w.home.workspace, "--detach", "-a", "shell", "--runtime", "bwrap", "--",
                     "sh", "-c", "echo the-last-words; exit 4")
        assert done.returncode == 0
        wait_until("its end", lambda: states(w)[-1] == "stopped")
        pid = w.home.server_pid()
        assert pid
        screen = w.screen("attach")
        screen.wait("the-last-words")
        screen.wait(r"session ended \(exit 4\)")
        screen.prefix("d")
        assert screen.exit_status() == 4
        ended(pid)
        assert not os.path.exists(os.path.join(w.home.path, "server.sock"))


def test_quit_leaves_the_others():
    """C-\\ q ends the shown session only"""
    with World() as w:
        screen = w.new("-n", "one")
        w.detached("two")
        screen.prefix("q")
        screen.wait("end this session and leave")
        screen.prefix("q")
        assert screen.exit_status() == 0
        assert "session 'one' was ended" in screen.errors(), screen.errors()
        wait_until("one is ended", lambda: sorted(states(w)) == ["running", "stopped"])


def test_terminal_type():
    """TERM is that of the client, each time; an unknown one is its error only"""
    with World() as w:
        first = w.new()
        stranger = Screen(["env", "TERM=no-such-terminal", PROGRAM, "attach"], w.home.env())
        w.screens.append(stranger)
        assert stranger.exit_status() == 2 and "no-such-terminal" in stranger.errors()
        check_restored(stranger)
        assert first.exit_status() == 0  # it was taken over from, as by any other
        ascii_only = Screen(["env", "LC_ALL=C", "LANG=C", "TERM=vt100", PROGRAM, "attach"],
                            w.home.env())
        w.screens.append(ascii_only)
        ascii_only.wait(r"\+- WAITING -+ C-\\ e -?\+")
        ascii_only.prefix("d")
        assert ascii_only.exit_status() == 0
        w.attach().wait("\u250c\u2500 WAITING")
        dumb = Screen(["env", "TERM=dumb", PROGRAM, "attach"], w.home.env())
        w.screens.append(dumb)
        assert dumb.exit_status() == 2 and "TERM" in dumb.errors()


def test_config():
    """--config and --policy of a start while a server runs are not dropped silently"""
    with World() as w:
        config = os.path.join(w.home.top, "other.yaml")
        with open(config, "w", encoding="utf-8") as f:
            f.write(w.home.UNLIMITED)
        w.detached("one")
        done = w.run("new", w.home.workspace, "--detach", "--config", config, *SHELL)
        assert done.returncode == 2 and "kill-server" in done.stderr, done.stderr
        assert w.run("kill-server").returncode == 0
        done = w.run("new", w.home.workspace, "--detach", "--config", config, *SHELL)
        assert done.returncode == 0, done.stderr
        done = w.run("new", w.home.workspace, "--detach", *SHELL, env={"IRONCURTAIN_CONFIG": config})
        assert done.returncode == 0, done.stderr
        broken = w.home.path + "/config.yaml"
        with open(broken, "w", encoding="utf-8") as f:
            f.write("no_such_key: 1\n")
        assert w.run("kill-server").returncode == 0
        done = w.run("new", w.home.workspace, "--detach", *SHELL)
        assert done.returncode == 2 and "no_such_key" in done.stderr, done.stderr
        assert w.home.server_pid() is None


KEYED = ("agents: {keyed: {title: K, providers: [anthropic], command: [bash, --norc], "
         "program: {host: bash}, env: [\"ANTHROPIC_API_KEY={fake_key}\"]}}\n"
         "auth: apikey\n")


def test_key_comes_with_a_session():
    """a key that the server lacks is taken from the client; without one it says what is missing"""
    with World() as w:
        w.home.config(w.home.UNLIMITED + KEYED)
        w.detached("one")
        keyed = ("new", w.home.workspace, "--detach", "-a", "keyed", "--runtime", "bwrap")
        env = {"IRONCURTAIN_DOCKER_AUTH": "apikey"}
        done = w.run(*keyed, env=env)
        assert done.returncode == 4 and "ANTHROPIC_API_KEY" in done.stderr, done.stderr
        key = "sk-ant-api03-really-a-secret"
        done = w.run(*keyed, env={"ANTHROPIC_API_KEY": key, **env})
        assert done.returncode == 0, done.stderr
        screen = w.screen("attach", "2")
        screen.wait(r"[$#] ")
        run(screen, "echo \"<$ANTHROPIC_API_KEY>\"")
        screen.wait(r"(?m)^<sk-ant-api03-ironcurtain-")
        assert key not in screen.text() and key not in w.home.log()
        assert w.run(*keyed, env=env).returncode == 0  # now it is there


def test_idle():
    """ten silent sessions, with a screen and without: nobody wakes up"""
    def switches(pid):
        with open(f"/proc/{pid}/task/{pid}/status", encoding="ascii") as f:
            return sum(int(line.split()[1]) for line in f if "ctxt_switches" in line)

    def quiet(*pids):
        def once():
            before = [switches(pid) for pid in pids]
            try:
                wait_until("never", lambda: False, 0.7)
            except Failed:
                pass
            return [switches(pid) for pid in pids] == before
        return once

    with World() as w:
        for i in range(10):
            w.detached(f"s{i}")
        server = w.home.server_pid()
        wait_until("a quiet server", quiet(server), 40)
        screen = w.attach()
        wait_until("a quiet server and client", quiet(server, screen.client()), 40)


TESTS = [test_detach_and_attach, test_takeover, test_suspend, test_kill_client, test_kill_server,
         test_kill_server_command, test_window_closed, test_two_starts_at_once, test_tabs,
         test_names, test_alone, test_end, test_quit_leaves_the_others, test_terminal_type,
         test_config, test_key_comes_with_a_session, test_idle]
main(*[test for test in TESTS if test.__name__ in sys.argv[1:] or not sys.argv[1:]])
