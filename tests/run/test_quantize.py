"""`lentigo model quantize` from end to end: a folder without labels, a labelled set, what is refused,
and a run that takes the quantised model."""
import shutil

from harness import *

STARTER = pathlib.Path(__file__).resolve().parents[2] / "models" / "starter"


def has_int8(model):
    done = lentigo("bench", "engine", "--precision", "int8", "--model", model, "--size", "64", "--rounds", "1")
    return done.returncode == 0


def quantize(out, *args, check=0):
    done = lentigo("model", "quantize", "--model", out.parent / "bare", "-o", out, *args, check=check)
    return json.loads(done.stdout) if check == 0 else done.stderr


def labelled_set(path, upload):
    """The demo's pictures with a split and made-up diagnoses; the f32 network's
    outline is the truth."""
    images, masks = path / "images", path / "masks"
    images.mkdir(parents=True)
    for n, picture in enumerate(p for p in sorted(upload.rglob("*.jpg")) if p.stat().st_size > 5000):
        shutil.copy(picture, images / f"p{n}.jpg")
    lentigo("predict", *images.iterdir(), "--mask", masks, "--precision", "f32")
    lines = ["id,dx,split"]
    for picture in sorted(images.iterdir()):
        mask = masks / f"{picture.stem}.mask.png"
        if not mask.exists():  # set aside
            picture.unlink()
            continue
        black_and_white(mask.read_bytes(), masks / f"{picture.stem}.png")
        mask.unlink()
        n = len(lines)
        lines.append(f"{picture.stem},{'MEL' if n // 2 % 2 else 'NV'},{'val' if n % 2 else 'train'}")
    (path / "labels.csv").write_text("\n".join(lines) + "\n")
    assert len(lines) > 6, lines


if not has_int8(STARTER):
    print("no int8 on this machine: skipped")
    sys.exit(SKIP)
with Scratch() as scratch:
    upload = demo(scratch / "demo", 10)
    bare = scratch / "bare"
    shutil.copytree(STARTER, bare)
    (bare / "int8.json").unlink()

    # without labels: ranges, no verdict, not taken by auto
    plain = scratch / "plain"
    told = quantize(plain, "--calibrate", upload, "--limit", "16")
    ranges = json.loads((plain / "int8.json").read_text())
    card = json.loads((plain / "card.json").read_text())
    assert len(ranges["ranges"]) == 26 and told["pictures"] > 3, told
    assert ranges["weights_sha256"] == hashlib.sha256((plain / "weights.safetensors").read_bytes()).hexdigest()
    assert told["rule"] == ranges["rule"] and told["logits_nmse"][told["rule"]] == min(told["logits_nmse"].values())
    assert min(told["logits_nmse"].values()) < 0.01, told
    assert "int8" not in card["precisions"] and card["int8"]["within_tolerance"] is None, card
    assert (plain / "policy.json").read_bytes() == (bare / "policy.json").read_bytes()
    again = quantize(scratch / "again", "--calibrate", upload, "--limit", "16")
    assert (scratch / "again" / "int8.json").read_bytes() == (plain / "int8.json").read_bytes()

    # with labels: figures and a verdict
    labelled_set(scratch / "set", upload)
    told = quantize(scratch / "figures", "--calibrate", scratch / "set")
    card = json.loads((scratch / "figures" / "card.json").read_text())
    assert {"f32", "int8"} <= told["figures"].keys() and told["figures"]["split"] == "val", told
    assert told["figures"]["f32"]["n"] == told["figures"]["int8"]["n"] > 1, told
    assert ("int8" in card["precisions"]) == card["int8"]["within_tolerance"], card

    # a run takes it; going on with other ranges is refused
    out = scratch / "out"
    flags = ("--reports", "json", "--model", plain, "--precision", "int8")
    lentigo("run", upload, "-o", out, *flags, check=0)
    assert json.loads((out / "summary.json").read_text())["precision"] == "int8"
    lentigo("run", upload, "-o", out, *flags, check=0)
    text = (plain / "int8.json").read_text()
    (plain / "int8.json").write_text(text.replace('"pictures"', '"images"'))
    assert "int8.json" in lentigo("run", upload, "-o", out, *flags, check=78).stderr

    # refusals
    assert "quantize" in lentigo("bench", "engine", "--precision", "int8", "--model", bare, check=78).stderr
    (plain / "int8.json").write_text(text.replace(ranges["weights_sha256"], "0" * 64))
    assert "other weights" in lentigo("predict", "x.jpg", "--model", plain, check=78).stderr
    empty = scratch / "empty"
    empty.mkdir()
    assert "no picture" in quantize(scratch / "none", "--calibrate", empty, check=78)
    assert "--calibrate" in quantize(scratch / "none", check=64)
print("test_quantize: 1 passed, 0 failed")
