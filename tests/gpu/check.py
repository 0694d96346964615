"""A check in steps: each has its own time limit and its own entry of the JSON; none stops the next."""
import contextlib
import json
import os
import pathlib
import queue
import signal
import subprocess
import threading
import time

TOTAL_S = 470  # a check is under eight minutes


class Skipped(Exception):
    """Why a step, or a part of it, cannot be done here."""


class Failed(Exception):
    """What a step found wrong, or could not do."""


class Check:
    """Figures, kept on disk as they come; thread-safe."""

    def __init__(self, path, total_s=TOTAL_S):
        self.path, self.start, self.total_s = path, time.monotonic(), total_s
        self.lock = threading.RLock()
        self.children = set()
        self.figures = {"what": "gpu check", "ok": False, "steps": {}}

    def left(self):
        return self.total_s - (time.monotonic() - self.start)

    def write(self):
        with self.lock:
            self.figures["seconds"] = round(time.monotonic() - self.start, 1)
            steps = [s["result"] for s in self.figures["steps"].values()]
            self.figures["ok"] = "ok" in steps and not {"failed", "running"} & set(steps)
            part = self.path.with_suffix(".part")
            part.write_text(json.dumps(self.figures, indent=1) + "\n")
            part.replace(self.path)

    def put(self, step, **figures):
        with self.lock:
            self.figures["steps"][step].update(figures)
            self.write()

    def step(self, name, limit_s, function):
        """Runs function(step); what it raises becomes the result."""
        step = Step(self, name, min(limit_s, max(self.left(), 1)))
        with self.lock:
            self.figures["steps"][name] = {"result": "running", "why": None,
                                           "limit_s": round(step.limit_s, 1)}
        result, why = "ok", None
        try:
            function(step)
        except Skipped as e:
            result, why = "skipped", str(e)
        except Exception as e:  # whatever it was, the next step is tried
            result, why = "failed", str(e) if isinstance(e, Failed) else f"{type(e).__name__}: {e}"
        self.put(name, result=result, why=why, seconds=round(step.seconds(), 1))
        print(f"{name}: {result}, {step.seconds():.1f} s{': ' + why if why else ''}", flush=True)

    def stop_children(self):
        with self.lock:
            for child in list(self.children):
                stop(child)


class Step:
    def __init__(self, check, name, limit_s):
        self.check, self.name, self.limit_s, self.start = check, name, limit_s, time.monotonic()

    def seconds(self):
        return time.monotonic() - self.start

    def left(self):
        """Seconds until the step's own end; Failed when there are none."""
        left = self.limit_s - self.seconds()
        if left <= 0:
            raise Failed(f"not done within {self.limit_s:.0f} s")
        return left

    def put(self, **figures):
        self.check.put(self.name, **figures)

    def run(self, command, limit_s=None, env=None, ok=(0,), cwd=None):
        """Runs to the end and returns (status, stdout, stderr)."""
        limit_s = min(limit_s or self.limit_s, self.left())
        with self.started(command, env, stderr=subprocess.PIPE, cwd=cwd) as child:
            try:
                out, err = child.communicate(timeout=limit_s)
            except subprocess.TimeoutExpired as e:
                said = b"".join(filter(None, (e.stdout, e.stderr))).decode(errors="replace")
                raise Failed(f"{short(command)}: not done within {limit_s:g} s: {tail(said)}") from None
        if ok is not None and child.returncode not in ok:
            raise Failed(f"{short(command)}: status {child.returncode}: {tail(err or out)}")
        return child.returncode, out, err

    def run_json(self, command, **kind):
        """The JSON objects that it prints, one a line."""
        return [json.loads(line) for line in self.run(command, **kind)[1].splitlines()
                if line.startswith("{")]

    @contextlib.contextmanager
    def started(self, command, env=None, **kind):
        """A child in a process group of its own, all of which is gone afterwards."""
        child = subprocess.Popen([str(w) for w in command], stdout=subprocess.PIPE, text=True,
                                 errors="replace", env=env, start_new_session=True, **kind)
        with self.check.lock:
            self.check.children.add(child)
        try:
            yield child
        finally:
            stop(child)
            with self.check.lock:
                self.check.children.discard(child)


class Talk:
    """A child that answers lines of JSON with lines of JSON."""

    def __init__(self, child):
        self.child, self.lines = child, queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.child.stdout:
            if line.startswith("{"):
                self.lines.put(json.loads(line))
        self.lines.put(None)

    def wait(self, limit_s):
        try:
            line = self.lines.get(timeout=max(limit_s, 0.01))
        except queue.Empty:
            raise Failed(f"no answer within {limit_s:g} s") from None
        if line is None:
            raise Failed("it ended without an answer")
        if "error" in line and line["error"]:
            raise Failed(line["error"])
        return line

    def ask(self, limit_s, **request):
        try:
            self.child.stdin.write(json.dumps(request) + "\n")
            self.child.stdin.flush()
        except OSError:
            raise Failed("it ended without an answer") from None
        return self.wait(limit_s)


def stop(child):
    """Ends the child's whole group, also what it left behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def short(command):
    words = [pathlib.Path(str(w)).name if "/" in str(w) else str(w) for w in command]
    return " ".join(words)[:120]


def tail(text):
    """The last of what it said; a line that was written over and over is one."""
    return " | ".join(text.replace("\r", "\n").strip().splitlines()[-3:])[-400:] or "it said nothing"
