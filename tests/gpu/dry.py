"""What can be checked without a device: the steps `pack`, `torch` and `programs`."""
import json
import pathlib
import re
import subprocess

from check import Failed, Skipped, Talk

import programs as places

HERE = pathlib.Path(__file__).resolve().parent
# What a machine with CUDA has of its own; everything else must lie in the pack.
OUTSIDE = re.compile(r"/(ld-linux[^/]*|lib(c|m|dl|rt|pthread|resolv|util|stdc\+\+|gcc_s)\.so[^/]*|"
                     r"libcu[^/]*|libnv[^/]*)$")
NMSE_MAX = 1e-9  # of float32 PyTorch
EMPTY = {"PATH": "/usr/bin:/bin"}


def pack(step, options, scratch):
    """A pack of this build is unpacked elsewhere and started with an empty environment."""
    made = scratch / "made"
    command = [HERE / "pack", "--fast", "-o", made, *(["--build", options.build] if options.build else [])]
    step.put(made=step.run_json(command)[0])
    programs = places.from_pack(made / "lentigo.tar.xz", scratch)
    step.put(closure=closure(step, programs))
    out = step.run(["env", "-i", programs.start, "lentigo", "--version"], cwd="/")[1]
    step.put(version=out.strip())
    line = step.run_json(["env", "-i", *programs.command(
        "lentigo", "bench", "engine", "--device", "cpu", "--precision", "f32", "--size", 64,
        "--batch", 1, "--jobs", 1, "--rounds", 1, "--model", places.MODEL, "--json")], cwd="/")[0]
    step.put(engine=line["backend"])
    folder = scratch / "small"
    step.run(programs.command("lentigo", "demo-data", folder, "--patients", 1), env=EMPTY)
    if not (programs.folder / "bin/redis-server").exists():
        step.put(run="no redis-server to pack")
        return
    step.run(programs.command("lentigo", "run", folder / "upload", "-o", scratch / "out", "--device",
                              "cpu", "--size", 64, "--reports", "json", "--jobs", 1, "--model",
                              places.MODEL), env=EMPTY)
    step.put(run=json.loads((scratch / "out/summary.json").read_text())["done"])


def closure(step, programs):
    """How many libraries are loaded from the pack; Failed when one is not there."""
    lib = programs.folder / "lib"
    inside = set()
    files = [*(programs.folder / "bin").iterdir(), *lib.rglob("*.so*")]
    for path in files:
        out = step.run(["ldd", path], env={**EMPTY, "LD_LIBRARY_PATH": str(lib)}, ok=None)[1]
        for line in out.splitlines():
            name, arrow, where = line.strip().partition(" => ")
            where = where.rpartition(" (")[0] or where
            if not arrow or OUTSIDE.search("/" + name):
                continue
            if not where.startswith(str(lib)):
                raise Failed(f"{path.name} takes {name} from outside the pack: {where}")
            inside.add(name)
    return {"files": len(files), "libraries": len(inside)}


def torch(step, options, programs):
    """PyTorch's network gives the recorded numbers, and its bench answers."""
    if not options.torch:
        raise Skipped("no torch in --python")
    if not programs.golden:
        raise Skipped("no recorded numbers (../shared/golden)")
    command = [options.python, "-B", HERE / "torch_bench.py", places.MODEL / "weights.safetensors",
               "cpu", "f32"]
    with step.started(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        talk = Talk(child)
        step.put(**talk.ask(step.left(), do="facts"))
        off = talk.ask(step.left(), do="check", golden=str(programs.golden[0].parent))
        step.put(check=off)
        shape = {"mode": "eager", "size": 64, "batch": 2}
        talk.ask(step.left(), do="make", **shape)
        for what in ("network", "job"):
            talk.ask(step.left(), do="time", what=what, seconds=0.05, **shape)
    if off["pictures"] < 1 or off["differs"] > 0 or off["nmse"] > NMSE_MAX:
        raise Failed(f"PyTorch's network is another one: {off}")


def programs_on_cpu(step, options, programs):
    """The programs of tests/gpu, on the processor."""
    model = places.MODEL
    if programs.golden:
        lines = step.run_json(programs.command("gpu_parity", model, "cpu", "f32",
                                               *programs.golden), ok=None)
        step.put(parity=lines)
        if not lines or not all(line["ok"] for line in lines):
            raise Failed(f"gpu_parity on the processor: {lines}")
    lines = step.run_json(programs.command("gpu_learn", model, "cpu", "f32", "1x32x32"))
    step.put(learn=lines)
    if len(lines) != 1 or not lines[0]["ok"]:
        raise Failed(f"gpu_learn on the processor: {lines}")
    if (programs.folder / "bin/gpu_narrow").exists():
        described = places.ROOT / "tests/engine/devices/h200.json"
        lines = step.run_json(programs.command("gpu_narrow", described, 8), env=options.env)
        step.put(narrow=lines)
        if not lines or not all(line["plans"] for line in lines if line["kind"] == "fp16"):
            raise Failed(f"gpu_narrow: {lines}")
    with step.started(programs.command("gpu_mixed", model, "cpu", "f32", 0, 1),
                      stdin=subprocess.PIPE) as child:
        talk = Talk(child)
        if talk.wait(step.left())["what"] != "warm":
            raise Failed("gpu_mixed did not get warm")
        line = talk.wait(step.left())
        child.stdin.close()
        status = child.wait(timeout=step.left())
    step.put(mixed=line)
    if status or line["wrong"] or line["images"] < 1:
        raise Failed(f"gpu_mixed on the processor: {line}, status {status}")
