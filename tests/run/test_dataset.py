"""lentigo dataset as a person meets it."""
import random

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


def labelme(path, shapes, size=(640, 480)):
    path.write_text(json.dumps({"version": "5.2.1", "flags": {}, "imagePath": path.stem + ".jpg", "imageData": None,
                                "imageWidth": size[0], "imageHeight": size[1], "shapes": shapes}))


def circle(label, x, y, r):
    return {"label": label, "points": [[x, y], [x + r, y]], "shape_type": "circle", "group_id": None, "flags": {}}


def picture(path, seed, size="640x480"):
    chance = random.Random(seed)
    blots = []
    for _ in range(60):
        colour = "#" + "".join(f"{chance.randrange(256):02x}" for _ in range(3))
        blots += ["-fill", colour, "-draw",
                  f"ellipse {chance.randrange(640)},{chance.randrange(480)} "
                  f"{chance.randrange(20, 90)},{chance.randrange(20, 90)} 0,360"]
    subprocess.run(["convert", "-size", size, "-define", "gradient:angle=30", "gradient:white-black", *blots, str(path)], check=True)


def make_annotations(folder):
    folder.mkdir()
    for i in range(12):
        picture(folder / f"p{i}.jpg", i)
        labelme(folder / f"p{i}.json", [circle("melanoma" if i % 2 else "naevus", 200 + 10 * i, 220, 90)])
    labelme(folder / "p11.json", [circle("melanoma", 200, 200, 60), circle("naevus", 400, 300, 50)])
    (folder / "classes.txt").write_text("melanoma = MEL\nnaevus = NV\n")
    with open(folder / "manifest.csv", "w") as f:
        f.write("file,patient_id,lesion_id\n" + "".join(f"p{i}.jpg,who{i // 2},\n" for i in range(12)))
    return folder


def check_convert(folder):
    source = make_annotations(folder / "drawn")
    out = folder / "converted"
    lentigo("dataset", "convert", source, "-o", out, check=0)
    done = {r["id"]: r for r in rows(out / "labels.csv")}
    assert done["p1"]["dx"] == "MEL" and done["p2"]["dx"] == "NV" and done["p11"]["dx"] == "", done
    assert done["p5"]["patient_id"] == "who2"
    assert (out / "images" / "p3.jpg").read_bytes() == (source / "p3.jpg").read_bytes()
    # what is there is never written over; what is wrong is named, and nothing is left behind
    assert "is there already" in lentigo("dataset", "convert", source, "-o", out, check=64).stderr
    labelme(source / "p4.json", [circle("naevus", 200, 200, 60), circle("wart", 200, 200, 60)])
    whole = (source / "p5.jpg").read_bytes()
    (source / "p5.jpg").unlink()  # the set has the same file under its own name
    (source / "p5.jpg").write_bytes(whole[:2000])
    labelme(source / "p6.json", [circle("naevus", 200, 200, 60)], (600, 480))
    (source / "p7.json").write_text("{")
    second = folder / "second"
    said = lentigo("dataset", "convert", source, "-o", second, check=1).stderr
    for part in ('p4.json: shape 2 ("wart"): unknown label', "p7.json:"):
        assert part in said, (part, said)
    assert not second.exists() and not list(folder.glob("second.draft*"))
    said = lentigo("dataset", "convert", source, "-o", second, "--skip-bad", check=1).stderr
    for part in ("p5.jpg: ", "p6.jpg: drawn over a picture of 600 x 480, and this one is 640 x 480"):
        assert part in said, (part, said)
    assert sorted(r["id"] for r in rows(second / "labels.csv")) == sorted(set(done) - {"p4", "p5", "p6", "p7"})
    # and back again: the same masks
    said = lentigo("dataset", "convert", out, "-o", folder / "back", check=0).stdout
    assert said == f"{len(done)} pictures written to {folder / 'back'}\n", said
    (folder / "back" / "classes.txt").write_text("")
    lentigo("dataset", "convert", folder / "back", "-o", folder / "again", check=0)
    for mask in (out / "masks").iterdir():
        assert (folder / "again" / "masks" / mask.name).read_bytes() == mask.read_bytes(), mask.name
    return out


def defects(data):
    """The kinds found, and the verdict."""
    result = json.loads((data / "check.json").read_text())
    assert (data / "check.html").read_text().startswith("<!DOCTYPE html>")
    return {(d["kind"], d["id"]) for d in result["defects"]}, result["passed"]


def check_check(folder, data):
    lentigo("dataset", "split", data, "--percent", "50,25,25", check=0)
    said = lentigo("dataset", "check", data, check=0).stdout
    found, passed = defects(data)
    assert passed and "passed" in said, said
    assert ("class_missing", None) in found  # five classes have no picture at all: warned of
    page = (data / "check.html").read_text()
    assert page.count("data:image/jpeg") == 12 + 12 and "http" not in page, page.count("data:image/jpeg")
    # one of everything
    bad = shutil.copytree(data, folder / "bad")
    table = rows(bad / "labels.csv")
    by_id = {r["id"]: r for r in table}
    by_id["p0"]["dx"] = "WART"
    by_id["p1"]["split"] = "trian"
    (bad / "images" / "p2.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (bad / "images" / "p3.jpg").unlink()
    subprocess.run(["convert", "-size", "300x200", "xc:white", str(bad / "masks" / "p4.png")], check=True)
    subprocess.run(["convert", "-size", "640x480", "xc:black", str(bad / "masks" / "p5.png")], check=True)
    (bad / "masks" / "p6.png").unlink()
    shutil.copy(bad / "images" / "p8.jpg", bad / "images" / "p9.jpg")
    subprocess.run(["convert", str(bad / "images" / "p8.jpg"), "-resize", "400x", "-quality", "50",
                    str(bad / "images" / "p10.jpg")], check=True)
    subprocess.run(["convert", str(bad / "masks" / "p8.png"), "-sample", "400x300!", str(bad / "masks" / "p10.png")],
                   check=True)
    by_id["p8"]["split"], by_id["p9"]["split"], by_id["p10"]["split"] = "train", "val", "test"
    (bad / "images" / "nobody.jpg").write_bytes(b"x")
    with open(bad / "labels.csv", "w", newline="") as f:
        out = csv.DictWriter(f, table[0].keys())
        out.writeheader()
        out.writerows(table + [by_id["p7"]])
    said = lentigo("dataset", "check", bad, check=1).stdout
    found, passed = defects(bad)
    wanted = {("label", "p0"), ("split", "p1"), ("image_corrupt", "p2"), ("image_missing", "p3"), ("mask_size", "p4"),
              ("mask_empty", "p5"), ("mask_missing", "p6"), ("duplicate_id", "p7"), ("twin_split", "p9"),
              ("kin_split", "p9"), ("like_split", "p8"), ("no_row", None)}
    assert not passed and wanted <= found, wanted - found
    assert "NOT PASSED" in said and "masks/p4.png: 300 x 200, the picture is 640 x 480" in said, said


def check_balance(data):
    said = lentigo("dataset", "balance", data, "--sampling", "even", check=0).stdout
    assert "weights.csv" in said, said
    trains = {r["id"] for r in rows(data / "labels.csv") if r["split"] == "train" and r["dx"]}
    drawn = {r["id"]: float(r["weight"]) for r in rows(data / "weights.csv")}
    assert set(drawn) == trains and abs(sum(drawn.values()) / len(drawn) - 1) < 1e-3, drawn


def check_long_names(folder):
    """An id that had to be cut is still UTF-8, wherever the cut falls."""
    source = folder / "long"
    source.mkdir()
    for i in range(3):
        name = "x" * i + "\u20ac" * 40  # three bytes each
        picture(source / f"{name}.jpg", i)
        labelme(source / f"{name}.json", [circle("melanoma", 200, 220, 90)])
    (source / "classes.txt").write_text("melanoma = MEL\n")
    lentigo("dataset", "convert", source, "-o", folder / "cut", check=0)
    ids = [r["id"] for r in rows(folder / "cut" / "labels.csv")]
    assert len(ids) == 3 and all("\u20ac~" in x and "%" not in x for x in ids), ids


with Scratch() as scratch:
    check_split(scratch)
    converted = check_convert(scratch)
    check_check(scratch, converted)
    (converted / "masks" / "p11.png").unlink()  # of two diagnoses: none to balance by
    left = [line for line in (converted / "labels.csv").read_text().splitlines() if not line.startswith("p11,")]
    (converted / "labels.csv").write_text("\n".join(left) + "\n")
    check_balance(converted)
    check_long_names(scratch)
print("test_dataset: 1 passed, 0 failed")
