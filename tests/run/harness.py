"""What the tests of whole programs share: a demo upload, a run, and an independent count of it.

The count reads the files that a programme would read and knows nothing of the program's own code.
"""
import csv
import ctypes
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib

BIN = pathlib.Path(sys.argv[1])
DRAWN = BIN.parent / "tests" / "drawn"
SKIP = 77
HANG_S = 240  # whoever waits longer waits in vain: a limit of hangs, not of machines
EPOCH = "1700000000"  # SOURCE_DATE_EPOCH: the same work gives the same bytes


LIBC, PR_SET_PDEATHSIG = ctypes.CDLL(None), 1


def die_with_us():
    """For preexec_fn: a test that is killed when its time is up leaves nobody behind."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Scratch:
    """A folder that is gone afterwards, also when the test fails. In memory where there is room: a spool and the
    state of a training run are synced often, and a disk that others write to takes minutes for that."""

    def __init__(self, in_memory=True):
        has_room = os.path.isdir("/dev/shm") and shutil.disk_usage("/dev/shm").free > 3 << 30
        self.folder = "/dev/shm" if in_memory and has_room else None

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="lentigo-test-", dir=self.folder))
        return self.path

    def __exit__(self, *ignored):
        shutil.rmtree(self.path, ignore_errors=True)


def environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("LENTIGO_")}
    env.update(SOURCE_DATE_EPOCH=EPOCH, HOME=os.environ.get("HOME", "/tmp"), **more)
    return env


def need_redis():
    if not shutil.which("redis-server"):
        print("no redis-server: skipped")
        sys.exit(SKIP)


def lentigo(*args, check=None, timeout=HANG_S, **kw):
    """Run lentigo to its end; `check` is the exit status that it must have."""
    kw.setdefault("preexec_fn", die_with_us)
    done = subprocess.run([str(BIN / "lentigo"), *map(str, args)], capture_output=True, text=True,
                          errors="replace", timeout=timeout, env=environment(), **kw)
    if check is not None and done.returncode != check:
        raise AssertionError(f"lentigo {' '.join(map(str, args))}: status {done.returncode}, "
                             f"not {check}\n{done.stdout}\n{done.stderr}")
    return done


def start(*args):
    """Start lentigo in a process group of its own."""
    return subprocess.Popen([str(BIN / "lentigo"), *map(str, args)], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, env=environment(), start_new_session=True,
                            preexec_fn=die_with_us)


def demo(path, patients, seed=1):
    """A synthetic upload of the test's own: a copy, for drawing one takes longer than most of what is
    done with it. So each is drawn once for a build; take 4, 10 or 24 patients, which others draw too."""
    kept = DRAWN / f"{patients}-{seed}-{(BIN / 'lentigo').stat().st_mtime_ns}"
    DRAWN.mkdir(parents=True, exist_ok=True)
    with open(DRAWN / f"{patients}-{seed}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            for old in DRAWN.glob(f"{patients}-{seed}-*"):
                shutil.rmtree(old)
            lentigo("demo-data", kept.with_suffix(".draft"), "--patients", patients, "--seed", seed, check=0)
            kept.with_suffix(".draft").rename(kept)
    shutil.copytree(kept, path)
    return path / "upload"


def rows(path):
    with open(path, newline="", encoding="utf-8-sig") as f:
        return list(csv.DictReader(f))


def named_files(upload):
    """The files that the manifest names, one each."""
    return [r["file"] for r in rows(upload / "manifest.csv")]


def check_accounted(out, upload):
    """Each image of the manifest stands in exactly one report, once; the counts add up; each
    patient has its report. Returns the image entries by file."""
    entries = {}
    for path in sorted(out.glob("patients/**/report.json")):
        report = json.loads(path.read_text())
        for image in report["images"]:
            assert image["file"] not in entries, f"{image['file']} is in two reports"
            assert image["status"] in ("done", "set_aside"), image
            assert (image["reason"] is None) == (image["status"] == "done"), image
            if image["status"] == "done":
                mask = path.parent / (image["stem"] + ".mask.png")
                assert mask.exists(), mask
            entries[image["file"]] = image
    names = named_files(upload)
    assert sorted(entries) == sorted(names), set(entries) ^ set(names)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["received"] == len(names), summary
    assert summary["received"] == summary["done"] + summary["set_aside"] + summary["cancelled"]
    assert summary["set_aside"] == sum(e["status"] == "set_aside" for e in entries.values())
    lentigo("doctor", out, check=0)
    return entries


def digests(out):
    """SHA-256 of every file that a reader sees, but summaries with wall times in them."""
    found = {}
    for path in sorted(out.rglob("*")):
        name = str(path.relative_to(out))
        if not path.is_file() or name.startswith(".lentigo") or name.startswith("summary."):
            continue
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def children_of(pid):
    """All processes below `pid`: {pid: command name}."""
    parents = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = pathlib.Path(f"/proc/{entry}/stat").read_text()
        except OSError:
            continue
        name = stat[stat.index("(") + 1:stat.rindex(")")]
        fields = stat[stat.rindex(")") + 2:].split()
        if fields[0] != "Z":
            parents[int(entry)] = (int(fields[1]), name)
    below, grown = {pid}, True
    while grown:
        more = {p for p, (parent, _) in parents.items() if parent in below} - below
        below |= more
        grown = bool(more)
    return {p: parents[p][1] for p in below - {pid} if p in parents}


def processes_naming(path):
    """Command lines of the processes that work on `path`: none may be left behind."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            line = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes() if entry.isdigit() else b""
        except OSError:
            continue
        if str(path).encode() in line:
            found.append(line)
    return found


def wait_until(claim, what):
    end = time.time() + HANG_S
    while time.time() < end:
        if claim():
            return
        time.sleep(0.02)
    raise AssertionError(f"not within {HANG_S} s: {what}")


def results(out):
    return len(list((out / ".lentigo" / "spool" / "uploads").glob("*/studies/*/results/*.json")))


def kill(pid, sig=signal.SIGKILL):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass


def black_and_white(class_map, path):
    """A class map (a PNG with a palette) as the mask of a picture with one diagnosis: all classes white."""
    at = class_map.index(b"PLTE")
    end = at + 4 + int.from_bytes(class_map[at - 4:at], "big")
    colours = b"PLTE" + b"\0" * 3 + b"\xff" * (end - at - 7)
    path.write_bytes(class_map[:at] + colours + zlib.crc32(colours).to_bytes(4, "big") + class_map[end + 4:])


def labelled_set(path, demo_dir, split="val", judge=None):
    """Lesions drawn by demo() as a labelled set of `split`, added to what is there: twelve pictures, two of
    three called melanomas; or a large one for choosing thresholds of the model `judge` on. That needs lesions on
    the wrong side: of the pictures in rising order of the malignancy that it sees the first six are called
    melanomas and the last six moles, and those in between stand in many times."""
    (path / "images").mkdir(parents=True, exist_ok=True)
    (path / "masks").mkdir(exist_ok=True)
    truth = json.loads((demo_dir / "truth" / "truth.json").read_text())["images"]
    done = [t for t in truth if t["status"] == "done"]
    if judge:
        files = [demo_dir / "upload" / t["file"] for t in done]
        lines = lentigo("predict", "-m", judge, *files, check=0).stdout.splitlines()
        scores = [json.loads(line).get("malignant_probability") or 0 for line in lines]
        done = [t for _, t in sorted(zip(scores, done), key=lambda pair: pair[0])]
        assert len(done) >= 23, "draw 14 patients"
        chosen = [(t, "MEL", 1) for t in done[:6]] + [(t, "MEL", 33) for t in done[12:17]]
        chosen += [(t, "NV", 1) for t in done[-6:]] + [(t, "NV", 25) for t in done[6:12]]
    else:
        chosen = [(t, "MEL" if i % 3 else "NV", 1) for i, t in enumerate(done[:12])]
    lines = [] if (path / "labels.csv").exists() else ["id,dx,split,source,lesion_id"]
    for t, dx, copies in chosen:
        for _ in range(copies):
            name = f"{split}{len(list((path / 'images').iterdir()))}"
            (path / "images" / f"{name}.jpg").symlink_to(demo_dir / "upload" / t["file"])
            black_and_white((demo_dir / "truth" / t["mask"]).read_bytes(), path / "masks" / f"{name}.png")
            lines.append(f"{name},{dx},{split},{'A' if len(lines) % 2 else 'B'},L{name}")
    with open(path / "labels.csv", "a") as f:
        f.write("\n".join(lines) + "\n")
    return path


def programs_with(worker, folder):
    """All programs as they are, but the worker: a copy, for it looks for its module beside itself."""
    folder.mkdir(parents=True)
    (folder.parent / "lib").symlink_to(BIN.resolve().parent / "lib")
    for program in BIN.resolve().iterdir():
        if program.name != "lentigo-worker":
            (folder / program.name).symlink_to(program)
    shutil.copy(worker, folder / "lentigo-worker")
    return folder
