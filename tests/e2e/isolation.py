"""What an agent can see and reach from inside its box; run for each runtime."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from harness import PROGRAM, Failed, Home  # noqa: E402

KEY = "sk-ant-api03-REAL-isolation-0123456789abcdefghijk"

# The agent's command; prints one fact a line. Only bash and coreutils are used.
PROBE = r"""
echo "NET $(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | tr '\n' ' ')"
echo "ROUTES $(tail -n +2 /proc/net/route | wc -l)"
(exec 3<>/dev/tcp/1.1.1.1/443) 2>/dev/null && echo "TCP open" || echo "TCP closed"
(exec 3<>/dev/tcp/127.0.0.1/18080) 2>/dev/null && echo "PROXY open" || echo "PROXY closed"
getent hosts example.com >/dev/null 2>&1 && echo "DNS works" || echo "DNS none"
echo "HOSTHOME $(ls -d HOST_TOP 2>/dev/null)"
echo "WORK $(cat /workspace/hello 2>/dev/null)"
echo "SOCKETS $(ls /run/ironcurtain | tr '\n' ' ')"
touch /run/ironcurtain/x 2>/dev/null && echo "SOCKETDIR writable" || echo "SOCKETDIR readonly"
rm -f /run/ironcurtain/proxy.sock 2>/dev/null; [ -S /run/ironcurtain/proxy.sock ] && echo "SOCKET stays"
touch /etc/ironcurtain/x 2>/dev/null && echo "ORIENT writable" || echo "ORIENT readonly"
touch /usr/x 2>/dev/null && echo "USR writable" || echo "USR readonly"
echo written >/workspace/from-box && echo "WORKSPACE writable"
echo "MODE $(stat -c %a /workspace/from-box)"
touch "$HOME/x" && echo "HOME writable"
echo "UID $(id -u)"
grep -E '^(CapPrm|CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\t\n' ' '
echo
echo "PROCS $(ls -d /proc/[0-9]* | wc -l)"
leaks=$(cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep -c -- 'REAL-isola[t]ion')
echo "LEAKS $leaks"
env | grep -q 'REAL-isola[t]ion' && echo "ENV leaks" || echo "ENV clean"
exit 7
"""


class Isolation:
    def __init__(self, runtime, config=""):
        self.home = Home()
        os.chmod(self.home.top, 0o755)
        if config:
            self.home.config(config)
        with open(os.path.join(self.home.workspace, "hello"), "w", encoding="utf-8") as f:
            f.write("hello box")
        probe = PROBE.replace("HOST_TOP", self.home.path)
        self.result = subprocess.run(
            [PROGRAM, "run", self.home.workspace, "--runtime", runtime, "--", "bash", "-c", probe],
            env=self.home.env(ANTHROPIC_API_KEY=KEY), capture_output=True, text=True, check=False,
            timeout=300)
        self.facts = dict((line.split(" ", 1) + [""])[:2]
                          for line in self.result.stdout.split("\n") if line)

    def close(self):
        self.home.remove()

    def expect(self, name, value):
        if self.facts.get(name, "<missing>").strip() != value:
            raise Failed(f"{name} is '{self.facts.get(name)}', not '{value}'\n"
                         f"{self.result.stdout}\n{self.result.stderr}")

    def status_is_the_commands(self):
        """the exit status is the command's"""
        if self.result.returncode != 7:
            raise Failed(f"exit {self.result.returncode}\n{self.result.stdout}\n"
                         f"{self.result.stderr}")

    def no_network(self):
        """there is no interface but lo, no route, no DNS, no connection out"""
        self.expect("NET", "lo")
        self.expect("ROUTES", "0")
        self.expect("TCP", "closed")
        self.expect("DNS", "none")

    def proxy_is_there(self):
        """the proxy answers on 127.0.0.1:18080"""
        self.expect("PROXY", "open")

    def host_files(self):
        """host files are there only where mounted, and what is read-only cannot be written"""
        self.expect("HOSTHOME", "")
        self.expect("WORK", "hello box")
        self.expect("SOCKETDIR", "readonly")
        self.expect("SOCKET", "stays")
        self.expect("ORIENT", "readonly")
        self.expect("USR", "readonly")
        assert "session.json" not in self.result.stdout

    def workspace(self):
        """the workspace and the agent's home can be written"""
        self.expect("WORKSPACE", "writable")
        self.expect("MODE", "644")
        self.expect("HOME", "writable")
        with open(os.path.join(self.home.workspace, "from-box"), encoding="utf-8") as f:
            assert f.read() == "written\n"

    def privileges(self):
        """no capability, no new privileges, a system call filter"""
        status = self.result.stdout
        for part in ("CapPrm: 0000000000000000", "CapEff: 0000000000000000",
                     "CapBnd: 0000000000000000", "NoNewPrivs: 1", "Seccomp: 2"):
            assert part in status, (part, status)

    def key(self):
        """the real key is in no environment, command line or process of the box"""
        self.expect("LEAKS", "0")
        self.expect("ENV", "clean")
        assert int(self.facts["PROCS"]) < 20, self.facts["PROCS"]

    def nothing_left(self):
        """nothing is left behind"""
        assert os.listdir(os.path.join(self.home.path, "run")) == []

    def tests(self):
        return [self.status_is_the_commands, self.no_network, self.proxy_is_there,
                self.host_files, self.workspace, self.privileges, self.key, self.nothing_left]
