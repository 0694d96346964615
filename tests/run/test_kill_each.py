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
    run = start("run", upload, "-o", out)
    n = len(named_files(upload))
    killed = []
    kinds = ["lentigo-worker", "zygote", "lentigo-reports", "lentigo-scheduler", "redis-server"]
    for i, kind in enumerate(kinds):
        wait_until(lambda: results(out) >= (i + 1) * n // (len(kinds) + 2) or run.poll() is not None,
                   120, kind)
        below = children_of(run.pid)
        if kind == "zygote":  # the only child of the worker that is there for good
            workers = [p for p, name in below.items() if name.startswith("lentigo-worker"[:15])]
            victims = [p for w in workers for p in children_of(w)][:1]
        else:
            victims = [p for p, name in below.items() if name == kind[:15]][:1]
        for pid in victims:
            kill(pid)
            killed.append(kind)
    assert run.wait(timeout=300) == 0
    entries = check_accounted(out, upload)
    assert {f for f, e in entries.items() if e["status"] == "set_aside"} == broken, "one was blamed"
    a, b = digests(calm), digests(out)
    assert a == b, sorted(k for k in a.keys() | b.keys() if a.get(k) != b.get(k))
    assert set(killed) >= {"lentigo-worker", "redis-server", "lentigo-scheduler"}, killed
    print("killed:", ", ".join(killed))
print("test_kill_each: 1 passed, 0 failed")
