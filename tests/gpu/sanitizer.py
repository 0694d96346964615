"""compute-sanitizer over a command of ours: memcheck over all of it; all its tools over our kernels of
the network, which gpu_kernels starts alone; racecheck over one kernel of a training step at a time.

Alone, because racecheck breaks cuDNN's kernels (an illegal access in one of them and "failed to handle a
hardware exception", whichever kernel of ours it was to look at). A kernel at a time, because it then costs
that kernel's answer only, and the report says for which kernels there is one.
"""
from check import Failed, Skipped
import device

MISTAKE = 99  # its exit status when it found one
LINES = 8     # of what it says, kept


def run(step, options, tool, command, more=(), limit_s=None):
    """What it found, in words of ours: clean, found, or why there is no answer; and its own words."""
    sanitizer = device.tool("compute-sanitizer")
    if not sanitizer:
        raise Skipped("no compute-sanitizer")
    try:
        status, out, err = step.run(
            [sanitizer, "--tool", tool, "--error-exitcode", MISTAKE, "--target-processes", "all",
             *more, *command], limit_s=limit_s, env=options.env, ok=None)
    except Failed as why:
        return "no answer", [str(why)]
    said = [s for s in (out + err).splitlines() if s.startswith("=========")]
    if status == MISTAKE and not any("Internal" in s or "internal error" in s for s in said):
        return "found", said[:LINES] + said[-1:]
    if status:
        return "no answer", [f"status {status}", *(said or (out + err).strip().splitlines())[-LINES:]]
    return "clean", said[-1:]


def memcheck(step, options, command):
    result, said = run(step, options, "memcheck", command)
    step.put(memory=result, said=said)
    if result != "clean":
        raise Failed(f"{result}: {' '.join(said)[:400]}")


def every_tool(step, options, command):
    """What the command itself finds wrong counts too."""
    found, words = {}, {}
    for tool in ("racecheck", "memcheck", "initcheck", "synccheck"):
        found[tool], words[tool] = run(step, options, tool, command)
        step.put(tools=found, said=words)
    wrong = [tool for tool in found if found[tool] != "clean"]
    if wrong:
        raise Failed("; ".join(f"{t}: {found[t]}: {' '.join(words[t])}" for t in wrong)[:400])


def racecheck(step, options, command, kernels):
    """Only kernels of ours: cuDNN's may synchronise in ways that racecheck does not know. A kernel that
    gets no time is named as without an answer."""
    answers = {}
    for i, kernel in enumerate(kernels):
        left = step.limit_s - step.seconds() - 1
        limit_s = max(left / (len(kernels) - i), min(left, 15))
        if left < 2:
            answers[kernel] = {"result": "no answer", "said": ["no time left"]}
            continue
        result, said = run(step, options, "racecheck", command, ("--kernel-name", f"kns={kernel}"),
                           limit_s)
        answers[kernel] = {"result": result, "said": said}
        step.put(kernels=answers)
    step.put(kernels=answers)
    names = {r: [k for k, a in answers.items() if a["result"] == r] for r in ("found", "no answer")}
    if names["found"]:
        kernel = names["found"][0]
        raise Failed(f"{', '.join(names['found'])}: {' '.join(answers[kernel]['said'])[:400]}")
    if names["no answer"]:
        kernel = names["no answer"][0]
        raise Failed(f"{len(kernels) - len(names['no answer'])} of {len(kernels)} kernels clean; no "
                     f"answer for {', '.join(names['no answer'])}: "
                     f"{' '.join(answers[kernel]['said'])[:200]}")
