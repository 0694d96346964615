"""kill -9 of the whole run in the middle, then the same command: every image terminal, none twice,
every byte as in an undisturbed run."""
from harness import *

need_redis()
with Scratch() as tmp:
    upload = demo(tmp / "demo", 10)
    calm = tmp / "calm"
    lentigo("run", upload, "-o", calm, check=0)
    check_accounted(calm, upload)
    n = len(named_files(upload))

    out = tmp / "out"
    for share in (0.05, 0.4):
        run = start("run", upload, "-o", out, "--jobs", 1)  # slow enough to be met
        wait_until(lambda: results(out) >= share * n or run.poll() is not None, "half way")
        assert run.poll() is None, "over before it could be killed: take more patients"
        kill(run.pid)
        run.wait()
    lentigo("run", upload, "-o", out, check=0)
    check_accounted(out, upload)
    a, b = digests(calm), digests(out)
    assert a == b, sorted(k for k in a.keys() | b.keys() if a.get(k) != b.get(k))
print("test_kill_run: 1 passed, 0 failed")
