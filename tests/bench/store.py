"""Measurements as JSON lines, one for each figure of each round: build/bench/<what>.jsonl.

A series is one call in which everything was measured in turn; figures are only compared within a
round of a series. Every line has what, series, round, build (of the programs measured) and the
keys of its kind.
"""
import hashlib
import json
import pathlib
import statistics
import time


class Series:
    def __init__(self, folder, what, bin_dir, machine):
        self.path = pathlib.Path(folder) / f"{what}.jsonl"
        self.common = {"what": what, "series": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                       "build": build_of(bin_dir), "machine": machine}

    def add(self, **figures):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as f:
            f.write(json.dumps({**self.common, **figures}) + "\n")


def build_of(bin_dir):
    """Names the programs by their bytes: figures of another build are not ours to show."""
    digest = hashlib.sha256()
    for path in sorted(pathlib.Path(bin_dir).iterdir()):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def load(folder, what):
    path = pathlib.Path(folder) / f"{what}.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def newest(lines, keys):
    """Lines grouped by `keys`; of each group those of the build that was measured last."""
    groups = {}
    for line in lines:
        groups.setdefault(tuple(line[k] for k in keys), []).append(line)
    return {key: [line for line in group
                  if line["build"] == max(group, key=lambda l: l["series"])["build"]]
            for key, group in groups.items()}


def median(lines, **wanted):
    """Median of the figure over all rounds with these keys; None when there is none."""
    values = [line["value"] for line in lines
              if all(line.get(k) == v for k, v in wanted.items())]
    return statistics.median(values) if values else None


def ratio(lines, above, below):
    """Median over rounds of one figure divided by another of the same round; None without any."""
    def by_round(wanted):
        return {(line["series"], line["round"]): line["value"] for line in lines
                if all(line.get(k) == v for k, v in wanted.items())}
    top, bottom = by_round(above), by_round(below)
    both = [top[k] / bottom[k] for k in top if k in bottom]
    return statistics.median(both) if both else None
