"""Machines that join: their worker does part of the work, and whatever happens to it, to its machine or to
the line costs nothing but time. Real scheduler, seats and lentigo-join; workers that do as they are told."""
import contextlib
import http.client
import re

from seating import *

need_redis()


def a_machine_that_joins_does_part_of_the_work(tmp, upload):
    with WithSeat(tmp, "part", upload) as i:
        joined = Joined(i, MS=20)  # before there is a seat: it asks until there is
        i.start(*i.seat, MS=60)
        d = i.end(joined)
        theirs, ours = set(joined.taken()), set(i.taken())
        assert len(theirs) >= 5 and len(ours) >= 5, (theirs, ours)
        assert len([t for t in theirs | ours if t.count("/") == 2]) == d["done"]
        results = [json.loads(p.read_text()) for p in i.spool.glob("uploads/*/studies/*/results/*.json")]
        assert all(r["model"] == {"name": "fake"} for r in results), results
        assert i.said("event=seat.left"), i.log.read_text()


def whatever_dies_nothing_is_lost(tmp, upload):
    """The worker there, its machine, and the seat, each killed while images are in their hands."""
    with WithSeat(tmp, "dies", upload) as i:
        joined = Joined(i, MS=40)
        i.start(*i.seat, MS=250)  # ours is slow: there is work until the last one died
        for who in ("worker", "machine", "seat", "scheduler"):
            before = len(joined.taken())
            wait_until(lambda n=before: len(joined.taken()) > n + 1, f"it works: {who}")
            if who == "worker":
                os.kill(joined.worker(), signal.SIGKILL)
            elif who == "machine":
                joined.kill()
                joined = Joined(i, MS=40)
            elif who == "seat":
                subprocess.run(["pkill", "-KILL", "-P", str(i.scheduler.pid), "lentigo-seat"], check=True)
            else:
                i.kill()
                i.start(*i.seat, MS=250)
        i.end(joined)
        assert not i.orders("crash"), "an image was blamed"


def a_bad_image_is_found_as_at_home(tmp, upload):
    """The worker there dies of it, the seat dies of the same signal, and it runs alone, here or there."""
    with WithSeat(tmp, "bad", upload) as i:
        i.aside = 1
        last = sorted(i.spool.glob("uploads/*/studies/*"))[-1]
        bad = f"/{last.name}/0"
        joined = Joined(i, MS=2, SEGV=bad)
        i.start(*i.seat, MS=1500, CREDIT=1, SEGV=bad)  # ours is slow: that one is met there first
        wait_until(lambda: i.said("event=image.set_aside"), "it is set aside")
        i.end(joined)
        crashes = i.orders("crash")
        assert [c["signal"] for c in crashes] == 3 * [signal.SIGSEGV], crashes
        assert i.said("event=seat.left status=0 signal=11"), i.log.read_text()


def a_line_that_goes_silent_gives_everything_back(tmp, upload):
    """The machine is stopped, as if its cable were pulled: its images are done here, and it joins again."""
    with WithSeat(tmp, "silent", upload) as i:
        joined = Joined(i, MS=40)
        i.start(*i.seat, MS=40)
        wait_until(lambda: len(joined.taken()) > 2, "it works")
        everyone = [joined.process.pid, joined.worker()]
        for pid in everyone:
            os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: i.said("event=seat.lost"), "the seat notices")
        i.wait_done()
        for pid in everyone:
            os.kill(pid, signal.SIGCONT)
        i.end(joined)
        assert not i.orders("crash"), "an image was blamed"


def a_machine_that_is_short_of_something_holds_up_nobody_else(tmp, upload):
    with WithSeat(tmp, "short", upload) as i:
        i.start(*i.seat, MS=30)
        wait_until(lambda: i.said("event=seat.open"), "there is a seat")
        short = Joined(i, FIRST="AGAIN")  # its folder is a new one each time, so it says so always
        wait_until(lambda: i.said("event=worker.rests"), "it gets none for a while")
        i.end(short)


def who_does_not_fit_is_sent_away_and_told_why(tmp, upload):
    with WithSeat(tmp, "fit", upload) as i:
        i.start(*i.seat, MS=30)
        wait_until(lambda: i.said("event=seat.open"), "there is a seat")
        other = i.dir / "other-token"
        other.write_text("another-token-altogether")
        other.chmod(0o600)
        stranger = Joined(i, token=other)
        assert stranger.process.wait(HANG_S) == 78
        assert "token" in stranger.log.read_text()
        i.libexec.joinpath("lentigo-worker").unlink()
        wrong = i.libexec / "lentigo-worker"
        hello = {"kind": "hello", "version": 2, "pid": 1, "credit": 4, "role": "worker", "model": "m",
                 "model_sha256": "beef", "policy_sha256": "", "precision": "f32", "backend": "", "device": "cpu",
                 "size": 256, "isolates": False}
        wrong.write_text(f"#!/bin/sh\necho '{json.dumps(hello)}' >&3\nexec sleep 600\n")
        wrong.chmod(0o755)
        misfit = Joined(i)
        assert misfit.process.wait(HANG_S) == 78, misfit.log.read_text()
        assert "here work model 00ff" in misfit.log.read_text(), misfit.log.read_text()
        assert i.said("event=child.refused")
        wrong.unlink()
        wrong.symlink_to(FAKES.resolve() / "lentigo-worker")
        welcome = Joined(i, MS=5)  # the seat is free again
        wait_until(lambda: welcome.taken(), "it works")
        i.end(welcome)


def a_seat_answers_only_who_has_the_token(tmp, upload):
    with WithSeat(tmp, "token", upload) as i:
        i.start(*i.seat, MS=30)
        wait_until(lambda: i.said("event=seat.open"), "there is a seat")
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", i.port, timeout=HANG_S)) as c:
            for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": TOKEN}):
                c.request("GET", "/v1/jobs/0", headers=headers)
                answer = c.getresponse()
                assert answer.status == 401, answer.status
                assert b"token" in answer.read()
        page = re.compile(rf"^worker +open .*, 127\.0\.0\.1:{i.port}$", re.M)
        wait_until(lambda: page.search(lentigo("status", "--redis", i.socket).stdout), "its address is told")
        i.wait_done()
        i.stop()


def over_tls_only_the_named_authority_is_believed(tmp, upload):
    with WithSeat(tmp, "tls", upload) as i:
        certificate, key = i.dir / "seat.pem", i.dir / "seat.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-out",
                        str(certificate), "-keyout", str(key)], check=True, capture_output=True)
        i.start(*i.seat, "--certificate", str(certificate), "--key", str(key), MS=100)
        url = f"https://127.0.0.1:{i.port}"
        stranger = Joined(i, url=url, name="stranger")  # believes in the system's authorities only
        wait_until(lambda: "certificate" in stranger.log.read_text(), "it says why it does not join")
        stranger.stop()
        plain = Joined(i, name="plain")
        wait_until(lambda: "join.waiting" in plain.log.read_text(), "plain HTTP is not spoken here")
        plain.stop()
        joined = Joined(i, "--authority", str(certificate), url=url, MS=5)
        wait_until(joined.taken, "it works")
        i.end(joined)
        assert not stranger.taken() and not plain.taken()


def seats_that_are_none_are_said_at_the_start(tmp):
    good = tmp / "good-token"
    good.write_text(TOKEN)
    good.chmod(0o600)
    for flags, says in ((["--seats", "8700"], "--token"), (["--seats", "8700", "--token", good], "host:port"),
                        (["--seats", "127.0.0.1:0", "--token", "/etc/passwd"], "others may read it")):
        done = lentigo("run", tmp, "-o", tmp / "out", *flags)
        assert done.returncode == 78 and says in done.stderr, (done.returncode, done.stderr)


with Scratch() as tmp:
    source = demo(tmp / "demo", 4)
    upload = pictures(source, tmp / "upload", 16)
    a_machine_that_joins_does_part_of_the_work(tmp, upload)
    whatever_dies_nothing_is_lost(tmp, upload)
    a_bad_image_is_found_as_at_home(tmp, upload)
    a_line_that_goes_silent_gives_everything_back(tmp, upload)
    a_machine_that_is_short_of_something_holds_up_nobody_else(tmp, upload)
    who_does_not_fit_is_sent_away_and_told_why(tmp, upload)
    a_seat_answers_only_who_has_the_token(tmp, upload)
    over_tls_only_the_named_authority_is_believed(tmp, upload)
    seats_that_are_none_are_said_at_the_start(tmp)
print("test_seats: 9 passed, 0 failed")
