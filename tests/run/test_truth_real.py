"""The areas of real lesions against what people outlined, on pictures of the validation split that lie beside
the checkout: half of them larger, half smaller."""
import csv
import io
import statistics
import tarfile

from harness import *

PICTURES = 150
ARCHIVE = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "lesions.tar.gz"


def unpack_some(folder):
    """The first pictures of the validation split as a labelled set of their own."""
    with tarfile.open(ARCHIVE) as tar:
        table = tar.extractfile("lesions/labels.csv").read().decode()
        rows = [r for r in csv.DictReader(io.StringIO(table)) if r["split"] == "val"][:PICTURES]
        wanted = {f"lesions/{kind}/{r['id']}.{end}"
                  for r in rows for kind, end in (("images", "jpg"), ("masks", "png"))}
        tar.extractall(folder, [m for m in tar if m.name in wanted])
    with open(folder / "lesions" / "labels.csv", "w", newline="") as out:
        writer = csv.DictWriter(out, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return folder / "lesions"


if not ARCHIVE.exists():
    print("no real pictures beside the checkout: skipped")
    sys.exit(SKIP)
with Scratch() as tmp:
    lentigo("eval", "--data", unpack_some(tmp), "--split", "val", "--replicates", 0,
            "--table", tmp / "table.csv", check=0)
    with open(tmp / "table.csv") as table:
        ratios = [float(r["predicted_px"]) / float(r["lesion_px"]) for r in csv.DictReader(table)]
    middle = statistics.median(ratios)
    print(json.dumps({"real_images": len(ratios), "real_area_ratio": round(middle, 3)}))
    assert len(ratios) == PICTURES and 0.96 <= middle <= 1.04, middle
print("test_truth_real: 1 passed, 0 failed")
