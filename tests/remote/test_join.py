"""lentigo-join against a seat that plays: what is cut, lost, refused and silent on the way costs no image, and
nothing of any stays here."""
import glob
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[0:0] = [str(HERE), str(HERE.parent / "run")]
from fake_seat import Seat, TOKEN
from harness import *

FAKES = BIN.parent / "tests" / "fakes"
DEVICE = 71


class Joined:
    """A seat, and a lentigo-join that goes there with a worker that plays (tests/scheduler/fake_child.c)."""

    def __init__(self, path, name, token=TOKEN, libexec=FAKES, **fake):
        self.dir = path / name
        self.dir.mkdir()
        self.log, self.taken_file, token_file = self.dir / "stderr", self.dir / "taken", self.dir / "token"
        token_file.write_text(token)
        token_file.chmod(0o600)
        self.seat = Seat()
        self.env = environment(LENTIGO_LIBEXEC=str(libexec), FAKE_LOG=str(self.taken_file),
                               **{"FAKE_" + k: str(v) for k, v in fake.items()})
        self.command = [str(BIN / "lentigo-join"), self.seat.url + "/", "--token", str(token_file)]
        self.start()

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command, stderr=log, stdout=subprocess.DEVNULL,
                                            preexec_fn=die_with_us, env=self.env)

    def __enter__(self):
        return self

    def __exit__(self, kind, *ignored):
        if kind:
            print(self.log.read_text()[-4000:], self.seat.asked[-40:], self.seat.ends)
        self.process.kill()
        self.process.wait()
        self.seat.close()
        self.remove_nests()
        assert kind or not self.seat.errors, self.seat.errors

    def nests(self):
        return glob.glob(f"/dev/shm/lentigo-join-{os.geteuid()}-{self.process.pid}-*") + \
            glob.glob(f"/tmp/lentigo-join-{os.geteuid()}-{self.process.pid}-*")

    def remove_nests(self):
        for nest in self.nests():
            shutil.rmtree(nest, ignore_errors=True)

    def files(self):
        """Of images, in the folder for what is in flight; some go meanwhile."""
        return [pathlib.Path(folder) / name for nest in self.nests() for folder, _, names in os.walk(nest)
                for name in names]

    def said(self, text):
        return text in self.log.read_text()

    def taken(self):
        return [line.split()[1] for line in self.taken_file.read_text().splitlines()] \
            if self.taken_file.exists() else []

    def wait_joined(self, times=1):
        """It knows that it has: it asks for jobs."""
        wait_until(lambda: len(self.seat.hellos) >= times and self.seat.session and
                   self.seat.polled == self.seat.session, f"joined {times} times")

    def wait_done(self, ids):
        wait_until(lambda: len(self.seat.done) >= len(ids), f"done: {len(self.seat.done)} of {len(ids)}")
        assert sorted(self.seat.done) == sorted(ids), self.seat.done

    def wait_ended(self, status):
        assert self.process.wait(HANG_S) == status, self.process.returncode
        assert not self.nests(), "something of the images stays"

    def stop(self):
        self.process.terminate()
        self.wait_ended(0)


def test_all_goes_well(path):
    ids = [f"u1/s00000{k}/{n}" for k in range(3) for n in range(8)]
    with Joined(path, "well", CREDIT=32) as j:
        j.wait_joined()
        hello = j.seat.hellos[0]
        assert hello["kind"] == "hello" and hello["role"] == "worker" and "@" in hello["device"], hello
        j.seat.give(ids)
        j.wait_done(ids)
        assert not j.seat.failed
        wait_until(lambda: not j.files(), "what is told has left")
        j.seat.give(["u1/s000000/0"], attempt=2)  # an operator wants it once more
        wait_until(lambda: j.seat.done.count("u1/s000000/0") == 2, "once more")
        j.seat.say({"kind": "drain"})
        wait_until(lambda: j.seat.ends, "its end is told")
        assert j.seat.ends == [{"status": 0, "signal": 0, "stage": 5}], j.seat.ends
        j.wait_joined(2)
        j.stop()
        assert j.seat.ends[1]["status"] == DEVICE, j.seat.ends


def test_what_is_lost_on_the_way_comes_again(path):
    ids = [f"u2/s00000{k}/{n}" for k in range(2) for n in range(10)]
    with Joined(path, "rough", CREDIT=32) as j:
        for method, where, what, times in [
                ("POST", "/v1/hello", 503, 1), ("GET", "/v1/jobs", "cut", 3), ("GET", "/v1/jobs", "lose", 1),
                ("GET", "/v1/studies", 503, 1), ("GET", "/v1/studies", "cut", 1),
                ("GET", "/v1/originals", 503, 2), ("GET", "/v1/originals", "cut", 3),
                ("GET", "/v1/originals", "bare", 2), ("GET", "/v1/originals", "flip", 1), ("GET", "/v1/originals", "lose", 1),
                ("PUT", "/v1/results", 503, 1), ("PUT", "/v1/results", "lose", 2),
                ("POST", "/v1/answers", "lose", 3), ("POST", "/v1/answers", 503, 1)]:
            j.seat.fault(method, where, what, times)
        j.wait_joined()
        j.seat.take_in(ids)
        with j.seat.lock:  # lines that come at once are cut within one
            for at, to in ((0, 9), (9, 12), (12, 20)):
                j.seat.give(ids[at:to])
        wait_until(lambda: len(j.seat.done) + len(j.seat.failed) >= len(ids), "all answered")
        # One that came wrong several times is given back, and comes again.
        back = [m["id"] for m in j.seat.failed]
        assert len(back) <= 2 and all(m["code"] == "AGAIN" for m in j.seat.failed), j.seat.failed
        j.seat.give(back, attempt=2)
        j.wait_done(ids)
        assert sorted(set(j.taken())) == sorted(ids)
        for id_ in ids:
            assert json.loads(j.seat.results[id_, "json"])["status"] == "done"
        j.stop()


def test_what_cannot_be_had_goes_back(path):
    with Joined(path, "back") as j:
        j.wait_joined()
        j.seat.fault("GET", "/v1/originals/u/s000000/0", 403)
        j.seat.fault("GET", "/v1/originals/u/s000000/1", 404)
        j.seat.fault("PUT", "/v1/results/u/s000000/2", 413)
        j.seat.give([f"u/s000000/{n}" for n in range(4)])
        wait_until(lambda: len(j.seat.failed) == 2 and len(j.seat.done) == 2, "answered")
        said = {m["id"][-1]: m["code"] for m in j.seat.failed}
        assert said == {"0": "CANCELLED", "2": "AGAIN"}, said
        # What is gone from the spool is the worker's to set aside; this one does not look.
        assert sorted(j.seat.done) == ["u/s000000/1", "u/s000000/3"]
        j.stop()


def test_only_what_the_seat_has_instead_is_a_change(path):
    """The worker sees what changed there, and no change that came of the way."""
    ids = [f"u/s000000/{n}" for n in range(3)]
    with Joined(path, "changed", HOLD=1) as j:
        j.wait_joined()
        j.seat.take_in(ids)
        for n, what, times in ((0, "flip", 2), (1, "flip", 1), (2, "bare", 2)):
            j.seat.fault("GET", f"/v1/originals/{ids[n]}", what, times)
        j.seat.give(ids)

        def originals():
            return {p.name: p for p in j.files() if p.parent.name == "originals"}
        wait_until(lambda: sorted(originals()) == ["0", "1", "2"], "all are there")
        for name, path_here in originals().items():
            came, there = path_here.read_bytes(), j.seat.studies["u", "s000000"][int(name)]
            assert came[1:] == there[1:] and (came[0] == there[0]) == (name != "0"), name
        j.stop()


def test_an_alive_tells_of_what_is_being_sent(path):
    with Joined(path, "alive") as j:
        j.wait_joined()
        j.seat.fault("PUT", "/v1/results", 503, 1000000)
        j.seat.give(["u/s000000/0"])
        wait_until(lambda: ["u/s000000/0"] in j.seat.alive and not j.taken() == [], "it is renewed")
        j.seat.faults.clear()
        j.wait_done(["u/s000000/0"])
        j.stop()


def test_a_session_that_is_over_begins_anew(path):
    with Joined(path, "over", HOLD=2) as j:
        j.wait_joined()
        j.seat.give([f"u/s000000/{n}" for n in range(3)])
        wait_until(lambda: len(j.taken()) == 2, "held")
        j.seat.forget()
        j.wait_joined(2)
        assert j.said("event=join.lost"), j.log.read_text()
        assert not j.files() and not j.seat.ends
        pathlib.Path(f"{j.taken_file}.go").touch()
        j.seat.give(["u/s000000/2"])
        wait_until(lambda: "u/s000000/2" in j.seat.done, "the next one works")
        j.stop()


def test_who_is_refused_ends(path):
    with Joined(path, "token", token="another-secret-of-sixteen") as j:
        j.wait_ended(78)
        assert j.said("--token"), j.log.read_text()
    with Joined(path, "wire", VERSION=1) as j:
        j.wait_ended(78)
    with Joined(path, "version") as j:
        j.seat.fault("POST", "/v1/hello", 426)
        j.wait_ended(78)
    with Joined(path, "model") as j:
        j.seat.fault("GET", "/v1/jobs", 409)
        j.wait_ended(78)
        assert j.said("as the test wants it"), j.log.read_text()
    for status in (69, 78):
        with Joined(path, f"status{status}", EXIT=status) as j:
            j.wait_ended(status)


def test_a_crash_is_told_after_all_else(path):
    with Joined(path, "crash", SEGV="/2", CREDIT=16) as j:
        j.wait_joined()
        j.seat.fault("PUT", "/v1/results", 503, 8)  # what it had finished is told late
        j.seat.take_in([f"u/s000000/{n}" for n in range(4)])
        j.seat.give(["u/s000000/0", "u/s000000/1"])
        wait_until(lambda: len(j.taken()) == 2, "at work")
        j.seat.give(["u/s000000/2", "u/s000000/3"])
        wait_until(lambda: j.seat.ends, "its end is told")
        assert j.seat.ends == [{"status": 0, "signal": 11, "stage": 5}], j.seat.ends
        given = set(j.seat.done) | {m["id"] for m in j.seat.failed}
        assert {"u/s000000/0", "u/s000000/1"} <= set(j.seat.done) and "u/s000000/2" not in given, given
        assert all(m["code"] == "CANCELLED" for m in j.seat.failed), j.seat.failed
        j.wait_joined(2)
        j.stop()


SCRIPT = """#!/usr/bin/python3
import json, os, signal, sys, time
def say(**message):
    os.write(3, json.dumps(message).encode() + b"\\n")
say(kind="hello", version=2, pid=1, credit=4, role="worker", model="", model_sha256="", policy_sha256="",
    precision="", backend="", device="", size=0, isolates=False)
"""


def scripted(path, name, body):
    """A folder with a lentigo-worker that does this after its HELLO."""
    (path / name).mkdir()
    (path / name / "lentigo-worker").write_text(SCRIPT + body)
    (path / name / "lentigo-worker").chmod(0o700)
    return path / name


def test_the_last_stage_is_told(path):
    dies = scripted(path, "stage.bin", "os.read(3, 65536)\nos.pwrite(4, b'\\x03\\0\\0\\0', 0)\n"
                                       "os.kill(os.getpid(), signal.SIGSEGV)\n")
    with Joined(path, "stage", libexec=dies) as j:
        j.wait_joined()
        j.seat.give(["u/s000000/0"])
        wait_until(lambda: j.seat.ends, "its end is told")
        assert j.seat.ends == [{"status": 0, "signal": 11, "stage": 2}], j.seat.ends
        j.stop()


def test_who_dies_with_nothing_in_hand_blames_nobody(path):
    dies = scripted(path, "idle.bin", "time.sleep(0.3)\nos.kill(os.getpid(), signal.SIGKILL)\n")
    with Joined(path, "idle", libexec=dies) as j:
        wait_until(lambda: j.seat.ends, "its end is told")
        assert j.seat.ends[0] == {"status": DEVICE, "signal": 0, "stage": 5}, j.seat.ends
        j.stop()


def test_a_done_without_a_result_goes_back(path):
    lies = scripted(path, "lies.bin", "id = json.loads(os.read(3, 65536))['items'][0][0]\n"
                                      "say(kind='done', items=[[id, 1, 'done', 'none', 'routine', 0.5]])\n"
                                      "say(kind='done', items=[['u/s/9', 1, 'done', 'none', 'routine', 0.5]])\n"
                                      "time.sleep(1000)\n")
    with Joined(path, "lies", libexec=lies) as j:
        j.wait_joined()
        j.seat.give(["u/s000000/0"])
        wait_until(lambda: j.seat.failed, "it goes back")
        assert j.seat.failed[0]["code"] == "AGAIN" and not j.seat.done, j.seat.failed
        wait_until(lambda: j.said("event=answer.late"), "what was never handed out is no answer")
        j.stop()


def test_what_a_kill_leaves_is_removed(path):
    stays = scripted(path, "kill.bin", "os.read(3, 65536)\nopen(os.environ['FAKE_LOG'], 'w').write('it is taken')\n"
                                       "time.sleep(1000)\n")
    with Joined(path, "kill", libexec=stays) as j:
        j.wait_joined()
        j.seat.give(["u/s000000/0"])
        wait_until(lambda: j.taken(), "at work")
        left = j.nests()
        assert left and j.files() and pathlib.Path(left[0]).stat().st_mode & 0o777 == 0o700
        workers = children_of(j.process.pid)
        j.process.kill()
        j.process.wait()
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers), "its worker is gone")
        j.seat.forget()
        j.start()
        j.wait_joined(2)
        wait_until(lambda: not any(map(os.path.exists, left)), "gone, by it or by another that starts")
        j.stop()


def test_it_waits_for_a_seat(path):
    with Joined(path, "waits") as j:
        j.wait_joined()
        j.seat.session = "taken by another"
        wait_until(lambda: j.said("event=join.lost"), "lost")
        wait_until(lambda: j.seat.asked.count(("POST", "/v1/hello")) >= 3, "it knocks again")
        assert j.log.read_text().count("event=join.waiting") == 1
        j.seat.forget()
        j.wait_joined(2)
        j.stop()


def test_a_silent_seat_is_lost(path):
    with Joined(path, "silent", HOLD=1) as j:
        j.wait_joined()
        j.seat.give(["u/s000000/0"])
        wait_until(lambda: j.taken(), "at work")
        j.seat.is_silent = True
        wait_until(lambda: j.said("event=join.lost"), "lost")
        assert j.said("nothing heard for 10 s"), j.log.read_text()
        wait_until(lambda: not j.files(), "nothing of it stays")
        j.seat.forget()
        j.seat.is_silent = False
        j.wait_joined(2)
        j.stop()


def leave_a_line_that_lets_no_file_through(path, method, where):
    """What small requests keep alive would be held until the scheduler takes it for stuck."""
    with Joined(path, method) as j:
        j.wait_joined()
        j.seat.fault(method, where, "hang", 1000000)
        j.seat.give(["u/s000000/0"])
        wait_until(lambda: j.said("event=join.lost"), "it leaves")
        assert j.said("a request has failed for 10 s"), j.log.read_text()
        wait_until(lambda: j.seat.ends, "it says so")
        assert j.seat.ends[0] == {"status": DEVICE, "signal": 0, "stage": 5}, j.seat.ends
        j.wait_joined(2)
        j.seat.faults.clear()
        j.seat.give(["u/s000000/0"])
        j.wait_done(["u/s000000/0"])
        j.stop()


def test_what_the_seat_cannot_do_for_long_goes_back(path):
    """Such as a file that its disk does not read any more, or no room there for a result."""
    with Joined(path, "long") as j:
        j.wait_joined()
        j.seat.fault("GET", "/v1/originals/u/s000000/0", 503, 1000000)
        j.seat.fault("PUT", "/v1/results/u/s000000/1", 503, 1000000)
        j.seat.give([f"u/s000000/{n}" for n in range(3)])
        wait_until(lambda: len(j.seat.failed) == 2, "both are given back")
        assert [m["code"] for m in j.seat.failed] == ["AGAIN", "AGAIN"], j.seat.failed
        assert j.seat.done == ["u/s000000/2"] and not j.said("event=join.lost")
        j.stop()


def test_a_line_without_originals_is_left(path):
    leave_a_line_that_lets_no_file_through(path, "GET", "/v1/originals")


def test_a_line_without_results_is_left(path):
    leave_a_line_that_lets_no_file_through(path, "PUT", "/v1/results")


SLOW = [test_a_silent_seat_is_lost, test_what_the_seat_cannot_do_for_long_goes_back,
        test_a_line_without_originals_is_left, test_a_line_without_results_is_left]  # ten seconds have to pass
tests = [f for name, f in list(globals().items()) if name.startswith("test_")]
named = [f for f in tests if f.__name__[5:] in sys.argv[2:]]
chosen = SLOW if sys.argv[2:] == ["slow"] else named or [f for f in tests if f not in SLOW]
failed = []


def run(test, path):
    try:
        test(path)
    except BaseException:  # in a thread nobody else would see it
        import traceback
        traceback.print_exc()
        failed.append(test.__name__)


with Scratch() as scratch:
    import threading
    threads = []
    for f in chosen:
        (scratch / f.__name__).mkdir()
        threads.append(threading.Thread(target=run, args=(f, scratch / f.__name__)))
        threads[-1].start()
    for thread in threads:
        thread.join()
print(f"test_join: {len(chosen) - len(failed)} passed, {len(failed)} failed {failed}")
sys.exit(bool(failed))
