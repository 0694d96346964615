#!/usr/bin/env python3
"""From kept lines to tables and plots: what is compared, what is dropped, what is left alone."""
import argparse
import json
import pathlib
import tempfile
import unittest
import xml.etree.ElementTree

import plot
import render
import store

MACHINE = {"cpu": "a CPU", "family": "1/2", "cores": 2, "memory_gib": 8, "flags": ["avx2"]}
PAGE = "\n".join(["before"] + [f"<!-- bench:{name} begin -->\nold {name}\n<!-- bench:{name} end -->"
                               for name in ("machine", "engine", "latency", "folder", "curve")] + ["after"])


def line(what, series, number, build, value, **keys):
    return {"what": what, "series": series, "round": number, "build": build, "machine": MACHINE,
            "value": value, **keys}


def engine_round(series, number, build, ours, theirs, precision="bf16"):
    group = {"size": 512, "batch": 1, "precision": precision}
    for who, mode, value in (("lentigo", "throughput", ours), ("lentigo", "latency", 2 * ours),
                             ("lentigo", "one core", 3 * ours),
                             ("openvino", "throughput", theirs), ("openvino", "latency", theirs + 1),
                             ("limit", "any", 5.0), ("limit", "direct", 8.0)):
        yield line("engine", series, number, build, value, who=who, mode=mode,
                   version="1-x" if who == "openvino" else "", **group)


class Rendered(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self.tmp.name)
        self.bench = argparse.Namespace(results=folder, docs=folder)
        (folder / "figures.md").write_text(PAGE)

    def tearDown(self):
        self.tmp.cleanup()

    def render(self, what, lines):
        path = self.bench.results / f"{what}.jsonl"
        path.write_text("".join(json.dumps(entry) + "\n" for entry in lines))
        render.section(self.bench)
        return (self.bench.docs / "figures.md").read_text()

    def test_ratios_are_of_the_same_round(self):
        """The machine is half as fast in the second round, a peer was disturbed in the third."""
        lines = [*engine_round("s1", 0, "b", 10, 12), *engine_round("s1", 1, "b", 20, 24),
                 *engine_round("s1", 2, "b", 10, 30)]
        text = self.render("engine", lines)
        self.assertIn("| 512 | 1 | bf16 | 10.00 | 24.00 (throughput) | 1.20 |", text)
        self.assertIn("| 5.00, 50 % | 8.00, 80 % | 3 |", text)
        self.assertIn("| 512 | bf16 | 20.00 | 25.00 | 0.65 | 30.00 |", text)

    def test_another_builds_figures_are_dropped(self):
        lines = [*engine_round("s1", 0, "old", 99, 12), *engine_round("s2", 0, "new", 10, 12),
                 *engine_round("s1", 0, "old", 50, 55, "f32")]
        text = self.render("engine", lines)
        self.assertIn("| 512 | 1 | bf16 | 10.00 | 12.00", text)
        self.assertIn("| 512 | 1 | f32 | 50.00 | 55.00", text)  # measured by that build only
        self.assertNotIn("99.00", text)

    def test_who_was_left_out_is_a_dash(self):
        lines = [l for l in engine_round("s1", 0, "b", 10, 12) if l["who"] != "lentigo"]
        text = self.render("engine", lines)
        self.assertIn("| 512 | 1 | bf16 | – | 12.00 (throughput) | – | – | – | 5.00, – |", text)

    def test_what_was_not_measured_stays(self):
        text = self.render("engine", list(engine_round("s1", 0, "b", 10, 12)))
        self.assertTrue(text.startswith("before\n") and text.endswith("\nafter"))
        self.assertIn("old folder", text)
        self.assertNotIn("old engine", text)
        self.assertFalse((self.bench.docs / "bench-failure.svg").exists())
        self.assertEqual(self.render("engine", []).count("old folder"), 1)

    def test_folder_is_held_against_its_rival(self):
        def entry(number, who, precision, used, value, writes="json"):
            return line("folder", "s1", number, "b", value, who=who, precision=precision, size="512",
                        writes=writes, used=used, images=1000)
        text = self.render("folder", [
            entry(0, "openvino", "int8", "int8", 80, "masks"), entry(0, "lentigo", "auto", "bf16", 100),
            entry(1, "openvino", "int8", "int8", 40, "masks"), entry(1, "lentigo", "auto", "bf16", 50)])
        self.assertIn("| lentigo | auto: bf16 | 512 | json | 1000 | 75.0 | 1.25 × int8 | 2 |", text)

    def test_a_page_without_markers_is_refused(self):
        (self.bench.docs / "figures.md").write_text("nothing")
        with self.assertRaises(SystemExit):
            self.render("engine", list(engine_round("s1", 0, "b", 10, 12)))

    def test_plots_are_xml(self):
        accuracy = [{"who": who, "precision": "bf16", "size": size, "images_per_s": 50,
                     "failure_rate": .1, "auc_malignant": .8}
                    for who in ("lentigo", "openvino") for size in (256, "auto")]
        text = self.render("accuracy", accuracy)
        self.assertIn("| OpenVINO | bf16 | auto | 50.0 | 10.0 % | 0.800 |", text)
        self.render("engine", list(engine_round("s1", 0, "b", 10, 12)))
        for name in ("bench-engine.svg", "bench-failure.svg"):
            root = xml.etree.ElementTree.parse(self.bench.docs / name).getroot()
            self.assertGreater(len(list(root)), 10)


class Parts(unittest.TestCase):
    def test_ticks_are_round_and_cover(self):
        for high, last in ((1, 1), (29, 30), (0.07, 0.08), (260, 300)):
            marks = plot.ticks(0, high)
            self.assertEqual((marks[0], marks[-1]), (0, last))
            self.assertLessEqual(len(marks), 7)

    def test_a_round_of_one_side_only_is_no_ratio(self):
        lines = [line("engine", "s", 0, "b", 10, who="a"), line("engine", "s", 1, "b", 5, who="b")]
        self.assertIsNone(store.ratio(lines, {"who": "a"}, {"who": "b"}))
        self.assertIsNone(store.median(lines, who="c"))


if __name__ == "__main__":
    unittest.main()
