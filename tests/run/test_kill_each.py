"""Each kind of process killed once while a run is at work: every image terminal, none lost, none
blamed, and the bytes of an undisturbed run."""
import sys

from harness import *

PATIENTS = int(sys.argv[2]) if len(sys.argv) > 2 else 24

need_redis()
with Scratch() as tmp:
    upload = demo(tmp / "demo", PATIENTS)
    calm = tmp / "calm"
    lentigo("run", upload, "-o", calm, check=0)
    broken = {f for f, e in check_accounted(calm, upload).items() if e["status"] == "set_aside"}

    out = tmp / "out"
    run = start("run", upload, "-o", out, "--jobs", 1)
    killed = []
    kinds = ["lentigo-scheduler", "redis-server", "lentigo-worker", "zygote", "lentigo-reports"]

    def living(kind):
        below = children_of(run.pid)
        if kind == "zygote":  # the only child of the worker that is there for good
            workers = [p for p, name in below.items() if name.startswith("lentigo-worker"[:15])]
            return [p for w in workers for p in children_of(w)][:1]
        return [p for p, name in below.items() if name == kind[:15]][:1]

    for kind in kinds:
        goal = results(out) + 3  # it goes on after each
        wait_until(lambda: run.poll() is not None or (results(out) >= goal and living(kind)), kind)
        for pid in living(kind):
            kill(pid)
            killed.append(kind)
    status = run.wait(HANG_S)
    assert status == 0, (status, killed, (out / ".lentigo" / "lentigo.log").read_text()[-3000:])
    entries = check_accounted(out, upload)
    assert {f for f, e in entries.items() if e["status"] == "set_aside"} == broken, "one was blamed"
    a, b = digests(calm), digests(out)
    assert a == b, sorted(k for k in a.keys() | b.keys() if a.get(k) != b.get(k))
    assert set(killed) >= {"lentigo-worker", "redis-server", "lentigo-scheduler"}, killed
    print("killed:", ", ".join(killed))
print("test_kill_each: 1 passed, 0 failed")
