"""Tables between the markers of docs/figures.md and plots beside it, from the kept JSON lines.

A marker is a line `<!-- bench:NAME begin -->` with its `end`; what stands between is replaced. A
part that was never measured is left as it is.
"""
import re

import folder
import plot
import store

NAMES = {"lentigo": "lentigo", "openvino": "OpenVINO", "onnxruntime": "ONNX Runtime",
         "torch": "PyTorch"}
PRECISIONS = ("f32", "bf16", "int8")
LIMITS = (("any", ""), ("direct", "5 4"))


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def number(value, digits=1):
    return "–" if value is None else f"{value:.{digits}f}"


def share(value):
    return "–" if value is None else f"{100 * value:.0f} %"


# ---- the network alone -------------------------------------------------------------------------

def engine_groups(bench):
    """Lines by (size, batch, precision): the large first, in the order of PRECISIONS."""
    groups = store.newest(store.load(bench.results, "engine"), ("size", "batch", "precision"))
    order = sorted(groups, key=lambda k: (-k[0], k[1], PRECISIONS.index(k[2])))
    return {key: groups[key] for key in order}


def best(lines, who, modes=None):
    """(median ms, mode) of the fastest mode of `who`; (None, None) when it was not measured."""
    found = [(store.median(lines, who=who, mode=mode), mode)
             for mode in {l["mode"] for l in lines if l["who"] == who}
             if modes is None or mode in modes]
    return min(found, default=(None, None))


def cell(pair):
    ms, mode = pair
    return "–" if ms is None else f"{ms:.2f} ({mode})"


def share_of(lines, limit):
    return store.ratio(lines, {"who": "limit", "mode": limit},
                       {"who": "lentigo", "mode": "throughput"})


def engine_table(groups):
    rows = []
    for (size, batch, precision), lines in groups.items():
        peer = best(lines, "openvino")
        times = store.ratio(lines, {"who": "openvino", "mode": peer[1]},
                            {"who": "lentigo", "mode": "throughput"})
        rows.append([str(size), str(batch), precision,
                     number(store.median(lines, who="lentigo", mode="throughput"), 2), cell(peer),
                     number(times, 2), number(best(lines, "onnxruntime")[0], 2),
                     cell(best(lines, "torch"))]
                    + [f"{number(store.median(lines, who='limit', mode=limit), 2)}, "
                       f"{share(share_of(lines, limit))}" for limit, _ in LIMITS]
                    + [str(rounds_of(lines))])
    return table(["size", "batch", "precision", "lentigo", "OpenVINO, its best", "times faster",
                  "ONNX Runtime", "PyTorch, its best", "limit, share", "limit of direct ones, share",
                  "rounds"], rows)


def rounds_of(lines):
    return len({(l["series"], l["round"]) for l in lines})


def latency_table(groups):
    rows = []
    for (size, batch, precision), lines in groups.items():
        ours, peer = {"who": "lentigo", "mode": "latency"}, {"who": "openvino", "mode": "latency"}
        times = store.ratio(lines, peer, ours)
        if batch == 1 and times:
            rows.append([str(size), precision, number(store.median(lines, **ours), 2),
                         number(store.median(lines, **peer), 2), number(times, 2),
                         number(store.median(lines, who="lentigo", mode="one core"), 2)])
    return table(["size", "precision", "lentigo", "OpenVINO", "times faster", "lentigo on one core"],
                 rows)


def engine_plot(groups):
    panels = {}
    for (size, batch, precision), lines in groups.items():
        if batch != 1:
            continue
        shown = [(NAMES[who], best(lines, who, None if who != "lentigo" else ("throughput",))[0])
                 for who in NAMES]
        limits = [(store.median(lines, who="limit", mode=mode), dash) for mode, dash in LIMITS]
        panels.setdefault(size, []).append(
            {"name": precision, "bars": [b for b in shown if b[1] is not None],
             "lines": [l for l in limits if l[0] is not None]})
    return plot.bars("Time of an image, all cores busy, batch 1 (less is better)", "ms an image",
                     [(f"{size} × {size}", groups) for size, groups in panels.items()],
                     [("", "limit: oneDNN's convolutions alone"), ("5 4", "direct ones only")])


# ---- the folder and the curve ------------------------------------------------------------------

def folder_table(bench):
    rows = []
    for row in folder.table(bench):
        used = row["precision"] if row["used"] == row["precision"] else f"auto: {row['used']}"
        rival = f"{number(row['times'], 2)} × {row['rival']}" if row["who"] == "lentigo" else ""
        rows.append([NAMES[row["who"]], used, row["size"], row["writes"], str(row["images"]),
                     number(row["images_per_s"]), rival, str(row["rounds"])])
    return rows and table(["who", "precision", "size", "writes", "images", "images/s",
                           "of OpenVINO's", "rounds"], rows)


def curve_points(bench):
    """The newest line of each (who, precision, size), the slow first."""
    lines = {(l["who"], l["precision"], str(l["size"])): l
             for l in store.load(bench.results, "accuracy")}
    return sorted(lines.values(), key=lambda l: (l["who"], l["precision"], l["images_per_s"]))


def curve_table(points):
    return table(["who", "precision", "size", "images/s", "failure rate", "AUC malignant"],
                 [[NAMES[p["who"]], p["precision"], str(p["size"]), number(p["images_per_s"]),
                   f"{100 * p['failure_rate']:.1f} %", number(p["auc_malignant"], 3)]
                  for p in points])


def curve_plot(points):
    return plot.scatter("What a programme buys: images a second at a failure rate", "images/s",
                        "images with Jaccard under 0.65, %",
                        [{"who": NAMES[p["who"]], "kind": p["precision"], "label": str(p["size"]),
                          "x": p["images_per_s"], "y": 100 * p["failure_rate"]} for p in points])


# ---- writing -----------------------------------------------------------------------------------

def machine_text(lines):
    newest = max(lines, key=lambda l: l["series"])
    m = newest["machine"]
    versions = {NAMES[l["who"]]: l["version"].split("-")[0] for l in lines if l.get("version")}
    peers = ", ".join(f"{who} {version}" for who, version in sorted(versions.items()))
    return (f"Measured on {newest['series'][:10]}: {m['cpu']} (family {m['family']}), "
            f"{m['cores']} cores, {m['memory_gib']} GiB, {', '.join(m['flags']) or 'no AVX2'}"
            + (f"; {peers}." if peers else "."))


def put(text, name, new):
    begin, end = f"<!-- bench:{name} begin -->", f"<!-- bench:{name} end -->"
    if begin not in text or end not in text:
        raise SystemExit(f"docs/figures.md has no markers of bench:{name}")
    pattern = re.escape(begin) + ".*?" + re.escape(end)
    return re.sub(pattern, lambda _: f"{begin}\n{new}\n{end}", text, flags=re.S)


def section(bench):
    docs = bench.docs
    groups, points = engine_groups(bench), curve_points(bench)
    engine_lines = [line for lines in groups.values() for line in lines]
    plots = {"bench-engine.svg": groups and engine_plot(groups),
             "bench-failure.svg": points and curve_plot(points)}
    tables = {"machine": engine_lines and machine_text(engine_lines),
              "engine": groups and engine_table(groups),
              "latency": groups and latency_table(groups), "folder": folder_table(bench),
              "curve": points and curve_table(points)}
    text = (docs / "figures.md").read_text(encoding="utf-8")
    for name, new in tables.items():
        text = put(text, name, new) if new else text
    (docs / "figures.md").write_text(text, encoding="utf-8")
    for name, svg in plots.items():
        if svg:
            (docs / name).write_text(svg, encoding="utf-8")
    for name, made in {**tables, **plots}.items():
        if not made:
            print(f"nothing measured for {name}: left as it is")
