"""What can happen to a round. Each fault draws its numbers before the round begins (so that a seed
gives the same plan on every machine) and returns when it is over; a world that cannot have it says no."""
import os
import pathlib
import signal
import subprocess
import threading
import time

import processes
import proxy
from worlds import LEASE_MS

LEASE = LEASE_MS / 1000
MEMORY, GROUP = pathlib.Path("/sys/fs/cgroup/memory"), "lentigo-chaos-"
DISK_FINE, DISK_FULL, DISK_READ_ONLY = range(3)
ONE_CLOCK = threading.Lock()  # what lasts until a time by the wall clock keeps others from moving it
EVERYBODY = ["lentigo-worker", "lentigo-scheduler", "lentigo-reports", "zygote", "decode", "lentigo-apart",
             "lentigo-trial"]
JOINED = ["lentigo-join", "lentigo-seat"]


# ---- processes ----

def victims(world, kind):
    """Pids of this kind; a decoding child, or one apart, lives milliseconds, so it is waited for a little."""
    end = time.time() + (0.5 if kind in ("decode", "lentigo-apart", "lentigo-trial") else 0.1)
    while True:
        if kind == "lentigo":
            return [world.run.pid] if world.kind == "run" else []
        found = processes.of_kind(kind, os.getpid() if kind == "lentigo-join" else world.root())
        if found or time.time() > end:
            return found


def kill(world, kind, nth, number=signal.SIGKILL):
    found = victims(world, kind)
    if found:
        world.told.add(found[nth % len(found)])
    return bool(found) and processes.send(found[nth % len(found)], number)


def stop(world, kind, nth, seconds):
    found = victims(world, kind)
    if not found or not processes.send(found[nth % len(found)], signal.SIGSTOP):
        return False
    time.sleep(seconds)
    processes.send(found[nth % len(found)], signal.SIGCONT)
    return True


def stop_all(world, seconds):
    """The machine sleeps: all of it, Redis too."""
    everyone = list(processes.below(world.root() if world.kind == "run" else os.getpid()))
    for pid in everyone:
        processes.send(pid, signal.SIGSTOP)
    time.sleep(seconds)
    for pid in everyone:
        processes.send(pid, signal.SIGCONT)
    return True


def out_of_memory(world, seconds):
    """The kernel's own killer, in a cgroup that leaves the worker nothing more to take."""
    workers = victims(world, "lentigo-worker")
    group = MEMORY / f"{GROUP}{os.getpid()}"
    if not workers or not world.has_groups:
        return False
    group.mkdir(exist_ok=True)
    try:
        (group / "memory.limit_in_bytes").write_text(str(4 << 20))
        for pid in [workers[0], *processes.below(workers[0])]:
            try:
                (group / "cgroup.procs").write_text(str(pid))
            except OSError:
                pass
        time.sleep(seconds)
        (group / "memory.limit_in_bytes").write_text("-1")
    finally:
        empty_group(group)
    return True


def own_groups():
    """Whether there is a right to groups of memory; those that killed rounds left are removed."""
    for group in MEMORY.glob(f"{GROUP}*"):
        if not pathlib.Path(f"/proc/{group.name[len(GROUP):]}").exists():
            empty_group(group)
    group = MEMORY / f"{GROUP}{os.getpid()}"
    try:
        group.mkdir(exist_ok=True)
        (group / "memory.limit_in_bytes").write_text("-1")
        group.rmdir()
    except OSError:
        return False
    return True


def empty_group(group):
    for pid in (group / "cgroup.procs").read_text().split():
        try:
            (MEMORY / "cgroup.procs").write_text(pid)
        except OSError:
            pass
    for _ in range(50):
        try:
            group.rmdir()
            return
        except OSError:
            time.sleep(0.02)


# ---- Redis ----

def redis_empty(world, seconds):
    """It comes back as if its disk had been lost."""
    if world.kind == "run":
        return kill(world, "redis-server", 0)  # it keeps nothing
    world.hold_redis = True
    world.redis.kill()
    world.redis.wait()
    time.sleep(seconds)
    subprocess.run(["rm", "-rf", str(world.data)], check=True)
    world.data.mkdir()
    world.hold_redis = False
    return True


def redis_says(world, *words):
    path = world.redis_socket()
    return bool(path) and proxy.ask(path, *words, seconds=0.1) is not None


def redis_pause(world, ms):
    """Redis counts it by its wall clock: one that jumps back meanwhile would make an hour of it."""
    with ONE_CLOCK:
        done = redis_says(world, "CLIENT", "PAUSE", ms, "ALL")
        time.sleep(ms / 1000)
    return done


def redis_sleep(world, seconds):
    redis_says(world, "DEBUG", "SLEEP", seconds)
    time.sleep(seconds)
    return world.kind == "installation"


def redis_flush(world):
    return redis_says(world, "FLUSHALL")


def cut_answer(world, after):
    if world.kind == "run":
        return False
    world.proxy.cut_after = after
    return True


def cut_line(world, after):
    """The connection with who joined ends in the middle of something, either way."""
    if not world.helper:
        return False
    world.helper.line.cut_after = after
    return True


# ---- disk and clock ----

def disk_full(world, seconds):
    """Nothing more fits, Redis's own file neither."""
    if not world.is_mounted:
        return False
    ballast = world.disk / "ballast"
    try:
        with open(ballast, "wb", buffering=0) as f:
            while True:
                f.write(b"\0" * 65536)
    except OSError:
        pass
    time.sleep(seconds)
    ballast.unlink()
    return True


def disk_fails(world, mode, countdown, seconds):
    """From the drawn call of the disk on, every one fails."""
    world.control.set(disk=mode, countdown=countdown)
    time.sleep(seconds)
    world.control.set(disk=DISK_FINE)
    return True


def clock_jump(world, ms, seconds):
    with ONE_CLOCK:
        world.control.set(clock_ms=ms)
        time.sleep(seconds)
        world.control.set(clock_ms=0)
    return True


# ---- people ----

def submit_again(world, times):
    """The same upload at once from several; of a run, the same command."""
    if world.kind == "run":
        done = world.lentigo("run", world.upload, "-o", world.out, "--size", "64")
        if done and done.returncode not in (0, 75):
            world.problems.append(f"a second run ended with status {done.returncode}: {done.stderr}")
        return True
    threads = [threading.Thread(target=world.submit) for _ in range(times)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return True


def second_scheduler(world, seconds):
    """On the same node and spool: it must see that one is there, and leave."""
    if world.kind == "run" or world.scheduler.poll() is not None:
        return False
    second = world.start_scheduler(log="second")
    end = time.time() + 5
    while second.poll() is None and world.scheduler.poll() is None and time.time() < end:
        time.sleep(0.02)
    if second.poll() is None:  # the first one died meanwhile: now there must be one again
        second.kill()
    elif second.wait() != 75:
        world.problems.append(f"a second scheduler ended with status {second.returncode}")
    second.wait()
    return True


def other_worker(world, what):
    """After a death the worker that comes has other settings, or is another version."""
    if "other" not in world.options:
        return False
    if not (world.spool / "made_with.json").exists():
        return False  # the spool is what its first worker makes it, and that is to be the usual one
    flag = world.folder / what
    flag.touch()
    kill(world, "lentigo-worker", 0)
    before = len(world.statuses)
    end = time.time() + 4
    while len(world.statuses) == before and time.time() < end:
        time.sleep(0.02)
    flag.unlink()
    return True


def cancel(world, study, part):
    studies = world.studies()
    if not studies:
        return False
    at = studies[study % len(studies)]
    n = len(list((at / "originals").iterdir()))
    target = f"{at.parts[-3]}/{at.name}" + (f"/{part % n}" if n and part >= 0 else "")
    done = world.lentigo("cancel", target, "--why", "drawn by chance", *world.where())
    return bool(done) and done.returncode == 0


def retry(world, reason):
    done = world.lentigo("retry", "--reason", reason, "--why", "drawn by chance", *world.where())
    return bool(done) and done.returncode == 0


def pause(world, seconds):
    if world.kind == "run":
        return False
    world.lentigo("pause", "--why", "drawn by chance", *world.where())
    time.sleep(seconds)
    while not world.is_stopping:
        done = world.lentigo("resume", *world.where())
        if done and done.returncode == 0:
            return True
    return True


# ---- the table ----

def some(low, high):
    return lambda rng: round(rng.uniform(low, high), 2)


def number(low, high):
    return lambda rng: rng.randint(low, high)


def one_of(*values):
    return lambda rng: rng.choice(values)


# name: (weight, act, how each of its numbers is drawn)
FAULTS = {
    "kill": (6, kill, {"kind": one_of(*EVERYBODY, "redis-server", "lentigo"), "nth": number(0, 3)}),
    "terminate": (1, kill, {"kind": one_of("lentigo-scheduler", "lentigo-worker", "redis-server",
                                           "lentigo"),
                            "nth": number(0, 3), "number": one_of(signal.SIGTERM)}),
    "stop": (4, stop, {"kind": one_of(*EVERYBODY, "redis-server"), "nth": number(0, 3),
                       "seconds": some(1.2 * LEASE, 1.6 * LEASE)}),
    "machine_sleeps": (1, stop_all, {"seconds": some(1.2 * LEASE, 1.6 * LEASE)}),
    "out_of_memory": (2, out_of_memory, {"seconds": some(0.3, 1)}),
    "redis_empty": (2, redis_empty, {"seconds": some(0, 1)}),
    "redis_flush": (1, redis_flush, {}),
    "redis_pause": (1, redis_pause, {"ms": number(500, 6500)}),
    "redis_sleep": (1, redis_sleep, {"seconds": some(0.5, 6.5)}),
    "cut_answer": (3, cut_answer, {"after": number(1, 20000)}),
    "disk_full": (2, disk_full, {"seconds": some(0.2, 2)}),
    "disk_fails": (3, disk_fails, {"mode": one_of(DISK_FULL, DISK_READ_ONLY),
                                   "countdown": number(0, 60), "seconds": some(0.2, 2)}),
    "clock_jump": (2, clock_jump, {"ms": one_of(-86400000, -3600000, 3600000, 86400000),
                                   "seconds": some(0.5, 3)}),
    "submit_again": (2, submit_again, {"times": number(1, 3)}),
    "kill_joined": (0, kill, {"kind": one_of(*JOINED), "nth": number(0, 3)}),
    "stop_joined": (0, stop, {"kind": one_of(*JOINED), "nth": number(0, 3), "seconds": some(4, 14)}),
    "cut_line": (0, cut_line, {"after": number(1, 400000)}),
    "second_scheduler": (1, second_scheduler, {"seconds": some(0, 1)}),
    "other_worker": (1, other_worker, {"what": one_of("other-settings", "other-version")}),
    "cancel": (2, cancel, {"study": number(0, 9999), "part": number(-1, 9)}),
    "retry": (2, retry, {"reason": one_of("damaged", "truncated", "too_large", "not_an_image")}),
    "pause": (1, pause, {"seconds": some(0.2, 1)}),
}


OF_JOINED = {"kill_joined": 4, "stop_joined": 2, "cut_line": 4}


def draw(rng, only=None, is_joined=False):
    """One fault: its name and its numbers. Those of a machine that joined where there is one."""
    names = [only] if only else list(FAULTS)
    weights = [OF_JOINED.get(n, 0) if is_joined and n in OF_JOINED else FAULTS[n][0] for n in names]
    name = names[0] if only else rng.choices(names, weights)[0]
    return name, {k: d(rng) for k, d in FAULTS[name][2].items()}


def strike(world, name, numbers):
    """True: it happened."""
    try:
        return bool(FAULTS[name][1](world, **numbers))
    except FileNotFoundError:
        return False  # what it was to hit is gone
