"""Folders of pictures for the benches, made of links to a labelled set."""
import csv
import os
import pathlib
import shutil
import subprocess

CALIBRATION = 128  # pictures of the train split for int8
LONGEST_MIN = 500  # px, of the folder that is screened


def rows(lesions):
    with open(pathlib.Path(lesions) / "labels.csv", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def spread(items, n):
    """`n` of them, evenly over the list."""
    return [items[i * len(items) // n] for i in range(min(n, len(items)))]


def link(lesions, chosen, folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for row in chosen:
        name = f"{row['id']}.jpg"
        source = pathlib.Path(lesions).resolve() / "images" / name
        try:
            os.link(source, folder / name)
        except OSError:  # another file system, or not ours to link to
            (folder / name).symlink_to(source)
    return folder


def calibration(bench):
    """Pictures of the train split; drawn ones when there is no labelled set: the speed of int8 does
    not depend on them, its masks do."""
    folder = bench.build / "calibration"
    if bench.lesions:
        train = [r for r in rows(bench.lesions) if r["split"] == "train"]
        return link(bench.lesions, spread(train, CALIBRATION), folder)
    if not folder.exists():
        demo = bench.build / "demo"
        subprocess.run([bench.bin / "lentigo", "demo-data", demo, "--patients", "40"], check=True,
                       stdout=subprocess.DEVNULL)
        folder.mkdir(parents=True)
        for picture in sorted(demo.rglob("*.jpg")):
            shutil.copy(picture, folder / picture.name)
    return folder


def large(bench, n):
    """`n` pictures whose longest side is at least LONGEST_MIN."""
    chosen = [r for r in rows(bench.lesions)
              if max(int(r["width"]), int(r["height"])) >= LONGEST_MIN]
    return link(bench.lesions, spread(chosen, n), bench.build / "folder")
