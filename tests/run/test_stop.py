"""Ctrl-C, kill and a hang-up at each phase of a run: no socket and no process is left behind, and the
same command goes on to the end."""
from harness import *

need_redis()
COPIES = 40  # of the upload, so that its intake can be met


def enlarge(upload, to):
    """The pictures of `upload` many times, as a folder without a manifest."""
    pictures = [p for p in sorted(upload.rglob("*.jpg")) if p.stat().st_size][:5]
    for copy in range(COPIES):
        (to / f"patient{copy}").mkdir(parents=True)
        for i, picture in enumerate(pictures):
            os.link(picture, to / f"patient{copy}" / f"{i}.jpg")
    return to


def begin(upload, out, sockets, **more):
    sockets.mkdir(exist_ok=True)
    more.setdefault("preexec_fn", die_with_us)
    return subprocess.Popen([str(BIN / "lentigo"), "run", str(upload), "-o", str(out)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            env=environment(XDG_RUNTIME_DIR=str(sockets)), start_new_session=True,
                            **more)


def meet(run, claim):
    """Wait with hardly a pause: some phases last milliseconds."""
    end = time.time() + HANG_S
    while not claim() and run.poll() is None:
        assert time.time() < end, "it hangs"
        time.sleep(0.0002)


def has(folder, pattern):
    return next(folder.glob(pattern), None) is not None


def check_gone(tmp, sockets, what):
    assert not list(sockets.iterdir()), (what, list(sockets.iterdir()))
    wait_until(lambda: not processes_naming(tmp), f"no process is left after {what}")


def strike(upload, out, sockets, begins, is_end, number, what):
    """False: on a busy machine the phase had passed before the signal came."""
    run = begin(upload, out, sockets)
    is_taken_in = lambda: has(out, ".lentigo/spool/uploads/*")
    meet(run, lambda: begins() or (is_end and is_taken_in()))
    kill(run.pid, number)
    said = run.communicate(timeout=HANG_S)[1]
    is_met = run.returncode != 0 and is_taken_in() != is_end
    if is_met:
        assert run.returncode == (-number if is_end else 75), (what, run.returncode, said)
        assert "the same command goes on" in said, (what, said)
    check_gone(out.parent, sockets, what)
    shutil.rmtree(out)
    return is_met


with Scratch() as tmp:
    upload = demo(tmp / "demo", 4)
    many = enlarge(upload, tmp / "many")
    sockets = tmp / "s"
    phases = {  # what is there when the phase has begun; does the signal itself end the run?
        "the socket's folder": (sockets, "lentigo-*", True),
        "the start of Redis": (sockets, "lentigo-*/redis", True),
        "the intake": (tmp, "out/.lentigo/spool/incoming/*", True),
        "the work": (tmp, "out/.lentigo/spool/uploads/*/studies/*/results/*.json", False),
    }
    for name, (folder, pattern, is_end) in phases.items():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            what, begins = f"{number.name} in {name}", lambda: has(folder, pattern)
            assert any(strike(many, tmp / "out", sockets, begins, is_end, number, what) for _ in range(100)), what

    # At the end it may meet the scheduler, the summary, or come too late.
    out = tmp / "whole"
    run = begin(upload, out, sockets)
    meet(run, lambda: has(out, ".lentigo/stats.json"))
    kill(run.pid, signal.SIGINT)
    said = run.communicate(timeout=HANG_S)[1]
    assert run.returncode in (0, 75, -signal.SIGINT), (run.returncode, said)
    check_gone(tmp, sockets, "the summary")
    run = begin(upload, out, sockets)
    assert run.wait(HANG_S) == 0
    check_accounted(out, upload)
    check_gone(tmp, sockets, "the end")

    # nohup: a signal that is ignored at the start stays so, whenever it comes.
    out = tmp / "kept"
    run = begin(upload, out, sockets,
                preexec_fn=lambda: (die_with_us(), signal.signal(signal.SIGHUP, signal.SIG_IGN)))
    hangups = 0
    while run.poll() is None:
        kill(run.pid, signal.SIGHUP)
        hangups += 1
        time.sleep(0.002)
    assert run.returncode == 0, run.stderr.read()
    assert hangups >= 20, hangups
    check_accounted(out, upload)
print("test_stop: 1 passed, 0 failed")
