#!/usr/bin/env python3
"""Do the CUDA kernels stay in registers? spills.py NVCC SOURCE_DIR

Compiles engine/cudnn/kernels.cu for each generation of GPUs and reads what the assembler reports of
every kernel: no spilled register, no array in local memory."""
import pathlib
import re
import subprocess
import sys
import tempfile

GENERATIONS = [75, 80, 86, 89, 90]
REPORT = re.compile(r"entry function '(\w+)' for '(\w+)'.*?(\d+) bytes stack frame, "
                    r"(\d+) bytes spill stores, (\d+) bytes spill loads", re.S)


def main(nvcc, root):
    source = pathlib.Path(root) / "engine/cudnn/kernels.cu"
    with tempfile.TemporaryDirectory() as folder:
        command = [nvcc, "-c", "-O3", "-Xptxas", "-v", f"-I{root}", "-o", f"{folder}/kernels.o",
                   *(f"-gencode=arch=compute_{g},code=sm_{g}" for g in GENERATIONS), str(source)]
        ran = subprocess.run(command, check=False, capture_output=True, text=True)
    if ran.returncode:
        sys.exit(ran.stdout + ran.stderr)
    reports = REPORT.findall(ran.stdout + ran.stderr)
    kernels = len(re.findall(r"__global__", source.read_text()))
    wrong = [" ".join(r) for r in reports if r[2:] != ("0", "0", "0")]
    print("\n".join(wrong) or f"{len(reports)} kernels in registers, {kernels} in the source")
    sys.exit(bool(wrong) or len(reports) < kernels * len(GENERATIONS))


main(*sys.argv[1:])
