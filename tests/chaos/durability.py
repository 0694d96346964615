"""What it costs that nothing is lost: the same run on the disk and on a tmpfs, where a sync does
nothing, in turn; a JSON line.

    durability.py BIN [--rounds N] [--images N] [--pictures DIR] [--size PX] [--disk DIR] [--tmpfs DIR]

The uploads lie where the run writes, so that originals are hard links in both."""
import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "run"))
from harness import BIN, demo, die_with_us, environment, need_redis  # noqa: E402

BAR = 0.05


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--pictures", type=pathlib.Path)
    parser.add_argument("--size", default="256")
    parser.add_argument("--disk", default=tempfile.gettempdir())
    parser.add_argument("--tmpfs", default="/dev/shm")
    return parser.parse_args()


def kind_of(folder):
    done = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def gather(folder, args):
    """Patients of one picture each, as a folder without a manifest has them."""
    source = args.pictures or demo(folder / "demo", 12, seed=4)
    some = sorted(p for p in source.rglob("*.jpg") if p.read_bytes().endswith(b"\xff\xd9"))
    (folder / "upload").mkdir()
    for i in range(args.images):
        picture = some[i % len(some)].read_bytes() + b"%d" % i
        (folder / "upload" / f"{i:05}.jpg").write_bytes(picture)


def run(folder, number, args):
    """Images a second of the whole command."""
    out = folder / f"out{number}"
    began = time.monotonic()
    subprocess.run([BIN / "lentigo", "run", folder / "upload", "-o", out, "--size", args.size,
                    "--reports", "json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   env=environment(), preexec_fn=die_with_us, check=True)
    seconds = time.monotonic() - began
    summary = json.loads((out / "summary.json").read_text())
    assert summary["done"] == args.images, summary
    return args.images / seconds


def main():
    args = arguments()
    need_redis()
    assert kind_of(args.tmpfs) == "tmpfs" and kind_of(args.disk) != "tmpfs", "no two kinds of disk"
    with tempfile.TemporaryDirectory(dir=args.disk) as disk, \
            tempfile.TemporaryDirectory(dir=args.tmpfs) as tmpfs:
        folders = {"disk": pathlib.Path(disk), "tmpfs": pathlib.Path(tmpfs)}
        speeds = {name: [] for name in folders}
        for folder in folders.values():
            gather(folder, args)
        for number in range(args.rounds):
            for name, folder in folders.items():
                speeds[name].append(run(folder, number, args))
                if name == "tmpfs":
                    shutil.rmtree(folder / f"out{number}")  # on the disk a deletion slows what follows
        medians = {name: statistics.median(s) for name, s in speeds.items()}
    cost = 1 - medians["disk"] / medians["tmpfs"]
    print(json.dumps({"what": "cost of durability", "images": args.images, "rounds": args.rounds,
                      "disk": kind_of(args.disk), "cost": round(cost, 3), "bar": BAR,
                      **{f"{n}_images_per_s": [round(x, 1) for x in s] for n, s in speeds.items()}}))
    return cost > BAR


if __name__ == "__main__":
    sys.exit(main())
