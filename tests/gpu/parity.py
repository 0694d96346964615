"""The step `parity`: the device beside the recorded numbers (limits: tests/gpu/parity.c)."""
import json

from check import Failed, Skipped
from programs import MODEL


def run(step, options, programs):
    if not programs.golden:
        raise Skipped("no recorded numbers (../shared/golden)")
    lines, failed = [], []
    for precision in options.precisions:
        status, out, err = step.run(programs.command(
            "gpu_parity", MODEL, options.device, precision, *programs.golden),
            env=options.env, ok=None)
        found = [json.loads(s) for s in out.splitlines() if s.startswith("{")]
        lines += found
        step.put(pictures=lines)
        if status:
            failed += [f"{precision} {f['picture']}: {f.get('error') or f}" for f in found
                       if not f["ok"]] or [f"{precision}: status {status}: {err.strip()[-300:]}"]
    if failed:
        raise Failed("; ".join(failed)[:500])
