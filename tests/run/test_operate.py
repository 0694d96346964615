"""What operators do to a running installation: cancel, set-aside, retry, pause, resume. A real Redis,
a real scheduler that is killed in the middle of each, and children that do as they are told
(tests/scheduler/fake_child.c); at the end a real run. The spool is read with this script's own eyes."""
from installation import *

need_redis()


def cancel_while_queued_leased_and_running(tmp, many):
    with Installation(tmp, "cancel") as at:
        upload = at.submit(many)
        at.start(HOLD=2)
        wait_until(lambda: len(at.statuses()) == 1 and len(at.taken()) == 2, "the first result")
        assert "--why" in lentigo("cancel", upload, "--spool", at.spool, check=64).stderr
        assert "no upload begins so" in lentigo("cancel", "zz", "--spool", at.spool, "--why", "x",
                                                check=64).stderr
        before = at.statuses()
        busy = len(at.taken())
        said = at.operate("cancel", upload[:8], "--why", "handed in twice")
        after = at.statuses()
        cancelled = sum(s == "cancelled" for s in after.values())
        assert f"images cancelled: {cancelled}\n" in said and cancelled > 100, (said, cancelled)
        assert all(after[i] == s for i, s in before.items()), "a terminal image was changed"
        at.let_go()
        wait_until(lambda: at.said("event=answer.dropped"), "a late answer")
        at.kill()
        at.start()
        d = at.wait_done()
        assert at.statuses() == after, "a late answer changed a result"
        assert d["cancelled"] == cancelled and d["done"] == len(before), d
        assert sum(t.count("/") == 2 for t in at.taken()) <= busy + 4, "cancelled work was begun"
        order, = at.orders("cancel")
        assert order["why"] == "handed in twice" and order["by"] and order["at"], order
        assert "images cancelled: 0" in at.operate("cancel", upload, "--why", "again")
        wait_until(lambda: not queue_length(at), "the queue is empty")


def queue_length(at):
    nodes = lentigo("status", "--json", "--redis", at.socket).stdout.splitlines()
    return sum(c["ready"] + c["leased"] for n in map(json.loads, nodes) for c in n["classes"])


def cancel_one_study_and_one_image(tmp, few):
    with Installation(tmp, "parts") as at:
        upload = at.submit(few)
        keys = sorted(p.name for p in at.spool.glob("uploads/*/studies/*"))
        noted = at.operate("cancel", f"{upload}/{keys[1]}", "--why", "withdrawn")
        assert "carried out when the scheduler starts" in noted, noted
        at.operate("cancel", f"{upload}/{keys[2]}/3", "--why", "blurred")
        assert "images 0 to 4" in lentigo("cancel", f"{upload}/{keys[2]}/5", "--spool", at.spool,
                                          "--why", "x", check=64).stderr
        at.start()
        at.wait_done()
        cancelled = {i for i, s in at.statuses().items() if s == "cancelled"}
        assert cancelled == {f"{upload}/{keys[1]}/{n}" for n in range(5)} | \
            {f"{upload}/{keys[2]}/3"}, cancelled


def cancel_outlives_kill_minus_9(tmp, many):
    with Installation(tmp, "killed") as at:
        upload = at.submit(many)
        at.start(MS=200)
        wait_until(lambda: len(at.statuses()) >= 2, "some results")
        at.kill()
        at.operate("cancel", upload, "--why", "killed in the middle")
        cancelled, seen = lambda: sum(s == "cancelled" for s in at.statuses().values()), 0
        for _ in range(3):
            at.start(MS=200)
            wait_until(lambda: cancelled() > seen or at.orders("carried_out"), "it goes on")
            at.kill()
            seen = cancelled()
            if at.orders("carried_out"):
                break
        before = at.statuses()
        at.start()
        at.wait_done()
        assert all(at.statuses()[i] == s for i, s in before.items())
        assert len(at.orders("carried_out")) == 1, at.orders("carried_out")


def retry_is_exactly_once(tmp, few):
    """Image 1 of each study dies three times; then it is sound, and the scheduler is killed."""
    with Installation(tmp, "retry") as at:
        upload = at.submit(few)
        at.start(SIGNAL="/1")
        d = at.wait_done()
        studies = d["studies"]
        assert d["set_aside"] == studies, d
        listed = [json.loads(x) for x in at.operate("set-aside", "--json").splitlines()]
        assert {x["id"] for x in listed} == {i for i, s in at.statuses().items() if s == "set_aside"}
        assert all(x["reason"] == "decode_crash" and x["stage"] == "decode" and x["signal"] == 11 and
                   x["retries"] == 0 and x["can_retry"] for x in listed), listed
        assert f"set aside: {studies}\n" in at.operate("set-aside", "--reason", "decode_crash")
        assert "set aside: 0\n" in at.operate("set-aside", "--reason", "too_large")
        assert "no reason" in lentigo("set-aside", "--reason", "x", "--spool", at.spool, check=64).stderr

        # Still bad: three more crashes, counted from zero, and set aside again.
        first = listed[0]["id"]
        assert "put back into the queue: 1\n" in at.operate("retry", first, "--why", "new decoder")
        at.wait_done()
        assert len([e for e in at.orders("crash") if e["image"] == first]) == 6
        again, = [x for x in map(json.loads, at.operate("set-aside", "--json").splitlines())
                  if x["id"] == first]
        assert again["retries"] == 1, again
        at.stop()

        assert "carried out when" in at.operate("retry", "--reason", "decode_crash")
        crashes = len(at.orders("crash"))
        history = lambda: len(list(at.spool.glob("uploads/*/studies/*/history/1.*.json")))
        for wanted in (2, 3, studies):
            at.start(MS=20)
            wait_until(lambda: history() >= wanted, "results move to history")
            at.kill()
        at.start()
        d = at.wait_done()
        assert d["set_aside"] == 0 and d["done"] == d["received"], d
        assert history() == studies + 1, "one of them was tried again twice"
        reports = len(list(at.spool.glob("uploads/*/studies/*/history/report.*.json")))
        assert reports >= studies + 1, "each study was reported anew"
        assert len(at.orders("crash")) == crashes
        assert len(at.orders("carried_out")) == 2
        assert "nothing there" in at.operate("retry", upload)


def pause_outlives_scheduler_and_redis(tmp, few, more):
    with Installation(tmp, "pause") as at:
        at.submit(few)
        assert "--why" in lentigo("pause", "--spool", at.spool, check=64).stderr
        at.operate("pause", "--why", "moving the disks")
        at.start()
        wait_until(lambda: at.said("spool.walked"), "the spool is read")
        time.sleep(0.5)
        at.kill()
        at.kill_redis()
        at.start_redis()
        at.start()
        wait_until(lambda: at.said("event=redis.up") >= 2, "the second start")
        time.sleep(1)
        assert not at.taken(), at.taken()
        by, page = at.orders("pause")[0]["by"], lambda: lentigo("status", "--redis", at.socket).stdout
        wait_until(lambda: all(text in page() for text in ("test: paused", "moving the disks", by)),
                   "the pause is told")

        at.submit(more, "interactive")
        at.operate("resume", "interactive")
        wait_until(lambda: len(at.statuses()) == 10, "the interactive upload alone")
        time.sleep(0.5)
        assert len(at.statuses()) == 10, "bulk is still paused"
        wait_until(lambda: "test: running" in (said := page()) and said.count("moving the disks") == 2,
                   "two are paused")
        at.operate("resume")
        at.wait_done()
        wait_until(lambda: "test: running" in (said := page()) and "moving the disks" not in said,
                   "nothing is paused")
        at.stop()


def no_class_starves_and_interactive_comes_first(tmp, many, few, more):
    with Installation(tmp, "shares") as at:
        ids = {at.submit(u, c): c for u, c in ((many, "interactive"), (few, "bulk"),
                                               (more, "training"))}
        at.operate("pause", "--why", "until all are in the queue")
        at.start(MS=2)
        wait_until(lambda: queue_length(at) == 370, "all are in the queue")
        at.operate("resume")
        begun = lambda: [ids[t.split("/")[0]] for t in at.taken() if t.count("/") == 2]
        wait_until(lambda: len(begun()) >= 160, "160 images")
        first = begun()[:160]
        assert first.count("bulk") in range(14, 24), first.count("bulk")  # an eighth: 20
        assert first.count("training") in range(6, 12), first.count("training")  # a sixteenth: 10
    with Installation(tmp, "urgent") as at:
        at.submit(many, "bulk")
        at.start(HOLD=11)
        wait_until(lambda: len(at.statuses()) == 10, "bulk work")
        urgent = at.submit(few, "interactive")
        wait_until(lambda: queue_length(at) == 350, "the urgent ones are in the queue")
        at.let_go()
        wait_until(lambda: any(t.startswith(urgent) for t in at.taken()), "the urgent one begins")
        behind = [t for t in at.taken() if t.count("/") == 2]
        mine = next(i for i, t in enumerate(behind) if t.startswith(urgent))
        assert mine < 20, (mine, len(behind))  # of 300 that were there before


def one_scheduler_hands_over_to_the_next(tmp, many):
    """TERM: what is held is finished, the rest is left to the next; two at once are refused."""
    with Installation(tmp, "handover") as at:
        at.submit(many)
        at.start(HOLD=5)
        wait_until(lambda: len(at.statuses()) == 4, "some results")
        old = at.scheduler
        at.start(MS=1)
        assert at.scheduler.wait(HANG_S) == 75, "two schedulers on one spool"
        assert f"in use by process {old.pid}" in at.log.read_text()
        old.terminate()
        wait_until(lambda: at.said("event=signal"), "it drains")
        at.let_go()
        assert old.wait(HANG_S) == 0, "it did not drain"
        begun = [t for t in at.taken() if t.count("/") == 2]
        done = set(at.statuses())
        assert set(begun) == done, "it began what it did not finish"
        at.start()
        at.wait_done()
        begun = [t for t in at.taken() if t.count("/") == 2]
        assert len(begun) == len(set(begun)) == 5 * len(list(many.iterdir())), "something was done twice"
        at.stop()


def a_version_installed_under_it_takes_over(tmp, few):
    """What the old one began it finishes; the new one starts in its place and does the rest."""
    with Installation(tmp, "upgrade") as at:
        at.libexec, version = at.dir / "libexec", at.dir / "version"
        at.libexec.mkdir()
        for name in ("lentigo-worker", "lentigo-reports"):
            (at.libexec / name).write_text(
                f"#!/bin/sh\nFAKE_VERSION=$(cat {version} 2>/dev/null) exec {FAKES / name} \"$@\"\n")
            (at.libexec / name).chmod(0o755)
        at.submit(few)
        at.start("--reporters", "1", HOLD=5)
        wait_until(lambda: len(at.statuses()) == 4 and at.said("event=child.up child=reporter"), "some results")
        version.write_text("999")
        reporter = next(p for p, name in children_of(at.scheduler.pid).items() if "reports" in name)
        os.kill(reporter, signal.SIGKILL)  # and comes up again as another version
        wait_until(lambda: at.said("event=hand_over"), "it hands over")
        at.let_go()
        assert at.scheduler.wait(HANG_S) == 75, at.scheduler.returncode
        assert at.said("event=hand_over") == 1 and "version 999" in at.log.read_text()
        begun, done = [t for t in at.taken() if t.count("/") == 2], set(at.statuses())
        assert set(begun) == done and 4 <= len(done) < 60, "it began what it did not finish"
        version.unlink()  # the new scheduler, which its workers agree with
        at.start()
        at.wait_done()
        begun = [t for t in at.taken() if t.count("/") == 2]
        assert len(begun) == len(set(begun)) == 60, "something was done twice"
        at.stop()


def a_run_is_cancelled_in_part(tmp, few):
    out = tmp / "run-cancel"
    run = start("run", few, "-o", out)
    wait_until(lambda: results(out) >= 1, "the first result")
    key = sorted(p.name for p in out.glob(".lentigo/spool/uploads/*/studies/*"))[-1]
    upload = next(out.glob(".lentigo/spool/uploads/*")).name
    said = lentigo("cancel", f"{upload[:6]}/{key}", out, "--why", "withdrawn", check=0).stdout
    assert "images cancelled: " in said or "noted" in said, said
    assert run.wait(HANG_S) == 0
    summary = json.loads((out / "summary.json").read_text())
    reported = [i["status"] for p in out.glob("patients/**/report.json")
                for i in json.loads(p.read_text())["images"]]
    assert len(reported) == summary["received"] == summary["done"] + summary["set_aside"] + \
        summary["cancelled"], summary
    assert reported.count("cancelled") == summary["cancelled"], summary
    assert summary["cancelled"] == int(said.split()[-1]) if "cancelled: " in said else True
    lentigo("doctor", out, check=0)
    return summary["cancelled"]


def a_finished_run_tries_again(tmp, demo_upload):
    """A broken file stays broken: the same bytes come out, and the earlier try is kept."""
    out, upload = tmp / "run-retry", pictures(demo_upload, tmp / "broken", 3)
    for patient in ("p000", "p001"):
        whole = (upload / patient / "0.jpg").read_bytes()
        (upload / patient / "0.jpg").write_bytes(whole[:len(whole) // 2])
    (upload / "p002" / "1.jpg").write_bytes(b"")
    lentigo("run", upload, "-o", out, check=0)
    before = digests(out)
    broken = [json.loads(x) for x in lentigo("set-aside", out, "--json", check=0).stdout.splitlines()]
    assert len(broken) == 3 and sum(x["can_retry"] for x in broken) == 2, broken
    broken = [x for x in broken if x["can_retry"]]
    for x in broken:
        lentigo("retry", x["id"], out, check=0)
    lentigo("run", upload, "-o", out, check=0)
    assert digests(out) == before
    again = {x["id"]: x["retries"] for x in
             map(json.loads, lentigo("set-aside", out, "--json", check=0).stdout.splitlines())}
    assert all(again[x["id"]] == 1 for x in broken), again
    lentigo("doctor", out, check=0)


with Scratch() as tmp:
    upload = demo(tmp / "demo", 4)
    many = pictures(upload, tmp / "many", 60)
    few = pictures(upload, tmp / "few", 12)
    more = pictures(upload, tmp / "more", 2)
    cases = [lambda: cancel_while_queued_leased_and_running(tmp, many),
             lambda: cancel_one_study_and_one_image(tmp, few),
             lambda: cancel_outlives_kill_minus_9(tmp, pictures(upload, tmp / "most", 160)),
             lambda: retry_is_exactly_once(tmp, few),
             lambda: pause_outlives_scheduler_and_redis(tmp, few, more),
             lambda: no_class_starves_and_interactive_comes_first(tmp, many, few, more),
             lambda: one_scheduler_hands_over_to_the_next(tmp, many),
             lambda: a_version_installed_under_it_takes_over(tmp, few),
             lambda: a_run_is_cancelled_in_part(tmp, few),
             lambda: a_finished_run_tries_again(tmp, upload)]
    for case in cases:
        begin = time.time()
        case()
        print(f"{time.time() - begin:.1f} s", flush=True)
    assert not processes_naming(tmp), processes_naming(tmp)
print(f"test_operate: {len(cases)} passed, 0 failed")
