"""lentigo train sweep as a person meets it: two takers on one search, a trial that fails, the ranking and
the command of the best. With `long`: trainers, takers and Redis killed, and images that go first."""
import re

from drawn_set import *
from harness import *

need_redis()
LONG = len(sys.argv) > 2


def write_spec(path, data, axes, settings, **more):
    path.write_text(json.dumps({
        "axes": axes, **more,
        "settings": {"data": str(data), "unchecked": True, "size": 32, "batch": 2, "precision": "f32",
                     "augment": "off", "threads": 1, "save-every": 1 if LONG else 1000, **settings}}))
    return path


def ranking(folder):
    """Of the search, without what is its own: the id, and the folder in no place."""
    return json.loads((folder / "ranking.json").read_text())["trials"]


def socket_of(folder):
    note = folder / ".lentigo" / "run.json"
    wait_until(lambda: note.exists() and "redis" in note.read_text(), "its Redis is noted")
    return json.loads(note.read_text())["redis"]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_search(tmp, data):
    """Of three losses one is hopeless; two processes share the rest, and halving leaves one."""
    spec = write_spec(tmp / "spec.json", data, {"heads": ["1,1,1", "1e38,1e38,1e38", "1,0.4,0"]},
                      {"iters": 6, "lr": 0.02, "clip": 0, "validate-every": 2}, method="halving", rungs=2, keep=3)
    out = tmp / "out"
    first = subprocess.Popen([BIN / "lentigo", "train", "sweep", spec, "-o", out], text=True, env=environment(),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=die_with_us)
    socket = socket_of(out)
    wait_until((out / "sweep.json").exists, "it has begun")
    kill(first.pid, signal.SIGSTOP)  # its taker goes on, and it is not over before another has come
    busy = lentigo("train", "sweep", spec, "-o", out, "--resume", check=75)
    assert f"--resume --redis {socket}" in busy.stderr, busy.stderr
    second = start("train", "sweep", "-o", out, "--resume", "--redis", socket)
    wait_until(lambda: trainers(second.pid) or second.poll() is not None, "the second has a trial")
    kill(first.pid, signal.SIGCONT)
    said, warned = first.communicate(timeout=HANG_S)
    assert first.returncode == 0, (first.returncode, said, warned)
    assert second.wait(HANG_S) == 0
    assert not processes_naming(out) and not os.path.exists(socket)
    table = rows(out / "table.csv")
    assert [r["status"] for r in table] == ["done", "done", "failed"], table
    assert table[0]["round"] == "2" and table[0]["iteration"] == "6" and table[1]["iteration"] == "2", table
    assert table[2]["heads"] == "1e38,1e38,1e38" and "is not finite" in table[2]["reason"], table[2]
    results = sorted(p.name for p in (out / "results").iterdir())
    assert set(results) == {"0001.1.json", "0002.1.json", "0003.1.json", f"{int(table[0]['trial']):04d}.2.json"}, results
    page = (out / "index.html").read_text()
    assert "<svg" in page and "http-equiv" not in page and "src=" not in page
    lines = [json.loads(x) for x in said.splitlines()]
    assert lines[-1]["best"]["trial"] == int(table[0]["trial"]), lines[-1]
    told = lentigo("status", out, check=0).stdout
    assert told.startswith(f"sweep      {out}: 3 of 3 trials with a result, best {float(table[0]['score']):.4f}: "
                           f"trial {table[0]['trial']}, heads {table[0]['heads']}\n"), told
    assert json.loads(lentigo("status", out, "--json", check=0).stdout)["trials"][0]["rank"] == 1
    assert not list((out / "trials").glob("*/state")), "states are cleared away"
    assert "holds a sweep" in lentigo("train", "sweep", spec, "-o", out, check=78).stderr
    lentigo("train", "sweep", spec, "-o", out, "--resume", check=0)  # over: nothing to do
    return out, lines[-1]["command"], table[0]


def check_command(tmp, out, command, best):
    """The command that is printed makes what the search made."""
    words = command.split()
    assert words[:2] == ["lentigo", "train"] and words[-2:] == ["-o", "RUN"], words
    run = tmp / "again"
    lentigo(*words[1:-1], run, check=0)
    assert digest(run / "best" / "weights.safetensors") == digest(
        out / "trials" / f"{int(best['trial']):04d}" / "best" / "weights.safetensors"), command


def check_refusals(tmp, data):
    out = tmp / "none"
    assert "nowhere.json" in lentigo("train", "sweep", tmp / "nowhere.json", "-o", out, check=64).stderr
    assert not out.exists(), "a name mistyped leaves no folder behind"
    spec = write_spec(tmp / "bad.json", data, {"learning-rate": [1]}, {}, method="grid")
    said = lentigo("train", "sweep", spec, "-o", out, check=64).stderr
    assert "bad.json" in said and "learning-rate" in said, said
    assert not out.exists(), list(out.rglob("*"))
    assert "SPEC" in lentigo("train", "sweep", spec, check=64).stderr


def below(pid, word):
    """Processes below `pid` whose command line has `word`."""
    found = []
    for child in children_of(pid):
        try:
            line = pathlib.Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if word in line:
            found.append(child)
    return found


def trainers(pid):
    return [p for p in below(pid, b"train") if p not in below(pid, b"sweep")]


def states(out):
    return len(list((out / "trials").glob("*/state/*.json")))


def check_kills(tmp, data):
    """Whatever is killed, the ranking and every model are those of a search that nobody disturbed."""
    axes, settings = {"lr": [0.001, 0.005, 0.02], "loss": ["ce", "ce+dice"]}, {"iters": 8, "validate-every": 2}
    spec = write_spec(tmp / "kills.json", data, axes, settings, method="halving", rungs=2, keep=3)
    whole, out = tmp / "whole", tmp / "killed"
    lentigo("train", "sweep", spec, "-o", whole, check=0)
    chance, kills = random.Random(3), 0
    while not (out / "ranking.json").exists() or len(list((out / "results").iterdir())) < 8:
        flags = ["--resume"] if (out / "sweep.json").exists() else []
        child = start("train", "sweep", spec, "-o", out, "--workers", 2, "--lease-ms", 1000, *flags)
        for whom in ("trainer", "redis-server", "taker", "trainer", "everything"):
            seen = states(out) if out.exists() else 0
            end = time.time() + 60
            while time.time() < end and child.poll() is None and not (
                    trainers(child.pid) and states(out) != seen):
                time.sleep(0.002)
            if child.poll() is not None:
                break
            time.sleep(chance.random() * 0.1)
            victims = {"trainer": trainers(child.pid)[:1], "everything": [child.pid],
                       "taker": below(child.pid, b"sweep"),
                       "redis-server": [p for p, n in children_of(child.pid).items() if n == "redis-server"]}[whom]
            for pid in victims:
                kill(pid)
                kills += 1
        if child.poll() is None:
            kill(child.pid)
        child.wait()
        wait_until(lambda: not processes_naming(out), "what was killed is gone")
    print("kills", kills)
    assert kills >= 4
    lentigo("train", "sweep", spec, "-o", out, "--resume", check=0)
    assert ranking(out) == ranking(whole)
    for path in whole.glob("trials/*/best/weights.safetensors"):
        assert digest(path) == digest(out / path.relative_to(whole)), path


def check_crashes(tmp, data):
    """A trainer that dies three times of itself is set aside, and the others go on."""
    spec = write_spec(tmp / "crash.json", data, {"lr": [0.001, 0.002]}, {"iters": 100000}, method="grid")
    out = tmp / "crash"
    child = start("train", "sweep", spec, "-o", out)
    for i in range(3):
        wait_until(lambda: trainers(child.pid) and states(out), "it trains")
        victim = trainers(child.pid)[0]
        kill(victim, signal.SIGSEGV)
        wait_until(lambda: victim not in trainers(child.pid), "it is gone")
    wait_until(lambda: (out / "results" / "0001.1.json").exists(), "it is set aside")
    result = json.loads((out / "results" / "0001.1.json").read_text())
    assert result["status"] == "set_aside" and "signal 11" in result["reason"], result
    wait_until(lambda: (out / "trials" / "0002" / "config.json").exists(), "the next has its turn")
    kill(child.pid, signal.SIGTERM)
    assert child.wait(HANG_S) == 75


def check_gives_way(tmp, data):
    """Images of an installation go first, and an operator's pause holds trials too."""
    from installation import Installation
    spec = write_spec(tmp / "way.json", data, {"lr": [0.001]}, {"iters": 1000000, "save-every": 1000000,
                                                                 "validate-every": 0}, method="grid")
    upload = demo(tmp / "demo", 2)
    with Installation(tmp, "inst") as inst:
        inst.start(MS=1000)
        child = start("train", "sweep", spec, "-o", tmp / "way", "--redis", inst.socket)
        wait_until(lambda: trainers(child.pid), "a trial is at work")
        inst.submit(upload)
        wait_until(lambda: not trainers(child.pid), "it gives way")
        inst.wait_done()
        wait_until(lambda: trainers(child.pid), "it goes on when the images are done")
        inst.operate("pause", "training", "--why", "test")
        wait_until(lambda: not trainers(child.pid), "a pause holds it")
        inst.operate("resume", "training")
        wait_until(lambda: trainers(child.pid), "it goes on")
        kill(child.pid, signal.SIGTERM)
        assert child.wait(HANG_S) == 75


with Scratch() as tmp:
    data = make_set(tmp / "set", 3)
    if LONG:
        check_kills(tmp, data)
        check_crashes(tmp, data)
        check_gives_way(tmp, data)
    else:
        check_refusals(tmp, data)
        check_command(tmp, *check_search(tmp, data))
print("test_sweep: passed")
