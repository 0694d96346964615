#!/usr/bin/env python3
"""Training of lentigo and PyTorch in turn: train.py LENTIGO PYTHON [PRECISION [THREADS [ROUNDS [LESIONS]]]]

PYTHON has torch. 256 px, batch 16. With LESIONS (a labelled set; PYTHON has opencv too) whole iterations of
`lentigo train`: pictures out of its cache, all augmentation, loss, optimiser; the first round decodes the
set when no run has. Without, the network's forward and backward alone. Prints a JSON line for each round
and one with the medians: milliseconds an image on the clock and of the cores' time, and how many times as
long PyTorch takes. On a busy machine only the cores' time with one thread says anything.
"""
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
ROUND_S, SIZE, BATCH = 2.0, "256", "16"
WHOLE_ROUND_S, SETTLE_ITERATIONS = 15.0, 10  # plans are made and caches filled before
KEYS = ("ms_per_image", "cpu_ms_per_image")
TICKS = os.sysconf("SC_CLK_TCK")


def network_round(program, precision, threads):
    command = [program, "bench", "train", "--json", "--rounds", "1", "--size", SIZE, "--batch", BATCH,
               "--precision", precision, "--threads", threads]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def whole_round(program, precision, threads, lesions):
    """From one progress line to another; the run is stopped by a signal, as a user would."""
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "train", "--data", lesions, "-o", f"{folder}/run", "--size", SIZE, "--batch", BATCH,
                   "--precision", precision, "--threads", threads, "--iters", "100000", "--validate-every", "0",
                   "--augment", "medium", "--save-every", "100000"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
            begin = None
            for line in run.stdout:
                now = (time.perf_counter(), cpu_s(run.pid), json.loads(line)["iter"])
                if begin is None and now[2] >= SETTLE_ITERATIONS:
                    begin = now
                if begin and now[0] - begin[0] >= WHOLE_ROUND_S:
                    break
            run.send_signal(signal.SIGTERM)
            run.stdout.read()
        if not begin or run.returncode != 75:
            sys.exit(f"train.py: lentigo train ended with status {run.returncode}")
    images = (now[2] - begin[2]) * int(BATCH)
    return dict(zip(KEYS, ((now[k] - begin[k]) * 1e3 / images for k in (0, 1))))


def main():
    program, python, *rest = sys.argv[1:]
    precision, threads, rounds, *lesions = rest + ["bf16", "2", "5"][len(rest):]
    command = [python, HERE / "peers/train.py", precision, SIZE, BATCH, threads, *lesions]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:
        version = json.loads(peer.stdout.readline())["ready"]
        taken = []
        for _ in range(int(rounds)):
            print(WHOLE_ROUND_S if lesions else ROUND_S, file=peer.stdin, flush=True)
            torch = json.loads(peer.stdout.readline())
            ours = (whole_round(program, precision, threads, *lesions) if lesions else
                    network_round(program, precision, threads))
            taken.append({key: (ours[key], torch[key]) for key in KEYS})
            print(json.dumps(taken[-1]), flush=True)
        peer.stdin.close()
    result = {"precision": precision, "threads": int(threads), "torch": version, "whole": bool(lesions)}
    for key in KEYS:
        result[key] = statistics.median(one[key][0] for one in taken)
        result["torch_" + key] = statistics.median(one[key][1] for one in taken)
        result["times_" + key] = round(statistics.median(t / o for o, t in (one[key] for one in taken)), 2)
    print(json.dumps(result))


main()
