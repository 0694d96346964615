"""One peer, ready to be timed: engine.py WHO PRECISION MODE SIZE BATCH MODELS_DIR.

WHO is openvino, onnxruntime or torch; MODE is latency (one request over all cores) or throughput
(a stream for each core), for torch eager or compiled. Prints {"ready": version}; then for each line
"SECONDS" on stdin runs that long and prints {"ms_per_image": ...}, the mean of the round. Between
rounds it sleeps, so that peers can be measured in turn.
"""
import json
import os
import pathlib
import sys
import time

import numpy as np

CORES = len(os.sched_getaffinity(0))


def openvino(models, x, precision, mode):
    import openvino as ov
    size = x.shape[2]
    core = ov.Core()
    name = f"int8_{size}.xml" if precision == "int8" else f"net_{size}.onnx"
    model = core.read_model(models / name)
    model.reshape({"x": list(x.shape)})
    hints = {"INFERENCE_NUM_THREADS": CORES, "PERFORMANCE_HINT": mode.upper()}
    if precision != "int8":
        hints["INFERENCE_PRECISION_HINT"] = precision
    if mode == "throughput":
        hints["NUM_STREAMS"] = CORES
    compiled = core.compile_model(model, "CPU", hints)
    if mode == "latency":
        request = compiled.create_infer_request()
        return ov.__version__, 1, lambda: request.infer({"x": x}, share_inputs=True,
                                                        share_outputs=True)
    requests = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
    queue = ov.AsyncInferQueue(compiled, requests)

    def run():
        for _ in range(4 * requests):
            queue.start_async({"x": x}, share_inputs=True)
        queue.wait_all()
    return ov.__version__, 4 * requests, run


def onnxruntime(models, x, precision, mode):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads = CORES
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = ort.InferenceSession(models / f"net_{x.shape[2]}.onnx", options,
                                   providers=["CPUExecutionProvider"])
    return ort.__version__, 1, lambda: session.run(None, {"x": x})


def torch(models, x, precision, mode):
    import torch as t
    import network
    t.set_num_threads(CORES)
    t.set_grad_enabled(False)
    kind = {"f32": t.float32, "bf16": t.bfloat16}[precision]
    net = network.LiteSeg()
    net.load_state_dict(t.load(models / "net.pt"))
    net = net.eval().to(kind).to(memory_format=t.channels_last)
    pixels = t.tensor(x).to(kind).to(memory_format=t.channels_last)
    if mode == "compiled":
        from torch._inductor import config
        config.freezing = True
        net = t.compile(net)
    return t.__version__, 1, lambda: net(pixels)


def main():
    who, precision, mode, size, batch = sys.argv[1:6]
    models = pathlib.Path(sys.argv[6]).resolve()
    shape = (int(batch), 3, int(size), int(size))
    x = (np.random.RandomState(0).rand(*shape) * 2 - 1).astype("f4")
    version, runs, run = globals()[who](models, x, precision, mode)
    for _ in range(3):
        run()
    print(json.dumps({"ready": version}), flush=True)
    for line in sys.stdin:
        start, n = time.perf_counter(), 0
        while time.perf_counter() - start < float(line):
            run()
            n += runs * len(x)
        ms = (time.perf_counter() - start) / n * 1e3
        print(json.dumps({"ms_per_image": round(ms, 4)}), flush=True)


main()
