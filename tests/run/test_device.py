"""A device that fails while it works: out of memory halves the batch, a lost device costs a process
and no image, and a device that computes wrongly is taken out of service. The worker is the real one
with an engine that fails on demand (tests/worker/faulty_engine.c)."""
import re

from harness import *

SOURCE = pathlib.Path(sys.argv[2])
FAULTY = BIN.parent / "tests" / "faulty" / "lentigo-worker"
PATIENTS = 10
SIZE = 256


def run(scratch, upload, name, status, *flags, **faults):
    """A run with these faults: its folder and its log."""
    out, libexec = scratch / name, scratch / "prefix" / "bin"
    env = environment(LENTIGO_LIBEXEC=str(libexec), LENTIGO_DATADIR=str(SOURCE),
                      **{f"FAULT_{k}": str(v) for k, v in faults.items()})
    done = subprocess.run([BIN / "lentigo", "run", upload, "-o", out, "--reports", "json",
                           "--jobs", "1", "--size", str(SIZE), *flags], env=env, capture_output=True, text=True,
                          timeout=HANG_S)
    log = done.stderr + "".join(p.read_text(errors="replace")
                                for p in (out / ".lentigo").glob("**/*.log"))
    assert done.returncode == status, f"{name}: status {done.returncode}\n{log}"
    return out, log


def lines(log, event):
    return [line for line in log.splitlines() if f"event={event}" in line]


def masks(out):
    return {n: d for n, d in digests(out).items() if n.endswith(".mask.png")}


def check_nobody_blamed(out, log):
    assert not lines(log, "image.death"), lines(log, "image.death")
    assert "crash" not in (out / "set-aside.csv").read_text()


def out_of_memory_halves_the_batch(scratch, upload, sound):
    """Eight fit nowhere, two of the largest shape do."""
    out, log = run(scratch, upload, "nomem", 0, "--batch", "8", NOMEM_PIXELS=2 * SIZE * SIZE)
    check_accounted(out, upload)
    assert masks(out) == sound
    halved = [int(re.search(r"batch=(\d+)", line)[1]) for line in lines(log, "batch.halved")]
    assert halved and halved == sorted(halved, reverse=True) and len(halved) <= 3, halved
    assert not lines(log, "image.failed") and not lines(log, "child.out_of_service"), log


def a_lost_device_costs_a_process_and_no_image(scratch, upload, sound):
    for forks in (0, 1):
        out, log = run(scratch, upload, f"lost{forks}", 0, FORKS=forks, DEVICE_AT=4,
                       ONCE=scratch / f"lost{forks}.once")
        check_accounted(out, upload)
        assert masks(out) == sound
        ended = [line for line in lines(log, "child.ended") if "child=worker" in line]
        assert "status=71" in ended[0] and len(lines(log, "child.up")) >= 3, log
        check_nobody_blamed(out, log)


def an_image_that_kills_every_device_is_set_aside(scratch, upload, sound):
    """It comes after each restart in a batch with others: they must get done, and the run must end."""
    planted = scratch / "planted"
    planted.mkdir()
    for picture in [p for p in sorted(upload.rglob("*.jpg")) if p.stat().st_size > 5000][:12]:
        shutil.copy(picture, planted)
    subprocess.run(["convert", picture, "-resize", "800x200!", planted / "wide.jpg"], check=True)
    whole, _ = run(scratch, planted, "whole", 0)
    for forks in (0, 1):
        out, log = run(scratch, planted, f"killer{forks}", 0, "--batch", "8", FORKS=forks,
                       DEVICE_PIXELS=SIZE * SIZE // 4)
        before, after = (json.loads((o / "summary.json").read_text()) for o in (whole, out))
        assert after["done"] == before["done"] - 1 and after["set_aside"] == before["set_aside"] + 1, after
        assert "wide.jpg" in (out / "set-aside.csv").read_text()
        assert len(lines(log, "image.death")) == 3, lines(log, "image.death")
        left = {name: digest for name, digest in masks(whole).items() if "wide" not in name}
        assert masks(out) == left and len(left) == before["done"] - 1


def aside(out):
    """Results of what never needed the device."""
    for path in (out / ".lentigo" / "spool" / "uploads").glob("*/studies/*/results/*.json"):
        if json.loads(path.read_text())["status"] == "set_aside":
            yield path


def a_device_that_computes_wrongly_does_no_work(scratch, upload, sound):
    out, log = run(scratch, upload, "wrong", 1, WRONG_AT=1)
    ended = [line for line in lines(log, "child.ended") if "child=worker" in line]
    assert len(ended) == 1 and "status=69" in ended[0], ended
    assert lines(log, "device.check") and lines(log, "child.out_of_service"), log
    assert results(out) == len(list(aside(out)))
    out, log = run(scratch, upload, "wrong", 0)
    assert masks(out) == sound
    check_nobody_blamed(out, log)


def a_device_that_turns_wrong_is_found_at_the_next_check(scratch, upload, sound):
    out, log = run(scratch, upload, "turned", 1, "--batch", "1", "--check-seconds", "1",
                   WRONG_AT=3, SLOW_MS=300)
    assert lines(log, "device.check") and "status=69" in log, log


def the_worker_lists_what_it_can_use(*ignored):
    """The scheduler asks for this before it starts a worker for each GPU."""
    listed = subprocess.run([BIN / "lentigo-worker", "devices"], capture_output=True, text=True,
                            check=True).stdout.splitlines()
    assert json.loads(listed[0])["name"] == "cpu", listed
    assert all(json.loads(line)["kind"] in ("cpu", "cuda") for line in listed), listed


tests = [the_worker_lists_what_it_can_use,
         out_of_memory_halves_the_batch, a_lost_device_costs_a_process_and_no_image,
         an_image_that_kills_every_device_is_set_aside,
         a_device_that_computes_wrongly_does_no_work,
         a_device_that_turns_wrong_is_found_at_the_next_check]
need_redis()
with Scratch() as scratch:
    programs_with(FAULTY, scratch / "prefix" / "bin")
    upload = demo(scratch / "demo", PATIENTS)
    sound = masks(run(scratch, upload, "sound", 0)[0])
    assert sound
    for test in tests:
        test(scratch, upload, sound)
        print("ok", test.__name__)
print(f"test_device: {len(tests)} passed, 0 failed")
