"""A disk that fills up in the middle of a run: it pauses, says so, sets nothing aside, can be stopped
meanwhile, and goes on when there is room."""
from harness import *

if "LENTIGO_OWN_MOUNTS" not in os.environ:
    os.environ["LENTIGO_OWN_MOUNTS"] = "1"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        print("no right to mount: skipped")
        sys.exit(SKIP)
    os.execvp("unshare", ["unshare", "--mount", sys.executable, "-B", *sys.argv])

need_redis()


def fill(path):
    with open(path, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"\0" * 4096)
        except OSError:
            pass


def start_told(told, *args):
    return subprocess.Popen([str(BIN / "lentigo"), *map(str, args)], stdout=subprocess.DEVNULL,
                            stderr=open(told, "wb"), env=environment(), start_new_session=True,
                            preexec_fn=die_with_us)


with Scratch() as tmp:
    upload = demo(tmp / "demo", 24)
    small = tmp / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "none", str(small)], check=True)
    try:
        out = small / "out"
        told = tmp / "told"
        run = start_told(told, "run", upload, "-o", out, "--jobs", 1, "--size", 512)
        wait_until(lambda: results(out) >= 3, "work is under way")
        fill(small / "ballast")
        wait_until(lambda: "disk is full" in told.read_text(), "it says that the disk is full")
        wait_until(lambda: "disk is full" in lentigo("status", out).stdout, "status says so too")
        assert run.poll() is None
        # Two words of Ctrl-C stop it also now, and nothing is lost or blamed.
        kill(run.pid, signal.SIGINT)
        wait_until(lambda: "again stops at once" in told.read_text(), "it has heard the first")
        kill(run.pid, signal.SIGINT)
        assert run.wait(HANG_S) == 75
        assert lentigo("run", upload, "-o", out, "--size", 512).returncode == 75  # still full
        (small / "ballast").unlink()
        run = start_told(told, "run", upload, "-o", out, "--size", 512)
        wait_until(lambda: results(out) >= 12, "it goes on")
        fill(small / "ballast")
        time.sleep(2)
        (small / "ballast").unlink()
        assert run.wait(HANG_S) == 0
        entries = check_accounted(out, upload)
        reasons = {e["reason"] for e in entries.values()} - {None}
        assert not reasons & {"crash", "decode_crash", "unexplained", "changed", "unreadable"}, reasons
    finally:
        subprocess.run(["umount", "-l", str(small)])
print("test_disk_full: 1 passed, 0 failed")
