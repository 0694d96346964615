"""A suspect stands back behind other images, and behind nobody else: test_alone.py BIN SOURCE

On a machine that is busy with other things, hundreds of images that each ran alone took minutes (round
10205/0): the process they ran in got what processor nobody on the machine wanted, though nothing of the run
waited for one."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "run"))
from harness import *  # noqa: E402,F403
from poisoned import FLAGS, POISONED  # noqa: E402

SCHED_IDLE = 5


def policies(out, process):
    """How the trials were scheduled, by pid, while the run lasts."""
    found = {}
    while process.poll() is None:
        done = subprocess.run(["pgrep", "-x", "lentigo-trial"], capture_output=True, text=True)
        for pid in map(int, done.stdout.split()):
            try:
                environ = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
                if str(out).encode() in environ:
                    found.setdefault(pid, set()).add(os.sched_getscheduler(pid))
            except OSError:
                pass
        time.sleep(0.02)
    assert process.returncode == 0, process.returncode
    return found


need_redis()
with Scratch() as tmp:
    libexec = programs_with(POISONED, tmp / "programs" / "bin")
    good = next(p for p in sorted(demo(tmp / "demo", 4).rglob("*.jpg")) if p.stat().st_size)
    (tmp / "upload" / "p").mkdir(parents=True)
    shutil.copy(good, tmp / "upload" / "p" / "hang-network-0.jpg")
    out = tmp / "out"
    with subprocess.Popen([BIN / "lentigo", "run", tmp / "upload", "-o", out, *FLAGS, "--size", "64"],
                          env=environment(LENTIGO_LIBEXEC=str(libexec), LENTIGO_DATADIR=sys.argv[2]),
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_us) as process:
        found = policies(out, process)
    assert found, "no trial was seen"
    # One that has just been forked may not have begun to stand back.
    assert all(SCHED_IDLE not in seen for seen in found.values()), found
print(f"test_alone: 1 passed, 0 failed ({len(found)} trials seen)")
