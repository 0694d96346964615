"""How a run is started and left must not change what it does: closed descriptors, a reader that goes
away, a folder that is not empty, a model that is damaged, a socket of a killed run."""
import stat

from harness import *

need_redis()


def lentigo_closed(closed, *args):
    """Run with these standard descriptors closed; the status."""
    def close():
        for fd in closed:
            os.close(fd)
    return subprocess.run([str(BIN / "lentigo"), *map(str, args)], env=environment(),
                          preexec_fn=close, stdin=None, timeout=HANG_S).returncode


with Scratch() as tmp:
    upload = demo(tmp / "demo", 4)

    # Whichever standard descriptors are closed, nothing else takes their place.
    for closed in ((0,), (1,), (2,), (0, 1, 2)):
        out = tmp / ("closed" + "".join(map(str, closed)))
        assert lentigo_closed(closed, "run", upload, "-o", out, "--reports", "none") == 0, closed
        assert not (out / ".lentigo" / "lock").read_bytes(), closed
        lentigo("doctor", out, check=0)  # no report was wanted, so none is missing

    # A reader that goes away (`| head`) stops its own reading, not the work.
    out = tmp / "unread"
    reader, writer = os.pipe()
    os.close(reader)
    status = subprocess.run([str(BIN / "lentigo"), "run", str(upload), "-o", str(out)],
                            stdout=writer, stderr=writer, env=environment(), timeout=HANG_S).returncode
    os.close(writer)
    assert status == 0, status
    check_accounted(out, upload)

    # OUT is new, empty, or ours: also through a link, and when it is INPUT itself.
    full = tmp / "full"
    full.mkdir()
    (full / "thesis.txt").write_text("precious")
    (tmp / "link").symlink_to(full)
    (tmp / "dangling").symlink_to("nowhere")
    for name in ("full", "link", "dangling"):
        lentigo("run", upload, "-o", tmp / name, check=78)
    refused = lentigo("run", ".", "-o", ".", cwd=upload, check=78)
    assert "not empty" in refused.stderr, refused.stderr
    assert [p.name for p in full.iterdir()] == ["thesis.txt"]
    (tmp / "empty").mkdir(mode=0o755)
    (tmp / "to-empty").symlink_to("empty")
    lentigo("run", upload, "-o", tmp / "to-empty", check=0)
    assert stat.S_IMODE((tmp / "empty").stat().st_mode) == 0o700
    lentigo("run", upload, "-o", tmp / "empty", check=0)

    # What the environment says of an installation is none of the business of a run, and a flag goes
    # before it in every program that the run starts.
    out = tmp / "installed"
    env = environment(LENTIGO_SPOOL=str(tmp / "spool"), LENTIGO_REDIS="127.0.0.1:1",
                      LENTIGO_SIZE="128", LENTIGO_REPORTS="none")
    done = subprocess.run([str(BIN / "lentigo"), "run", str(upload), "-o", str(out), "--reports",
                           "html,pdf,json"], env=env, capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode == 0, done.stderr
    check_accounted(out, upload)
    assert not (tmp / "spool").exists()
    assert json.loads((out / ".lentigo" / "stats.json").read_text())["size"] == 128

    # LENTIGO_DATADIR as the source tree: what the build makes of it is found beside the programs.
    out = tmp / "from-source"
    env = environment(LENTIGO_DATADIR=str(BIN / ".." / ".." / ".."))
    done = subprocess.run([str(BIN / "lentigo"), "run", str(upload), "-o", str(out)], env=env,
                          capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode == 0, done.stderr
    check_accounted(out, upload)

    # What is wrong with the model is said on the spot, before anything is taken in.
    starter = BIN / ".." / ".." / ".." / "models" / "starter"
    for name, spoil, says in (("weights.safetensors", lambda b: b[:100000], "is cut"),
                              ("policy.json", lambda b: b"{", "policy.json"),
                              ("policy.json", None, "policy.json")):
        model = tmp / "model"
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(starter, model)
        data = (model / name).read_bytes()
        (model / name).unlink()
        if spoil:
            (model / name).write_bytes(spoil(data))
        refused = lentigo("run", upload, "-o", tmp / "spoilt", "--model", model, check=78)
        assert says in refused.stderr and "taken in" not in refused.stderr, refused.stderr

    # Without Redis: what to install.
    refused = subprocess.run([str(BIN / "lentigo"), "run", str(upload), "-o", str(tmp / "bare")],
                             env=dict(environment(), PATH="/nonexistent"), capture_output=True, text=True)
    assert refused.returncode == 78 and "not installed" in refused.stderr, refused

    # A killed run leaves its socket; the next run of this OUT removes it.
    out = tmp / "killed"
    run = start("run", upload, "-o", out, "--jobs", 1)
    note = out / ".lentigo" / "run.json"
    wait_until(lambda: note.exists() and "redis" in note.read_text(), "a socket is named")
    old = pathlib.Path(json.loads(note.read_text())["redis"]).parent
    kill(run.pid)
    run.wait()
    assert old.exists()
    lentigo("run", upload, "-o", out, check=0)
    assert not old.exists(), old
    check_accounted(out, upload)

    # A folder whose name is no UTF-8 and, made clean, longer than any field that an error is kept in: an image that
    # changed since it was handed in is set aside, and its patient has his report. So has one whose image was set
    # aside by an older version, which did not cut what it wrote.
    out = tmp / os.fsdecode(b"\xc9\xb8\xb2\xe9" * 30)
    lentigo("run", upload, "-o", out, check=0)
    original = min((out / ".lentigo" / "spool" / "uploads").glob("*/studies/*/originals/*"))
    study = original.parent.parent
    result = study / "results" / f"{original.name}.json"
    cut = original.read_bytes()[:-10]
    original.unlink()  # it may be the one in INPUT
    original.write_bytes(cut)
    result.unlink()
    for detail in (None, "%C9" * 200):
        if detail:
            told = json.loads(result.read_text())
            told["entry"]["detail"] = detail
            result.write_text(json.dumps(told))
        (study / "report.json").unlink()
        lentigo("run", upload, "-o", out, check=0)
        entries = check_accounted(out, upload)
        aside = [e for e in entries.values() if e["reason"] == "changed"]
        assert len(aside) == 1 and (detail or "bytes" in aside[0]["detail"]), aside

    # INPUT that is gone after its intake (a card pulled out) is not needed any more.
    card, out = tmp / "card", tmp / "from-card"
    shutil.copytree(upload, card)
    run = start("run", card, "-o", out, "--jobs", 1)
    wait_until(lambda: results(out) >= 1, "work is under way")
    kill(run.pid)
    run.wait()
    card.rename(tmp / "elsewhere")
    lentigo("run", "card/", "-o", out, cwd=tmp, check=0)
    check_accounted(out, upload)
    lentigo("run", tmp / "nowhere", "-o", out, check=78)
    lentigo("run", tmp / "nowhere", "-o", tmp / "never", check=78)
    assert not (tmp / "never").exists()
print("test_odd_start: 1 passed, 0 failed")
