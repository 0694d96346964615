"""An installation whose workers and reporters do as they are told (tests/scheduler/fake_child.c): a
spool, a real Redis, a real scheduler."""
from harness import *

FAKES = BIN.parent / "tests" / "fakes"


class Installation:
    """A spool, a Redis and a scheduler that can be killed and started again."""

    def __init__(self, path, name):
        self.dir = path / name
        self.dir.mkdir()
        self.spool, self.socket = self.dir / "spool", self.dir / "redis.sock"
        self.log, self.taken_file = self.dir / "stderr", self.dir / "taken"
        self.redis = self.scheduler = None
        self.libexec, self.prefix = FAKES, []  # what a scheduler is started by, in another network
        self.start_redis()

    def __enter__(self):
        return self

    def __exit__(self, kind, *ignored):
        if kind:
            print(self.log.read_text()[-4000:], (self.spool / "log").read_text()[-2000:])
        for process in (self.scheduler, self.redis):
            if process and process.poll() is None:
                process.kill()
                process.wait()

    def start_redis(self):
        self.redis = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--save", "",
             "--dir", str(self.dir)], stdout=subprocess.DEVNULL, preexec_fn=die_with_us)
        wait_until(self.socket.exists, "Redis listens")

    def kill_redis(self):
        self.redis.kill()
        self.redis.wait()
        self.socket.unlink(missing_ok=True)

    def start(self, *flags, **fake):
        fake = {"FAKE_" + k: str(v) for k, v in fake.items()}
        with open(self.log, "a") as log:
            self.scheduler = subprocess.Popen(
                [*self.prefix, str(BIN / "lentigo-scheduler"), "--spool", str(self.spool), "--redis",
                 str(self.socket), "--node", "test", "--allow-volatile", "--lease-ms", "20000",
                 *flags], stdout=subprocess.DEVNULL, stderr=log, preexec_fn=die_with_us,
                env=environment(LENTIGO_LIBEXEC=str(self.libexec), FAKE_LOG=str(self.taken_file), **fake))

    def let_go(self):
        """What HOLD holds, now and in later lives."""
        pathlib.Path(f"{self.taken_file}.go").touch()

    def kill(self):
        self.scheduler.kill()
        self.scheduler.wait()

    def stop(self):
        self.scheduler.terminate()
        assert self.scheduler.wait(HANG_S) == 0

    def operate(self, *args, check=0):
        return lentigo(*args, "--spool", self.spool, check=check).stdout

    def submit(self, upload, job_class="bulk"):
        said = lentigo("submit", upload, "--spool", self.spool, "--redis", self.socket, "--class",
                       job_class)
        assert said.returncode in (0, 75), said
        return said.stdout.split()[0]

    def doctor(self):
        return json.loads(lentigo("doctor", "--json", "--spool", self.spool).stdout)

    def statuses(self):
        """{"<upload>/<study>/<n>": status} of all that is terminal."""
        found = {}
        for path in self.spool.glob("uploads/*/studies/*/results/*.json"):
            parts = path.parts
            found[f"{parts[-5]}/{parts[-3]}/{path.stem}"] = json.loads(path.read_text())["status"]
        return found

    def taken(self):
        """Ids of images and studies as the children took them."""
        if not self.taken_file.exists():
            return []
        lines = self.taken_file.read_text().splitlines()
        return [line.split()[1] for line in lines if not line.startswith("device")]

    def said(self, text):
        return self.log.read_text().count(text)

    def orders(self, event):
        lines = (self.spool / "log").read_text().splitlines()
        return [e for e in map(json.loads, lines) if e["event"] == event]

    def wait_done(self):
        """All images terminal and all studies reported, and nothing found missing."""
        def is_whole():
            d = self.doctor()
            return d["is_whole"] and d["reports"] == d["studies"] and d["received"]
        wait_until(is_whole, f"all done: {self.dir}")
        d = self.doctor()
        assert d["n_findings"] == 0, d
        assert d["received"] == d["done"] + d["set_aside"] + d["cancelled"], d
        return d


def pictures(upload, to, patients, each=5):
    """Folders of small good pictures."""
    good = [p for p in sorted(upload.rglob("*.jpg")) if p.stat().st_size][:each]
    for patient in range(patients):
        (to / f"p{patient:03}").mkdir(parents=True)
        for i, picture in enumerate(good):
            (to / f"p{patient:03}" / f"{i}.jpg").write_bytes(picture.read_bytes() + b"%d" % patient)
    return to
