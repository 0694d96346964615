"""The network for the peers: ONNX files and OpenVINO's int8 model, made once from one weight file.

usage: export.py BIN WEIGHTS CALIBRATION_DIR OUT SIZE...

Writes OUT/net.pt, OUT/net_<SIZE>.onnx and OUT/int8_<SIZE>.xml; what is there stays. First the
network is compared with `lentigo predict --precision f32` on a drawn picture: peers that compute
something else are no peers. Prints a JSON line for each step, also for one that was skipped.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import cv2
import numpy as np
import torch

import network

CHECK_SIZE = 256  # px
DIFFERS_MAX = 1e-3  # share of pixels with another class


def say(**line):
    print(json.dumps(line), flush=True)


def draw(size):
    """A lesion-like picture, u8 RGB."""
    noise = np.random.RandomState(7)
    y, x = np.mgrid[0:size, 0:size].astype("f4") / size
    edge = ((x - .52) / .28) ** 2 + ((y - .47) / .34) ** 2 + .2 * np.sin(5 * np.arctan2(y - .47, x - .52))
    inside = 1 / (1 + np.exp(6 * (edge - 1)))[..., None]
    colour = np.array([214, 170, 150]) * (1 - inside) + np.array([112, 70, 56]) * inside
    return (colour + noise.randn(size, size, 3) * 6).clip(0, 255).astype("u1")


def normalise(rgb):
    return np.ascontiguousarray(((rgb.astype("f4") / 255 - .5) / .5).transpose(2, 0, 1)[None])


def check(net, lentigo, weights, size):
    rgb = draw(size)
    with torch.no_grad():
        theirs = net(torch.tensor(normalise(rgb))).argmax(1)[0].numpy()
    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(name)
        cv2.imwrite(str(tmp / "drawn.png"), rgb[:, :, ::-1])
        subprocess.run([lentigo, "predict", str(tmp / "drawn.png"), "--mask", str(tmp / "masks"),
                        "--size", str(size), "--precision", "f32", "--model", str(weights.parent)],
                       check=True, stdout=subprocess.DEVNULL)
        mask = next((tmp / "masks").iterdir())
        ours = read_classes(mask)
    differs = float((ours != theirs).mean())
    say(what="check", size=size, classes=[int(c) for c in np.unique(theirs)], differs=differs)
    if differs > DIFFERS_MAX or len(np.unique(theirs)) < 2:
        sys.exit(f"the peers' network is not lentigo's: {100 * differs:.2f} % of the classes differ")


def read_classes(path):
    """Classes of a palette PNG, which OpenCV turns into colours."""
    data = path.read_bytes()
    at = data.index(b"PLTE")
    n = int.from_bytes(data[at - 4:at], "big")
    palette = np.frombuffer(data[at + 4:at + 4 + n], "u1").reshape(-1, 3)
    colours = cv2.imread(str(path))[:, :, ::-1]
    classes = np.full(colours.shape[:2], 255, "u1")
    for i in reversed(range(len(palette))):
        classes[(colours == palette[i]).all(2)] = i
    return classes


def export(net, out, size):
    path = out / f"net_{size}.onnx"
    if not path.exists():
        torch.onnx.export(net, (torch.zeros(1, 3, size, size),), str(path) + ".part",
                          opset_version=18, input_names=["x"], output_names=["y"], dynamo=False,
                          dynamic_axes={"x": {0: "n"}, "y": {0: "n"}})
        pathlib.Path(str(path) + ".part").rename(path)
    return path


def quantise(onnx, out, size, calibration):
    """OpenVINO's own way to int8: nncf after training, with its defaults for a CPU."""
    path = out / f"int8_{size}.xml"
    if path.exists():
        return
    import nncf
    import openvino
    start = time.monotonic()
    model = openvino.Core().read_model(onnx)
    model.reshape({"x": [1, 3, size, size]})
    pictures = sorted(calibration.iterdir())
    inputs = [normalise(cv2.resize(cv2.imread(str(p)), (size, size),
                                   interpolation=cv2.INTER_AREA)[:, :, ::-1]) for p in pictures]
    small = nncf.quantize(model, nncf.Dataset(inputs), subset_size=len(inputs),
                          preset=nncf.QuantizationPreset.MIXED,
                          target_device=nncf.TargetDevice.CPU)
    openvino.save_model(small, path, compress_to_fp16=False)
    say(what="quantised", size=size, pictures=len(inputs), seconds=round(time.monotonic() - start))


def main():
    lentigo, weights, calibration, out = sys.argv[1], *map(pathlib.Path, sys.argv[2:5])
    sizes = [int(s) for s in sys.argv[5:]]
    out.mkdir(parents=True, exist_ok=True)
    net = network.load(weights)
    check(net, lentigo, weights, CHECK_SIZE)
    torch.save(net.state_dict(), out / "net.pt")
    for size in sizes:
        onnx = export(net, out, size)
        try:
            quantise(onnx, out, size, calibration)
        except ImportError as missing:
            say(what="skipped", peer="openvino int8", size=size, why=str(missing))


main()
