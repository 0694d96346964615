"""Uploads that are not to be begun before a time: they wait over the death of everything, can be begun
early and cancelled, and begin by themselves."""
import datetime

from installation import *

need_redis()


def begun(at, upload):
    return [t for t in at.taken() if t.count("/") == 2 and t.startswith(upload)]


def nodes(at):
    said = lentigo("status", "--json", "--redis", at.socket, "--spool", at.spool).stdout
    return [json.loads(line) for line in said.splitlines() if '"node"' in line]


def submit(at, upload, when, check=0):
    return lentigo("submit", upload, "--spool", at.spool, "--redis", at.socket, "--not-before", when,
                   check=check)


def waits_over_the_death_of_everything(tmp, a, b, c):
    with Installation(tmp, "later") as at:
        refused = submit(at, a, "tomorrow", check=64)
        assert "no time" in refused.stderr and not list(at.spool.glob("uploads/*")), refused
        said = submit(at, a, "+1h").stdout
        later, cancelled = said.split()[0], submit(at, c, "+2h").stdout.split()[0]
        assert "not begun before 20" in said and f"resume {later}" in said, said
        now = at.submit(b)
        record = json.loads((at.spool / "uploads" / later / "upload.json").read_text())
        assert record["not_before"] > record["accepted_at"], record
        at.start()
        wait_until(lambda: len(at.statuses()) == 5, "what was due")
        wait_until(lambda: nodes(at) and nodes(at)[0]["scheduled_images"] == 20, "the figures")
        node, = nodes(at)
        assert [(s["upload"], s["images"]) for s in node["scheduled"]] == \
            [(later, 10), (cancelled, 10)], node["scheduled"]
        assert not any(k["ready"] + k["leased"] for k in node["classes"]), node["classes"]
        page = lentigo("status", "--redis", at.socket, check=0).stdout
        assert f"{later}  10 images, not before 20" in page and "20 images are scheduled, from 20" in page, page
        assert "10 left" not in page and "20 left" in page, page

        # The same upload again changes nothing; nor does the loss of every process.
        again = submit(at, a, "+0s").stdout
        assert "accepted before" in again and "not begun before 20" in again, again
        at.kill()
        at.kill_redis()
        at.start_redis()
        assert lentigo("recover", "--spool", at.spool, "--redis", at.socket).returncode in (0, 2)
        assert not [f for f in at.doctor().get("findings", []) if "unqueued" in str(f)]
        at.start()
        wait_until(lambda: nodes(at) and nodes(at)[0]["scheduled_images"] == 20, "it still waits")
        assert not begun(at, later) and not begun(at, cancelled), at.taken()

        assert "images cancelled: 10" in at.operate("cancel", cancelled[:9], "--why", "withdrawn")
        wait_until(lambda: nodes(at) and nodes(at)[0]["scheduled_images"] == 10, "a cancelled one waits no more")
        assert "as a whole" in lentigo("resume", f"{later}/s000000", "--spool", at.spool,
                                       check=64).stderr
        assert "before their time: 10" in at.operate("resume", later[:9])
        d = at.wait_done()
        assert d["cancelled"] == 10 and d["done"] == 15, d
        assert len(begun(at, later)) == 10 and not begun(at, cancelled), at.taken()
        at.stop()


def begins_by_itself(tmp, a, b):
    """The one that comes later does not hold up the one that is due; a restart begins what became due
    while nobody was there."""
    with Installation(tmp, "soon") as at:
        soon = submit(at, a, "+2s").stdout.split()[0]
        record = json.loads((at.spool / "uploads" / soon / "upload.json").read_text())
        due = datetime.datetime.fromisoformat(record["not_before"].replace("Z", "+00:00")).timestamp()
        at.start()
        wait_until(lambda: begun(at, soon), "its time has come")
        assert time.time() >= due, "it was begun too early"
        assert at.wait_done()["done"] == 10
        at.stop()
        missed = submit(at, b, "+0s").stdout.split()[0]
        at.start()
        wait_until(lambda: begun(at, missed), "it was due while nobody was there")
        assert at.wait_done()["done"] == 15
        at.stop()


with Scratch() as tmp:
    upload = demo(tmp / "demo", 4)
    a, b, c = (pictures(upload, tmp / name, n) for name, n in (("a", 2), ("b", 1), ("c", 2)))
    for i, path in enumerate(sorted(c.rglob("*.jpg"))):
        path.write_bytes(path.read_bytes() + b"another")
    waits_over_the_death_of_everything(tmp, a, b, c)
    begins_by_itself(tmp, a, b)
    assert not processes_naming(tmp), processes_naming(tmp)
print("test_schedule: 2 passed, 0 failed")
