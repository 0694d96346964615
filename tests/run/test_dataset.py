"""lentigo dataset as a person meets it."""
from harness import *


def make_set(path, n):
    """A labelled set: four patients' worth of rows for each class, no pictures yet."""
    path.mkdir()
    classes = ["MEL", "NV", "BCC"]
    with open(path / "labels.csv", "w", newline="") as f:
        out = csv.writer(f)
        out.writerow(["id", "dx", "split", "patient_id", "remark"])
        for i in range(n):
            out.writerow([f"p{i}", classes[i % 3], "", f"who{i // 4}", "kept, as it is"])
    return path


def check_split(folder):
    data = make_set(folder / "set", 120)
    before = (data / "labels.csv").read_bytes()
    said = lentigo("dataset", "split", data, "--percent", "60,20,20", "--seed", "3", check=0).stdout
    assert "patients with several pictures: 30" in said, said
    done = rows(data / "labels.csv")
    sides = {}
    for row in done:
        sides.setdefault(row["patient_id"], set()).add(row["split"])
        assert row["remark"] == "kept, as it is"
    assert all(len(s) == 1 for s in sides.values()), sides
    counts = [sum(r["split"] == s for r in done) for s in ("train", "val", "test")]
    assert counts == [72, 24, 24], counts
    after = (data / "labels.csv").read_bytes()
    # what is dealt out stays, unless told
    assert "--replace" in lentigo("dataset", "split", data, check=64).stderr
    assert (data / "labels.csv").read_bytes() == after != before
    lentigo("dataset", "split", data, "--replace", "--percent", "60,20,20", "--seed", "3", check=0)
    assert (data / "labels.csv").read_bytes() == after, "the same seed gives the same bytes"
    for bad in ("50,20,20", "x", "0,50,50"):
        assert "percent" in lentigo("dataset", "split", data, "--replace", "--percent", bad, check=64).stderr
    assert "labels.csv" in lentigo("dataset", "split", folder / "nobody", check=78).stderr
    assert "split" in lentigo("dataset", "frobnicate", check=64).stderr
    assert "split" in lentigo("dataset", check=64).stderr


with Scratch() as scratch:
    check_split(scratch)
print("test_dataset: 1 passed, 0 failed")
