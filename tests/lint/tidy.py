#!/usr/bin/env python3
"""clang-tidy over every .c of ours that the build compiles: tidy.py ROOT BUILD

Exit 77 without clang-tidy. Several minutes: ctest -L tidy."""
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys


def check(build, path):
    ran = subprocess.run(["clang-tidy", "--quiet", "-p", str(build),
                          "--extra-arg=-Wno-unknown-warning-option", str(path)],
                         check=False, capture_output=True, text=True)
    return ran.returncode, ran.stdout


def main(root, build):
    if not shutil.which("clang-tidy"):
        print("clang-tidy is not installed")
        return 77
    root = pathlib.Path(root).resolve()
    entries = json.loads((pathlib.Path(build) / "compile_commands.json").read_text())
    files = {(pathlib.Path(e["directory"]) / e["file"]).resolve() for e in entries}
    ours = sorted(f for f in files if f.is_relative_to(root) and f.suffix == ".c"
                  and f.relative_to(root).parts[0] not in ("build", "tests"))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for code, output in pool.map(lambda f: check(build, f), ours):
            failed += code != 0
            print(output, end="")
    print(f"{len(ours)} files, {failed} with errors")
    return int(failed > 0)


sys.exit(main(*sys.argv[1:]))
