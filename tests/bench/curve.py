"""What a programme buys: images a second at a failure rate, for lentigo and the Python pipeline.

Speed is the folder's (folder.py here), accuracy that of the labelled images which are as large as the
folder's, validation and test split together. Lines go to accuracy.jsonl: who, size, precision,
images_per_s, failure_rate, auc_malignant.
"""
import json
import pathlib
import statistics
import tempfile

import folder
import lesions
import store

HERE = pathlib.Path(__file__).parent
SIZES = (192, 256, 384, 512, "auto")
SPLITS = ("val", "test")


def contestants(bench):
    """(who, precision, size, writes) as folder.py has them."""
    for size in SIZES:
        for precision in ("bf16", "int8"):
            if precision not in bench.precisions or size not in (bench.sizes or SIZES):
                continue
            yield "lentigo", precision, str(size), "json"
            if size != "auto" and bench.python:
                yield "openvino", precision, str(size), "masks"


def accuracy(bench, contestant):
    """Over both splits: the failure rate of all images, the AUC as a mean by images."""
    who, precision, size, _ = contestant
    parts = []
    for split in SPLITS:
        if who == "openvino":
            command = [bench.python, HERE / "peers/accuracy.py", bench.models, precision, size,
                       bench.lesions, str(lesions.LONGEST_MIN), split]
        else:
            command = [bench.bin / "lentigo", "eval", "--data", bench.lesions, "--split", split,
                       "--size", size, "--precision", precision, "--min-side",
                       str(lesions.LONGEST_MIN), "--model", folder.model_of(bench, precision)]
        parts.append(json.loads(folder.call(command)))
    n = sum(part["n"] for part in parts)
    return {"n": n, **{key: sum(part["n"] * part[key] for part in parts) / n
                       for key in ("failure_rate", "auc_malignant", "mean_jaccard")}}


def speed(bench, contestant, pictures, tmp):
    out = pathlib.Path(tempfile.mkdtemp(dir=tmp)) / "out"
    return folder.run(bench, contestant, pictures, out)[0]


def section(bench):
    if not bench.lesions:
        bench.skip("curve: it wants LESIONS, a labelled set with large pictures")
        return
    pictures = lesions.large(bench, bench.images)
    known, rates = {}, {}
    for contestant in contestants(bench):
        try:
            known[contestant] = accuracy(bench, contestant)
            rates[contestant] = []
        except folder.Refused as why:
            bench.skip(f"curve {' '.join(contestant)}: {why}")
    with tempfile.TemporaryDirectory(dir=bench.build) as tmp:  # kept till the end: see folder.py
        for _ in range(bench.rounds):
            for contestant in known:
                rates[contestant].append(speed(bench, contestant, pictures, tmp))
    series = store.Series(bench.results, "accuracy", bench.bin, bench.machine)
    for contestant, figures in known.items():
        who, precision, size, _ = contestant
        rate = round(statistics.median(rates[contestant]), 2)
        series.add(who=who, precision=precision, size=size, images_per_s=rate, **figures)
        print(f"  {who} {precision} {size}: {rate:.1f} images/s, failures "
              f"{100 * figures['failure_rate']:.1f} %, AUC {figures['auc_malignant']:.3f}")
