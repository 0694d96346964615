"""`lentigo eval` on a drawn set: parts and intervals, the table of images and what is compared with it, a
second model, mirror images, robustness, the page; and bad input.

usage: test_eval.py BIN SOURCE
"""
import html.parser

from harness import *

MODEL = pathlib.Path(sys.argv[2]) / "models" / "dermoscopy"


def figures(data, *args):
    done = lentigo("eval", "--data", data, "--split", "val", "--replicates", 50, *args, check=0)
    return json.loads(done.stdout)


class Page(html.parser.HTMLParser):
    """Tags that were left open, and anything that the page would fetch."""

    def __init__(self, text):
        super().__init__()
        self.open, self.outside, self.count = [], [], {}
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.outside += [v for k, v in attrs if k in ("src", "href") and not v.startswith("data:")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, (tag, self.open)

    def handle_startendtag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1


def check_parts(data):
    got = figures(data)
    assert got == figures(data), "the same seed, other figures"
    assert got["n"] == 12 and got["lesions"] == 12, got
    assert {"MEL", "NV"} == got["per_class"].keys() and {"A", "B"} == got["per_source"].keys()
    assert sum(p["n"] for p in got["per_class"].values()) == 12
    low, high = got["intervals"]["mean_jaccard"]
    assert low <= got["mean_jaccard"] <= high and low < high, got
    assert got["intervals"] != figures(data, "--seed", 2)["intervals"]
    assert figures(data, "--replicates", 0)["intervals"] == {}
    return got


def check_table(tmp, data, plain):
    table = tmp / "images.csv"
    figures(data, "--table", table)
    listed = rows(table)
    assert len(listed) == 12 and {r["dx"] for r in listed} == {"MEL", "NV"}
    assert abs(sum(float(r["jaccard"]) for r in listed) / 12 - plain["mean_jaccard"]) < 1e-4
    same = figures(data, "--compare", table)["compare"]
    assert same["n"] == 12 and all(f["p"] in (1, None) for f in same["figures"].values()), same
    # a program that knows outlines only, and is worse on every image
    worse = tmp / "worse.csv"
    worse.write_text("id,jaccard\n" + "".join(f"{r['id']},{float(r['jaccard']) * 0.9:.6f}\n" for r in listed))
    told = figures(data, "--compare", worse)["compare"]["figures"]
    assert told.keys() == {"mean_jaccard", "thresholded_jaccard", "failure_rate"}, told
    assert told["mean_jaccard"]["difference"] > 0 and told["mean_jaccard"]["p"] < 0.05, told
    worse.write_text("id,jaccard\nval0,0.5\n")
    refused = lentigo("eval", "--data", data, "--split", "val", "--compare", worse, check=78)
    assert "no row for image" in refused.stderr, refused.stderr


def check_models(tmp, data, plain):
    """Itself, through its folder: nothing differs. At another size and without a policy: it runs."""
    told = figures(data, "--compare", MODEL)["compare"]
    assert all(f["p"] in (1, None) for f in told["figures"].values()), told
    other = tmp / "other"
    other.mkdir()
    shutil.copyfile(MODEL / "weights.safetensors", other / "weights.safetensors")
    card = json.loads((MODEL / "card.json").read_text()) | {"size": 128, "name": "small"}
    (other / "card.json").write_text(json.dumps(card))
    told = figures(data, "--compare", other)["compare"]["figures"]
    assert abs(told["mean_jaccard"]["this"] - plain["mean_jaccard"]) < 2e-3, told
    assert abs(told["mean_jaccard"]["other"] - plain["mean_jaccard"]) > 2e-3, told
    assert "size" in lentigo("eval", "--data", data, "--split", "val", "--size", "auto", "--compare", other,
                             check=78).stderr


def check_mirror_images(data, plain):
    flips = figures(data, "--tta", "flips")
    assert flips["mean_jaccard"] != plain["mean_jaccard"], flips
    assert abs(flips["mean_jaccard"] - plain["mean_jaccard"]) < 0.1, (flips, plain)
    picture = sorted((data / "images").iterdir())[0]
    one, four = (json.loads(lentigo("predict", picture, "--tta", tta, check=0).stdout)["classes"]
                 for tta in ("none", "flips"))
    assert one != four and abs(sum(four.values()) - 1) < 1e-3, (one, four)


def check_page(tmp, data):
    page = tmp / "page.html"
    got = figures(data, "--robustness", "--limit", 3, "--report", page, "--compare", MODEL)
    assert len(got["robustness"]) == 11, got["robustness"].keys()
    for kind, levels in got["robustness"].items():
        assert levels.keys() == {"light", "medium", "strong"}, kind
        for row in levels.values():
            assert abs(row["fall"] - (got["mean_jaccard"] - row["mean_jaccard"])) < 2e-4, (kind, row)
    text = page.read_text()
    seen = Page(text)
    assert not seen.outside, seen.outside
    assert seen.count["img"] == 3 and seen.count["svg"] > 20, seen.count
    for word in ("dermoscopy on the val split", "Each class", "Each source", "Reliability", "ROC curve", "vignette",
                 "Against", "worst outlines"):
        assert word in text, word
    unsure = figures(data, "--robustness", "--limit", 3)
    assert unsure["robustness"] == got["robustness"], "not the same twice"


def check_class_maps(tmp, data):
    """A row without dx: its mask says the class of each pixel, as the drawn truth does."""
    maps, name = tmp / "maps", "val0"
    shutil.copytree(data, maps, symlinks=True)
    mask, listed = maps / "masks" / f"{name}.png", tmp / "maps.csv"
    truth = json.loads((tmp / "demo" / "truth" / "truth.json").read_text())["images"]
    class_map = (tmp / "demo" / "truth" / next(t["mask"] for t in truth if t["status"] == "done")).read_bytes()
    plain_mask, table = mask.read_bytes(), (maps / "labels.csv").read_text()
    old = next(line for line in table.splitlines() if line.startswith(name + ","))
    without_dx = table.replace(old, ",".join([name, ""] + old.split(",")[2:]))

    mask.write_bytes(class_map)
    (maps / "labels.csv").write_text(without_dx)
    got = figures(maps, "--limit", 2, "--table", listed, "--report", tmp / "maps.html")
    row, other = rows(listed)
    assert got["n"] == 2 and row["id"] == name and row["dx"] == "MEL", (got, row)
    before = next(r for r in rows(tmp / "images.csv") if r["id"] == name)
    assert before["dx"] == "NV" and before["jaccard"] == row["jaccard"], (before, row)

    for mask_bytes, labels, says in ((plain_mask, without_dx, "no class map"),
                                     (class_map, table, "no black and white mask")):
        mask.write_bytes(mask_bytes)
        (maps / "labels.csv").write_text(labels)
        refused = lentigo("eval", "--data", maps, "--split", "val", check=78)
        assert f"{name}.png: {says}" in refused.stderr, refused.stderr


def check_bad(tmp, data):
    for args, status, says in ((("--tta", "all"), 64, "tta"),
                               (("--compare", tmp / "none.csv"), 78, "none.csv"),
                               (("--compare", tmp / "nowhere"), 78, "nowhere"),
                               (("--compare", MODEL, "--replicates", 0), 64, "replicates"),
                               (("--robustness", "--size", "auto"), 64, "one size"),
                               (("--split", "train"), 78, "no image of split train"),
                               (("--report", tmp / "no" / "page.html"), None, "page.html")):
        done = lentigo("eval", "--data", data, "--split", "val", "--limit", 2, *args)
        assert done.returncode == status or (status is None and done.returncode), (args, done)
        assert says in done.stderr, (args, done.stderr)
    broken = tmp / "broken"
    shutil.copytree(data, broken, symlinks=True)
    picture = sorted((broken / "images").iterdir())[0]
    whole = picture.read_bytes()
    picture.unlink()
    picture.write_bytes(whole[:len(whole) // 2])
    refused = lentigo("eval", "--data", broken, "--split", "val", check=78)
    assert picture.name in refused.stderr, refused.stderr


with Scratch() as tmp:
    demo(tmp / "demo", 8, seed=3)
    data = labelled_set(tmp / "set", tmp / "demo")
    plain = check_parts(data)
    check_table(tmp, data, plain)
    check_models(tmp, data, plain)
    check_mirror_images(data, plain)
    check_page(tmp, data)
    check_class_maps(tmp, data)
    check_bad(tmp, data)
print("test_eval: 1 passed, 0 failed")
