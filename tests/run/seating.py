"""Machines that join an installation: seats at its scheduler, and lentigo-join with a worker that does as it is
told (tests/scheduler/fake_child.c)."""
import re
import socket

from installation import *

TOKEN = "0123456789abcdef0123"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Joined:
    """A machine that joins at a seat; its worker writes down what it took."""

    def __init__(self, there, *flags, url=None, token=None, name="join", prefix=(), **fake):
        self.log, self.taken_file = there.dir / name, there.dir / f"{name}-taken"
        fake = {"FAKE_" + k: str(v) for k, v in fake.items()}
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [*prefix, str(BIN / "lentigo"), "join", url or f"http://127.0.0.1:{there.port}", "--token",
                 str(token or there.token), *flags], stdout=subprocess.DEVNULL, stderr=log,
                preexec_fn=die_with_us,
                env=environment(LENTIGO_LIBEXEC=str(there.libexec), FAKE_LOG=str(self.taken_file), **fake))

    def taken(self):
        if not self.taken_file.exists():
            return []
        return [line.split()[1] for line in self.taken_file.read_text().splitlines()
                if not line.startswith("device")]

    def nests(self):
        """Folders of pictures that it, and those of the same name before it, have had in hand, and left."""
        named = re.findall(r"event=join.start .*nest=(\S+)", self.log.read_text())
        assert named
        return [p for p in named if os.path.exists(p)]

    def worker(self):
        """Pid of its worker; None while there is none."""
        done = subprocess.run(["pgrep", "-P", str(self.process.pid), "lentigo-worker"], capture_output=True,
                              text=True)
        return int(done.stdout.split()[0]) if done.stdout else None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        assert self.process.wait(HANG_S) == 0


class WithSeat(Installation):
    def __init__(self, path, name, upload):
        super().__init__(path, name)
        self.port, self.token, self.libexec = free_port(), self.dir / "token", self.dir / "libexec"
        self.token.write_text(TOKEN + "\n")
        self.token.chmod(0o600)
        self.libexec.mkdir()
        for program in ("lentigo-worker", "lentigo-reports"):
            (self.libexec / program).symlink_to(FAKES.resolve() / program)
        for program in ("lentigo-seat", "lentigo-join"):
            (self.libexec / program).symlink_to(BIN.resolve() / program)
        self.seat = ["--seats", f"127.0.0.1:{self.port}", "--token", str(self.token)]
        self.submit(upload)

    def end(self, *joined):
        """All is done, what was handed out came back, and nothing is left of it anywhere."""
        d = self.wait_done()
        assert d["set_aside"] == self.aside and d["cancelled"] == 0, d
        for machine in joined:
            machine.stop()
        self.stop()
        assert not list(self.spool.glob("uploads/*/studies/*/results/.*")), "drafts are left"
        left = [nest for machine in joined for nest in machine.nests()]
        assert not left, left
        return d

    aside = 0
