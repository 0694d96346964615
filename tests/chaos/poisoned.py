"""A worker that does what the names of its images ask for (tests/worker/poison.c)."""
from harness import BIN

POISONED = BIN.parent / "tests" / "poisoned" / "lentigo-worker"
FLAGS = ["--decode-seconds", "2", "--decode-mb", "256", "--reports", "json"]
