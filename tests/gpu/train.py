"""The steps `learn`, `steps` and `training`: a training step beside the processor's, its time beside
PyTorch's, and a short run of `lentigo train` from pictures to weights."""
import contextlib
import hashlib
import json
import lzma
import pathlib
import random
import signal
import statistics
import struct
import subprocess
import time
import zlib

from check import Failed, Skipped, Talk, stop
from programs import MODEL
import sanitizer

HERE = pathlib.Path(__file__).resolve().parent
SHAPES = ((256, 16), (512, 8), (256, 64))  # side, batch; the most wanted first
ROUNDS = 3
TORCH_S, START_S, FIRST_START_S = 1.0, 60, 120
MODES = ("eager", "compiled", "graphs")
# Parts of the names of our kernels of a training step.
KERNELS = ("norm", "stem", "halve", "bins", "resize", "plane", "fuse", "classify", "columns", "loss",
           "gather", "update")


# ---- learn ---------------------------------------------------------------------------------

# Batches of each precision: plans of new shapes take the device's time. f32 has the most to choose from.
BATCHES = {"f32": ["1x32x32"], "bf16": ["recorded", "16x256x256"], "fp16": ["3x75x130"]}


def recorded(programs, scratch):
    """The words that stand for the recorded batch; none without ../shared."""
    if not programs.recorded:
        return []
    *numbers, packed = programs.recorded
    weights = scratch / packed.stem
    if not weights.exists():
        weights.write_bytes(lzma.decompress(packed.read_bytes()))
    return ["recorded", *numbers, weights]


def learn_command(options, programs, precision, words):
    return programs.command("gpu_learn", MODEL, options.device, precision, *words)


def learn(step, options, programs, scratch):
    """Limits: tests/gpu/learn.c."""
    lines, failed = [], []
    for precision in options.learn_precisions:
        batches = [w for b in BATCHES[precision]
                   for w in (recorded(programs, scratch) if b == "recorded" else [b])]
        status, out, err = step.run(learn_command(options, programs, precision, batches),
                                    env=options.env, ok=None)
        found = [json.loads(s) for s in out.splitlines() if s.startswith("{")]
        lines += found
        step.put(batches=lines)
        if status:
            failed += [f"{precision} {f['batch']}: {f['error'] or f}" for f in found if not f["ok"]] or \
                [f"{precision}: status {status}: {err.strip()[-300:]}"]
    if failed:
        raise Failed("; ".join(failed)[:600])


def small_step(options, programs):
    return learn_command(options, programs, options.train_precision, ["1x32x32"])


def memcheck(step, options, programs):
    sanitizer.memcheck(step, options, small_step(options, programs))


def racecheck(step, options, programs):
    sanitizer.racecheck(step, options, small_step(options, programs), KERNELS)


# ---- steps ---------------------------------------------------------------------------------

def lentigo(step, options, programs, size, batch, limit_s):
    line = step.run_json(programs.command(
        "lentigo", "bench", "train", "--device", options.device, "--precision", options.train_precision,
        "--size", size, "--batch", batch, "--rounds", 1, "--json"), limit_s=limit_s, env=options.env)[0]
    return line["ms_per_image"] * 1e3


class Peers:
    """A PyTorch process for each mode; one that fails or is too slow takes no further part."""

    def __init__(self, step, options, stack):
        self.step, self.options, self.talks, self.out = step, options, {}, {}
        self.compile_s = options.compile_s
        for mode in MODES if options.torch else ():
            child = stack.enter_context(step.started(
                [options.python, "-B", HERE / "torch_train.py", options.device, options.train_precision],
                stdin=subprocess.PIPE, stderr=subprocess.DEVNULL))
            self.talks[mode] = Talk(child)

    def facts(self):
        talk = self.talks.get("eager")
        return talk.ask(START_S, do="facts") if talk else "no torch in --python"

    def make(self, mode, size, batch, notes):
        compiles = mode != "eager"
        limit_s = self.compile_s if compiles else START_S
        start = time.monotonic()
        try:
            if limit_s <= 0:
                raise Failed("no time left to compile")
            notes[f"torch {mode}"] = self.talks[mode].ask(
                min(limit_s, self.step.left()), do="make", mode=mode, size=size, batch=batch)
        except Failed as why:
            self.give_up(mode, why, notes)
        self.compile_s -= (time.monotonic() - start) * compiles

    def time(self, mode, size, batch, notes):
        try:
            return self.talks[mode].ask(min(START_S, self.step.left()), do="time", mode=mode, size=size,
                                        batch=batch, seconds=TORCH_S)["us_per_image"]
        except Failed as why:
            self.give_up(mode, why, notes)
            return None

    def give_up(self, mode, why, notes):
        notes[f"torch {mode}"] = str(why)
        stop(self.talks.pop(mode).child)


def measure(step, options, programs, peers, size, batch):
    turns, notes = {}, {}
    start = time.monotonic()
    lentigo(step, options, programs, size, batch, FIRST_START_S)
    notes["lentigo_first_start_s"] = round(time.monotonic() - start, 1)
    for mode in list(peers.talks):
        peers.make(mode, size, batch, notes)
    for _ in range(ROUNDS):
        turns.setdefault("lentigo", []).append(lentigo(step, options, programs, size, batch, START_S))
        for mode in list(peers.talks):
            us = peers.time(mode, size, batch, notes)
            if us:
                turns.setdefault(f"torch {mode}", []).append(us)
    medians = {who: statistics.median(v) for who, v in turns.items()}
    theirs = {who: us for who, us in medians.items() if who != "lentigo"}
    return {"size": size, "batch": batch, "precision": options.train_precision,
            "us_per_image": {who: {"median": round(medians[who], 2), "best": round(min(v), 2),
                                   "worst": round(max(v), 2), "rounds": len(v)}
                             for who, v in turns.items()},
            "torch_over_lentigo": {who: round(us / medians["lentigo"], 3) for who, us in theirs.items()},
            "notes": notes}


def steps(step, options, programs):
    lines, left_out, longest_s = [], [], 30
    with contextlib.ExitStack() as stack:
        peers = Peers(step, options, stack)
        with contextlib.suppress(Failed):
            step.put(torch=peers.facts())
        for size, batch in options.train_shapes or SHAPES:
            start = time.monotonic()
            if step.limit_s - step.seconds() < longest_s:
                left_out.append([size, batch])
                continue
            try:
                lines.append(measure(step, options, programs, peers, size, batch))
            except Failed:
                if not lines:
                    raise
                left_out.append([size, batch])
                continue
            longest_s = max(longest_s, (time.monotonic() - start) / 2)
            print(f"  {json.dumps(lines[-1]['us_per_image'])}", flush=True)
            step.put(shapes=lines, not_measured=left_out)
    step.put(shapes=lines, not_measured=left_out)
    if not lines:
        raise Skipped("no time")


# ---- training ------------------------------------------------------------------------------

def png(side, rows, channels):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    body = b"".join(b"\0" + row for row in rows)
    return (b"\x89PNG\r\n\x1a\n" +
            chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2 if channels == 3 else 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(body, 1)) + chunk(b"IEND", b""))


def draw_set(folder, count, side):
    """Skin with a dark ellipse, and its mask; every second one is darker, and called a melanoma."""
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    lines, chance = ["id,dx,split"], random.Random(1)
    for i in range(count):
        skin = bytes(chance.randrange(150 + 20 * c, 190 + 20 * c) for c in (2, 1, 0))
        spot = bytes(v // (3 if i % 2 else 2) for v in skin)
        a, b = side * chance.uniform(0.2, 0.4), side * chance.uniform(0.2, 0.4)
        x0, y0 = (side * chance.uniform(0.4, 0.6) for _ in "xy")
        rows, masks = [], []
        for y in range(side):
            half = a * max(1 - ((y - y0) / b) ** 2, 0) ** 0.5
            begin, end = max(int(x0 - half), 0), min(int(x0 + half), side)
            end = max(begin, end) if half else begin
            rows.append(skin * begin + spot * (end - begin) + skin * (side - end))
            masks.append(b"\0" * begin + b"\xff" * (end - begin) + b"\0" * (side - end))
        (folder / f"images/p{i}.png").write_bytes(png(side, rows, 3))
        (folder / f"masks/p{i}.png").write_bytes(png(side, masks, 1))
        lines.append(f"p{i},{'MEL' if i % 2 else 'NV'},{'val' if i % 4 > 1 else 'train'}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")


def train_command(options, programs, data, out, iters, *more):
    size, batch = (256, 16) if options.device != "cpu" else (64, 2)
    return programs.command(
        "lentigo", "train", "--data", data, "-o", out, "--device", options.device, "--precision",
        options.train_precision, "--size", size, "--batch", batch, "--iters", iters, "--lr", 0.02,
        "--save-every", iters // 2, "--validate-every", iters, "--unchecked", *more)


def digest(run):
    return hashlib.sha256((run / "last/weights.safetensors").read_bytes()).hexdigest()


def log(run):
    lines = [json.loads(s) for s in (run / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if "loss" in line]


def killed(step, options, programs, data, out, iters):
    """A run that is killed as soon as it has saved its state, and the same command again."""
    with step.started(train_command(options, programs, data, out, iters), options.env,
                      stderr=subprocess.DEVNULL) as child:
        while child.poll() is None and not list(out.glob("state/*.json")):
            time.sleep(0.05)
            step.left()
        child.send_signal(signal.SIGKILL)
        child.wait()
    step.run(train_command(options, programs, data, out, iters, "--resume"), env=options.env)


def training(step, options, programs, scratch):
    iters = 200 if options.device != "cpu" else 20
    data, whole, cut = (scratch / name for name in ("set", "run", "cut"))
    draw_set(data, 64, 300)
    start = time.monotonic()
    step.run(train_command(options, programs, data, whole, iters), env=options.env)
    lines = log(whole)
    config = json.loads((whole / "config.json").read_text())
    step.put(seconds_of_run=round(time.monotonic() - start, 1), iterations=iters,
             backend=config["backend"], precision=config["precision"], device=config["device"],
             first_loss=lines[0]["loss"], last_loss=lines[-1]["loss"],
             images_per_s=[line.get("images_per_s") for line in lines][-5:])
    if options.device != "cpu" and lines[-1]["loss"] > 0.7 * lines[0]["loss"]:
        raise Failed(f"it does not learn: loss {lines[0]['loss']:.3f} to {lines[-1]['loss']:.3f}")
    killed(step, options, programs, data, cut, iters)
    step.put(same_bits_after_kill=digest(whole) == digest(cut))
    if digest(whole) != digest(cut):
        raise Failed("a run that was killed ends with other weights")
