"""How well the Python pipeline outlines and scores: accuracy.py MODELS PRECISION SIZE LESIONS MIN SPLIT.

The network of folder.py on the images of a split whose longest side is at least MIN px. Prints
{"n", "failure_rate", "mean_jaccard", "auc_malignant"} as `lentigo eval` defines them: a failure is an
image with a Jaccard index under 0.65 at the mask's own size; the malignant score is MEL + BCC + AKIEC
of the class means over the lesion.
"""
import csv
import json
import pathlib
import sys

import cv2
import numpy as np

import folder

FAILED = .65
MALIGNANT = ("MEL", "BCC", "AKIEC")
MALIGNANT_CLASSES = (1, 3, 4)


def softmax(logits):
    e = np.exp(logits - logits.max(0))
    return e / e.sum(0)


def score(shares, inside):
    """Malignant share of the class means over the lesion, over everything without one."""
    means = (shares[:, inside] if inside.any() else shares.reshape(len(shares), -1)).mean(1)
    return means[list(MALIGNANT_CLASSES)].sum() / means[1:].sum()


def jaccard(a, b):
    return (a & b).sum() / max((a | b).sum(), 1)


def auc(scores, truth):
    """Chance that a malignant image scores higher than another; equal scores count half."""
    above, below = scores[truth], scores[~truth]
    return ((above[:, None] > below).mean() + (above[:, None] == below).mean() / 2
            if len(above) and len(below) else float("nan"))


def main():
    models, precision, size = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    lesions, least, split = pathlib.Path(sys.argv[4]), int(sys.argv[5]), sys.argv[6]
    with open(lesions / "labels.csv", encoding="utf-8") as f:
        rows = [r for r in csv.DictReader(f)
                if r["split"] == split and max(int(r["width"]), int(r["height"])) >= least]
    request = folder.open_network(models, precision, size).create_infer_request()
    indices, scores = [], []
    for row in rows:
        x, (h, w) = folder.decode(lesions / "images" / f"{row['id']}.jpg", size)
        logits = request.infer({"x": x})["y"][0]
        inside = logits.argmax(0) > 0
        full = cv2.resize(inside.astype("u1"), (w, h), interpolation=cv2.INTER_NEAREST) > 0
        truth = cv2.imread(str(lesions / "masks" / f"{row['id']}.png"), 0) > 127
        indices.append(jaccard(full, truth))
        scores.append(score(softmax(logits), inside))
    indices, malignant = np.array(indices), np.array([r["dx"] in MALIGNANT for r in rows])
    print(json.dumps({"n": len(rows), "failure_rate": float((indices < FAILED).mean()),
                      "mean_jaccard": float(indices.mean()),
                      "auc_malignant": float(auc(np.array(scores), malignant))}))


if __name__ == "__main__":
    main()
