"""The step `engine`: microseconds an image of lentigo and of PyTorch, in turn, in one table.

Each round of a shape times every contender once; the figures are medians over the rounds. lentigo
starts anew for each of its turns, so that both have the device to themselves. What there was no time
for is named.
"""
import contextlib
import pathlib
import statistics
import subprocess
import time

from check import Failed, Skipped, Talk, stop
from programs import MODEL

HERE = pathlib.Path(__file__).resolve().parent
# Side, batch, streams of lentigo that are tried; the most wanted first.
SHAPES = ((512, 64, (1, 3)), (512, 1, (1, 3)), (512, 8, (3,)), (256, 64, (3,)), (512, 128, (3,)),
          (512, 32, (3,)), (256, 1, (1, 3)), (256, 8, (3,)), (256, 128, (3,)), (256, 32, (3,)))
ROUNDS = 3
TORCH_S = 0.4     # a turn
FIRST_START_S = 60  # of lentigo with a shape: plans are chosen
START_S = 60      # of PyTorch
WHATS = ("network", "job")
MODES = ("eager", "compiled", "compiled plainly")
AUTOTUNE_SHARE = 0.6  # of the time for compiling
COMPILE_MIN_S = {"compiled": 180, "compiled plainly": 40}  # with less it is not begun: 36 s on an H200


class Torch:
    """One PyTorch process; `mode` as in torch_bench.py."""

    def __init__(self, options, programs, mode, stack, step):
        self.mode, self.out = mode, None
        self.compiles = mode != "eager"
        command = [options.python, "-B", HERE / "torch_bench.py",
                   MODEL / "weights.safetensors", options.device, options.precision]
        self.child = stack.enter_context(step.started(
            command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL))
        self.talk = Talk(self.child)

    def make(self, size, batch, limit_s):
        return self.talk.ask(limit_s, do="make", mode=self.mode, size=size, batch=batch)

    def time(self, size, batch, what, limit_s):
        return self.talk.ask(limit_s, do="time", mode=self.mode, size=size, batch=batch, what=what,
                             seconds=TORCH_S)["us_per_image"]

    def give_up(self, why):
        """A process that hangs or compiles too long takes no further part."""
        self.out = str(why)
        stop(self.child)


class Series:
    """The turns of one shape."""

    def __init__(self, size, batch):
        self.size, self.batch, self.turns, self.notes = size, batch, {}, {}

    def add(self, who, us):
        self.turns.setdefault(who, []).append(us)

    def median(self, *start):
        """Smallest median of the contenders whose name starts so."""
        found = [statistics.median(v) for k, v in self.turns.items() if k.startswith(start)]
        return min(found, default=None)

    def line(self):
        ours, line = self.median("lentigo"), {"size": self.size, "batch": self.batch}
        line["us_per_image"] = {
            who: {"median": round(statistics.median(v), 2), "best": round(min(v), 2),
                  "worst": round(max(v), 2), "rounds": len(v)} for who, v in self.turns.items()}
        for what in WHATS:
            theirs = self.median(*(f"torch {mode} {what}" for mode in MODES))
            line[f"torch_{what}_over_lentigo"] = round(theirs / ours, 3) if ours and theirs else None
        return {**line, "notes": self.notes}

    def short(self):
        found = {who: self.median(*start) for who, start in (
            ("lentigo", ("lentigo",)),
            *((f"torch {w}", tuple(f"torch {mode} {w}" for mode in MODES)) for w in WHATS))}
        return f"{self.size} px, batch {self.batch}, us an image: " + ", ".join(
            f"{who} {us:.1f}" if us else f"{who} -" for who, us in found.items())


def lentigo(step, options, programs, size, batch, streams, limit_s):
    line = step.run_json(programs.command(
        "lentigo", "bench", "engine", "--device", options.device, "--precision", options.precision,
        "--size", size, "--batch", batch, "--jobs", streams, "--rounds", 1, "--model",
        MODEL, "--json"), limit_s=limit_s, env=options.env)[0]
    return 1e6 / line["images_per_s"]


def prepare(step, options, programs, series, streams, peers, compile_s):
    """First starts, which choose plans and compile; returns who takes part and the compile time."""
    size, batch = series.size, series.batch
    start = time.monotonic()
    for n in streams:
        lentigo(step, options, programs, size, batch, n, FIRST_START_S)
    series.notes["lentigo_first_start_s"] = round(time.monotonic() - start, 1)
    present, spent = [], 0
    for peer in peers:
        if peer.out:
            series.notes[f"torch {peer.mode}"] = peer.out
            continue
        limit_s = START_S
        if peer.compiles:  # what max-autotune does not do in its share is compiled plainly
            limit_s = (compile_s - spent) * (AUTOTUNE_SHARE if peer.mode == "compiled" else 1)
        begin = time.monotonic()
        try:
            if limit_s < COMPILE_MIN_S.get(peer.mode, 0):
                series.notes[f"torch {peer.mode}"] = "not enough time left to compile"
                continue
            series.notes[f"torch {peer.mode}"] = peer.make(size, batch, min(limit_s, step.left()))
            present.append(peer)
        except Failed as why:
            series.notes[f"torch {peer.mode}"] = str(why)
            peer.give_up(why)
        spent += (time.monotonic() - begin) * peer.compiles
        if peer.mode == "compiled" and not peer.out:
            break  # the plain one is for when this one is not there
    return present, spent


def take_turns(step, options, programs, series, streams, present):
    for n in streams:
        series.add(f"lentigo streams={n}", lentigo(step, options, programs, series.size,
                                                   series.batch, n, FIRST_START_S))
    for peer in list(present):
        for what in WHATS:
            try:
                series.add(f"torch {peer.mode} {what}", peer.time(series.size, series.batch, what,
                                                                  min(START_S, step.left())))
            except Failed as why:
                series.notes[f"torch {peer.mode}"] = str(why)
                peer.give_up(why)
                present.remove(peer)
                break


def open_peers(step, options, programs, stack):
    """The PyTorch processes, checked against the recorded numbers: a peer that computes something
    else is none."""
    if not options.torch:
        step.put(torch="no torch in --python")
        return []
    peers = [Torch(options, programs, mode, stack, step) for mode in MODES]
    try:
        facts = peers[0].talk.ask(START_S, do="facts")
        if programs.golden:
            facts["check"] = peers[0].talk.ask(START_S, do="check",
                                               golden=str(programs.golden[0].parent))
            if facts["check"]["differs"] >= 0.01:
                raise Failed(f"PyTorch's network is another one: {facts['check']}")
    except Failed as why:
        step.put(torch=str(why))
        return []
    step.put(torch=facts)
    return peers


def run(step, options, programs):
    lines, left_out, failures, compile_s, longest_s = [], [], [], options.compile_s, 15
    with contextlib.ExitStack() as stack:
        peers = open_peers(step, options, programs, stack)
        for size, batch, streams in options.shapes or SHAPES:
            begin, spent, present = step.seconds(), 0, []
            if step.limit_s - begin < longest_s:
                left_out.append([size, batch])
                continue
            series = Series(size, batch)
            try:
                present, spent = prepare(step, options, programs, series, streams, peers, compile_s)
                compile_s -= spent
                for _ in range(ROUNDS):
                    take_turns(step, options, programs, series, streams, present)
            except Failed as why:
                series.notes["lentigo"] = str(why)
                if step.seconds() < step.limit_s:
                    failures.append(f"{size} px, batch {batch}: {why}")
            longest_s = max(longest_s, step.seconds() - begin - spent)
            lines.append(series.line())
            print("  " + series.short(), flush=True)
            step.put(shapes=lines, not_measured=left_out)
            if not series.turns and len(failures) >= 2:
                break  # it does not run at all
    step.put(shapes=lines, not_measured=left_out)
    if failures:
        raise Failed(failures[0])
    if not lines:
        raise Skipped("no time")
