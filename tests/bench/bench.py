#!/usr/bin/env python3
"""`make bench`: lentigo beside its peers and the machine's limit, measured in turn.

usage: bench.py [--sections engine,folder,curve,render] [--rounds N] [--quick] ...

Sections may be run one at a time, also in pieces (--sizes, --batches, --precisions): figures are
kept as JSON lines in BUILD/bench and the tables are made of the newest. What cannot be measured is
named and left out.
"""
import argparse
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys

import curve
import engine
import environment
import folder
import lesions
import machine
import render

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECTIONS = {"engine": engine.section, "folder": folder.section, "curve": curve.section,
            "render": render.section}
# What is not said on the command line.
FULL = {"rounds": 5, "sizes": None, "batches": [1, 8], "images": 1000}
QUICK = {"rounds": 2, "sizes": [512], "batches": [1], "images": 200}


def sizes(text):
    return [int(word) if word.isdigit() else word for word in words(text)]


def words(text):
    return text.replace(",", " ").split()


def parse():
    p = argparse.ArgumentParser(usage=__doc__.splitlines()[2].removeprefix("usage: "))
    p.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build/bench")
    p.add_argument("--docs", type=pathlib.Path, default=ROOT / "docs", help="where figures.md is")
    p.add_argument("--lesions", type=pathlib.Path, help="labelled set: images/, labels.csv")
    p.add_argument("--peers-python", default="", help="a Python that has the peers already")
    p.add_argument("--model", type=pathlib.Path, default=ROOT / "models/starter")
    p.add_argument("--int8-model", type=pathlib.Path, help="default: as --model")
    p.add_argument("--sections", type=words, default=list(SECTIONS))
    p.add_argument("--rounds", type=int)
    p.add_argument("--sizes", type=sizes, help="default: those of each section")
    p.add_argument("--batches", type=sizes)
    p.add_argument("--precisions", type=words, default=["f32", "bf16", "int8"])
    p.add_argument("--images", type=int, help="of the folder that is screened")
    p.add_argument("--quick", action="store_true", help="about three minutes, rough figures")
    bench = p.parse_args()
    for name, value in (QUICK if bench.quick else FULL).items():
        if getattr(bench, name) is None:
            setattr(bench, name, value)
    bench.results = bench.build / "quick" if bench.quick else bench.build
    unknown = [s for s in bench.sections if s not in SECTIONS]
    if unknown:
        p.error(f"no such section: {', '.join(unknown)}")
    return bench


def make_models(bench):
    """ONNX and int8 files of these weights; made once."""
    weights = bench.model / "weights.safetensors"
    bench.models = bench.build / "models" / hashlib.sha256(weights.read_bytes()).hexdigest()[:12]
    needed = {256, 512}
    if "curve" in bench.sections:
        needed |= {size for size in curve.SIZES if size != "auto"}
    wanted = [bench.models / name for size in needed
              for name in (f"net_{size}.onnx", f"int8_{size}.xml")]
    if not bench.python or all(path.exists() for path in wanted):
        return
    print("making the peers' networks ...", flush=True)
    done = subprocess.run([bench.python, pathlib.Path(__file__).parent / "peers/export.py",
                           bench.bin / "lentigo", weights, lesions.calibration(bench),
                           bench.models, *map(str, sorted(needed))], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    for line in filter(lambda l: l.startswith("{"), done.stdout.splitlines()):
        step = json.loads(line)
        print("  " + ", ".join(f"{k} {v}" for k, v in step.items()), flush=True)
    if done.returncode:
        sys.exit(done.stderr.strip() or "the peers' networks could not be made")


def main():
    bench = parse()
    bench.skipped = []
    bench.int8_model = bench.int8_model or bench.model
    bench.machine = machine.describe()

    def skip(what):
        print(f"skipped: {what}", flush=True)
        bench.skipped.append(what)
    bench.skip = skip
    if any(s != "render" for s in bench.sections):
        bench.python = environment.prepare(ROOT / "build/peers", bench.peers_python, skip)
        make_models(bench)
    if bench.quick and "render" in bench.sections:  # rough figures are not for docs
        bench.results.mkdir(parents=True, exist_ok=True)
        shutil.copy(bench.docs / "figures.md", bench.results)
        bench.docs = bench.results
    for name in bench.sections:
        SECTIONS[name](bench)
    if bench.skipped:
        print("left out:\n  " + "\n  ".join(bench.skipped))


main()
