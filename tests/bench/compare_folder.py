#!/usr/bin/env python3
"""lentigo and the folder pipeline of ../shared/peers in turn, on the same files, in one run.

usage: compare_folder.py BIN PEERS_DIR PEERS_PYTHON FOLDER SIZE PRECISION [ROUNDS]

PEERS_DIR holds folder.py and net_<SIZE>.onnx (export.py); FOLDER holds *.jpg only. Each round
times the peer (its own figure, without Python's start) and `lentigo run --reports json` (wall time
of the whole command, start to end). Prints one JSON line with medians and the ratio.
"""
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

bin_dir, peers, python, folder, size, precision = sys.argv[1:7]
rounds = int(sys.argv[7]) if len(sys.argv) > 7 else 3
count = len(list(pathlib.Path(folder).glob("*.jpg")))


def peer(tmp):
    out = subprocess.run([python, "folder.py", folder, str(tmp / "peer"), size, precision, str(count)],
                         cwd=peers, capture_output=True, text=True, check=True).stdout
    return float(re.search(r"([0-9.]+) img/s", out)[1])


def ours(tmp):
    shutil.rmtree(tmp / "out", ignore_errors=True)
    start = time.monotonic()
    subprocess.run([f"{bin_dir}/lentigo", "run", folder, "-o", str(tmp / "out"), "--size", size,
                    "--precision", precision, "--reports", "json"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    summary = json.loads((tmp / "out" / "summary.json").read_text())
    assert summary["received"] == summary["done"] == count, summary
    return count / seconds


with tempfile.TemporaryDirectory() as name:
    tmp = pathlib.Path(name)
    theirs, mine = [], []
    for i in range(rounds):
        theirs.append(peer(tmp))
        mine.append(ours(tmp))
        print(f"round {i + 1}: peer {theirs[-1]:.1f}, lentigo {mine[-1]:.1f} images/s", file=sys.stderr)
    print(json.dumps({"what": "folder", "images": count, "size": int(size), "precision": precision,
                      "rounds": rounds, "peer_images_per_s": round(statistics.median(theirs), 1),
                      "lentigo_images_per_s": round(statistics.median(mine), 1),
                      "ratio": round(statistics.median(mine) / statistics.median(theirs), 3),
                      "cores": os.cpu_count()}))
