#!/usr/bin/env python3
"""`ironcurtain run`: its ends, before there is a session."""
import errno
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

PROGRAM = os.path.join(os.environ["IC_BUILD"], "ironcurtain")


def wait_until(check, seconds=60):
    end = time.monotonic() + seconds
    while not (result := check()):
        if time.monotonic() > end:
            raise AssertionError("not within %d s" % seconds)
        time.sleep(0.01)
    return result


def open_if_read(path):
    """The fifo, once another process has it open for reading or tries to."""
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_NONBLOCK), "wb")
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return None


@unittest.skipUnless(shutil.which("bwrap"), "bubblewrap is not installed")
class Run(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="ic-run-")
        self.addCleanup(self.dir.cleanup)
        self.env = dict(os.environ, IRONCURTAIN_HOME=self.path("home"))
        self.env.pop("IRONCURTAIN_CONFIG", None)
        os.mkdir(self.path("work"))

    def path(self, *names):
        return os.path.join(self.dir.name, *names)

    def make_ca(self):
        proxy = subprocess.Popen([PROGRAM, "proxy", "--listen", "unix:" + self.path("p.sock")],
                                 env=self.env, stdout=subprocess.PIPE)
        self.assertIn(b"ready", proxy.stdout.readline())
        proxy.terminate()
        proxy.communicate()

    def test_a_signal_while_the_authority_is_loaded_starts_no_session(self):
        self.make_ca()
        cert = self.path("home", "ca", "ca-cert.pem")
        with open(cert, "rb") as file:
            pem = file.read()
        os.unlink(cert)
        os.mkfifo(cert)
        run = subprocess.Popen(
            [PROGRAM, "run", "--runtime", "bwrap", self.path("work"), "--", "touch", "started"],
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(run.kill)
        with wait_until(lambda: open_if_read(cert)) as fifo:
            run.send_signal(signal.SIGTERM)
            # Closed is all that a session would be started from.
            wait_until(lambda: not os.path.exists(self.path("home", "ironcurtain.db-wal")))
            fifo.write(pem)
        self.assertEqual(run.communicate(timeout=60)[1], "")
        self.assertEqual(run.returncode, 128 + signal.SIGTERM)
        self.assertFalse(os.path.exists(self.path("work", "started")))


if __name__ == "__main__":
    unittest.main()
