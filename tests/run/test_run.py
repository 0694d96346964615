"""The main job once: everything accounted for, files where the contract has them, a second call
changes nothing, another size is refused."""
import json
import re

from harness import *

need_redis()
with Scratch() as tmp:
    upload = demo(tmp / "demo", 10)
    out = tmp / "out"
    done = lentigo("run", upload, "-o", out, check=0)
    entries = check_accounted(out, upload)
    rates = re.findall(r"^[1-9]\d* of \d+ images  (\S+)/s", done.stderr, re.MULTILINE)
    known = [float(r) for r in rates if r != "--"]  # not known yet on a slow machine
    assert rates and min(known, default=1) > 0, done.stderr
    assert "received =" in done.stderr and "NOT ALL" not in done.stderr, done.stderr
    assert any(e["status"] == "done" and e["lesion"]["area_px"] for e in entries.values())
    for name in ("worklist.csv", "set-aside.csv", "summary.json", "summary.html"):
        assert (out / name).stat().st_size > 0, name
    reports = list(out.glob("patients/**/report.json"))
    for report in reports:
        assert (report.parent / "report.html").stat().st_size > 1000
        assert (report.parent / "report.pdf").read_bytes()[:5] == b"%PDF-"
    risks = [r["risk"] for r in rows(out / "worklist.csv")]
    order = ["urgent", "review", "retake", "routine"]
    assert len(risks) == len(reports) and risks == sorted(risks, key=order.index), risks
    assert (out.stat().st_mode & 0o777) == 0o700

    speed = {k: v for k, v in json.loads((out / "summary.json").read_text()).items()
             if k in ("wall_s", "images_per_s")}
    assert 0 < speed["images_per_s"] <= len(entries) / speed["wall_s"] * 1.01, speed

    before = digests(out)
    lentigo("run", upload, "-o", out, check=0)
    assert digests(out) == before
    again = json.loads((out / "summary.json").read_text())  # a start without work changes no speed
    assert speed == {k: again[k] for k in speed}, (speed, again)
    refused = lentigo("run", upload, "-o", out, "--size", 128, check=78)
    assert "size" in refused.stderr, refused.stderr
    other = tmp / "other"
    other.mkdir()
    lentigo("run", other, "-o", out, check=78)
    lentigo("run", upload, check=64)
    (tmp / "mine").mkdir(mode=0o755)
    before = (tmp / "mine").stat().st_ino
    lentigo("run", upload, "-o", tmp / "mine", "--reports", "none", check=0)
    after = (tmp / "mine").stat()
    assert after.st_ino == before, "an empty OUT was made anew"
    assert after.st_mode & 0o777 == 0o700, "patients' data for all to read"
    (tmp / "other" / "x").write_text("x")
    refused = lentigo("run", upload, "-o", tmp / "other", check=78)
    assert "not empty" in refused.stderr and (tmp / "other" / "x").exists(), refused.stderr
    lentigo("run", tmp / "nowhere", "-o", tmp / "out2", check=78)
    assert not processes_naming(tmp), processes_naming(tmp)
print("test_run: 1 passed, 0 failed")
