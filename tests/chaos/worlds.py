"""What a round is done to: a run, or an installation with Redis, scheduler and uploads handed in.

Both live in a folder (a small disk of their own where mounting is allowed), start again what died as
an operator or systemd would, and know when everything is finished, from the spool alone."""
import json
import mmap
import os
import signal
import struct
import subprocess
import threading
import time

import joined
import processes
import proxy
from harness import BIN, environment

# Short beside the faults that outlast them, long beside what a loaded machine makes a worker wait.
LEASE_MS = 3000
DECODE_SECONDS = 2
WHOLE_S = 400  # within which a world must be whole again: hangs are found, a loaded machine is not
DISK = "size=160m"
FLAGS = ["--size", "64", "--lease-ms", str(LEASE_MS), "--decode-seconds", str(DECODE_SECONDS)]
RUN_STATUS = {0, 75, 78, -signal.SIGKILL, -signal.SIGINT, -signal.SIGTERM}


class Control:
    """The shared page that preload.c reads."""
    LAYOUT = "qiii"

    def __init__(self, path):
        path.write_bytes(bytes(4096))
        with open(path, "r+b") as f:
            self.page = mmap.mmap(f.fileno(), 4096)
        self.clock_ms, self.disk, self.countdown = 0, 0, 0

    def set(self, **values):
        self.__dict__.update(values)
        struct.pack_into(self.LAYOUT, self.page, 0, self.clock_ms, self.disk, self.countdown, 0)


class World:
    def __init__(self, folder, upload, images, libraries, has_mounts, options):
        self.folder, self.upload, self.images = folder, upload, images
        self.disk = folder / "disk"
        self.disk.mkdir(parents=True)
        self.is_mounted = has_mounts and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", DISK, "none", str(self.disk)]).returncode
        (folder / "sockets").mkdir()
        self.control = Control(folder / "control")
        self.options = options
        self.statuses, self.problems, self.ended = [], [], False
        self.told = set()  # pids that were asked to end, or killed: some ms later they are gone
        self.has_groups = False
        self.is_stopping, self.hold_redis, self.flags = False, False, FLAGS
        self.env = environment(
            CHAOS_CONTROL=str(folder / "control"), CHAOS_DISK=str(self.disk) + "/",
            LD_PRELOAD=str(libraries / "chaos_preload.so"), XDG_RUNTIME_DIR=str(folder / "sockets"))
        self.helper = None
        if "other" in options:
            self.put_another_worker()
        if "join" in options:
            self.helper = joined.Machine(self)
            self.flags = [*FLAGS, *self.helper.seat]

    def send_home(self):
        """Who joined goes, and leaves nothing."""
        if self.helper:
            self.problems += self.helper.end()

    def put_another_worker(self):
        """A wrapper that starts, on demand, a worker of other settings or of another version."""
        at = self.folder / "programs"
        at.mkdir()
        for program in BIN.resolve().iterdir():
            if program.name != "lentigo-worker":
                (at / program.name).symlink_to(program)
        (self.folder / "lib").symlink_to(BIN.resolve().parent / "lib")
        real = BIN.resolve() / "lentigo-worker"
        hello = '{"kind":"hello","version":0,"pid":1,"credit":1,"role":"worker"}'
        wrapper = at / "lentigo-worker"
        wrapper.write_text(f"#!/bin/sh\nif [ -e {self.folder}/other-settings ] && [ \"$1\" != devices ]; "
                           f"then exec {real} \"$@\" --size 96; fi\n"
                           f"if [ -e {self.folder}/other-version ] && [ \"$1\" != devices ]; "
                           f"then echo '{hello}' >&3; sleep 2; exit 0; fi\nexec {real} \"$@\"\n")
        wrapper.chmod(0o755)
        source = BIN.resolve().parents[2]
        self.env.update(LENTIGO_LIBEXEC=str(at), LENTIGO_DATADIR=str(source))

    def popen(self, program, *args, log="log", **kw):
        with open(self.folder / log, "ab") as f:
            return subprocess.Popen([str(BIN / program), *map(str, args)], stdout=f, stderr=f,
                                   env=self.env, start_new_session=True, **kw)

    def lentigo(self, *args, seconds=30):
        """An operator's command; what it says goes to the round's notes."""
        try:
            done = subprocess.run([str(BIN / "lentigo"), *map(str, args)], env=self.env, text=True,
                                  capture_output=True, timeout=seconds, errors="replace")
        except subprocess.TimeoutExpired:
            return None
        with open(self.folder / "operator", "a") as f:
            f.write(f"$ lentigo {' '.join(map(str, args))}\n{done.stdout}{done.stderr}"
                    f"status {done.returncode}\n")
        return done

    # ---- what the spool says ----

    def studies(self):
        return sorted(self.spool.glob("uploads/*/studies/*"))

    def results(self):
        return sum(1 for _ in self.spool.glob("uploads/*/studies/*/results/*.json"))

    def reports(self):
        return sum(1 for _ in self.spool.glob("uploads/*/studies/*/report.json"))

    def open_orders(self):
        """Orders that nobody has carried out yet."""
        waiting = set()
        try:
            lines = (self.spool / "log").read_bytes().splitlines()
        except OSError:
            return set()
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if event.get("event") in ("cancel", "retry"):
                waiting.add(event["order"])
            elif event.get("event") == "carried_out":
                waiting.discard(event["order"])
        return waiting

    def is_whole(self):
        n = len(self.studies())
        return n and self.results() >= self.images and self.reports() == n and not self.open_orders()

    def wait(self, claim, seconds, what):
        end = time.time() + seconds
        while not claim():
            if time.time() > end:
                self.problems.append(f"not within {seconds} s: {what}")
                return False
            time.sleep(0.03)
        return True

    def logged(self, text):
        """How often our programs' logs have it."""
        return sum(p.read_text(errors="replace").count(text) for p in self.logs() if p.exists())

    def close(self):
        if self.is_mounted:
            self.is_mounted = False
            subprocess.run(["umount", "-l", str(self.disk)])


class RunWorld(World):
    """`lentigo run`, given again whenever it ended before everything was finished."""
    kind = "run"

    def __init__(self, *args):
        super().__init__(*args)
        self.out = self.disk / "out"
        self.spool = self.out / ".lentigo" / "spool"
        self.command = ["run", self.upload, "-o", self.out, *self.flags]
        self.run = self.popen("lentigo", *self.command)
        self.keeper = threading.Thread(target=self.keep)
        self.keeper.start()

    def logs(self):
        return [self.out / ".lentigo" / "lentigo.log", self.folder / "log"]

    def root(self):
        return self.run.pid

    def redis_socket(self):
        return next((self.folder / "sockets").glob("lentigo-*/redis"), None)

    def keep(self):
        while True:
            status = self.run.wait()
            self.statuses.append(status)
            if status not in RUN_STATUS:
                self.problems.append(f"lentigo run ended with status {status}")
            self.ended = status == 0 and self.results() >= self.images
            while self.ended and not self.is_stopping and not self.open_orders():
                time.sleep(0.05)  # an order that comes later is carried out by the same command
            if self.is_stopping:
                return
            self.ended = False
            time.sleep(0.1)
            self.run = self.popen("lentigo", *self.command)

    def finish(self, seconds=WHOLE_S):
        done = self.wait(lambda: self.ended and self.is_whole(), seconds,
                         "the run ends with status 0")
        self.is_stopping = True
        if not done:
            processes.send(self.run.pid, signal.SIGKILL)
        self.keeper.join()
        self.send_home()
        left = [p.name for p in (self.folder / "sockets").iterdir()]
        if done and left and -signal.SIGKILL not in self.statuses:
            self.problems.append(f"sockets left: {left}")

    def where(self):
        return [self.out]

    def check_options(self, like):
        return ["--out", self.out, "--like-out", like / "out"]


class Installation(World):
    """Redis with an append-only file, a scheduler, and `lentigo submit`."""
    kind = "installation"

    def __init__(self, *args):
        super().__init__(*args)
        self.spool, self.data = self.disk / "spool", self.disk / "redis"
        self.data.mkdir()
        self.socket = self.folder / "redis.sock"
        self.redis = self.start_redis()
        self.proxy = proxy.Proxy(self.folder / "proxy.sock", self.socket)
        self.scheduler = self.start_scheduler()
        self.accepted = False
        self.keeper = threading.Thread(target=self.keep)
        self.sender = threading.Thread(target=self.submit_until_accepted)
        self.keeper.start()
        if "late" not in self.options:
            self.sender.start()

    def logs(self):
        return [self.folder / "scheduler"]

    def root(self):
        return os.getpid()

    def redis_socket(self):
        return self.socket

    def start_redis(self):
        self.socket.unlink(missing_ok=True)
        with open(self.folder / "redis.log", "ab") as f:
            return subprocess.Popen(
                ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--save", "",
                 "--appendonly", "yes", "--dir", str(self.data), "--enable-debug-command", "local"],
                stdout=f, stderr=f, env=self.env, start_new_session=True)

    def start_scheduler(self, node="one", log="scheduler"):
        return self.popen("lentigo-scheduler", "--spool", self.spool, "--redis", self.proxy_or_socket(),
                          "--node", node, *self.flags, log=log)

    def proxy_or_socket(self):
        return self.folder / "proxy.sock"

    def keep(self):
        """What systemd does: whoever ended is started again a little later."""
        while not self.is_stopping:
            if self.redis.poll() is not None and not self.hold_redis:
                time.sleep(0.1)
                self.redis = self.start_redis()
            status = self.scheduler.poll()
            if status is not None:
                self.statuses.append(status)
                if status not in RUN_STATUS:
                    self.problems.append(f"the scheduler ended with status {status}")
                time.sleep(0.1)
                self.scheduler = self.start_scheduler()
            time.sleep(0.02)

    def submit(self):
        return self.lentigo("submit", self.upload, "--spool", self.spool, "--redis", self.socket)

    def submit_until_accepted(self):
        """As the clinic's software does: the same again until it is told yes."""
        while not self.accepted and not self.is_stopping:
            done = self.submit()
            self.accepted = bool(done) and done.returncode == 0
            if not self.accepted:
                time.sleep(0.2)

    def pending(self):
        """What Redis still has in its queues."""
        keys = [f"lentigo:{{s0}}:jobs:{c}" for c in ("interactive", "bulk", "training")]
        answers = [proxy.ask(self.socket, "XLEN", k) for k in keys]
        return answers + [proxy.ask(self.socket, "SCARD", "lentigo:{s0}:queued")]

    def is_ready(self):
        """A scheduler that was told to end already ends at once at the second time; a killed one will be
        started again, and one that has just begun does not listen to signals yet."""
        begun = f"pid={self.scheduler.pid} event=scheduler.start"
        return self.scheduler.poll() is None and self.scheduler.pid not in self.told and \
            begun in (self.folder / "scheduler").read_text(errors="replace")

    def finish(self, seconds=WHOLE_S):
        done = self.wait(self.is_whole, seconds, "everything is finished") and \
            self.wait(lambda: self.accepted, seconds, "the upload is accepted") and \
            self.wait(lambda: self.pending() == [b":0\r\n"] * 4, seconds,
                      "nothing is pending in Redis") and \
            self.wait(self.is_ready, seconds, "the scheduler runs")
        if not done:
            self.problems.append(f"pending in Redis: {self.pending()}")
        self.is_stopping = True
        self.keeper.join()
        self.sender.join()
        self.send_home()
        processes.send(self.scheduler.pid, signal.SIGTERM if done else signal.SIGKILL)
        try:
            status = self.scheduler.wait(WHOLE_S)
        except subprocess.TimeoutExpired:
            status = f"none within {WHOLE_S} s"
            self.scheduler.kill()
            self.scheduler.wait()
        if done and status != 0:
            self.problems.append(f"drained, the scheduler ended with status {status}")
        self.redis.terminate()
        self.redis.wait()
        self.proxy.close()

    def where(self):
        return ["--spool", self.spool]

    def check_options(self, like):
        return []


KINDS = {w.kind: w for w in (RunWorld, Installation)}
