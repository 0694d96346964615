"""The pipeline a Python user would write: threads decode with OpenCV, OpenVINO runs, masks are PNG.

usage: folder.py MODELS_DIR PRECISION SIZE FOLDER OUT

Prints {"images_per_s": ..., "images": N}. Imports, compilation and a warm-up are not in the figure.
"""
import concurrent.futures
import json
import os
import pathlib
import sys
import time

import cv2
import numpy as np
import openvino as ov

CORES = len(os.sched_getaffinity(0))


def open_network(models, precision, size):
    core = ov.Core()
    name = f"int8_{size}.xml" if precision == "int8" else f"net_{size}.onnx"
    model = core.read_model(models / name)
    model.reshape({"x": [1, 3, size, size]})
    hints = {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": CORES, "INFERENCE_NUM_THREADS": CORES}
    if precision != "int8":
        hints["INFERENCE_PRECISION_HINT"] = precision
    return core.compile_model(model, "CPU", hints)


def decode(path, size):
    picture = cv2.imread(str(path))
    small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)[:, :, ::-1]
    pixels = small.astype("f4") * (1 / 127.5) - 1
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]), picture.shape[:2]


def main():
    models, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[5])
    precision, size = sys.argv[2], int(sys.argv[3])
    pictures = sorted(pathlib.Path(sys.argv[4]).glob("*.jpg"))
    out.mkdir(parents=True)
    cv2.setNumThreads(1)
    queue = ov.AsyncInferQueue(open_network(models, precision, size), CORES + 1)

    def save(request, of):
        name, (h, w) = of
        lesion = (request.get_output_tensor(0).data[0].argmax(0) > 0).astype("u1") * 255
        cv2.imwrite(str(out / f"{name}.png"),
                    cv2.resize(lesion, (w, h), interpolation=cv2.INTER_NEAREST))

    warm = np.zeros((1, 3, size, size), "f4")
    for _ in range(2 * CORES):
        queue.start_async({"x": warm})
    queue.wait_all()
    queue.set_callback(save)
    start = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(CORES) as threads:
        decoded = threads.map(lambda p: decode(p, size), pictures)
        for path, (x, shape) in zip(pictures, decoded):
            queue.start_async({"x": x}, (path.stem, shape))
    queue.wait_all()
    seconds = time.perf_counter() - start
    written = len(list(out.iterdir()))
    assert written == len(pictures), f"{written} masks of {len(pictures)} pictures"
    print(json.dumps({"images_per_s": len(pictures) / seconds, "images": len(pictures)}))


if __name__ == "__main__":
    main()
