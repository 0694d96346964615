"""The steps `decode`, `jpeg` and `pipeline`: JPEG files through the decoders alone, those of the processor
and the device's, and through everything.

The pictures are drawn (`lentigo demo-data`), in the background from the start of the check; as many
copies of them as a run needs lie beside each other as links.
"""
import json
import os
import shutil
import subprocess
import threading

from check import Failed, Skipped
from programs import MODEL

DRAWERS = 6         # processes, at the lowest priority
PATIENTS = 24       # of each
DRAW_S = 120
RUN_S, IMAGES_MAX = 1.5, 20000  # a round of the pipeline, were it as fast as the decoders alone
BATCH, SIZE, STREAMS = 64, 512, 3  # streams of the network alone; of a worker as many as it has by itself
WARM_S, MEASURED_S = 60, 20   # plans are chosen for each number of images; what must then be left
SHAPE = (600, 450)            # of the pictures of the pipeline: one shape of the network's input
COMPARED = 60                 # pictures, of all sizes, of the step jpeg


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


def jpeg_size(path):
    """Width and height in a JPEG's frame header."""
    data, at = path.read_bytes(), 2
    while at + 9 < len(data):
        if data[at + 1] in (0xc0, 0xc1, 0xc2):
            return (data[at + 7] << 8 | data[at + 8], data[at + 5] << 8 | data[at + 6])
        at += 2 + (data[at + 2] << 8 | data[at + 3])
    return None


def make_upload(folder, files, n):
    """`n` images in `folder`: `files` over and over, each time as other patients."""
    shutil.rmtree(folder, ignore_errors=True)
    for i in range(n):
        patient = folder / f"p{i // 4:05d}"
        patient.mkdir(parents=True, exist_ok=True)
        os.link(files[i % len(files)], patient / f"{i:06d}.jpg")
    return folder


def bench_decode(step, options, programs, folder, how, rounds):
    return step.run_json(programs.command(
        "lentigo", "bench", "decode", folder, "--size", SIZE, "--decode", how, "--device",
        options.device, "--reports", "json", "--rounds", rounds, "--json"), env=options.env)[0]


def decode(step, options, programs, pictures, scratch):
    """What all cores decode when nothing else runs: what feeds a device at most."""
    files = pictures.files(step.left())
    folder = make_upload(scratch / "decode", files, len(files) * 4)
    line = bench_decode(step, options, programs, folder, "cpu", 3)
    step.put(**line, pictures=len(files))
    if line["refused"]:
        raise Failed(f"{line['refused']} of the drawn pictures were refused")


def jpeg(step, options, programs, pictures, scratch):
    """nvJPEG beside the processor: the same pictures, and how many a second."""
    if options.device == "cpu":
        raise Skipped("no device")
    files = pictures.files(step.left())
    line = step.run_json(programs.command("gpu_jpeg", options.device, *files[:COMPARED]), ok=None,
                         env=options.env)
    step.put(beside=line[0] if line else None)
    if not line or not line[0]["ok"]:
        raise Failed(f"gpu_jpeg: {line or 'no answer'}")
    folder = make_upload(scratch / "decode", files, len(files) * 4)
    step.put(decoders={how: bench_decode(step, options, programs, folder, how, 2)
                       for how in ("cpu", "nvjpeg")})


def from_pixels(step, options, programs):
    """Pixels in memory to class map in memory: the network with upload and download."""
    return step.run_json(programs.command(
        "lentigo", "bench", "engine", "--device", options.device, "--precision", options.precision,
        "--size", options.size, "--batch", BATCH, "--jobs", STREAMS, "--rounds", 3, "--model",
        MODEL, "--json"), limit_s=40, env=options.env)[0]


def bench_pipeline(step, options, programs, folder, scratch, rounds, limit_s=None):
    return step.run_json(programs.command(
        "lentigo", "bench", "pipeline", folder, "--device", options.device, "--precision",
        options.precision, "--size", options.size, "--batch", BATCH, "--reports", "json", "--rounds",
        rounds, "--model", MODEL, "--json"), limit_s=limit_s,
        env={**options.env, "TMPDIR": str(scratch)})[0]


def end_to_end(step, options, programs, pictures, scratch):
    """A folder of JPEG files to reports, and the stage that held it up. The first runs choose the plans,
    which are kept in a file, for as long as there is time: a measured one finds them."""
    why = None
    try:
        step.put(from_pixels=from_pixels(step, options, programs))
    except Failed as e:  # the run from files is tried all the same
        why = e
    files = pictures.files(step.left())
    alike = [f for f in files if jpeg_size(f) == SHAPE] or files
    small = make_upload(scratch / "small", alike, min(2 * BATCH + 31, 8 * len(alike)))
    try:
        warm_s = max(min(WARM_S, step.left() - MEASURED_S), 1)
        step.put(first=bench_pipeline(step, options, programs, small, scratch, 2, warm_s))
    except Failed as e:  # what it chose by then is kept
        step.put(first=str(e))
    decoded = step.check.figures["steps"].get("decode", {}).get("images_per_s", 20)
    n = min(max(len(alike), int(decoded * RUN_S)), IMAGES_MAX)
    folder = make_upload(scratch / "upload", alike, n)
    step.put(from_files=bench_pipeline(step, options, programs, folder, scratch, 2),
             pictures=len(alike))
    if why:
        raise why
