"""PyTorch's training, ready to be timed: train.py PRECISION SIZE BATCH THREADS [LESIONS].

Forward and backward of the three heads' cross-entropy, channels last; bf16 through autocast. With LESIONS
(a labelled set) it is a whole iteration, as a user would write it for speed: pictures of the train split
decoded and resized once, then drawn, turned, mirrored, scaled, shifted, taken down and up again and given
other light as one batch; the gradient clipped; a step of SGD with momentum and weight decay. Without, random
pixels and no step, as `lentigo bench train` does. Prints {"ready": version}; then for each line "SECONDS"
on stdin runs that long and prints {"ms_per_image", "cpu_ms_per_image"}.
"""
import csv
import json
import math
import pathlib
import sys
import time

import torch
import torch.nn.functional as F

import network

PICTURES = 512  # enough that no batch is like another; all 9,639 would take minutes to decode


def read_set(root, size):
    import cv2  # without LESIONS it need not be there

    rows = [r for r in csv.DictReader(open(root / "labels.csv")) if r["split"] == "train"][:PICTURES]
    pictures, labels = [], []
    for row in rows:
        rgb = cv2.imread(str(root / "images" / (row["id"] + ".jpg")))[:, :, ::-1]
        mask = cv2.imread(str(root / "masks" / (row["id"] + ".png")), cv2.IMREAD_GRAYSCALE) > 127
        pictures.append(torch.tensor(cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA)))
        mask = cv2.resize(mask.astype("u1"), (size, size), interpolation=cv2.INTER_NEAREST)
        labels.append(torch.tensor(mask * (1 + network.DIAGNOSES.index(row["dx"]))))
    return torch.stack(pictures), torch.stack(labels)


def uniform(count, low, high, *shape):
    return torch.empty(count, *shape).uniform_(low, high)


def augment(pictures, labels):
    """n,3,size,size in -1..1 and n,size,size."""
    x = pictures.permute(0, 3, 1, 2).float() / 255
    y = labels[:, None].float()
    n, size = len(x), x.shape[-1]
    angle, scale = uniform(n, 0, 2 * math.pi), torch.exp(uniform(n, -0.35, 0.35))
    mirror = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = [torch.stack([cos * mirror, -sin], 1), torch.stack([sin * mirror, cos], 1)]
    shift = uniform(n, -0.15, 0.15, 2)[:, :, None]
    grid = F.affine_grid(torch.cat([torch.stack(rows, 1), shift], 2), x.shape, align_corners=False)
    x = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    y = F.grid_sample(y, grid, mode="nearest", padding_mode="reflection", align_corners=False)
    if torch.rand(()) < 0.4:
        low = [size * 3 // 8, size // 2, size * 5 // 8][torch.randint(3, ()).item()]
        x = F.interpolate(x, (low, low), mode="bilinear", antialias=True)
        x = F.interpolate(x, (size, size), mode="bilinear")
    mean = x.mean((2, 3), True)
    x = (x - mean) * uniform(n, 0.75, 1.25, 1, 1, 1) + mean
    x = x * uniform(n, 0.9, 1.1, 3, 1, 1) + uniform(n, -0.12, 0.12, 1, 1, 1)
    return (x * 2 - 1).contiguous(memory_format=torch.channels_last), y[:, 0].long()


def main():
    precision, size, batch, threads = sys.argv[1], *(int(word) for word in sys.argv[2:5])
    lesions = pathlib.Path(sys.argv[5]) if len(sys.argv) > 5 else None
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net = network.LiteSeg(heads=3).train().to(memory_format=torch.channels_last)
    sgd = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4)
    if lesions:
        pictures, masks = read_set(lesions, size)
    x = torch.rand(batch, 3, size, size) * 2 - 1
    x = x.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, network.CLASSES, (batch, size, size))

    def step():
        drawn = torch.randint(PICTURES, (batch,))
        inputs, wanted = augment(pictures[drawn], masks[drawn]) if lesions else (x, labels)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            logits = net(inputs)
        loss = sum(F.cross_entropy(z.float(), wanted) for z in logits)
        net.zero_grad(set_to_none=True)
        loss.backward()
        if lesions:
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            sgd.step()

    for _ in range(2):
        step()
    print(json.dumps({"ready": torch.__version__}), flush=True)
    for line in sys.stdin:
        start, cpu, images = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - start < float(line):
            step()
            images += batch
        print(json.dumps({"ms_per_image": (time.perf_counter() - start) / images * 1e3,
                          "cpu_ms_per_image": (time.process_time() - cpu) / images * 1e3}),
              flush=True)


main()
