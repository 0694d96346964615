"""The steps `decode` and `pipeline`: JPEG files through the decoders alone, and through everything.

The pictures are drawn (`lentigo demo-data`), in the background from the start of the check; as many
copies of them as a run needs lie beside each other as links.
"""
import json
import os
import shutil
import subprocess
import threading

from check import Failed
from programs import MODEL

DRAWERS = 6         # processes, at the lowest priority
PATIENTS = 24       # of each
DRAW_S = 120
RUN_S, IMAGES_MAX = 4, 20000  # a round of the pipeline, were it as fast as the decoders alone
BATCH, SIZE, STREAMS = 64, 512, 3


class Pictures:
    """JPEG files that can be read, drawn by a thread of their own."""

    def __init__(self, programs, scratch, env, drawers=DRAWERS, patients=PATIENTS):
        self.programs, self.folder, self.env = programs, scratch / "drawn", env
        self.drawers, self.patients = drawers, patients
        self.error, self.children = None, []
        self.thread = threading.Thread(target=self.draw, daemon=True)
        self.folder.mkdir()
        self.thread.start()

    def draw(self):
        try:
            for seed in range(1, self.drawers + 1):
                self.children.append(subprocess.Popen(
                    ["nice", "-n", "19", *self.programs.command(
                        "lentigo", "demo-data", self.folder / str(seed), "--patients",
                        self.patients, "--seed", seed)],
                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=self.env))
            for child in self.children:
                child_error = child.communicate(timeout=DRAW_S)[1]
                if child.returncode:
                    self.error = f"demo-data: {child_error.strip()[-200:]}"
        except (OSError, subprocess.TimeoutExpired) as e:
            self.error = f"demo-data: {e}"
        finally:
            for child in self.children:
                child.kill()
                child.wait()

    def files(self, limit_s):
        """Those that the decoders accept, as demo-data itself says."""
        self.thread.join(limit_s)
        if self.error or self.thread.is_alive():
            raise Failed(self.error or f"pictures not drawn within {limit_s:.0f} s")
        found = []
        for seed in sorted(self.folder.iterdir()):
            truth = json.loads((seed / "truth/truth.json").read_text())
            names = {i["file"] for i in truth["images"] if i["status"] == "done"}
            found += [seed / "upload" / n for n in sorted(names) if n.lower().endswith(".jpg")]
        if not found:
            raise Failed("demo-data drew no JPEG")
        return found

    def close(self):
        for child in self.children:
            child.kill()
        self.thread.join()


def make_upload(folder, files, n):
    """`n` images in `folder`: `files` over and over, each time as other patients."""
    shutil.rmtree(folder, ignore_errors=True)
    for i in range(n):
        patient = folder / f"p{i // 4:05d}"
        patient.mkdir(parents=True, exist_ok=True)
        os.link(files[i % len(files)], patient / f"{i:06d}.jpg")
    return folder


def decode(step, options, programs, pictures, scratch):
    """What all cores decode when nothing else runs: what feeds a device at most."""
    files = pictures.files(step.left())
    folder = make_upload(scratch / "decode", files, len(files) * 4)
    line = step.run_json(programs.command("lentigo", "bench", "decode", folder, "--size", SIZE,
                                          "--reports", "json", "--rounds", 3, "--json"),
                         env=options.env)[0]
    step.put(**line, pictures=len(files))
    if line["refused"]:
        raise Failed(f"{line['refused']} of the drawn pictures were refused")


def from_pixels(step, options, programs):
    """Pixels in memory to class map in memory: the network with upload and download."""
    return step.run_json(programs.command(
        "lentigo", "bench", "engine", "--device", options.device, "--precision", options.precision,
        "--size", options.size, "--batch", BATCH, "--jobs", STREAMS, "--rounds", 3, "--model",
        MODEL, "--json"), limit_s=40, env=options.env)[0]


def end_to_end(step, options, programs, pictures, scratch):
    """A folder of JPEG files to reports, and the stage that held it up."""
    why = None
    try:
        step.put(from_pixels=from_pixels(step, options, programs))
    except Failed as e:  # the run from files is tried all the same
        why = e
    files = pictures.files(step.left())
    decoded = step.check.figures["steps"].get("decode", {}).get("images_per_s", 20)
    n = min(max(len(files), int(decoded * RUN_S)), IMAGES_MAX)
    folder = make_upload(scratch / "upload", files, n)
    env = {**options.env, "TMPDIR": str(scratch)}
    line = step.run_json(programs.command(
        "lentigo", "bench", "pipeline", folder, "--device", options.device, "--precision",
        options.precision, "--size", options.size, "--batch", BATCH, "--jobs", STREAMS,
        "--reports", "json", "--rounds", 2, "--model", MODEL, "--json"), env=env)[0]
    step.put(from_files=line, pictures=len(files))
    if why:
        raise why
