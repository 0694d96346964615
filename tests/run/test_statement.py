"""Conservation statements of real runs and of an installation whose scheduler is killed while it
makes them: nothing is stated twice, the sums hold, and a changed byte is named."""
import datetime

from installation import *

need_redis()


def statements(spool):
    def place(path):
        parts = path.name.split(".")
        return parts[0], int(parts[1]) if len(parts) == 3 else 1
    return [json.loads(p.read_text()) for p in sorted(spool.glob("statements/*.json"), key=place)]


def facts(spool):
    return [line for p in spool.glob("statements/*.facts") for line in p.read_text().splitlines()]


def check_sums(found):
    left = {}
    for number, s in enumerate(found, 1):
        assert s["number"] == number, s
        for site, c in s["sites"].items():
            assert c["carried"] == left.get(site, 0), s
            assert c["carried"] + c["received"] + c["reopened"] == \
                c["done"] + c["set_aside"] + c["cancelled"] + c["left"], s
            left[site] = c["left"]
        for key in s["total"]:
            assert s["total"][key] == sum(c[key] for c in s["sites"].values()), s


def a_run_states_what_it_did(tmp, demo_upload):
    out = tmp / "out"
    cut = demo_upload / named_files(demo_upload)[1]
    cut.write_bytes(cut.read_bytes()[:cut.stat().st_size // 2])
    said = lentigo("run", demo_upload, "-o", out, check=0)
    spool = out / ".lentigo/spool"
    first, = statements(spool)
    sha = hashlib.sha256(next(spool.glob("statements/*.json")).read_bytes()).hexdigest()
    assert f"sha256 {sha}" in said.stderr, said.stderr
    summary = json.loads((out / "summary.json").read_text())
    assert {k: first["total"][k] for k in ("received", "done", "set_aside", "cancelled")} == \
        {k: summary[k] for k in ("received", "done", "set_aside", "cancelled")}, first
    assert first["total"]["left"] == 0 and len(first["sites"]) > 1, first
    assert f"sha256 {sha}" in lentigo("statement", out, "--verify", check=0).stdout
    lentigo("run", demo_upload, "-o", out, check=0)
    assert len(statements(spool)) == 1, "nothing happened, and it was stated"

    aside = [json.loads(x) for x in lentigo("set-aside", out, "--json", check=0).stdout.splitlines()]
    again = [x["id"] for x in aside if x["can_retry"]]
    assert again, aside
    lentigo("retry", again[0], out, check=0)
    lentigo("run", demo_upload, "-o", out, check=0)
    found = statements(spool)
    check_sums(found)
    assert found[1]["total"]["reopened"] == found[1]["total"]["set_aside"] == 1, found[1]
    lentigo("statement", out, "--verify", check=0)
    lentigo("doctor", out, check=0)

    victim = next(spool.glob("uploads/*/studies/s000000/results/0.json"))
    was = victim.read_bytes()
    victim.write_bytes(was.replace(b"e", b"E", 1))
    named = lentigo("statement", out, "--verify", check=1).stdout
    assert "s000000/0: changed since it was stated" in named and "NOT AS STATED: 1" in named, named
    victim.write_bytes(was)
    lentigo("statement", out, "--verify", check=0)


def an_installation_states_each_day(tmp, many):
    yesterday = lambda: str(datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(1))
    begun = yesterday()
    with Installation(tmp, "days") as at:
        at.submit(many)  # accepted long ago, as SOURCE_DATE_EPOCH says
        for round in range(6):
            at.start(MS=5)
            wait_until(lambda: at.said("spool.walked") > round, "the spool is read")
            time.sleep(0.004 * round)
            at.kill()
        at.start()
        at.wait_done()
        wait_until(lambda: statements(at.spool), "a statement")
        found = statements(at.spool)
        assert len(found) == 1 and found[0]["day"] in (begun, yesterday()), found
        check_sums(found)
        assert found[0]["total"]["received"] == 800, found
        assert len(facts(at.spool)) == len(set(facts(at.spool)))
        lentigo("statement", "--spool", at.spool, "--verify", check=0)
        at.stop()
        # A day later: the earlier statement is of the day before yesterday.
        one, = at.spool.glob("statements/*.json")
        kept = at.spool / "log"
        events = [e for e in map(json.loads, kept.read_text().splitlines())
                  if e["event"] != "statement"]
        shutil.rmtree(at.spool / "statements")
        kept.write_text("".join(json.dumps(e) + "\n" for e in events))
        at.start()
        wait_until(lambda: statements(at.spool), "another statement")
        total = statements(at.spool)[0]["total"]
        assert total["done"] == 800 and total["left"] == 0, total
        wait_until(lambda: len(at.orders("statement")) == 1, "its line in the log")
        lentigo("statement", "--spool", at.spool, "--verify", check=0)
        at.stop()


with Scratch() as tmp:
    upload = demo(tmp / "demo", 4)
    many = pictures(upload, tmp / "many", 160)
    cases = [lambda: a_run_states_what_it_did(tmp, upload),
             lambda: an_installation_states_each_day(tmp, many)]
    for case in cases:
        begin = time.time()
        case()
        print(f"{time.time() - begin:.1f} s", flush=True)
    assert not processes_naming(tmp), processes_naming(tmp)
print(f"test_statement: {len(cases)} passed, 0 failed")
