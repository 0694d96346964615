"""How long a run stands still after kill -9 of one of its processes, as JSON lines.

    recovery.py BIN [--kills N] [--images N] [--pictures DIR] [--size PX] [--only KIND ...]

The time to recover is the longest time without a new result from the kill until some seconds later: a
worker goes on for a moment without Redis, so the first result after the kill alone would say little.
A run that ends before all kills were made is followed by another. Each run must end with status 0 and
every image done."""
import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "run"))
import processes  # noqa: E402
from harness import BIN, Scratch, demo, die_with_us, environment, need_redis  # noqa: E402

KINDS = {"worker": "lentigo-worker", "scheduler": "lentigo-scheduler", "redis": "redis-server"}
BARS_S = {"worker": 2, "scheduler": 2, "redis": 3}
WINDOW_S, LOOK_S, START_S = 3.0, 0.005, 60
AFTER_START = 20  # results


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--pictures", type=pathlib.Path)
    parser.add_argument("--size", default="512")
    parser.add_argument("--only", nargs="*", choices=KINDS, default=list(KINDS))
    return parser.parse_args()


def gather(folder, args):
    """One patient with many pictures: one folder of results to look at."""
    source = args.pictures or demo(folder / "demo", 12, seed=4)
    some = sorted(p for p in source.rglob("*.jpg") if p.read_bytes().endswith(b"\xff\xd9"))
    patient = folder / "upload" / "patient"
    patient.mkdir(parents=True)
    for i in range(args.images):
        (patient / f"{i:05}.jpg").write_bytes(some[i % len(some)].read_bytes() + b"%d" % i)
    return folder / "upload"


class Run:
    def __init__(self, upload, out, args):
        self.out, self.images = out, args.images
        self.process = subprocess.Popen(
            [BIN / "lentigo", "run", upload, "-o", out, "--size", args.size, "--reports", "json"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(),
            start_new_session=True, preexec_fn=die_with_us)
        self.results = None

    def done(self):
        if not self.results:
            self.results = next(self.out.glob(".lentigo/spool/uploads/*/studies/*/results"), None)
        return sum(n.endswith(".json") for n in os.listdir(self.results)) if self.results else 0

    def wait_for(self, claim):
        end = time.monotonic() + START_S
        while not claim() and self.process.poll() is None:
            assert time.monotonic() < end, f"{self.done()} results, and then none for {START_S} s"
            time.sleep(LOOK_S)

    def has_room(self):
        """For a kill and what is looked at afterwards, at the pace of the last second."""
        before, n = time.monotonic(), self.done()
        time.sleep(0.5)
        pace = (self.done() - n) / (time.monotonic() - before)
        return self.process.poll() is None and self.images - self.done() > 1.5 * pace * WINDOW_S

    def end(self):
        assert self.process.wait(600) == 0, f"the run ended with status {self.process.returncode}"
        assert self.done() == self.images, self.done()
        summary = json.loads((self.out / "summary.json").read_text())
        assert summary["done"] == self.images, summary


def strike(run, kind):
    """The longest time without a new result after the kill, s."""
    before = run.done()
    run.wait_for(lambda: run.done() >= before + AFTER_START)
    pid = processes.of_kind(KINDS[kind], run.process.pid)[0]
    os.kill(pid, signal.SIGKILL)
    began = last = time.monotonic()
    n = at_kill = run.done()
    longest = 0.0
    while time.monotonic() - began < WINDOW_S or n == at_kill:
        now, more = time.monotonic(), run.done()
        longest = max(longest, now - last)
        if more > n:
            n, last = more, now
        assert now - began < START_S, "nothing more was done"
        time.sleep(LOOK_S)
    return longest


def main():
    args = arguments()
    need_redis()
    failed = False
    with Scratch(in_memory=False) as tmp:
        upload = gather(tmp, args)
        run, number = None, 0
        wanted = [k for k in args.only for _ in range(args.kills)]
        took = {kind: [] for kind in args.only}
        while wanted:
            if not run:
                run = Run(upload, tmp / f"out{number}", args)
                number += 1
                run.wait_for(lambda: run.done() >= AFTER_START)
            if run.has_room():
                kind = wanted.pop(0)
                took[kind].append(strike(run, kind))
                print(kind, round(took[kind][-1], 2), file=sys.stderr, flush=True)
            else:
                run.end()
                run = None
        if run:
            run.end()
        for kind, seconds in took.items():
            failed = failed or max(seconds) > BARS_S[kind]
            print(json.dumps({"what": f"recovery from kill -9 of the {kind}", "n": len(seconds),
                              "median_s": round(statistics.median(seconds), 2),
                              "worst_s": round(max(seconds), 2), "bar_s": BARS_S[kind]}))
    return failed


if __name__ == "__main__":
    sys.exit(main())
