"""lentigo watch: slow writers, kill -9 in the middle, broken uploads beside good ones, restarts, quotas.
An upload is taken in whole, once, or not at all and somebody is told."""
from installation import *

need_redis()
QUIET = ("--look-seconds", "0.2", "--quiet-seconds", "0.6")
SLOW = ("--look-seconds", "0.2", "--quiet-seconds", "3600")  # only what tells by itself


class Watched(Installation):
    """An installation with a folder that is watched, and no scheduler unless one is started."""

    def __init__(self, path, name):
        super().__init__(path, name)
        self.inbox, self.watch = self.dir / "inbox", None
        self.inbox.mkdir()

    def __exit__(self, kind, *ignored):
        self.end_watch()
        super().__exit__(kind, *ignored)

    def start_watch(self, *flags):
        with open(self.log, "a") as log:
            self.watch = subprocess.Popen(
                [str(BIN / "lentigo"), "watch", str(self.inbox), "--spool", str(self.spool), "--redis",
                 str(self.socket), *flags], stdout=subprocess.DEVNULL, stderr=log,
                preexec_fn=die_with_us, env=environment())

    def end_watch(self, number=signal.SIGKILL):
        if self.watch and self.watch.poll() is None:
            self.watch.send_signal(number)
            self.watch.wait()

    def told(self):
        """What status says of the watch, or {}."""
        said = lentigo("status", "--json", "--spool", self.spool, "--redis", self.socket).stdout
        lines = [json.loads(line) for line in said.splitlines()]
        return next((line for line in lines if "watch" in line), {})

    def waits(self):
        return {u["name"]: (u["state"], u["why"]) for u in self.told().get("uploads", [])}

    def uploads(self):
        return [json.loads(p.read_text()) for p in self.spool.glob("uploads/*/upload.json")]


def put(upload, to, marker=True):
    """As a clinic would, by a tool that knows nothing of names on their way."""
    shutil.copytree(upload, to, dirs_exist_ok=True)
    if marker:
        (to / "COMPLETE").touch()


def a_slow_writer_is_waited_for(tmp, few):
    """Each file comes a piece at a time, and the line is down for as long as anybody looks."""
    with Watched(tmp, "slow") as at:
        at.start_watch(*SLOW)
        files = [p for p in sorted(few.rglob("*")) if p.is_file()]
        for i, path in enumerate(files):
            to = at.inbox / "friday" / path.relative_to(few)
            to.parent.mkdir(parents=True, exist_ok=True)
            whole = path.read_bytes()
            with open(to, "wb") as out:
                out.write(whole[:len(whole) // 2])
                out.flush()
                if i in (0, len(files) - 1):
                    wait_until(lambda: at.waits().get("friday", ("",))[0] == "waits for quiet",
                               "it stands still at half a file")
                assert not at.uploads(), "half an upload was taken"
                out.write(whole[len(whole) // 2:])
        (at.inbox / "friday" / "COMPLETE").touch()
        wait_until(lambda: (at.inbox / "friday.taken").exists(), "it is taken")
        upload, = at.uploads()
        assert upload["images"] == len(files), upload
        receipt = json.loads((at.inbox / "friday.taken.json").read_text())
        assert receipt["upload"] == upload["upload"] and receipt["images"] == len(files), receipt
        for path in at.spool.glob("uploads/*/studies/*/study.json"):
            for image in json.loads(path.read_text())["images"]:
                original = (path.parent / "originals" / str(image["n"])).read_bytes()
                assert hashlib.sha256(original).hexdigest() == image["sha256"]
                assert original in [p.read_bytes() for p in files], "a half file"
        at.end_watch()
        put(few, at.inbox / "saturday", marker=False)
        at.start_watch(*QUIET)
        wait_until(lambda: (at.inbox / "saturday.taken").exists(), "it stood still")


def each_upload_fares_by_itself(tmp, few, more):
    """Broken, incomplete and strange ones beside good ones; what each waits for is told."""
    with Watched(tmp, "mixed") as at:
        put(few, at.inbox / "good")
        put(few, at.inbox / "broken")
        (at.inbox / "broken" / "manifest.csv").write_text("patient_id,file\np1\n")
        (at.inbox / "pictureless").mkdir()
        (at.inbox / "pictureless" / "notes.txt").write_text("nothing")
        (at.inbox / "pictureless" / "COMPLETE").touch()
        put(more, at.inbox / "short", marker=False)
        (at.inbox / "short" / "manifest.csv").write_text("patient_id,file\np1,p000/0.jpg\np1,late.jpg\n")
        put(more, at.inbox / "rsyncs")
        (at.inbox / "rsyncs" / "p000" / ".9.jpg.aB3dE9").write_bytes(b"half")
        put(more, at.inbox / "unmarked", marker=False)
        (at.inbox / "empty").mkdir()
        put(more, at.inbox / "renamed.part")
        (at.inbox / "loose.jpg").write_bytes(b"x")
        at.start_watch(*SLOW)
        wanted = {"broken": "refused", "pictureless": "refused", "short": "waits for files",
                  "rsyncs": "arriving", "unmarked": "waits for quiet", "empty": "empty"}
        wait_until(lambda: {n: s for n, (s, _) in at.waits().items()} == wanted, "all was looked at")
        assert len(at.uploads()) == 1 and (at.inbox / "good.taken").exists()
        why = {name: why for name, (_, why) in at.waits().items()}
        assert "manifest.csv:2" in why["broken"] and "late.jpg" in why["short"], why
        assert ".9.jpg.aB3dE9" in why["rsyncs"] and "3600 s" in why["unmarked"], why
        note = at.inbox / "broken.refused.txt"
        assert why["broken"] in note.read_text() and note.stat().st_mode & 0o444 == 0o444
        assert "no picture" in (at.inbox / "pictureless.refused.txt").read_text()
        page = lentigo("status", "--spool", at.spool, "--redis", at.socket)
        assert page.returncode == 75 and "at work, 6 waiting, 1 taken" in page.stdout, page
        assert "1 files lie there outside" in page.stdout and "refused         broken" in page.stdout

        second = lentigo("watch", at.inbox, "--spool", at.spool, check=75)
        assert "watched by another" in second.stderr, second.stderr
        # Mended in place, completed, renamed: all that was there comes in, each once.
        (at.inbox / "broken" / "manifest.csv").unlink()
        (at.inbox / "broken" / "p000" / "0.jpg").unlink()
        (at.inbox / "short" / "late.jpg").write_bytes(b"\xff\xd8\xff another")
        (at.inbox / "short" / "COMPLETE").touch()
        (at.inbox / "rsyncs" / "p000" / ".9.jpg.aB3dE9").rename(at.inbox / "rsyncs" / "p000" / "9.jpg")
        (at.inbox / "renamed.part").rename(at.inbox / "renamed")
        wait_until(lambda: set(at.waits()) == {"pictureless", "unmarked", "empty"}, "they came in")
        assert len(at.uploads()) == 5 and not note.exists(), at.uploads()
        assert not at.said("level=error"), at.log.read_text()
        at.end_watch()
        page = lentigo("status", "--spool", at.spool, "--redis", at.socket).stdout
        assert "NOT AT WORK, 3 waiting, 5 taken" in page, page


def kill_9_at_any_moment_takes_it_once(tmp, many):
    """Killed again and again in the middle of taking in, and right behind it."""
    with Watched(tmp, "killed") as at:
        put(many, at.inbox / "friday")
        patterns = ["incoming/*/studies/*/originals/*", "uploads/*"]
        for pattern in patterns:
            at.start_watch(*SLOW)
            end = time.time() + 30
            while not any(at.spool.glob(pattern)) and time.time() < end:
                pass
            at.end_watch()
        at.start_watch(*SLOW)
        wait_until(lambda: (at.inbox / "friday.taken").exists(), "it is taken")
        upload, = at.uploads()
        assert upload["images"] == sum(1 for p in many.rglob("*.jpg")), upload
        at.start()
        d = at.wait_done()
        assert d["done"] == upload["images"] and not list((at.spool / "incoming").iterdir()), d

        # The same again is not taken twice; something else under the same name is taken, and said.
        put(many, at.inbox / "friday")
        wait_until(lambda: (at.inbox / "friday.2.taken").exists(), "the same once more")
        assert json.loads((at.inbox / "friday.2.taken.json").read_text())["was_there"] is True
        assert len(at.uploads()) == 1 and not at.said("event=watch.changed")
        put(many, at.inbox / "friday", marker=False)
        next((at.inbox / "friday").rglob("*.jpg")).unlink()
        (at.inbox / "friday" / "COMPLETE").touch()
        wait_until(lambda: (at.inbox / "friday.3.taken").exists(), "another of that name")
        assert len(at.uploads()) == 2 and at.said("event=watch.changed") >= 1
        d = at.wait_done()
        assert d["received"] == 2 * upload["images"] - 1, d
        at.stop()


def quotas_and_a_backlog_hold_back(tmp, few, more):
    """submit says when to come again; watch waits by itself."""
    with Watched(tmp, "quota") as at:
        quotas = at.dir / "quotas"
        quotas.write_text("# images a day\n* = none\nnorth = 8\n")
        flags = ("--spool", at.spool, "--redis", at.socket, "--quotas", quotas, "--site", "north")
        assert "images 10" in lentigo("submit", few, *flags).stdout  # larger than a day's: alone
        turned = lentigo("submit", more, *flags, check=75)
        midnight = 86400 - int(EPOCH) % 86400
        assert f"retry after {midnight} s\n" == turned.stdout and "10 images came in today" in \
            turned.stderr and "try again in" in turned.stderr, turned
        assert len(at.uploads()) == 1 and not list((at.spool / "incoming").iterdir())
        put(more, at.inbox / "monday")
        at.start_watch(*SLOW, "--quotas", str(quotas), "--site", "north")
        wait_until(lambda: at.waits().get("monday", ("",))[0] == "held back", "it is held back")
        held, = at.told()["uploads"]
        assert held["retry_at"] > at.told()["looked_at"] and "its 8 a day" in held["why"], held
        assert (at.inbox / "monday").exists() and len(at.uploads()) == 1
        page = lentigo("status", "--spool", at.spool, "--redis", at.socket).stdout
        assert "held back       monday" in page and "again at 20" in page, page
        quotas.write_text("north = x\n")
        wrong = lentigo("submit", more, *flags, check=78).stderr
        assert f"{quotas}:1" in wrong, wrong
        at.end_watch()
        quotas.write_text("north = 8\n")
        assert "images 5" in lentigo("submit", more, *flags[:-1], "south").stdout  # not its quota

        # A backlog: nothing is at work, so the rate is unknown.
        at.operate("pause", "--why", "a test")
        at.start()
        wait_until(lambda: '"received":15' in lentigo("status", "--json", *flags[2:4]).stdout,
                   "the scheduler's figures")
        turned = lentigo("submit", more, *flags[:4], "--site", "west", "--backlog-max", 19, check=75)
        assert "retry after 600 s" in turned.stdout and "15 images wait" in turned.stderr, turned
        assert "images 5" in lentigo("submit", more, *flags[:4], "--site", "west", "--backlog-max",
                                     20).stdout
        at.operate("resume")
        d = at.wait_done()
        assert d["received"] == d["done"] == 20, d
        at.stop()


with Scratch() as tmp:
    upload = demo(tmp / "demo", 4)
    many = pictures(upload, tmp / "many", 60)
    few = pictures(upload, tmp / "few", 2)
    more = pictures(upload, tmp / "more", 1)
    cases = [lambda: a_slow_writer_is_waited_for(tmp, few),
             lambda: each_upload_fares_by_itself(tmp, few, more),
             lambda: kill_9_at_any_moment_takes_it_once(tmp, many),
             lambda: quotas_and_a_backlog_hold_back(tmp, few, more)]
    for case in cases:
        begin = time.time()
        case()
        print(f"{time.time() - begin:.1f} s", flush=True)
    assert not processes_naming(tmp), processes_naming(tmp)
print(f"test_watch: {len(cases)} passed, 0 failed")
