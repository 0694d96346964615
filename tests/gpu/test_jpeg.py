#!/usr/bin/env python3
"""test_jpeg.py BIN FAKES: gpu_jpeg and the programs with --decode nvjpeg, nvJPEG being played on the host
(tests/preprocess/fake_nvjpeg.h)."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

bin_, fakes = pathlib.Path(sys.argv[1]), sys.argv[2]


def run(*words, **env):
    done = subprocess.run([str(w) for w in (bin_ / words[0], *words[1:])], capture_output=True, text=True,
                          env={**os.environ, **env})
    assert done.returncode == 0, (words[:2], done.returncode, done.stdout[-500:], done.stderr[-500:])
    return [json.loads(s) for s in done.stdout.splitlines() if s.startswith("{")]


def decode(folder, how, **env):
    return run("lentigo", "bench", "decode", folder, "--size", 256, "--decode", how, "--rounds", 1,
               "--json", **env)[0]


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    run("lentigo", "demo-data", folder / "set", "--patients", 4)
    jpegs = sorted((folder / "set/upload").rglob("*.jpg"))
    line, = run("gpu_jpeg", "cuda:0", *jpegs, LD_LIBRARY_PATH=fakes)
    print(line)
    assert line["ok"] and line["by_nvjpeg"] == line["plain"] > 0 and line["backend"] == "engine", line
    assert all(us > 0 for us in line["us_per_picture"].values()), line

    ours, theirs = (decode(folder / "set/upload", how, LD_LIBRARY_PATH=fakes) for how in ("cpu", "nvjpeg"))
    print(ours, theirs, sep="\n")
    assert ours["by_nvjpeg"] == 0 and theirs["by_nvjpeg"] >= line["plain"], (ours, theirs)
    assert ours["refused"] == theirs["refused"] and ours["decoded"] == theirs["decoded"]
    none = decode(folder / "set/upload", "nvjpeg", FAKE_CUDA_NONE="1", LD_LIBRARY_PATH=fakes)
    assert none["by_nvjpeg"] == 0 and none["decoded"] == ours["decoded"], none
