#!/usr/bin/env python3
"""Do the CUDA kernels stay in registers? spills.py NVCC SOURCE_DIR

Compiles the kernels of engine/cudnn for each generation of GPUs and reads what the assembler reports of
every kernel: no spilled register, no array in local memory."""
import pathlib
import re
import subprocess
import sys
import tempfile

GENERATIONS = [75, 80, 86, 89, 90]
REPORT = re.compile(r"entry function '(\w+)' for '(\w+)'.*?(\d+) bytes stack frame, "
                    r"(\d+) bytes spill stores, (\d+) bytes spill loads", re.S)


def compile_one(nvcc, root, source):
    """Reports of a file's kernels, and how many it has."""
    with tempfile.TemporaryDirectory() as folder:
        command = [nvcc, "-c", "-O3", "-Xptxas", "-v", f"-I{root}", "-o", f"{folder}/kernels.o",
                   *(f"-gencode=arch=compute_{g},code=sm_{g}" for g in GENERATIONS), str(source)]
        ran = subprocess.run(command, check=False, capture_output=True, text=True)
    if ran.returncode:
        sys.exit(ran.stdout + ran.stderr)
    return REPORT.findall(ran.stdout + ran.stderr), len(re.findall(r"__global__", source.read_text()))


def main(nvcc, root):
    reports, kernels = [], 0
    for source in sorted((pathlib.Path(root) / "engine/cudnn").glob("*.cu")):
        found, count = compile_one(nvcc, root, source)
        reports += found
        kernels += count
    # bf16 begins with Ampere: its kernels are built for Turing, but never run there
    wrong = [" ".join(r) for r in reports if r[2:] != ("0", "0", "0")
             and not (r[1] == "sm_75" and "L4elem2E" in r[0])]
    print("\n".join(wrong) or f"{len(reports)} kernels in registers, {kernels} in the sources")
    sys.exit(bool(wrong) or len(reports) < kernels * len(GENERATIONS))


main(*sys.argv[1:])
