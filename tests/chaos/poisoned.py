"""Programs with a worker that does what the names of its images ask for (tests/worker/poison.c)."""
import shutil

from harness import BIN

POISONED = BIN.parent / "tests" / "poisoned" / "lentigo-worker"
FLAGS = ["--decode-seconds", "2", "--decode-mb", "256", "--reports", "json"]


def programs(folder):
    """All programs as they are, but the worker: a copy, for it looks for its module beside itself."""
    folder.mkdir(parents=True)
    (folder.parent / "lib").symlink_to(BIN.resolve().parent / "lib")
    for program in BIN.resolve().iterdir():
        if program.name != "lentigo-worker":
            (folder / program.name).symlink_to(program)
    shutil.copy(POISONED, folder / "lentigo-worker")
    return folder
