#!/usr/bin/env python3
"""The real lentigo-top against a real Redis, in a private tmux and on bare pseudo-terminals.

usage: terminal.py BUILD_DIR. Exit status 77 (skipped) without tmux or redis-server.
"""
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "run"))
from harness import HANG_S, die_with_us  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])
TOP = f"{BUILD}/bin/lentigo-top"
WORK = tempfile.mkdtemp(prefix="lentigo-top-", dir="/tmp")
SOCKET = f"{WORK}/redis"
TMUX = ["tmux", "-L", f"lentigo-test-{os.getpid()}", "-f", "/dev/null"]
ENV = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", "XDG_STATE_HOME": WORK}
for name in ("NO_COLOR", "COLUMNS", "LENTIGO_REDIS", "TMUX", "LINES"):
    ENV.pop(name, None)
FIGURES = [subprocess.run([f"{BUILD}/tests/tui.fake_json", "1", str(t), "clinic-a"], check=True,
                          stdout=subprocess.PIPE).stdout.strip() for t in range(40)]
SECOND_NODE = FIGURES[0].replace(b'"clinic-a"', b'"clinic-b"')


def wait_until(what, condition):
    """The condition's first true value; a failure shows the last one that `what` gives."""
    end = time.monotonic() + HANG_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"not seen within {HANG_S} s: {what() if callable(what) else what}")


class Redis:
    """A private server; what it serves is gone with it."""

    def __init__(self):
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", SOCKET, "--save", "", "--dir", WORK],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_us)
        wait_until("redis", self.answers)

    def answers(self):
        try:
            return self.ask(b"PING") == b"+PONG\r\n"
        except OSError:
            return False

    def ask(self, *words):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(HANG_S)
            s.connect(SOCKET)
            s.sendall(b"*%d\r\n" % len(words)
                      + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
            return s.recv(4096)

    def put(self, figures, node=b"clinic-a"):
        self.ask(b"SET", b"lentigo:{s0}:node:" + node, figures, b"EX", b"3600")

    def looks(self):
        """How often anybody looked at the figures."""
        found = re.search(rb"cmdstat_scan:calls=(\d+)", self.ask(b"INFO", b"commandstats"))
        return int(found[1]) if found else 0

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None


class Feed(threading.Thread):
    """Figures that move on twice a second, as a scheduler's do."""

    def __init__(self, redis):
        super().__init__(daemon=True)
        self.redis, self.ended, self.tick = redis, threading.Event(), 0

    def run(self):
        while not self.ended.wait(0.5):
            try:
                self.redis.put(FIGURES[self.tick % len(FIGURES)])
            except OSError:
                pass
            self.tick += 1

    def end(self):
        self.ended.set()
        self.join()


def tmux(*words):
    return subprocess.run(TMUX + list(words), env=ENV, check=True, stdout=subprocess.PIPE,
                          timeout=HANG_S).stdout.decode()


def screen():
    return tmux("capture-pane", "-p", "-t", "t:")


def sees(*texts):
    wait_until(lambda: f"{texts} on\n{screen()}", lambda: all(t in screen() for t in texts))


def keys(*words):
    tmux("send-keys", "-t", "t:", *words)


def resize(cols, rows):
    tmux("resize-window", "-t", "t:", "-x", str(cols), "-y", str(rows))


def start_in_tmux(*flags):
    """Type the command into the shell of the pane; its own process id lands in a file."""
    for name in ("pid", "after"):
        if os.path.exists(f"{WORK}/{name}"):
            os.unlink(f"{WORK}/{name}")
    script = f"ulimit -c 0; echo $$ > {WORK}/pid; exec {TOP} {' '.join(flags)}"
    with open(f"{WORK}/start", "w", encoding="utf-8") as f:
        f.write(f"stty -g > {WORK}/before\nsh -c '{script}'\necho rc=$? > {WORK}/rc\n"
                f"stty -g > {WORK}/after\n")
    keys(f". {WORK}/start", "Enter")


def read(name):
    try:
        with open(f"{WORK}/{name}", encoding="utf-8") as f:
            return f.read().strip()
    except FileNotFoundError:
        return ""


def expect_restored(status):
    """The program has ended and the terminal is as it was."""
    wait_until("the end", lambda: read("after"))
    assert read("rc") == f"rc={status}", read("rc")
    assert read("before") == read("after"), "stty differs"
    flags = lambda: tmux("display-message", "-p", "-t", "t:", "#{alternate_on} #{cursor_flag}").strip()
    wait_until(lambda: f"alternate screen and cursor: {flags()}", lambda: flags() == "0 1")
    wait_until(screen, lambda: "Throughput" not in screen())


def start_tmux():
    tmux("new-session", "-d", "-s", "t", "-x", "80", "-y", "24", "sh")


def test_screen_and_keys(redis):
    start_in_tmux("--redis", SOCKET)
    sees("lentigo  clinic-a  running", "Throughput", "bottleneck", "▸Flagged 91", "h help  q quit")
    lines = screen().split("\n")
    assert lines[0].startswith("lentigo") and lines[23].startswith("h help"), lines
    keys("Tab")
    sees("▸Set aside 12", "not_an_image")
    keys("/")
    keys("empty")
    sees("filter:  empty_", "▸Set aside 3 of 12")
    keys("Escape")
    sees("▸Set aside 12 ", "h help")
    keys("Tab", "s")
    sees("▸Workers 3", "most items")
    keys("Tab", "PageDown")
    sees("worst first, 7–12 of 91")
    keys("h")
    sees("What the figures mean")
    keys("Escape")
    wait_until(screen, lambda: "What the figures mean" not in screen())
    redis.put(SECOND_NODE, b"clinic-b")
    sees("[all machines]", "2 machines", "23,066")
    keys("Right")
    sees("[clinic-a]", "11,533")
    redis.ask(b"DEL", b"lentigo:{s0}:node:clinic-b")
    wait_until(screen, lambda: "clinic-b" not in screen())


def test_resize():
    for cols, rows, texts in ((120, 40, ["studies", "cancelled"]), (50, 12, ["clinic-a", "63"]),
                              (30, 6, ["terminal too small"]), (200, 60, ["▸Flagged", "restarts"]),
                              (80, 24, ["Stages", "h help"])):
        resize(cols, rows)
        sees(*texts)
        lines = screen().rstrip("\n").split("\n")
        assert len(lines) <= rows and max(map(len, lines)) <= cols, screen()
        if rows >= 8:
            assert lines[-1].startswith("h help"), screen()


def test_pause():
    keys("p")
    sees(" PAUSED ", "p go on")
    before = screen()
    time.sleep(1.3)
    assert screen() == before, "the picture moved while it was paused"
    keys("p")
    wait_until(screen, lambda: " PAUSED " not in screen())
    before = screen()
    wait_until("news", lambda: screen() != before)


def test_lost_connection(redis):
    redis.stop()
    sees("no connection since ", "received")
    assert re.search(r"since \d\d:\d\d:\d\d", screen())
    redis.start()
    sees("running   starter 512 px")


def test_ends(redis):
    keys("q")
    expect_restored(0)
    for number, status in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGSEGV, 139)):
        start_in_tmux("--redis", SOCKET)
        sees("Throughput")
        os.kill(int(read("pid")), number)
        expect_restored(status)
        keys("clear", "Enter")


def run(*flags, **options):
    return subprocess.run([TOP, *flags], env={**ENV, **options.pop("env", {})},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=HANG_S, check=False,
                          **options)


def test_printed(redis):
    redis.put(FIGURES[0])
    snapshot = json.loads(run("--redis", SOCKET, "--snapshot").stdout)
    assert snapshot["node"] == "clinic-a" and snapshot["received"] == 11533
    plain = run("--redis", SOCKET, "--plain").stdout.decode()
    assert "\x1b" not in plain and "\r" not in plain
    assert "The network is the bottleneck" in plain and "truncated" in plain
    assert max(map(len, plain.split("\n"))) <= 80
    wide = run("--redis", SOCKET, "--plain", env={"COLUMNS": "132"}).stdout.decode()
    assert 100 < max(map(len, wide.split("\n"))) <= 132
    run("--redis", SOCKET, "--plain", env={"LC_ALL": "C"}).stdout.decode("ascii")
    assert run("--redis", SOCKET).stdout.decode() == plain, "not a terminal: as --plain"


def test_run_folder(redis):
    """Live while its Redis is there, then what it left behind."""
    state = f"{WORK}/out/.lentigo"
    os.makedirs(state)
    with open(f"{state}/run.json", "w", encoding="utf-8") as f:
        json.dump({"redis": SOCKET}, f)
    redis.put(FIGURES[0])
    assert json.loads(run(f"{WORK}/out", "--snapshot").stdout)["state"] == "running"
    redis.ask(b"DEL", b"lentigo:{s0}:node:clinic-a")
    idle = run(f"{WORK}/out", "--plain")
    assert idle.returncode == 75 and b"no machine is at work" in idle.stderr, idle
    with open(f"{state}/run.json", "w", encoding="utf-8") as f:
        json.dump({"redis": f"{WORK}/gone"}, f)
    with open(f"{state}/stats.json", "w", encoding="utf-8") as f:
        json.dump({**json.loads(FIGURES[0]), "done": 11521}, f)
    last = json.loads(run(f"{WORK}/out", "--snapshot").stdout)
    assert last["state"] == "done" and last["done"] == 11521, last
    os.makedirs(f"{WORK}/lentigo")
    with open(f"{WORK}/lentigo/last-run", "w", encoding="utf-8") as f:
        f.write(f"{WORK}/out")
    # the default address has no machine at work, so the newest run of this user is shown
    assert b"done" in run("--plain").stdout


def test_refusals():
    assert run("--redis", f"{WORK}/none", "--plain").returncode == 75
    assert run("/nonexistent", "--plain").returncode == 64
    assert run("--no-such-flag").returncode == 64
    assert run("a", "b").returncode == 64
    closed = subprocess.run(["sh", "-c", f"{TOP} --redis {SOCKET} --plain >&-"], env=ENV,
                            stderr=subprocess.PIPE, timeout=HANG_S, check=False)
    assert closed.returncode == 1 and b"standard output" in closed.stderr, closed
    full = subprocess.run(["sh", "-c", f"{TOP} --redis {SOCKET} --plain >/dev/full"], env=ENV,
                          stderr=subprocess.PIPE, timeout=HANG_S, check=False)
    assert full.returncode == 1, full


def open_terminal(cols, rows, **env):
    """lentigo-top on a pseudo-terminal of its own: its process and our end."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
    process = subprocess.Popen([TOP, "--redis", SOCKET], env={**ENV, **env}, stdin=its, stdout=its,
                               stderr=subprocess.PIPE, start_new_session=True,
                               preexec_fn=lambda: fcntl.ioctl(its, termios.TIOCSCTTY, 0))
    os.close(its)
    return process, ours


def drain(fd, seconds):
    data, end = b"", time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([fd], [], [], left)[0]:
            try:
                data += os.read(fd, 65536)
            except OSError:
                break
    return data


def read_until(fd, claim):
    """What is drawn until `claim` is true of it, and then lies there."""
    data, end, is_over = b"", time.monotonic() + HANG_S, False
    while not is_over:
        assert time.monotonic() < end, data
        is_over = claim(data)
        while select.select([fd], [], [], 0.05)[0]:
            try:
                data += os.read(fd, 65536)
            except OSError:
                break  # the other end is closed
    return data


def read_looks(fd, redis, n):
    """What is drawn while it looks at the figures n times more."""
    wanted = redis.looks() + n
    return read_until(fd, lambda _: redis.looks() >= wanted)


def wait_for_end(process, fd):
    read_until(fd, lambda _: process.poll() is not None)
    os.close(fd)
    return process.returncode


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_only_changes_are_drawn(redis):
    redis.put(FIGURES[0])
    process, fd = open_terminal(200, 60)
    first = read_until(fd, lambda shown: b"Throughput" in shown) + read_looks(fd, redis, 2)
    assert len(first) > 5000 and b"\x1b[36m" in first, "no colours"
    assert read_looks(fd, redis, 3) == b"", "output without a change"
    redis.put(FIGURES[1])
    change = read_looks(fd, redis, 3)
    assert 0 < len(change) < len(first) / 2, f"{len(change)} of {len(first)} bytes"
    os.close(fd)  # the terminal is gone
    assert process.wait(HANG_S) == 0
    process, fd = open_terminal(80, 24, NO_COLOR="1")
    shown = read_until(fd, lambda shown: b"Throughput" in shown)
    assert not re.search(rb"\x1b\[[0-9;]*3[0-7][m;]", shown)
    os.write(fd, b"q")
    assert wait_for_end(process, fd) == 0
    # newterm of ncurses 6.4 leaks when it refuses a terminal; that is not ours to report
    process, fd = open_terminal(80, 24, TERM="no-such-terminal", ASAN_OPTIONS="detect_leaks=0")
    assert wait_for_end(process, fd) == 78 and b"TERM" in process.stderr.read()


def test_cpu(redis):
    process, fd = open_terminal(200, 60)
    read_until(fd, lambda shown: b"Throughput" in shown)
    read_looks(fd, redis, 2)
    before = cpu_seconds(process.pid)
    drain(fd, 6)
    share = (cpu_seconds(process.pid) - before) / 6
    process.terminate()
    assert wait_for_end(process, fd) == 0
    print(f"CPU at 200x60 with figures twice a second: {100 * share:.1f} % of a core")
    assert share < 0.05  # 1 % on a quiet machine; sanitizers and neighbours cost more


def main():
    for program in ("tmux", "redis-server"):
        if not shutil.which(program):
            print(f"skipped: no {program}")
            return 77
    redis, feed = Redis(), None
    try:
        redis.start()
        test_printed(redis)
        test_refusals()
        test_run_folder(redis)
        test_only_changes_are_drawn(redis)
        feed = Feed(redis)
        feed.start()
        test_cpu(redis)
        start_tmux()
        test_screen_and_keys(redis)
        test_resize()
        test_pause()
        test_lost_connection(redis)
        test_ends(redis)
    finally:
        subprocess.run(TMUX + ["kill-server"], env=ENV, stderr=subprocess.DEVNULL, check=False)
        if feed:
            feed.end()
        redis.stop()
        shutil.rmtree(WORK, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
