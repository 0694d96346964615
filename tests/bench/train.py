#!/usr/bin/env python3
"""Training steps of lentigo and PyTorch in turn: train.py LENTIGO PYTHON [PRECISION [THREADS [ROUNDS]]]

PYTHON has torch. 256 px, batch 16. Prints a JSON line for each round and one with the medians:
milliseconds an image on the clock and of the cores' time, and how many times as long PyTorch takes.
On a busy machine only the cores' time with one thread says anything.
"""
import json
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
ROUND_S, SIZE, BATCH = 2.0, "256", "16"
KEYS = ("ms_per_image", "cpu_ms_per_image")


def lentigo_round(program, precision, threads):
    command = [program, "bench", "train", "--json", "--rounds", "1", "--size", SIZE, "--batch", BATCH,
               "--precision", precision, "--threads", threads]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    program, python, *rest = sys.argv[1:]
    precision, threads, rounds = (rest + ["bf16", "2", "5"][len(rest):])[:3]
    command = [python, HERE / "peers/train.py", precision, SIZE, BATCH, threads]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:
        version = json.loads(peer.stdout.readline())["ready"]
        taken = []
        for _ in range(int(rounds)):
            print(ROUND_S, file=peer.stdin, flush=True)
            torch = json.loads(peer.stdout.readline())
            ours = lentigo_round(program, precision, threads)
            taken.append({key: (ours[key], torch[key]) for key in KEYS})
            print(json.dumps(taken[-1]), flush=True)
        peer.stdin.close()
    result = {"precision": precision, "threads": int(threads), "torch": version}
    for key in KEYS:
        result[key] = statistics.median(one[key][0] for one in taken)
        result["torch_" + key] = statistics.median(one[key][1] for one in taken)
        result["times_" + key] = round(statistics.median(t / o for o, t in (one[key] for one in taken)), 2)
    print(json.dumps(result))


main()
