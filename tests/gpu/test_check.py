#!/usr/bin/env python3
"""The machinery of tests/gpu/run, without a device: a step that fails, hangs or cannot be done ends as
such and the next one runs; a child leaves nothing behind; ratios are taken from medians."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import against_torch
from check import Check, Failed, Skipped, Talk

HERE = pathlib.Path(__file__).resolve().parent
HANG_S = 100  # a limit of hangs, not of machines


def is_gone(pid):
    for _ in range(50 * HANG_S):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def steps_end_as_they_should(folder):
    check = Check(folder / "figures.json", 3 * HANG_S)

    def fails(step):
        step.put(seen=1)
        raise Failed("wrong")

    def hangs(step):
        step.run(["sh", "-c", "echo begun; sleep 600 & echo $! > pid; wait"], limit_s=3, cwd=folder)

    def answers(step):
        step.put(line=step.run_json(["echo", '{"a": 3}'])[0])

    def cannot(step):
        raise Skipped("not here")

    def dies(step):
        step.run(["sh", "-c", "echo too bad >&2; exit 3"])

    for name, function in (("fails", fails), ("hangs", hangs), ("dies", dies), ("cannot", cannot),
                           ("answers", answers)):
        check.step(name, HANG_S, function)
    written = json.loads((folder / "figures.json").read_text())
    found = {name: (s["result"], s["why"]) for name, s in written["steps"].items()}
    assert found["fails"] == ("failed", "wrong") and written["steps"]["fails"]["seen"] == 1, found
    assert found["hangs"][0] == "failed" and found["hangs"][1].endswith("not done within 3 s: begun"), found
    assert "status 3: too bad" in found["dies"][1], found
    assert found["cannot"] == ("skipped", "not here"), found
    assert found["answers"] == ("ok", None) and written["steps"]["answers"]["line"] == {"a": 3}
    assert written["ok"] is False and not check.children
    assert is_gone(int((folder / "pid").read_text())), "what a child started is still there"


def a_talk_ends_with_its_child(folder):
    check = Check(folder / "talk.json", 3 * HANG_S)

    def talk_to(script, patience_s, said):
        def function(step):
            with step.started(["sh", "-c", script], stdin=subprocess.PIPE) as child:
                talk = Talk(child)
                said.append(talk.ask(HANG_S, do="it"))
                talk.ask(patience_s, do="it again")
        return function

    said = []
    check.step("silent", HANG_S, talk_to('read a; echo "{\\"b\\": 1}"; read a; sleep 600', 0.3, said))
    check.step("dead", HANG_S, talk_to('read a; echo "{\\"b\\": 2}"; exit 1', HANG_S, said))
    check.step("sorry", HANG_S, talk_to('read a; echo "{\\"error\\": \\"no\\"}"', HANG_S, said))
    why = {name: s["why"] for name, s in check.figures["steps"].items()}
    assert said == [{"b": 1}, {"b": 2}], said
    assert "no answer within" in why["silent"] and "ended" in why["dead"] and why["sorry"] == "no", why


def ratios_are_of_medians():
    series = against_torch.Series(512, 64)
    for us in (50, 900, 60):
        series.add("lentigo streams=3", us)
    series.add("lentigo streams=1", 70)
    for us in (150, 120, 90):
        series.add("torch eager network", us)
    series.add("torch compiled network", 90)
    line = series.line()
    assert line["torch_network_over_lentigo"] == 1.5, line
    assert line["torch_job_over_lentigo"] is None, line
    assert line["us_per_image"]["lentigo streams=3"] == {"median": 60, "best": 50, "worst": 900,
                                                         "rounds": 3}, line


def without_a_gpu_it_is_skipped():
    done = subprocess.run([sys.executable, "-B", HERE / "run"], capture_output=True, text=True,
                          env={**os.environ, "CUDA_VISIBLE_DEVICES": ""})
    assert done.returncode == 77 and done.stdout.count("\n") == 1 and "no GPU" in done.stdout, done


with tempfile.TemporaryDirectory() as name:
    steps_end_as_they_should(pathlib.Path(name))
    a_talk_ends_with_its_child(pathlib.Path(name))
ratios_are_of_medians()
without_a_gpu_it_is_skipped()
