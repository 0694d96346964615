"""The steps `mixed`, `memcheck` and `racecheck`: does it stay sound, and does its memory stay.

The sanitizers run while the mixed shapes do, to save minutes; memory is measured before they start
and after they ended, so that only the mixed shapes are in it.
"""
import subprocess
import threading
import time

from check import Failed, Skipped, Talk
from programs import MODEL
import device
import sanitizer

STREAMS = 2
END_S = 15          # after the mixed shapes, for the sanitizers' end and the last look at the memory
WARM_S = 75         # until every shape was seen once
GROWTH_MIB = 64     # of device memory; drivers keep some by the way
GROWTH_KB = 64 << 10  # of the process


def memory(line, gpu):
    """Of the process, as it says, and of the device, as the driver does."""
    return {"host_kb": line["memory_kb"], "device_mib": device.memory_mib(gpu) if gpu else None}


class Soak:
    """`warm` is set when the sanitizers may start, also when there is nothing to wait for."""

    def __init__(self, options, programs, left_s):
        self.options, self.programs = options, programs
        self.mixed_s = max(min(options.mixed_s, int(left_s) - END_S), 1)  # less when time is short
        self.warm, self.sanitizers = threading.Event(), []
        self.limit_s = self.mixed_s + END_S
        self.end = time.monotonic() + self.limit_s

    def sanitizer_s(self):
        """What is left for a sanitizer that starts now; the mixed shapes end alone."""
        return max(self.end - time.monotonic() - 8, 5)

    def mixed(self, step):
        try:
            command = self.programs.command("gpu_mixed", MODEL, self.options.device,
                                            self.options.precision, self.mixed_s, STREAMS)
            with step.started(command, self.options.env, stdin=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as child:
                self.follow(step, Talk(child), child)
        finally:
            self.warm.set()

    def follow(self, step, talk, child):
        gpu = self.options.device if self.options.device != "cpu" else None
        line = talk.wait(min(WARM_S, step.left()))
        if line["what"] == "warm":
            before = memory(line, gpu)
            step.put(before=before)
            self.warm.set()
            line = talk.wait(step.left())
        else:
            raise Failed(f"it did not get warm: {line}")
        for thread in self.sanitizers:
            thread.join(max(step.left() - 3, 0))
        after = memory(line, gpu)
        step.put(after=after, ran_s=line["seconds"], **{
            key: line[key] for key in ("cases", "streams", "runs", "images", "wrong", "error")})
        child.stdin.close()
        if line["error"] or line["wrong"]:
            raise Failed(f"{line['wrong']} wrong answers, error {line['error']}")
        if after["host_kb"] - before["host_kb"] > GROWTH_KB or \
           gpu and after["device_mib"] - before["device_mib"] > GROWTH_MIB:
            raise Failed(f"memory grew: {before} to {after}")

    def memcheck(self, step):
        if not self.programs.golden:
            raise Skipped("no recorded numbers (../shared/golden)")
        sanitizer.memcheck(step, self.options, self.programs.command(
            "gpu_parity", MODEL, self.options.device, self.options.precision, *self.programs.golden[:2]))

    def racecheck(self, step):
        if not self.programs.facts()["cudnn"]:
            raise Skipped("no kernels: built without cuDNN")
        sanitizer.every_tool(step, self.options,
                             self.programs.command("gpu_kernels", self.options.device))
