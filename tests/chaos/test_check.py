"""The checker is checked: a sound spool passes, and each way to damage one is found by its name."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "run"))
from harness import *  # noqa: E402,F403

CHECK = pathlib.Path(__file__).resolve().parent / "check.py"


def check(out, like):
    done = subprocess.run(
        [sys.executable, "-B", str(CHECK), str(spool(out)), "--like", str(spool(like)), "--out", str(out),
         "--like-out", str(like)], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, done.stdout


def spool(out):
    return out / ".lentigo" / "spool"


def first(out, pattern):
    return sorted(spool(out).glob(f"uploads/*/studies/*/{pattern}"))[0]


def done_result(out):
    """A result of an image that is done, for which there is a mask."""
    mask = first(out, "results/*.mask.png")
    return mask.parent / (mask.name.split(".")[0] + ".json")


def edit(path, change):
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def log(out, line):
    with open(spool(out) / "log", "a") as f:
        f.write(line)


def blame(out):
    """A sound image set aside as if it had killed something."""
    path = done_result(out)
    edit(path, lambda r: (r.update(status="set_aside"),
                          r["entry"].update(status="set_aside", reason="decode_crash")))
    for picture in path.parent.glob(path.stem + ".*.*"):
        picture.unlink()


def cancel(out):
    path = done_result(out)
    edit(path, lambda r: r.update(status="cancelled", entry={
        k: v for k, v in r["entry"].items() if k in ("file", "sha256", "stem")}))


def double(out):
    """An image stands twice in its report."""
    edit(first(out, "report.json"), lambda r: r["images"].append(r["images"][0]))


def cut(path):
    path.write_bytes(path.read_bytes()[:-4])


def contents(out):
    return sorted(spool(out).glob("uploads/*/contents"))[0]


AT = '"at":"2026-01-01T00:00:00Z"'
# what is done to the spool: what must be said of it
DAMAGES = {
    "result lost": (lambda o: done_result(o).unlink(), "has no terminal state"),
    "result cut": (lambda o: cut(done_result(o)), "no JSON"),
    "result of an odd status": (lambda o: edit(done_result(o), lambda r: r.update(status="lost")),
                                "status 'lost'"),
    "result of another image": (lambda o: edit(done_result(o), lambda r: r["entry"].update(file="x")),
                                "another image's"),
    "result changed": (lambda o: edit(done_result(o), lambda r: r["entry"].update(width=7)),
                       "not the bytes of the undisturbed run"),
    "result too many": (lambda o: (done_result(o).parent / "77.json").write_text("{}"), "of no image"),
    "sound image blamed": (blame, "a sound image was blamed: decode_crash"),
    "cancelled by nobody": (cancel, "cancelled without an order"),
    "mask lost": (lambda o: first(o, "results/*.mask.png").unlink(), "mask is missing"),
    "mask cut": (lambda o: cut(first(o, "results/*.mask.png")), "not whole"),
    "draft left": (lambda o: (done_result(o).parent / "0.json.12.tmp").write_text(""), "of no image"),
    "draft of a report left": (lambda o: (first(o, "study.json").parent / "report.json.draft")
                               .write_text(""), "no file of a study"),
    "report lost": (lambda o: first(o, "report.json").unlink(), "no report"),
    "report names an image twice": (double, "each once with its state"),
    "original lost": (lambda o: first(o, "originals/0").unlink(), "missing"),
    "original changed": (lambda o: first(o, "originals/0").write_bytes(b"x"), "that were handed in"),
    "study lost": (lambda o: shutil.rmtree(first(o, "study.json").parent), "were accepted"),
    "study of another name": (lambda o: edit(first(o, "study.json"), lambda r: r.update(key="x")),
                              "another's"),
    "more accepted than there is": (lambda o: edit(sorted(spool(o).glob("uploads/*/upload.json"))[0],
                                                   lambda r: r.update(images=r["images"] + 1)),
                                    "were accepted"),
    "intake cut off": (lambda o: (spool(o) / "incoming" / "x").mkdir(), "an intake"),
    "orphan in the spool": (lambda o: (spool(o) / "x.tmp").write_text(""), "no part of a spool"),
    "orphan in an upload": (lambda o: (first(o, "study.json").parents[2] / "x").write_text(""),
                            "no part of an upload"),
    "contents lost": (lambda o: contents(o).unlink(), "not what the studies say"),
    "contents cut": (lambda o: cut(contents(o)), "not what the studies say"),
    "another version": (lambda o: (spool(o) / "version").write_text("2\n"), "missing or another"),
    "log of odd bytes": (lambda o: log(o, "}\n"), "no event"),
    "log cut": (lambda o: log(o, '{"event":"pause",' + AT + "}"), "not ended"),
    "order forgotten": (lambda o: log(o, '{"event":"cancel","order":"1","target":"x",' + AT + "}\n"),
                        "never carried out"),
    "history without an order": (lambda o: ((first(o, "study.json").parent / "history").mkdir(),
                                            (first(o, "study.json").parent / "history" / "0.0.json")
                                            .write_text("{}")), "moved away without an order"),
    "published file lost": (lambda o: sorted(o.glob("patients/**/*.mask.png"))[0].unlink(), "missing"),
    "published file changed": (lambda o: cut(sorted(o.glob("patients/**/*.pdf"))[0]),
                               "not the bytes of the undisturbed run"),
    "summary of other counts": (lambda o: edit(o / "summary.json", lambda r: r.update(done=0)),
                                "tells other counts"),
}

need_redis()
with Scratch() as tmp:
    upload = demo(tmp / "demo", 4)
    like = tmp / "like"
    lentigo("run", upload, "-o", like, "--size", "64", check=0)
    assert check(like, like)[0] == 0, check(like, like)[1]
    for name, (damage, said) in DAMAGES.items():
        out = tmp / "out"
        shutil.copytree(like, out)
        damage(out)
        status, told = check(out, like)
        assert status == 1 and said in told, f"{name}: status {status}, said:\n{told}"
        shutil.rmtree(out)
print(f"test_check: {len(DAMAGES)} damages found")
