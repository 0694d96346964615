"""The network alone: lentigo, its peers and the machine's limit in turn, round by round."""
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import store
from machine import cores

HERE = pathlib.Path(__file__).parent
ROUND_S = 1.0  # as `lentigo bench engine` has it
REST_S = 0.05  # until a peer's threads have stopped spinning
STOP_S = 20
SIZES = (512, 256)

# who, precision, mode: the peers of each precision. The best of a peer's modes counts.
PEERS = (
    ("openvino", "f32", "latency"), ("openvino", "f32", "throughput"),
    ("openvino", "bf16", "latency"), ("openvino", "bf16", "throughput"),
    ("openvino", "int8", "latency"), ("openvino", "int8", "throughput"),
    ("onnxruntime", "f32", "latency"),
    ("torch", "bf16", "eager"), ("torch", "bf16", "compiled"),
)


class Skipped(Exception):
    pass


class Peer:
    """A process that waits for its rounds."""

    def __init__(self, python, models, kind, size, batch):
        self.who, _, self.mode = kind
        self.words = tempfile.TemporaryFile("w+")  # a pipe might fill
        self.process = subprocess.Popen(
            [python, HERE / "peers/engine.py", *kind, str(size), str(batch), models],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.words, text=True)

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.words.seek(0)
            why = self.words.read().strip().splitlines()
            raise Skipped(why[-1] if why else "it ended without a word")
        return json.loads(line)

    def start(self):
        self.version = self.answer()["ready"]

    def round(self):
        try:
            print(ROUND_S, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass  # the answer says why
        yield self.mode, self.answer()["ms_per_image"]

    def stop(self):
        try:
            self.process.communicate(timeout=STOP_S)  # the end of its input is its end
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.process.kill()
        self.process.wait()
        self.words.close()


class Lentigo:
    """The program is started for each round: 0.1 s beside the round, and nothing to keep."""
    who, mode, version = "lentigo", "bench", ""

    def __init__(self, lentigo, model, precision, size, batch):
        self.command = [lentigo, "bench", "engine", "--json", "--rounds", "1", "--size", str(size),
                        "--batch", str(batch), "--precision", precision, "--model", model]
        self.modes = {"throughput": (cores(), 1)}  # streams, threads of each
        if batch == 1:
            self.modes.update({"latency": (1, cores()), "one core": (1, 1)})

    def start(self):
        for _ in self.round():
            pass

    def round(self):
        for mode, (streams, threads) in self.modes.items():
            yield mode, run_json([*self.command, "--jobs", str(streams), "--threads",
                                  str(threads)])["ms_per_image"]

    def stop(self):
        pass


class Limit:
    """oneDNN's convolutions alone on one core, shared out over the cores."""
    who, mode, version = "limit", "bench", ""

    def __init__(self, lentigo, precision, size):
        self.command = [lentigo, "bench", "limit", "--json", "--rounds", "1",
                        "--precision", precision, "--size"]
        self.size = str(size)

    def start(self):
        run_json([*self.command, "32"])  # refused, or soon done

    def round(self):
        line = run_json([*self.command, self.size])
        yield "any", line["ms_per_image_core"] / cores()
        yield "direct", line["direct_ms_per_image_core"] / cores()

    def stop(self):
        pass


def run_json(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Skipped(done.stderr.strip() or f"exit status {done.returncode}")
    return json.loads(done.stdout)


def competitors(bench, size, batch, precision):
    lentigo = bench.bin / "lentigo"
    model = bench.int8_model if precision == "int8" else bench.model
    yield Limit(lentigo, precision, size)
    yield Lentigo(lentigo, model, precision, size, batch)
    for kind in PEERS:
        if kind[1] == precision and bench.python:
            yield Peer(bench.python, bench.models, kind, size, batch)


def measure(bench, size, batch, precision):
    """One series; who cannot take part, or ends in a round, is named and left out."""
    series = store.Series(bench.results, "engine", bench.bin, bench.machine)
    group = {"size": size, "batch": batch, "precision": precision}
    present = list(competitors(bench, size, batch, precision))
    try:
        attempt(bench, present, precision, lambda one: one.start())
        for number in range(bench.rounds):
            def take(one, number=number):
                time.sleep(REST_S)
                for mode, ms in one.round():
                    series.add(round=number, **group, who=one.who, mode=mode, value=ms,
                               version=one.version)
            attempt(bench, present, precision, take)
    finally:
        for one in present:
            one.stop()
    report(bench, group)


def attempt(bench, present, precision, do):
    """`do` with each of `present`; who fails is stopped and taken off the list."""
    for one in list(present):
        try:
            do(one)
        except Skipped as why:
            bench.skip(f"{one.who} {one.mode} {precision}: {why}")
            present.remove(one)
            one.stop()


def report(bench, group):
    """The series just measured, in short."""
    lines = store.newest(store.load(bench.results, "engine"), ("size", "batch", "precision"))
    lines = lines.get(tuple(group.values()), [])
    ours = {"who": "lentigo", "mode": "throughput"}
    print(f"engine {group['size']} px, batch {group['batch']}, {group['precision']}:")
    for who, mode in dict.fromkeys((line["who"], line["mode"]) for line in lines):
        ms = store.median(lines, who=who, mode=mode)
        times = store.ratio(lines, {"who": who, "mode": mode}, ours)
        beside = f"{times:6.3f} of lentigo's time" if times else ""
        print(f"  {who + ' ' + mode:24} {ms:8.3f} ms an image  {beside}")
    sys.stdout.flush()


def section(bench):
    for size in bench.sizes or SIZES:
        for batch in bench.batches:
            for precision in bench.precisions:
                measure(bench, size, batch, precision)
