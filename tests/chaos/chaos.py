"""Rounds of faults drawn by chance over real processes, Redis and images; afterwards check.py proves
from the spool alone that nothing was lost, doubled or blamed.

    chaos.py BIN [--rounds N] [--seed S] [--images N] ...

A seed gives the same worlds and faults on every machine. A round that fails keeps its folder
and prints the command that repeats it."""
import argparse
import collections
import faulthandler
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "run"))
import faults  # noqa: E402
import processes  # noqa: E402
import worlds  # noqa: E402
from harness import BIN, SKIP, demo, lentigo, named_files, need_redis  # noqa: E402

PER_PATIENT = 2.0  # pictures of demo-data
JOINED = 0.4       # of the rounds another machine joins
PICTURES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first round of the seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--faults", type=int, help="in each round (else drawn, 3 to 8)")
    parser.add_argument("--only", choices=faults.FAULTS)
    parser.add_argument("--world", choices=worlds.KINDS)
    parser.add_argument("--joined", action="store_true", help="another machine joins in every round")
    parser.add_argument("--real", type=pathlib.Path, help="a folder of real pictures instead")
    parser.add_argument("--pool", type=pathlib.Path,
                        help="keep pictures and undisturbed results here for the next call")
    parser.add_argument("--keep", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()))
    parser.add_argument("--notes", type=pathlib.Path, help="append a JSON line for each round")
    return parser.parse_args()


def own_mounts():
    """A name space of mounts for the small disks; without the right to one, rounds have none."""
    if "LENTIGO_OWN_MOUNTS" not in os.environ:
        os.environ["LENTIGO_OWN_MOUNTS"] = "0"
        if not subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
            os.environ["LENTIGO_OWN_MOUNTS"] = "1"
            os.execvp("unshare", ["unshare", "--mount", sys.executable, "-B", *sys.argv])
    return os.environ["LENTIGO_OWN_MOUNTS"] == "1"


def pictures(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES)


class Pool:
    """The pictures, and what an undisturbed run and installation make of them; made once in a folder."""

    def __init__(self, folder, args):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.upload = folder / "real" if args.real else folder / "demo" / "upload"
        if args.real and not self.upload.exists():
            self.copy(args)
        elif not self.upload.exists():
            demo(folder / "demo", max(4, round(args.images / PER_PATIENT)))
        self.images = len(pictures(self.upload) if args.real else named_files(self.upload))

    def copy(self, args):
        """Real pictures, three a patient."""
        for i, picture in enumerate(pictures(args.real)[:args.images]):
            patient = self.upload / f"p{i // 3:04}"
            patient.mkdir(parents=True, exist_ok=True)
            shutil.copy(picture, patient)

    def undisturbed(self, kind):
        """The folder of the world that nothing happened to."""
        folder = self.folder / f"calm-{kind}"
        if not (folder / "finished").exists():
            shutil.rmtree(folder, ignore_errors=True)
            world = worlds.KINDS[kind](folder, self.upload, self.images, LIBRARIES, False, ())
            world.finish()
            assert not world.problems, world.problems
            (folder / "finished").touch()
        disk = folder / "disk"
        return disk, disk / ("out/.lentigo/spool" if kind == "run" else "spool")


def plan(args, number):
    """What will happen in this round: the world, and when (share of the images done) which fault."""
    rng = random.Random(f"{args.seed}/{number}")
    kind = args.world or rng.choice(list(worlds.KINDS))
    is_joined = args.joined or rng.random() < JOINED
    n = args.faults or rng.randint(3, 8)
    when = sorted(rng.uniform(-0.2, 0.95) for _ in range(n))
    steps = []
    for at in when:
        together = 2 if rng.random() < 0.25 else 1
        steps.append((round(at, 2), [faults.draw(rng, args.only, is_joined) for _ in range(together)]))
    return kind, is_joined, steps


def strike_all(world, drawn):
    """Drawn together, they strike together. Returns the names of those that could."""
    done = []

    def one(name, numbers):
        if faults.strike(world, name, numbers):
            done.append(name if name != "kill" else f"kill {numbers['kind']}")

    threads = [threading.Thread(target=one, args=d) for d in drawn]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return done


def wait_for_share(world, share):
    """Until so many images are done; not for ever, for they may be held up by what came before."""
    end = time.time() + (5 if share > 0 else 0.3 + share)
    while not world.ended and world.results() < max(share, 0.001) * world.images and time.time() < end:
        time.sleep(0.02)


def check(world, like, steps):
    """What the independent checker says of the spool."""
    disk, spool = like
    options = ["--like", spool, "--images", world.images]
    names = {name for _, drawn in steps for name, _ in drawn}
    if names & {"disk_full", "disk_fails"}:
        options.append("--may-cut")
    done = subprocess.run([sys.executable, "-B", str(HERE / "check.py"), str(world.spool),
                           *map(str, options + world.check_options(disk))],
                          capture_output=True, text=True)
    if done.returncode or not done.stdout:
        return (done.stdout + done.stderr).splitlines(), {}
    return [], json.loads(done.stdout)


def run_round(folder, pool, args, number, undo):
    """One round: what was wrong (nothing is well), and the note of it."""
    kind, is_joined, steps = plan(args, number)
    like = pool.undisturbed(kind)
    names = {name for _, drawn in steps for name, _ in drawn}
    began = time.time()
    options = [o for o, is_on in (("other", "other_worker" in names), ("join", is_joined)) if is_on]
    world = worlds.KINDS[kind](folder, pool.upload, pool.images, LIBRARIES, args.has_mounts, options)
    world.has_groups = args.has_groups
    undo.callback(world.close)
    struck = []
    for share, drawn in steps:
        wait_for_share(world, share)
        struck += strike_all(world, drawn)
    world.finish()
    wrong = list(world.problems)
    left = processes.left_behind(60)
    if left:
        wrong.append(f"processes left: {left}")
    found, counts = check(world, like, steps)
    wrong += found
    crashes = (world.spool / "log").read_text(errors="replace").count('"event":"crash"')
    note = {"seed": args.seed, "round": number, "world": kind, "joined": is_joined, "images": world.images,
            "seconds": round(time.time() - began, 1), "faults": struck, "crashes_counted": crashes,
            "ends": world.statuses, "counts": counts, "wrong": wrong}
    if not wrong:
        world.close()
    return wrong, note, world


def keep(world, args, number):
    """The round's folder, and how to have it again."""
    kept = args.keep / f"lentigo-chaos-{args.seed}-{number}"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(world.folder, kept, symlinks=True, ignore=shutil.ignore_patterns("*.sock"))
    world.close()
    real = f" --real {args.real}" if args.real else ""
    only = f" --only {args.only}" if args.only else ""
    print(f"kept in {kept}; again: python3 {sys.argv[0]} {BIN} --seed {args.seed} --first {number} "
          f"--rounds 1 --images {args.images}{real}{only}")


def main():
    args = arguments()
    need_redis()
    args.has_mounts = own_mounts()
    args.has_groups = faults.own_groups()
    processes.adopt_orphans()
    faulthandler.dump_traceback_later(600, repeat=True)  # a round that hangs says where
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by way of the end of main
    try:
        return all_rounds(args)
    finally:
        processes.left_behind(0)


def all_rounds(args):
    failed, happened, images = 0, collections.Counter(), 0
    with tempfile.TemporaryDirectory(prefix="lentigo-chaos-") as scratch, ExitStack() as undo:
        scratch = pathlib.Path(scratch)
        pool = Pool(args.pool or scratch / "pool", args)
        for number in range(args.first, args.first + args.rounds):
            folder = scratch / f"round-{number}"
            wrong, note, world = run_round(folder, pool, args, number, undo)
            if args.notes:
                with open(args.notes, "a") as f:
                    f.write(json.dumps(note) + "\n")
            print(f"round {args.seed}/{number} {note['world']} {note['seconds']} s: "
                  f"{', '.join(note['faults'])}" + (" FAILED" if wrong else ""), flush=True)
            for line in wrong[:20]:
                print("   ", line)
            if wrong:
                failed += 1
                keep(world, args, number)
            happened.update(note["faults"])
            images += note["images"]
            shutil.rmtree(folder, ignore_errors=True)
    print(", ".join(f"{name} {n}" for name, n in sorted(happened.items())))
    print(f"chaos: {args.rounds} rounds, {images} images, {sum(happened.values())} faults, "
          f"{failed} failed")
    if not args.has_mounts:
        print("no right to mount: no disk was full")
    if not args.has_groups:
        print("no right to groups of memory: nothing ran out of it")
    return failed > 0


LIBRARIES = BIN.parent / "tests" / "chaos"
if __name__ == "__main__":
    sys.exit(main())
