#!/usr/bin/env python3
"""Memory of a run over time: proportional set size of all its processes (shared memory once).

usage: memory.py BIN FOLDER [lentigo run flags...]

Samples each half second and prints one JSON line: the largest sample, and the medians of the
second and of the last quarter of the run, which show whether it grows.
"""
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

bin_dir, folder, flags = sys.argv[1], sys.argv[2], sys.argv[3:]


def tree(pid):
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in task.read_text().split():
                found += tree(int(child))
        except OSError:
            pass
    return found


def pss_kb(pid):
    try:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


with tempfile.TemporaryDirectory() as tmp:
    run = subprocess.Popen([f"{bin_dir}/lentigo", "run", folder, "-o", f"{tmp}/out", *flags],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    samples = []
    while run.poll() is None:
        samples.append(sum(map(pss_kb, tree(run.pid))) / 1024)
        time.sleep(0.5)
    summary = json.loads(pathlib.Path(f"{tmp}/out/summary.json").read_text())
    quarter = len(samples) // 4
    print(json.dumps({"what": "memory", "status": run.returncode, "images": summary["received"],
                      "samples": len(samples), "max_mb": round(max(samples), 1),
                      "second_quarter_mb": round(statistics.median(samples[quarter:2 * quarter]), 1),
                      "last_quarter_mb": round(statistics.median(samples[-quarter:]), 1)}))
