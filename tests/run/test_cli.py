"""What a person meets first: help, versions, exit statuses, and docs that agree with the program."""
import pathlib

from harness import *

SOURCE = pathlib.Path(sys.argv[2])

overview = lentigo("--help", check=0).stdout
assert lentigo(check=0).stdout == overview
assert overview.count("\n") <= 24 and max(map(len, overview.splitlines())) <= 100, overview
commands = [line.split()[0] for line in overview.split("commands\n")[1].splitlines() if line.startswith("  ")]
assert {"run", "submit", "status", "top", "predict", "eval", "model", "bench", "demo-data",
        "doctor"} <= set(commands), commands
for command in commands:
    page = lentigo(command, "--help", check=0).stdout
    assert page.startswith(f"  lentigo {command} "), page  # an example first
    assert "usage: lentigo " + command in page
    bad = lentigo(command, "--no-such-flag")
    assert bad.returncode == 64 and "no-such-flag" in bad.stderr, (command, bad)
assert lentigo("--version", check=0).stdout.startswith("lentigo 0.")
assert "frobnicate" in lentigo("frobnicate", check=64).stderr
assert (SOURCE / "docs" / "settings.md").read_text() == lentigo("help", "settings", check=0).stdout, \
    "docs/settings.md is old: lentigo help settings > docs/settings.md"
print("test_cli: 1 passed, 0 failed")
