"""What is measured, and against what: how each starts programs in its panes. The pane is always
120x40. Standard library only."""
import os
import shutil
import subprocess

COLS, ROWS = 120, 40


class Failed(Exception):
    pass


class Missing(Exception):
    """The peer has not got what would be measured."""


class Peer:
    """`kinds` of sessions it can have: one; two (a second program runs, hidden); many (all but
    one hidden); again (the terminal is left and comes back); panels (requests in side panels)."""
    kinds = {"one"}
    size = COLS, ROWS

    def __init__(self, name, bench, build):
        self.name = name
        self.bench = bench  # the program term_bench
        self.build = build

    def prepare(self, session):
        """Files before the start."""

    def env(self, session):
        return {}

    def place(self, session, kind):
        """How the program in the pane sees the session's work folder."""
        return session.work

    def inner(self, session, kind, number):
        """The command of the pane's program."""
        place = self.place(session, kind)
        return [os.path.join(place, "term_bench"), "inner", os.path.join(place, "s"),
                str(session.first_mark + number), f"p{number}"]

    def start(self, session, kind):
        """The command for the terminal."""
        raise NotImplementedError

    def more(self, session, kind):
        """After the first program runs: start the others of this kind."""

    def stop(self, session):
        """In order, before all processes are ended."""

    search = None  # the keys that begin a search in the history, and what is shown then


class Floor(Peer):
    """Nothing between: what the kernel and this bench take."""

    def start(self, session, kind):
        return self.inner(session, kind, 0)


class Relay(Peer):
    """relay.c"""

    def start(self, session, kind):
        return [self.bench, "relay", *self.inner(session, kind, 0)]


class Tmux(Peer):
    kinds = {"one", "two", "many", "again"}
    detach, attach = b"\x02d", ["attach"]

    def command(self, session, *words):
        return ["tmux", "-S", os.path.join(session.dir, "tmux"), "-f", "/dev/null", *words]

    def start(self, session, kind):
        return self.command(
            session, "start", ";", "set", "-g", "status", "off", ";", "set", "-g", "escape-time",
            "0", ";", "set", "-g", "history-limit", str(session.history), ";", "set", "-g",
            "default-terminal", "tmux-256color", ";", "set", "-as", "terminal-features",
            ",xterm-256color:RGB", ";", "new-session", *self.inner(session, kind, 0))

    def more(self, session, kind):
        for number in range(1, session.programs):
            subprocess.run(self.command(session, "new-window", "-d",
                                        *self.inner(session, kind, number)),
                           env=session.env, check=True, timeout=30)

    def again(self, session):
        return self.command(session, "attach")

    def stop(self, session):
        subprocess.run(self.command(session, "kill-server"), env=session.env, check=False,
                       stderr=subprocess.DEVNULL, timeout=30)


class Ours(Peer):
    """One session is `ironcurtain pane`, in which the program runs as it is; more of them, and
    those with requests, run in boxes (bubblewrap) with the server behind them."""
    kinds = {"one"}
    size = 200, ROWS + 2  # with the panels open
    detach = b"\x1cd"
    search = b"\x1c/", b"COPY"

    def __init__(self, name, bench, build):
        super().__init__(name, bench, build)
        self.program = os.path.join(build, "ironcurtain")
        if shutil.which("bwrap"):
            self.kinds = {"one", "two", "many", "again", "panels"}

    def prepare(self, session):
        home = os.path.join(session.dir, "home")
        os.mkdir(home, 0o700)
        with open(os.path.join(home, "config.yaml"), "w", encoding="utf-8") as f:
            # A sanitizer reserves terabytes, which the data limit of a box refuses.
            f.write(f"pane: {{scrollback: {session.history}}}\nlimits: {{memory_mb: 33554432}}\n")

    def env(self, session):
        return {"IRONCURTAIN_HOME": os.path.join(session.dir, "home")}

    def is_boxed(self, kind):
        return kind != "one"

    def place(self, session, kind):
        return "/workspace" if self.is_boxed(kind) else session.work

    def new(self, session, kind, number, *options):
        return [self.program, "new", session.work, "-n", f"p{number}", *options, "-a", "shell",
                "--runtime", "bwrap", "--", *self.inner(session, kind, number)]

    def start(self, session, kind):
        if self.is_boxed(kind):
            return self.new(session, kind, 0)
        return [self.program, "pane", "--", *self.inner(session, kind, 0)]

    def more(self, session, kind):
        for number in range(1, session.programs):
            done = subprocess.run(self.new(session, kind, number, "--detach"), env=session.env,
                                  check=False, capture_output=True, text=True, timeout=60)
            if done.returncode != 0:
                raise Failed(f"ironcurtain new: {done.stderr.strip()}")

    def again(self, session):
        return [self.program, "attach", "p0"]

    def stop(self, session):
        subprocess.run([self.program, "kill-server"], env=session.env, check=False, timeout=60,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Box(Ours):
    """Ours with the one session in a box, too: what users have."""

    def is_boxed(self, kind):
        return True


PEERS = {"ours": Ours, "box": Box, "tmux": Tmux, "relay": Relay, "floor": Floor}


def available(name):
    """Why not, or None."""
    needs = {"tmux": "tmux", "box": "bwrap"}.get(name)
    return None if not needs or shutil.which(needs) else f"{needs} is not installed"
