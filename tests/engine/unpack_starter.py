"""Unpack the starter weights of ../shared into a folder: unpack_starter.py SHARED OUT.

Exit status 77 (skipped) when they are not there."""
import lzma
import os
import sys

shared, out = sys.argv[1:]
names = ("starter.pdparams", "starter.pdiparams")
if not all(os.path.exists(f"{shared}/models/{n}.xz") for n in names):
    sys.exit(77)
os.makedirs(out, exist_ok=True)
for name in names:
    data = lzma.open(f"{shared}/models/{name}.xz").read()
    with open(f"{out}/{name}.tmp", "wb") as file:
        file.write(data)
    os.replace(f"{out}/{name}.tmp", f"{out}/{name}")
