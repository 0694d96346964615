"""A folder of pictures, from the files to the masks: lentigo and the Python pipeline in turn.

The peer's figure is its own, without Python's start and the compilation of its network; lentigo's
is wall time over the whole command, with reports.
"""
import itertools
import json
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import lesions
import store

HERE = pathlib.Path(__file__).parent
SIZE = "512"
REPORTS = "html,pdf,json"

# who, precision, size, what is written; "auto" is the fastest that the machine and the model do
CONTESTANTS = (
    ("openvino", "bf16", SIZE, "masks"),
    ("openvino", "int8", SIZE, "masks"),
    ("lentigo", "bf16", SIZE, "json"),
    ("lentigo", "int8", SIZE, "json"),
    ("lentigo", "auto", SIZE, "json"),
    ("lentigo", "auto", SIZE, REPORTS),
    ("lentigo", "auto", "auto", "json"),
)
# Against what each of lentigo's rows is held: bf16 against bf16, all else against int8.
RIVAL = {"bf16": "bf16", "int8": "int8", "auto": "int8"}


class Refused(Exception):
    pass


def peer(bench, contestant, folder, out):
    _, precision, size, _ = contestant
    return json.loads(call([bench.python, HERE / "peers/folder.py", bench.models, precision, size,
                            folder, out]))["images_per_s"], precision


def model_of(bench, precision):
    return bench.model if precision == "bf16" else bench.int8_model


def ours(bench, contestant, folder, out):
    _, precision, size, reports = contestant
    start = time.monotonic()
    call([bench.bin / "lentigo", "run", folder, "-o", out, "--size", size, "--precision", precision,
          "--model", model_of(bench, precision), "--reports", reports])
    seconds = time.monotonic() - start
    summary = json.loads((out / "summary.json").read_text())
    count = len(list(folder.iterdir()))
    assert summary["received"] == summary["done"] == count, summary
    return count / seconds, summary["precision"]


def run(bench, contestant, folder, out):
    """Images a second and the precision that was used, masks and all in `out`."""
    return (peer if contestant[0] == "openvino" else ours)(bench, contestant, folder, out)


def call(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Refused((done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1])
    return done.stdout


def chosen(bench):
    """The contestants of the precisions that were asked for; auto goes with int8's."""
    for contestant in CONTESTANTS:
        who, precision = contestant[:2]
        if RIVAL[precision] in bench.precisions and (who == "lentigo" or bench.python):
            yield contestant


def section(bench):
    if not bench.lesions:
        bench.skip("folder: it wants LESIONS, a labelled set with large pictures")
        return
    folder = lesions.large(bench, bench.images)
    series = store.Series(bench.results, "folder", bench.bin, bench.machine)
    present = list(chosen(bench))
    # Nothing is deleted before the end: a file system that has just taken back thousands of inodes
    # slows whoever writes next, on ext4 by half.
    with tempfile.TemporaryDirectory(dir=bench.build) as tmp:
        for number, contestant in itertools.product(range(bench.rounds), list(present)):
            if contestant not in present:
                continue
            who, precision, size, writes = contestant
            try:
                out = pathlib.Path(tmp) / f"{number}-{CONTESTANTS.index(contestant)}"
                value, used = run(bench, contestant, folder, out)
            except Refused as why:
                bench.skip(f"folder {' '.join(contestant)}: {why}")
                present.remove(contestant)
                continue
            series.add(round=number, who=who, precision=precision, size=size, writes=writes,
                       used=used, images=len(list(folder.iterdir())), value=round(value, 3))
    shutil.rmtree(folder)
    report(bench)


def table(bench):
    """A row for each contestant: its key, median images a second, and how many times its rival."""
    lines = store.newest(store.load(bench.results, "folder"), ("who", "precision", "size", "writes"))
    every = [line for group in lines.values() for line in group]
    for contestant in CONTESTANTS:
        group = lines.get(contestant)
        if not group:
            continue
        who, precision, size, writes = contestant
        rival = {"who": "openvino", "precision": RIVAL[precision], "size": SIZE}
        mine = {"who": who, "precision": precision, "size": size, "writes": writes}
        yield {**mine, "used": group[-1]["used"], "images": group[-1]["images"],
               "rounds": len(group), "images_per_s": statistics.median(l["value"] for l in group),
               "rival": RIVAL[precision], "times": store.ratio(every, mine, rival)}


def report(bench):
    for row in table(bench):
        name = f"{row['who']} {row['precision']} ({row['used']}) {row['size']} {row['writes']}"
        times = f"{row['times']:6.3f} times openvino {row['rival']}" if row["times"] else ""
        print(f"  {name:40} {row['images_per_s']:8.1f} images/s  {times}")
