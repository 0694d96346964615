"""`lentigo replay REPORT.json`: the same bytes come out of a run's and of an installation's study, and
what is no longer the same is named: an original, the model, the policy, a mask or page changed by hand.
Real programs, real Redis, real images."""
from installation import *

need_redis()


def replay(report, *more, check):
    done = lentigo("replay", report, "--json", *more, check=check)
    return json.loads(done.stdout)


def changed_and_back(path, change, claim):
    """The file with other bytes, under another inode: uploads are hard links of the originals."""
    was = path.read_bytes()
    path.unlink()
    path.write_bytes(change(was))
    claim()
    path.unlink()
    path.write_bytes(was)


def flip(data):
    return data[:-1] + bytes([data[-1] ^ 1])


def of_a_run(tmp, demo_upload, model):
    out = tmp / "out"
    lentigo("run", demo_upload, "-o", out, "--size", 256, "--language", "zh", "--model", model, check=0)
    before = digests(out)
    reports = sorted(out.glob("patients/*/report.json"))
    for report in reports[:3]:
        got = replay(report, check=0)
        images = len(json.loads(report.read_text())["images"])
        assert got["changed"] == got["differing"] == [] and got["same"] >= 3 + images, got
    assert "byte for byte" in lentigo("replay", reports[0], check=0).stdout
    assert digests(out) == before, "a replay wrote into what it looked at"
    study = None
    for path in out.glob(".lentigo/spool/uploads/*/studies/*/study.json"):
        if json.loads(path.read_text())["publish"] == str(reports[0].parent.relative_to(out)):
            study = path.parent
    inner = replay(study / "report.json", check=0)  # the same study, named in the spool
    assert inner["same"] >= 4, inner

    def says(word, kind="changed"):
        def claim():
            got = replay(reports[0], check=1)
            assert any(word in text for text in got[kind]), got
        return claim

    done = sorted(study.glob("results/*.mask.png"))[0]
    number = done.name.split(".")[0]
    changed_and_back(study / "originals" / number, flip, says(f"original {number} (sha256)"))
    changed_and_back(done, flip, says(f"results/{number}.mask.png", "differing"))
    changed_and_back(reports[0].parent / "report.pdf", flip, says("report.pdf", "differing"))
    changed_and_back(model / "policy.json", lambda b: b.rstrip() + b"\n\n", says("policy (sha256)"))
    changed_and_back(out / ".lentigo/run.json", lambda b: b.replace(b'"zh"', b'"en"'),
                     says("language: was en, is zh"))
    changed_and_back(out / ".lentigo/run.json", lambda b: b.replace(b'"program": "', b'"program": "0'),
                     says("program: was 0"))
    (study / "originals" / number).rename(tmp / "away")
    says("is gone")()
    (tmp / "away").rename(study / "originals" / number)
    replay(reports[0], check=0)
    crowded = environment(**{"LENTIGO_" + "X" * 100: "1", "LENTIGO_SIZE": "64"})  # forgotten, of any length
    done = subprocess.run([str(BIN / "lentigo"), "replay", str(reports[0])], env=crowded, timeout=HANG_S,
                          capture_output=True, text=True)
    assert done.returncode == 0, done
    assert "name a report.json" in lentigo("replay", out / "summary.json", check=64).stderr
    assert lentigo("replay", out / "nothing/report.json", check=64).stderr


def of_an_installation(tmp, few):
    at = Installation(tmp, "inst")
    with at:
        at.submit(few)
        log = open(at.log, "a")
        at.scheduler = subprocess.Popen(
            [str(BIN / "lentigo-scheduler"), "--spool", str(at.spool), "--redis", str(at.socket),
             "--node", "test", "--allow-volatile", "--size", "256"], stdout=subprocess.DEVNULL,
            stderr=log, env=environment(), preexec_fn=die_with_us)
        at.wait_done()
        at.stop()
        for report in at.spool.glob("uploads/*/studies/*/report.json"):
            got = replay(report, check=0)
            assert got["same"] == got["compared"] >= 3, got
        got = replay(report, "--language", "zh", check=1)
        assert {"report.html", "report.pdf"} <= set(got["differing"]), got


with Scratch() as tmp:
    upload = demo(tmp / "demo", 4)
    model = tmp / "model"
    source = next(p for p in (BIN.parents[2] / "models/starter", BIN.parent / "share/lentigo/models/starter")
                  if p.exists())
    shutil.copytree(source, model)
    os.environ["TMPDIR"] = str(tmp)
    cases = [lambda: of_a_run(tmp, upload, model),
             lambda: of_an_installation(tmp, pictures(upload, tmp / "few", 2))]
    for case in cases:
        begin = time.time()
        case()
        print(f"{time.time() - begin:.1f} s", flush=True)
    assert not list(tmp.glob("lentigo-replay-*")), "a scratch folder was left"
    assert not processes_naming(tmp), processes_naming(tmp)
print(f"test_replay: {len(cases)} passed, 0 failed")
