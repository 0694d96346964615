"""What the rounds of chaos.py found, each as a test of its own name."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[0:0] = [str(HERE), str(HERE.parent / "run")]
import faults  # noqa: E402
import processes  # noqa: E402
import worlds  # noqa: E402
from harness import *  # noqa: E402,F403

LIBRARIES = BIN.parent / "tests" / "chaos"


def finish(world, upload, calm):
    """The world is at its end, the bytes are those of the undisturbed one, and nobody is left."""
    world.finish()
    assert not world.problems, world.problems
    assert not processes.left_behind(60)
    done = subprocess.run([sys.executable, "-B", str(HERE / "check.py"), str(world.spool), "--like",
                           str(calm.spool)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def under_way(world):
    """The first image was decoded; those set aside at intake say nothing."""
    world.wait(lambda: next(world.spool.glob("uploads/*/studies/*/results/*.mask.png"), None), worlds.WHOLE_S,
               "work is under way")


def a_scheduler_that_was_stopped_blames_no_worker(world):
    """It woke up, saw that nothing had been heard for more than a lease, and killed its workers before
    it read what they had said meanwhile."""
    under_way(world)
    assert faults.stop(world, "lentigo-scheduler", 0, 2 * worlds.LEASE_MS / 1000)
    world.wait(world.is_whole, worlds.WHOLE_S, "everything is finished")
    assert world.logged("event=scheduler.absent"), "it was not stopped"
    assert not world.logged("event=worker.stuck"), "a worker was killed for it"


def a_picture_whose_decoder_was_stopped_is_not_set_aside(world):
    """Its time ran out without its doing: a sound picture was set aside as decode_timeout."""
    stopped = set()

    def one_is_out_of_time():
        """A child that was met when it had done its picture says nothing: the next one is stopped too."""
        for pid in set(processes.of_kind("decode", world.root())) - stopped:
            processes.send(pid, signal.SIGSTOP)
            stopped.add(pid)
        return world.logged("event=decode.stalled")

    is_met = world.wait(one_is_out_of_time, worlds.WHOLE_S, "a decoding runs out of time")
    for pid in stopped:
        processes.send(pid, signal.SIGCONT)
    assert is_met, "no decoding was met"


def an_upload_is_found_when_redis_lost_the_word_of_it(world):
    """`submit` was told yes, Redis lost its "rescan" before the scheduler read it, and nobody began."""
    world.wait(lambda: world.logged("event=child.up child=worker"), worlds.WHOLE_S, "the scheduler is ready")
    pid, = processes.of_kind("lentigo-scheduler", world.root())
    processes.send(pid, signal.SIGSTOP)
    world.sender.start()
    world.wait(lambda: world.accepted, worlds.WHOLE_S, "the upload is accepted")
    assert faults.redis_flush(world)
    processes.send(pid, signal.SIGCONT)


def a_scheduler_of_other_settings_is_refused(world):
    """Between two schedulers nobody compared: results of two sizes came to lie in one spool."""
    under_way(world)
    world.flags = ["--size", "96", *world.flags[2:]]
    processes.send(world.scheduler.pid, signal.SIGKILL)
    world.wait(lambda: 78 in world.statuses, worlds.WHOLE_S, "the other scheduler leaves with 78")
    world.flags = worlds.FLAGS
    assert world.logged("event=spool.differs"), "it did not say why"


TESTS = [(worlds.Installation, a_scheduler_that_was_stopped_blames_no_worker),
         (worlds.Installation, a_picture_whose_decoder_was_stopped_is_not_set_aside),
         (worlds.Installation, a_scheduler_of_other_settings_is_refused),
         (worlds.Installation, an_upload_is_found_when_redis_lost_the_word_of_it, "late")]

need_redis()
processes.adopt_orphans()
try:
    with Scratch() as tmp:
        upload = demo(tmp / "demo", 24)
        images = len(named_files(upload))
        calm = worlds.Installation(tmp / "calm", upload, images, LIBRARIES, False, ())
        calm.finish()
        for kind, test, *options in TESTS:
            world = kind(tmp / test.__name__, upload, images, LIBRARIES, False, options)
            try:
                test(world)
            finally:
                finish(world, upload, calm)
            print("ok", test.__name__, flush=True)
finally:
    processes.left_behind(0)
print(f"test_faults: {len(TESTS)} passed, 0 failed")
