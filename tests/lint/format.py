#!/usr/bin/env python3
"""Is every file as clang-format would write it? format.py ROOT (exit 77 without clang-format)"""
import shutil
import subprocess
import sys

import source

if not shutil.which("clang-format"):
    print("clang-format is not installed")
    sys.exit(77)
files = [str(p) for p in source.paths(sys.argv[1])]
sys.exit(subprocess.run(["clang-format", "--dry-run", "--Werror", "--ferror-limit=3", *files],
                        check=False).returncode != 0 if files else 0)
