"""lentigo train as a person meets it: it learns, a killed run ends with the same bits, and what is wrong
is said without anything lost. Pictures and masks are drawn here."""
import re

from drawn_set import *
from harness import *

MODELS = pathlib.Path(sys.argv[2]) / "models"
LONG = len(sys.argv) > 3  # learn until it is learnt: minutes, label slow
QUICK = ["--size", 64, "--batch", 8 if LONG else 4, "--augment", "off", "--precision", "f32", "--unchecked"]
SMALL = ["--size", 32, "--batch", 2, "--precision", "f32", "--unchecked", "--threads", 2]
LEARN = ["--iters", 120 if LONG else 12, "--lr", 0.02, "--warm-up", 10 if LONG else 2, "--validate-every",
         60 if LONG else 6, "--save-every", 1000]


def log_of(run):
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def learnt(run):
    """Digest of everything that a run learnt: not of rates and times."""
    found = {name: hashlib.sha256((run / name).read_bytes()).hexdigest()
             for name in ("last/weights.safetensors", "best/weights.safetensors",
                          "last/card.json", "best/card.json")}
    states = sorted((run / "state").glob("*.safetensors"))
    found["state"] = states[-1].name + hashlib.sha256(states[-1].read_bytes()).hexdigest()
    found["log"] = [{k: v for k, v in line.items() if k != "images_per_s"} for line in log_of(run)]
    # the cards name the run's folder, which is another
    found["last/card.json"] = found["best/card.json"] = None
    return found


def check_learns(tmp):
    data, run = make_set(tmp / "learn", 8 if LONG else 4), tmp / "learns"
    said = lentigo("train", "--data", data, "-o", run, *LEARN, *QUICK, check=0).stdout
    lines = [json.loads(x) for x in said.splitlines()]
    steps = [x for x in lines if "loss" in x]
    assert all({"iter", "loss", "lr", "images_per_s"} <= set(x) for x in steps), steps[:1]
    log = log_of(run)
    losses = [x["loss"] for x in log if "loss" in x]
    looks = [x["validation"] for x in log if "validation" in x]
    print("losses", losses[0], losses[-1], "mean Jaccard", [x["mean_jaccard"] for x in looks])
    assert losses[-1] < losses[0] / (8 if LONG else 1), losses
    assert len(looks) == 2 and (not LONG or looks[-1]["mean_jaccard"] > 0.9), looks
    card = json.loads((run / "best" / "card.json").read_text())
    assert card["size"] == 64 and card["figures"]["val"]["mean_jaccard"] == max(
        x["mean_jaccard"] for x in looks), card
    # what came out is a model like any other: `eval` sees what validation saw. Drawn pictures are no
    # dermoscopy, so no thresholds could be chosen on them; `predict` needs some, and another model lends its own
    assert not (run / "best" / "policy.json").exists()
    if LONG:
        shutil.copy(MODELS / "starter" / "policy.json", run / "best")
        picture = data / "images" / "val0.png"
        entry = json.loads(lentigo("predict", "--model", run / "best", "--precision", "f32", picture, check=0).stdout)
        area = draw(0)[1].count(255) / SIDE ** 2
        assert abs(entry["lesion"]["area_fraction"] / area - 1) < 0.1, (area, entry["lesion"])
        (run / "best" / "policy.json").unlink()
    figures = json.loads(lentigo("eval", "--data", data, "--split", "val", "--model", run / "best",
                                 "--precision", "f32", check=0).stdout)
    assert abs(figures["mean_jaccard"] - card["figures"]["val"]["mean_jaccard"]) < 0.005, figures
    page = (run / "index.html").read_text()
    for name in set(re.findall(r'src="([^"]+)"', page)):
        assert (run / name).read_bytes()[:2] == b"\xff\xd8", name
    assert "mean Jaccard" in page and "http-equiv" not in page, "a finished run's page stays as it is"
    assert (run / "curves.svg").read_text().startswith("<svg")
    return data, run


def iteration_of(run):
    """Of the latest state; 0: the run has begun; -1: it has not."""
    states = [int(p.stem) for p in (run / "state").glob("*.json")] if (run / "state").is_dir() else []
    return max(states, default=0 if (run / "config.json").exists() else -1)


def kill_at(flags, run, iteration, resume):
    """Go on until the state of `iteration` is there, then SIGKILL. False: it was done before."""
    child = start(*flags, "-o", run, *resume)
    while child.poll() is None and iteration_of(run) < iteration:
        time.sleep(0.002)
    kill(child.pid, signal.SIGKILL)
    return child.wait() == -signal.SIGKILL


def killed_run(flags, run, kills):
    """Killed at each of these iterations; once more from the start when one was missed."""
    for _ in range(50):
        shutil.rmtree(run, ignore_errors=True)
        if all(kill_at(flags, run, at, ["--resume"] if i else []) for i, at in enumerate(kills)):
            return
    raise AssertionError(f"done before it could be killed at {kills}, fifty times")


def check_resume(tmp, data):
    """Killed before its first state, behind a state and behind a validation, it ends with the same
    bits; with batches of two sizes, moments and an average."""
    flags = ["train", "--data", data, "--iters", 8, "--validate-every", 3, "--save-every", 2, "--ema",
             0.9, "--optimiser", "adamw", "--lr", 0.001, "--accumulate", 2, "--sizes", "32,48", *SMALL]
    whole, killed = tmp / "whole", tmp / "killed"
    lentigo(*flags, "-o", whole, check=0)
    killed_run(flags, killed, [0, 2, 4])
    lentigo(*flags, "-o", killed, "--resume", check=0)
    assert learnt(killed) == learnt(whole)
    assert not list(killed.rglob("*.tmp")), "drafts of killed processes are swept"
    assert len(list((killed / "state").iterdir())) == 4, "two states are kept"
    shutil.rmtree(whole)
    shutil.rmtree(killed)


def logged(run):
    """The last iteration in the log of a run at work, whose last line may be half there."""
    text = (run / "log.jsonl").read_text() if (run / "log.jsonl").exists() else ""
    return max(map(int, re.findall(r'"iter": ?(\d+)[,}]', text)), default=0)


def check_stop(tmp, data):
    """SIGTERM in a run that is far from its end: the state is saved, and the same command goes on there."""
    flags = ["train", "--data", data, "--iters", 1000000, "--validate-every", 0, "--save-every", 1000000,
             *SMALL]
    stopped, seen = tmp / "stopped", 0
    for resume in ([], ["--resume"]):
        child = start(*flags, "-o", stopped, *resume)
        wait_until(lambda: logged(stopped) > seen, "it trains")
        kill(child.pid, signal.SIGTERM)
        assert child.wait(HANG_S) == 75
        assert "stopped by a signal" in (stopped / "index.html").read_text()
        assert iteration_of(stopped) > seen
        seen = iteration_of(stopped)
    shutil.rmtree(stopped)


def check_refusals(tmp, data, run):
    same = ["train", "--data", data, "-o", run, *LEARN, *QUICK]
    before = learnt(run)
    assert "--resume" in lentigo(*same, check=78).stderr
    other = [0.03 if x == 0.02 else x for x in same]
    said = lentigo(*other, "--resume", check=78).stderr
    assert "lr" in said and "0.02" in said and "0.03" in said, said
    lentigo(*same, "--resume", check=0)  # done already: nothing to do
    assert learnt(run) == before
    assert "no run" in lentigo(*same[:3], "-o", tmp / "none", *SMALL, "--resume", check=78).stderr
    full = tmp / "letters"
    full.mkdir()
    (full / "letter.txt").write_text("dear")
    assert "not empty" in lentigo(*same[:3], "-o", full, *SMALL, check=78).stderr
    assert [p.name for p in full.iterdir() if p.name != "lock"] == ["letter.txt"]
    for bad, word in ((["--loss", "mse"], "mse"), (["--lr", "x"], "lr"), (["--size", 20], "--size"),
                      (["--precision", "int8"], "int8"), (["surplus"], "surplus")):
        said = lentigo(*same[:3], "-o", tmp / "bad", *SMALL, *bad)
        assert said.returncode in (64, 78) and word in said.stderr, (bad, said.stderr)
    assert "--data" in lentigo("train", "-o", tmp / "bad", check=64).stderr
    careful = [x for x in same if x != "--unchecked" and x != run]
    careful[careful.index("-o")] = f"--output={tmp / 'careful'}"
    said = lentigo(*careful, check=78).stderr
    assert "dataset check" in said and "--unchecked" in said, said


def begun_in(run):
    return json.loads((run / "config.json").read_text())["precision"]


def check_precision(tmp, data):
    """What auto was at first stays, on a processor that would choose another way too."""
    flags = ["train", "--data", data, "--size", 32, "--batch", 2, "--unchecked", "--threads", 2, "--iters", 2,
             "--validate-every", 0]
    os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"  # a processor without bf16
    lentigo(*flags, "-o", tmp / "old", check=0)
    assert begun_in(tmp / "old") == "f32"
    del os.environ["ONEDNN_MAX_CPU_ISA"]
    lentigo(*flags, "-o", tmp / "new", check=0)
    if begun_in(tmp / "new") != "bf16":
        print("this processor trains in f32 alone: a run in bf16 not looked at")
        return
    lentigo(*flags, "-o", tmp / "old", "--resume", check=0)
    os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"
    said = lentigo(*flags, "-o", tmp / "new", "--resume", check=78).stderr
    del os.environ["ONEDNN_MAX_CPU_ISA"]
    assert "was begun in bf16" in said, said


def check_init(tmp, data, run):
    """Weights of another run to begin with, with and without the heads that only training has."""
    one = [*SMALL, "--iters", 1, "--lr", 0, "--momentum", 0, "--weights", "f32"]
    lentigo("train", "--data", data, "-o", tmp / "from", "--init", run / "best", *one, check=0)
    (tmp / "junk.safetensors").write_bytes(b"junk")
    assert "junk" in lentigo("train", "--data", data, "-o", tmp / "from2", "--init",
                             tmp / "junk.safetensors", *one, check=78).stderr
    said = lentigo("train", "--data", data, "-o", tmp / "from3", "--init", "starter", *one, check=0)
    assert "no training heads" in said.stderr, said.stderr
    assert "nobody" in lentigo("train", "--data", data, "-o", tmp / "from4", "--init", "nobody", *one, check=78).stderr
    # a teacher adds to the loss, and which one it was is kept
    lentigo("train", "--data", data, "-o", tmp / "taught", "--init", run / "best", *one, "--teacher",
            MODELS / "starter", check=0)
    (tmp / "weight.conf").write_text("teacher-weight = 0\n")
    lentigo("train", "--data", data, "-o", tmp / "ignored", "--init", run / "best", *one, "--teacher",
            MODELS / "starter", "--config", tmp / "weight.conf", check=0)
    alone, taught, ignored = (json.loads((tmp / name / "log.jsonl").read_text().splitlines()[0])["loss"]
                              for name in ("from", "taught", "ignored"))
    assert taught > alone + 0.01 and ignored == alone, (alone, taught, ignored)
    assert len(json.loads((tmp / "taught" / "config.json").read_text())["teacher_sha256"]) == 64
    assert "/nowhere" in lentigo("train", "--data", data, "-o", tmp / "untaught", *one, "--teacher",
                                 "/nowhere", check=78).stderr


def check_weights(tmp, data):
    """weights.csv says how often each picture is drawn; another one is another run."""
    flags = ["train", "--data", data, "-o", tmp / "weighed", "--sampling", "file", "--iters", 2, *SMALL]
    assert "weights.csv" in lentigo(*flags, check=78).stderr
    (data / "weights.csv").write_text("id,weight\n" + "".join(
        f"{r['id']},1\n" for r in rows(data / "labels.csv") if r["split"] == "train"))
    lentigo(*flags, check=0)
    (data / "weights.csv").write_text((data / "weights.csv").read_text().replace(",1\n", ",3\n", 1))
    assert "weights_sha256" in lentigo(*flags, "--resume", check=78).stderr
    (data / "weights.csv").unlink()


def check_not_finite(tmp, data):
    run = tmp / "diverges"
    said = lentigo("train", "--data", data, "-o", run, "--iters", 200, "--lr", 1000, "--clip", 0,
                   "--save-every", 1, "--validate-every", 0, *SMALL, check=1).stderr
    found = re.search(r"iteration (\d+): (the loss|a gradient|a weight|a running statistic) is not finite; batch: (.*)", said)
    assert found, said
    ids = json.loads(found[3])
    assert len(ids) == 2 and all((data / "images" / f"{i}.png").exists() for i in ids), ids
    last = log_of(run)[-1]
    assert last["iter"] == int(found[1]) and last["batch"] == ids, last
    if int(found[1]):
        assert (run / "state" / f"{found[1]}.safetensors").exists(), "the last good state is kept"


def check_bad_pictures(tmp):
    data = make_set(tmp / "bad-set", 4)
    whole = (data / "images" / "train1.png").read_bytes()
    (data / "images" / "train1.png").write_bytes(whole[:3000])
    flags = ["train", "--data", data, "--iters", 1, *SMALL]
    assert "train1" in lentigo(*flags, "-o", tmp / "b1", check=78).stderr
    (data / "images" / "train1.png").write_bytes(whole)
    write_png(data / "masks" / "train3.png", 32, bytes(1024), 1)
    assert "train3" in lentigo(*flags, "-o", tmp / "b1", check=78).stderr  # of another size
    (data / "labels.csv").write_text("id,dx,split\ntrain0,XYZ,train\n")
    assert "labels.csv:2" in lentigo(*flags, "-o", tmp / "b2", check=78).stderr
    (data / "labels.csv").write_text("id,dx,split\ntrain0,NV,test\n")
    assert "split train" in lentigo(*flags, "-o", tmp / "b3", check=78).stderr
    # without a validation split there is a last model and no best one
    (data / "labels.csv").write_text("id,dx,split\ntrain0,NV,train\ntrain2,MEL,train\n")
    lentigo(*flags, "-o", tmp / "b4", check=0)
    assert (tmp / "b4" / "last" / "weights.safetensors").exists()
    assert not (tmp / "b4" / "best").exists()


def check_full_disk(tmp, data):
    """A disk that has room for one state only: training says so, goes on, and keeps what it has; with
    room again the same run ends as it would have."""
    if os.geteuid() or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        print("no right to mount: full disk not looked at")
        return
    flags = ["train", "--data", data, "--iters", 8, "--validate-every", 0, "--save-every", 2,
             "--cache", tmp / "cache", *SMALL]
    whole, small = tmp / "whole3", tmp / "small"
    lentigo(*flags, "-o", whole, check=0)
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=150m", "none", str(small)], check=True)
    try:
        run = small / "run"
        done = lentigo(*flags, "-o", run)
        assert done.returncode == 75, (done.returncode, done.stderr)
        assert "training goes on" in done.stderr and "No space left" in done.stderr, done.stderr
        states = sorted(p.name for p in (run / "state").iterdir())
        assert "2.json" in states and "2.safetensors" in states, states
        subprocess.run(["mount", "-o", "remount,size=400m", str(small)], check=True)
        lentigo(*flags, "-o", run, "--resume", check=0)
        assert (hashlib.sha256((run / "last/weights.safetensors").read_bytes()).digest() ==
                hashlib.sha256((whole / "last/weights.safetensors").read_bytes()).digest())
    finally:
        subprocess.run(["umount", "-l", str(small)])


with Scratch() as tmp:
    data, learnt_run = check_learns(tmp)
    if not LONG:
        check_resume(tmp, data)
        check_stop(tmp, data)
        check_refusals(tmp, data, learnt_run)
        check_precision(tmp, data)
        check_init(tmp, data, learnt_run)
        check_weights(tmp, data)
        check_not_finite(tmp, data)
        check_bad_pictures(tmp)
        check_full_disk(tmp, data)
