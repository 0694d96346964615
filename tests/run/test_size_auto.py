"""--size auto: each image's mask is that of the size that its entry names, whatever the batches, the
streams and the order; a run that is killed goes on to the same bytes; an OUT is never mixed with
another size or another plan. And the choice of the sizes on a small drawn set.

usage: test_size_auto.py BIN SOURCE
"""
from harness import *

MODEL = pathlib.Path(sys.argv[2]) / "models" / "starter"


def model_with(path, bound):
    """The starter model with another bound of doubt: drawn lesions are easy."""
    path.mkdir(exist_ok=True)
    for name in ("weights.safetensors", "card.json", "policy.json"):
        shutil.copyfile(MODEL / name, path / name)
    policy = json.loads((MODEL / "policy-auto.json").read_text())
    policy["sizes"]["expected_jaccard_min"] = bound
    (path / "policy-auto.json").write_text(json.dumps(policy))
    # scores are compared between both ways, so both go through one temperature
    single = json.loads((MODEL / "policy.json").read_text())
    single["temperature"] = policy.get("temperature", {"value": 1, "ci": [1, 1]})
    (path / "policy.json").write_text(json.dumps(single))
    return path


def predict(model, size, files, masks):
    done = lentigo("predict", "--model", model, "--size", size, "--mask", masks, *files, check=0)
    return [json.loads(line) for line in done.stdout.splitlines()]


def pick_model(tmp, files):
    """One under which some of the files need a fine pass and others do not."""
    for bound in (0.8, 0.9, 0.7, 0.95, 0.6, 0.97, 0.5):
        model = model_with(tmp / "model", bound)
        entries = predict(model, "auto", files, tmp / "masks")
        if len({e["network_size"] for e in entries if e["status"] == "done"}) == 2:
            return model, entries
    raise AssertionError("no bound splits the drawn pictures")


def check_predict(tmp, files):
    model, entries = pick_model(tmp, files)
    compared = set()
    for size in sorted({e["network_size"] for e in entries if e["network_size"]}):
        for got, want in zip(entries, predict(model, size, files, tmp / "fixed")):
            # From 1024 px on a JPEG's rows are read at a scale that depends on what else is made.
            if got["network_size"] != size or max(got["width"], got["height"]) >= 1024:
                continue
            compared.add(size)
            name = got["stem"] + ".mask.png"
            assert (tmp / "masks" / name).read_bytes() == (tmp / "fixed" / name).read_bytes(), got
            assert got["classes"] == want["classes"] and got["lesion"] == want["lesion"], (got, want)
    assert len(compared) == 2, compared
    assert all(e["network_size"] is None for e in entries if e["status"] != "done")
    return model


def check_run(tmp, upload, model):
    flags = ("--size", "auto", "--model", model, "--reports", "json")
    calm, out = tmp / "calm", tmp / "out"
    lentigo("run", upload, "-o", calm, *flags, "--jobs", 1, check=0)
    entries = check_accounted(calm, upload)
    assert len({e["network_size"] for e in entries.values() if e["status"] == "done"}) == 2
    report = json.loads(next(calm.glob("patients/**/report.json")).read_text())
    plan = json.loads((model / "policy-auto.json").read_text())["sizes"]
    assert (report["model"]["coarse_size"], report["model"]["size"]) == (plan["coarse"], plan["fine"])

    more = (*flags, "--jobs", 2, "--batch", 4)
    run = start("run", upload, "-o", out, *more)
    wait_until(lambda: results(out) or run.poll() is not None, "the first result")
    assert run.poll() is None, "over before it could be killed: take more patients"
    kill(run.pid)
    run.wait()
    lentigo("run", upload, "-o", out, *more, check=0)
    check_accounted(out, upload)
    a, b = digests(calm), digests(out)
    assert a == b, sorted(k for k in a.keys() | b.keys() if a.get(k) != b.get(k))

    refused = lentigo("run", upload, "-o", out, "--model", model, "--reports", "json", check=78)
    assert "size" in refused.stderr or "policy" in refused.stderr, refused.stderr
    other = model_with(tmp / "other", 0.123)
    refused = lentigo("run", upload, "-o", out, "--size", "auto", "--model", other, "--reports", "json",
                      check=78)
    assert "policy" in refused.stderr, refused.stderr
    (other / "policy-auto.json").unlink()
    refused = lentigo("run", upload, "-o", tmp / "none", "--size", "auto", "--model", other, check=78)
    assert "policy-auto.json" in refused.stderr, refused.stderr


def check_calibrate(tmp, demo_dir, model):
    few = labelled_set(tmp / "few", demo_dir)
    mixed = json.loads(lentigo("eval", "--data", few, "--split", "val", "--size", "auto", "--model", model,
                               check=0).stdout)
    assert mixed["size"] == "auto" and mixed["n"] == 12, mixed
    assert 0 <= mixed["fine_share"] <= 1 and mixed["coarse"] < mixed["fine"], mixed
    large = json.loads(lentigo("eval", "--data", few, "--split", "all", "--min-side", 60000, check=0).stdout)
    assert large["n"] == 0 and large["min_side"] == 60000, large
    flags = ("--size", "auto", "--model", model, "--replicates", 20)
    refused = lentigo("model", "calibrate", "--data", few, *flags, check=78)
    assert "too few pictures" in refused.stderr, refused.stderr


need_redis()
with Scratch() as tmp:
    upload = demo(tmp / "demo", 10)
    files = [upload / name for name in named_files(upload)]
    model = check_predict(tmp, [f for f in files if f.is_file()])
    check_run(tmp, upload, model)
    check_calibrate(tmp, tmp / "demo", model)
    assert not processes_naming(tmp), processes_naming(tmp)
print("test_size_auto: 1 passed, 0 failed")
