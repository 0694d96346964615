"""The synthetic upload against its own truth, through the whole program: masks, asymmetry, border,
colours, area, and which broken file is set aside for which reason.

The network never saw a drawn picture, so its masks need not be perfect; the limits below are what
a good day's work of it is on these drawings, with a little air (docs/figures.md has the figures). It
outlines their soft edges as people outline lesions, generously; that this is no bias of its own,
test_truth_real.py shows on real pictures.
"""
import statistics

from harness import *

if not shutil.which("convert"):
    print("no ImageMagick: skipped")
    sys.exit(SKIP)


def mask(path):
    """One byte a pixel, not 0 where there is lesion."""
    grey = subprocess.run(["convert", str(path), "-depth", "8", "gray:-"], capture_output=True, check=True)
    return grey.stdout.translate(bytes([0]) + bytes([1]) * 255)


def jaccard(a, b):
    assert len(a) == len(b), "masks of different sizes"
    x, y = int.from_bytes(a, "big"), int.from_bytes(b, "big")
    return (x & y).bit_count() / max((x | y).bit_count(), 1)


need_redis()
with Scratch() as tmp:
    upload = demo(tmp / "demo", 24)
    out = tmp / "out"
    lentigo("run", upload, "-o", out, "--reports", "json", check=0)
    entries = check_accounted(out, upload)
    folders = {}
    for path in out.glob("patients/**/report.json"):
        for image in json.loads(path.read_text())["images"]:
            folders[image["file"]] = path.parent
    truth = json.loads((tmp / "demo" / "truth" / "truth.json").read_text())["images"]
    overlap, asymmetry, border, colours, area, scaled = [], [], [], [], [], []
    for t in truth:
        got = entries[t["file"]]
        assert got["status"] == t["status"] and got["reason"] == t["reason"], (t, got["reason"])
        if t["status"] != "done" or t["out_of_focus"]:
            continue
        mine = mask(folders[t["file"]] / (got["stem"] + ".mask.png"))
        overlap.append(jaccard(mine, mask(tmp / "demo" / "truth" / t["mask"])))
        if overlap[-1] < 0.7:
            continue  # measures of a wrong outline say nothing about the measures
        abcd = got["abcd"]
        asymmetry.append(abs(abcd["asymmetry"] - t["asymmetry"]))
        border.append(abs(abcd["border"] - t["border"]))
        colours.append(abs(abcd["colour"] - len(t["colours"])))
        area.append(got["lesion"]["area_px"] / t["area_px"])
        if t["mm_per_px"]:
            want = t["area_px"] * t["mm_per_px"] ** 2
            scaled.append(got["lesion"]["area_mm2"] / want)
    figures = {
        "images": len(overlap),
        "mean_jaccard": round(statistics.mean(overlap), 3),
        "failures": sum(j < 0.65 for j in overlap),
        "asymmetry_off": round(statistics.mean(asymmetry), 2),
        "border_off": round(statistics.mean(border), 2),
        "colours_off": round(statistics.mean(colours), 2),
        "area_ratio": round(statistics.median(area), 3),
        "area_mm2_ratio": round(statistics.median(scaled), 3),
    }
    print(json.dumps(figures))
    assert figures["images"] >= 25
    assert figures["mean_jaccard"] >= 0.84 and figures["failures"] <= 2, figures
    assert figures["asymmetry_off"] <= 0.3 and figures["colours_off"] <= 0.5, figures
    assert figures["border_off"] <= 3, figures
    assert 0.95 <= figures["area_ratio"] <= 1.15 and 0.9 <= figures["area_mm2_ratio"] <= 1.12, figures
print("test_truth: 1 passed, 0 failed")
