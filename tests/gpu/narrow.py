"""The step `narrow`: int8 and fp8 beside fp16, convolution by convolution (gpu_narrow)."""
from check import Failed, Skipped

BATCH = 64
START_S = 5  # of CUDA and cuDNN
WORTH = 1.3  # times fp16: what a narrow type must reach (docs/gpu.md)


def run(step, options, programs):
    if options.device == "cpu" or not programs.facts()["cudnn"]:
        raise Skipped("no device")
    lines = step.run_json(programs.command("gpu_narrow", options.device, BATCH,
                                           max(1, int(step.left() - START_S))), env=options.env)
    step.put(batch=BATCH, lines=lines)
    wide = {line["conv"]: line["us"] for line in lines if line["kind"] == "fp16"}
    if not all(wide.values()):
        raise Failed(f"fp16 was not timed: {lines}")
    ratios = {kind: {line["conv"]: round(wide[line["conv"]] / line["us"], 3) for line in lines
                     if line["kind"] == kind and line["us"]} for kind in ("int8", "fp8")}
    step.put(fp16_over=ratios, worth={kind: len(r) == len(wide) and min(r.values()) >= WORTH
                                      for kind, r in ratios.items()})
