"""What `doctor` finds in a spool and its Redis that were damaged by hand, what `doctor --repair` and
`recover` mend, and that the study is then whole again. A real Redis, a real scheduler, a real run;
the spool is read with this script's own eyes."""
from installation import *

need_redis()


class Mended(Installation):
    def redis_cli(self, *words):
        return subprocess.run(["redis-cli", "-s", str(self.socket), *words], capture_output=True,
                              text=True, check=True).stdout.strip()

    def doctor(self, *more, check=None, command="doctor"):
        done = lentigo(command, "--json", "--spool", self.spool, "--redis", self.socket, *more,
                       check=check)
        return json.loads(done.stdout) if done.stdout else done

    def kinds(self, *more, check=None):
        """{finding: [where]}"""
        found = {}
        for row in self.doctor(*more, check=check)["findings"]:
            assert row["meaning"] and row["advice"], row
            found.setdefault(row["finding"], []).append(row["where"])
        return found


JOBS, QUEUED = "lentigo:{s0}:jobs:bulk", "lentigo:{s0}:queued"


def entries(at):
    """{job: stream entry} of the bulk class."""
    lines = at.redis_cli("XRANGE", JOBS, "-", "+").splitlines()
    found = {}
    for i in range(0, len(lines), 7):
        found["/".join((lines[i + 2], lines[i + 4], lines[i + 6]))] = lines[i]
    return found


def files_are_found_and_mended(tmp, few):
    with Mended(tmp, "files") as at:
        upload = at.submit(few)
        at.start()
        at.wait_done()
        at.stop()
        assert at.doctor(check=0)["n_findings"] == 0
        study = lambda k: at.spool / "uploads" / upload / "studies" / f"s{k:06}"
        before = {p: p.read_bytes() for p in at.spool.glob("uploads/*/studies/*/results/*.json")}

        report = json.loads((study(0) / "report.json").read_text())
        report["images"][1]["risk"] = "urgent!"
        (study(0) / "report.json").write_text(json.dumps(report))
        (study(1) / "results/2.json").write_text('{"status": "do')
        (study(2) / "report.json").unlink()
        (study(3) / "results/99.json").write_text("{}")
        (study(3) / "originals/77").write_text("x")
        (study(4) / "results/0.mask.png.999999999.tmp").write_text("half")
        (study(5) / "report.json").write_text("cut")
        (at.spool / "incoming/u1-1").mkdir()
        (at.spool / "incoming/u1-1/half").write_text("half")
        (at.spool / "somebody's").write_text("notes")
        (at.spool / "uploads" / upload / "odd").write_text("x")
        contents = at.spool / "uploads" / upload / "contents"
        told = contents.read_bytes()
        contents.write_bytes(told[:-9])

        name = lambda k, rest="": f"{upload}/s{k:06}{rest}"
        found = at.kinds(check=1)
        assert found == {
            "stale_report": [name(0), name(5)], "damaged_result": [name(1, "/2")],
            "early_report": [name(1)], "no_report": [name(2)],
            "stray_result": [name(3, "/results/99.json")],
            "orphan": ["somebody's", f"{upload}/odd", name(3, "/originals/77")],
            "draft": [name(4, "/results/0.mask.png.999999999.tmp")],
            "leftover": ["incoming/u1-1"], "other_contents": [upload]}, found
        text = lentigo("doctor", "--spool", at.spool, "--redis", at.socket, check=1).stdout
        assert f"{name(0)}: the report says something else than the results. To do: " in text, text

        d = at.doctor("--repair", check=1)
        left = {row["finding"] for row in d["findings"]}
        assert left == {"no_report", "unfinished", "orphan"}, d["findings"]
        assert contents.read_bytes() == told
        assert len(d["mended"]) == 11 and all(row["did"] for row in d["mended"]), d["mended"]
        assert (at.spool / "somebody's").exists(), "a stranger's file was touched"
        assert len(list((at.spool / "mended").iterdir())) == 4
        assert not list((at.spool / "incoming").iterdir())
        noted = at.orders("mended")
        assert len(noted) == 10 and all(e["by"] and e["at"] and e["did"] for e in noted), noted
        assert json.loads((study(0) / "history/report.0.json").read_text()) == report

        (at.spool / "somebody's").unlink()
        at.start()
        at.wait_done()
        assert at.doctor(check=0)["n_findings"] == 0
        assert {p: p.read_bytes() for p in before} == before, "mending changed a result"


def a_lost_index_is_found_and_filled(tmp, few):
    """Each way in which Redis can disagree with the spool."""
    with Mended(tmp, "redis") as at:
        upload = at.submit(few)
        at.start("--workers", "1", MS=300)
        wait_until(lambda: len(at.statuses()) >= 3, "some results")
        children = children_of(at.scheduler.pid)
        at.kill()
        wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in children),
                   "its children end")
        taken = set(at.statuses())
        at.redis_cli("DEL", "lentigo:{s0}:node:test")  # as its expiry will
        found = at.kinds(check=1)
        assert set(found) <= {"unfinished", "ownerless_lease", "unacknowledged"}, found
        assert len(found["ownerless_lease"]) >= 1, found

        jobs = entries(at)
        waiting = sorted(set(jobs) - taken)
        at.redis_cli("XDEL", JOBS, jobs[waiting[-1]])
        at.redis_cli("XDEL", JOBS, jobs[waiting[-2]])
        at.redis_cli("SREM", QUEUED, waiting[-2])
        at.redis_cli("XADD", JOBS, "*", "upload", "u0", "study", "s0", "n", "7")
        done = sorted(taken)[0]
        u, s, n = done.split("/")
        at.redis_cli("XADD", JOBS, "*", "upload", u, "study", s, "n", n)
        at.redis_cli("HINCRBY", "lentigo:{s0}:counters", "done", "1000")
        found = at.kinds(check=1)
        assert found["stuck_job"] == [waiting[-1]], found
        assert found["unqueued"] == [waiting[-2]], found
        assert found["unknown_job"] == ["u0/s0/7"], found
        assert done in found["unacknowledged"], found
        assert len(found["stale_counter"]) == 1, found

        d = at.doctor(command="recover", check=2)
        open_images = d["received"] - d["done"]
        assert d["jobs_put_in"] == open_images == d["redis"]["jobs"], d
        assert d["findings"] == [] and d["redis"]["leases"] == 0, d
        assert set(entries(at)) == {f"{upload}/s{k:06}/{n}" for k in range(12) for n in range(5)} - taken
        again = at.doctor(command="recover", check=0)
        assert again["jobs_put_in"] == open_images, again
        noted = at.orders("refilled")
        assert len(noted) == 2 and all(e["by"] and e["at"] for e in noted), noted
        at.start("--workers", "1")  # what it takes first is what nobody had finished
        at.wait_done()
        begun = [t for t in at.taken() if t.count("/") == 2]
        assert not taken & set(begun[len(taken) + 4:]), "what was done was done again"
        wait_until(lambda: at.redis_cli("XLEN", JOBS) == "0", "the queue is empty")
        assert at.doctor(check=0)["n_findings"] == 0


def nothing_is_touched_beside_a_scheduler(tmp, few):
    with Mended(tmp, "beside") as at:
        at.submit(few)
        at.start(MS=50)
        wait_until(lambda: at.statuses(), "the first result")
        while not at.doctor()["is_whole"]:  # at work: nothing that passes is a finding
            d = at.doctor(check=0)
            assert d["scheduler_pid"] == at.scheduler.pid and d["redis"]["is_filled"], d
        for command in (("doctor", "--repair"), ("recover",)):
            done = lentigo(*command, "--spool", at.spool, "--redis", at.socket, check=75)
            assert "stop the scheduler first" in done.stderr, done.stderr
        other = lentigo("submit", few, "--spool", tmp / "other", "--redis", at.socket, check=0)
        assert other.stdout.startswith("u"), other
        done = lentigo("recover", "--spool", tmp / "other", "--redis", at.socket, check=75)
        assert "node test is at work on it" in done.stderr, "another spool's jobs were thrown away"
        at.stop()
        at.kill_redis()
        assert "Redis was not looked at" in lentigo("doctor", "--spool", at.spool, "--redis",
                                                    at.socket, check=0).stdout
        said = lentigo("recover", "--spool", at.spool, "--redis", at.socket, check=75)
        assert "Redis could not be filled" in said.stderr, said.stderr


def a_lost_queue_does_not_stand_still(tmp, few):
    """A running scheduler whose Redis loses one job: the doctor names the image for ever."""
    with Mended(tmp, "stuck") as at:
        at.submit(few)
        at.operate("pause", "--why", "to look at it")
        at.start()
        wait_until(lambda: len(entries(at)) == 60, "Redis is filled")
        job, entry = sorted(entries(at).items())[30]
        at.redis_cli("XDEL", JOBS, entry)
        assert at.kinds(check=1) == {"stuck_job": [job]}
        at.stop()
        at.doctor(command="recover", check=2)
        assert job in entries(at)


def a_redis_that_comes_back_older_misses_nothing(tmp, few, more):
    """What a replica is that took over before it had everything, and a machine whose last second of the
    append-only file was not on the disk: the epoch is there, the last jobs are not."""
    with Mended(tmp, "older") as at:
        first = at.submit(few)
        at.operate("pause", "--why", "a test")
        at.start()
        wait_until(lambda: len(entries(at)) == 60, "the first upload is put")
        at.redis_cli("SAVE")
        at.submit(more)
        wait_until(lambda: len(entries(at)) == 70, "the second upload is put")
        at.scheduler.send_signal(signal.SIGSTOP)  # or it has put them again before anybody looks
        at.kill_redis()
        at.start_redis()  # from what was saved
        assert {job.split("/")[0] for job in entries(at)} == {first}
        at.scheduler.send_signal(signal.SIGCONT)
        wait_until(lambda: len(entries(at)) == 70, "what was lost is put again")
        at.operate("resume")
        d = at.wait_done()
        assert d["done"] == 70, d
        begun = [t for t in at.taken() if t.count("/") == 2]
        assert len(begun) == len(set(begun)) == 70, "something was done twice"
        at.stop()


def a_run_is_mended_too(tmp, demo_upload):
    out, upload = tmp / "out", pictures(demo_upload, tmp / "run-in", 3)
    lentigo("run", upload, "-o", out, check=0)
    before = digests(out)
    lentigo("recover", out, check=0)
    report = next(out.glob(".lentigo/spool/uploads/*/studies/*/report.json"))
    report.write_text(report.read_text().replace('"risk": "', '"risk": "x'))
    result = next(out.glob(".lentigo/spool/uploads/*/studies/s000002/results/1.json"))
    result.write_bytes(b"")
    lentigo("doctor", out, check=1)
    lentigo("doctor", out, "--repair", check=1)  # an image and two studies wait for the run
    assert "start" in lentigo("doctor", out, check=1).stdout
    lentigo("recover", out, check=0)
    lentigo("run", upload, "-o", out, check=0)
    lentigo("doctor", out, check=0)
    assert digests(out) == before


with Scratch() as tmp:
    upload = demo(tmp / "demo", 4)
    few = pictures(upload, tmp / "few", 12)
    more = pictures(upload, tmp / "more", 2)
    cases = [lambda: files_are_found_and_mended(tmp, few),
             lambda: a_lost_index_is_found_and_filled(tmp, few),
             lambda: nothing_is_touched_beside_a_scheduler(tmp, few),
             lambda: a_lost_queue_does_not_stand_still(tmp, few),
             lambda: a_redis_that_comes_back_older_misses_nothing(tmp, few, more),
             lambda: a_run_is_mended_too(tmp, upload)]
    for case in cases:
        begin = time.time()
        case()
        print(f"{time.time() - begin:.1f} s", flush=True)
    assert not processes_naming(tmp), processes_naming(tmp)
print(f"test_recover: {len(cases)} passed, 0 failed")
