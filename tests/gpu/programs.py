"""Where the programs come from: a build tree, a build made now, or a pack of tests/gpu/pack."""
import json
import os
import pathlib
import shutil
import subprocess
import tarfile

from check import Failed

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACK = ROOT / "build/gpu-pack/lentigo.tar.xz"
BUILD_S = 240


MODEL = ROOT / "models/starter"
WEIGHTS = "starter.pdparams.xz"


class Programs:
    """`command` starts one of them; `golden` are the recorded numbers, maybe none."""

    def __init__(self, origin, folder, golden, weights, start=None):
        self.origin, self.folder, self.start = origin, folder, start
        self.golden = sorted(golden.glob("forward-*.npz"))
        # of training: pictures, losses, and the weights to begin with, which are packed
        train = [golden / "train-96.npz", golden / "train-96.json", weights]
        self.recorded = train if all(p.exists() for p in train) else []

    def command(self, name, *args):
        first = [self.start, name] if self.start else [self.folder / "bin" / name]
        return [str(word) for word in (*first, *args)]

    def facts(self):
        return {"from": self.origin, "golden": len(self.golden),
                "cudnn": (self.folder / "lib/lentigo/cudnn.so").exists()}


def from_build(tree, origin):
    shared = ROOT.parent / "shared"
    return Programs(origin, tree.resolve(), shared / "golden", shared / "models" / WEIGHTS)


def from_pack(archive, scratch):
    folder = scratch / "pack"
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data") if hasattr(tarfile, "data_filter") else \
            tar.extractall(folder)
    commit = json.loads((folder / "pack.json").read_text())["commit"]
    return Programs(f"pack of {commit}", folder, folder / "golden", folder / "golden" / WEIGHTS,
                    folder / "start")


def build_here(limit_s):
    """build/gpu, made or brought up to date; why not when it cannot be."""
    tree = ROOT / "build/gpu"
    if not shutil.which("cmake"):
        return None, "no cmake"
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    for command in (["cmake", "-S", ROOT, "-B", tree, *generator, "-DWITH_CUDNN=ON",
                     "-DCMAKE_BUILD_TYPE=RelWithDebInfo"],
                    ["cmake", "--build", tree, "--target", "gpu_programs", "-j",
                     str(os.cpu_count())]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s)
        except subprocess.TimeoutExpired:
            return None, f"not built within {limit_s} s"
        if done.returncode:
            lines = [s for s in done.stderr.splitlines() if s.strip()]
            return None, " ".join(lines[:2])[:200] or f"status {done.returncode}"
    return from_build(tree, "build/gpu"), None


def find(build, use_pack, scratch):
    """The programs, and why they were not built here where that was tried."""
    if build:
        return from_build(build, str(build.name)), None
    made, why = (None, "a pack was asked for") if use_pack else build_here(BUILD_S)
    if made:
        return made, None
    if not PACK.exists():
        raise Failed(f"cannot build here ({why}), and no pack: run tests/gpu/pack where the packages "
                     f"are, and bring {PACK.relative_to(ROOT)} along")
    return from_pack(PACK, scratch), why
