"""Images that crash, hang or fill memory in each stage, and decoders that were taken over, among good
ones, through a real run: every good image is done with the bytes of a run without them, each bad one is
set aside with the stage and the signal it had, and what a sandbox refuses costs at most that image.

    test_poison.py BIN SOURCE [--each N] [--good N] [--first N] [--pictures DIR] [--size PX] [--lease-ms MS]

The throughput is that of the good images, until the last of them is done: what it costs the others that
some are bad. What the bad ones take at the end, when nobody else waits, is the difference of the two
whole times. A worker that meets the first of them early does not die; one that meets it later dies once."""
import argparse
import pathlib
import resource
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "run"))
from harness import *  # noqa: E402,F403
from poisoned import FLAGS, POISONED  # noqa: E402

EARLY, LATE = 40, 100  # good images before the first that ends the process that computes it
# what the name asks for: reason, stage and signals one of which it must be set aside with (what fills memory
# slowly meets the limit of time first); None: it is refused what it wants, and is a picture like others
POISON = {
    "crash-decode": ("decode_crash", "decode", [11]),
    "hang-decode": ("decode_timeout", None, []),
    "memory-decode": ("decode_memory", None, []),
    "crash-network": ("crash", "network", [11]),
    "hang-network": ("crash", "network", [24]),
    "memory-network": ("crash", "network", [6, 24]),
    "crash-measure": ("crash", "measure", [11]),
    "hang-measure": ("crash", "measure", [24]),
    "memory-measure": ("crash", "measure", [0, 24]),
    "open-decode": None,
    "connect-decode": ("decode_crash", "decode", [31]),
    "fork-decode": ("decode_crash", "decode", [31]),
    "exec-decode": ("decode_crash", "decode", [31]),
    "slots-decode": None,
}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("bin")
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("--each", type=int, default=1)
    parser.add_argument("--good", type=int, default=40)
    parser.add_argument("--first", type=int, default=0, help="good images before the first bad one")
    parser.add_argument("--pictures", type=pathlib.Path)
    parser.add_argument("--size", default="64")
    parser.add_argument("--log", type=pathlib.Path, help="keep the scheduler's log of the run here")
    parser.add_argument("--lease-ms", default="4000")
    parser.add_argument("--only", nargs="*", default=sorted(POISON))
    return parser.parse_args()


def run(upload, out, libexec, args):
    """The run's seconds, those until its last good image, those of its processors, and its log."""
    env = environment(LENTIGO_LIBEXEC=str(libexec), LENTIGO_DATADIR=str(args.source),
                      LENTIGO_TEST_ESCAPE=str(libexec.parent / "escaped"))
    began, cpu = time.time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([BIN / "lentigo", "run", upload, "-o", out, *FLAGS, "--size", args.size,
                           "--lease-ms", args.lease_ms], env=env, text=True, capture_output=True,
                          timeout=900)
    log = (out / ".lentigo" / "lentigo.log").read_text(errors="replace")
    assert done.returncode == 0, f"status {done.returncode}\n{done.stderr}\n{log[-3000:]}"
    seconds, used = time.time() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return (seconds, last_good(out) - began,
            used.ru_utime + used.ru_stime - cpu.ru_utime - cpu.ru_stime, log)


def last_good(out):
    """When the last good image was done."""
    spool = out / ".lentigo" / "spool"
    return max(p.stat().st_mtime for p in spool.glob("uploads/*/studies/*/results/*.json")
               if json.loads(p.read_text())["entry"]["status"] == "done")


def places(args):
    """Each bad image: what it asks for, and how many good ones stand before it."""
    total = args.each * len(args.only)
    return [(args.only[i % len(args.only)], args.first + i * (args.good - args.first) // total)
            for i in range(total)]


def check_workers(args, workers):
    """One that does not die, or one that died once and the next."""
    first = min((place for what, place in places(args) if not what.endswith("decode")), default=0)
    assert workers <= 2 and (workers == 1 or first > EARLY) and (workers == 2 or first < LATE), workers


def gather(tmp, args):
    """Pictures for the good and the bad, by name; the bad ones stand spread among the good."""
    if args.pictures:
        some = sorted(args.pictures.glob("*.jpg"))
    else:
        upload = demo(tmp / "demo", 12, seed=4)
        some = sorted(p for p in upload.rglob("*.jpg") if 10000 < p.stat().st_size < 300000)
        some = [p for p in some if p.read_bytes().endswith(b"\xff\xd9")]
    good, bad = tmp / "good", tmp / "bad"
    good.mkdir()
    for i in range(args.good):
        picture = some[i % len(some)].read_bytes()
        (good / f"{i:05}").mkdir()
        (good / f"{i:05}" / "good.jpg").write_bytes(picture + b"%d" % i)
    shutil.copytree(good, bad)
    for i, (what, place) in enumerate(places(args)):
        patient = bad / f"{place:05}b"
        patient.mkdir(exist_ok=True)
        (patient / f"{what}-{i}.jpg").write_bytes(some[i % len(some)].read_bytes() + b"bad%d" % i)
    return good, bad


def entries(out):
    found = {}
    for path in out.glob("patients/**/report.json"):
        found.update({i["file"]: i for i in json.loads(path.read_text())["images"]})
    return found


def listed(out):
    """What `lentigo set-aside` says, by file."""
    files = {}
    for path in (out / ".lentigo" / "spool").glob("uploads/*/studies/*/study.json"):
        study = json.loads(path.read_text())
        for image in study["images"]:
            files[f"{study['upload']}/{study['key']}/{image['n']}"] = image["file"]
    lines = lentigo("set-aside", "--json", out, check=0).stdout.splitlines()
    return {files[x["id"]]: x for x in map(json.loads, lines)}


def masks(out):
    return {n: d for n, d in digests(out).items() if n.endswith(".mask.png") and n.count("/") == 2}


def check_bad(entries, aside):
    """Each bad one as the table has it."""
    for file, entry in entries.items():
        what = "-".join(file.rsplit("/", 1)[-1].split("-")[:2])
        if what not in POISON:
            assert entry["status"] == "done", f"a good image: {file}: {entry['reason']}"
            continue
        if POISON[what] is None:
            assert entry["status"] == "done", f"{file}: {entry['reason']}: {entry['detail']}"
            continue
        reason, stage, signals = POISON[what]
        assert entry["reason"] == reason, f"{file}: {entry['reason']}: {entry['detail']}"
        told = aside[file]
        assert stage is None or (told["stage"] == stage and told["signal"] in signals), told


need_redis()
args = arguments()
with Scratch() as tmp:
    libexec = programs_with(POISONED, tmp / "prefix" / "bin")
    good, bad = gather(tmp, args)
    calm_s, calm_good_s, calm_cpu_s, calm_log = run(good, tmp / "calm", libexec, args)
    assert "event=image.failed" not in calm_log, "a good image was in a hurry"
    bad_s, bad_good_s, bad_cpu_s, log = run(bad, tmp / "out", libexec, args)
    if args.log:
        args.log.write_text(log)
    aside = listed(tmp / "out")
    told = entries(tmp / "out")
    assert len(told) == args.good + args.each * len(args.only), len(told)
    check_bad(told, aside)
    workers = log.count("event=child.up child=worker")
    check_workers(args, workers)
    calm, ours = masks(tmp / "calm"), masks(tmp / "out")
    assert all(ours.get(n) == d for n, d in calm.items()), "a neighbour has other bytes"
    assert not (libexec.parent / "escaped").exists()
    assert not processes_naming(tmp), "a process is left"
    lentigo("doctor", tmp / "out", check=0)
    print(json.dumps({"good": args.good, "bad": args.each * len(args.only),
                      "calm_s": round(calm_s, 1), "calm_good_s": round(calm_good_s, 2),
                      "s": round(bad_s, 1), "good_s": round(bad_good_s, 2),
                      "calm_cpu_s": round(calm_cpu_s, 1), "cpu_s": round(bad_cpu_s, 1),
                      "throughput": round(calm_good_s / bad_good_s, 3),
                      "workers": workers}))
    assert bad_good_s - calm_good_s < int(args.lease_ms) / 1000, "neighbours waited for a lease"
print(f"test_poison: {len(args.only)} kinds, 0 failed")
