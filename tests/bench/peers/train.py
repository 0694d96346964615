"""PyTorch's training steps, ready to be timed: train.py PRECISION SIZE BATCH THREADS.

Forward and backward of the three heads' cross-entropy, channels last; bf16 through autocast. As
`lentigo bench train` has neither, optimiser and augmentation are left out. Prints
{"ready": version}; then for each line "SECONDS" on stdin runs that long and prints
{"ms_per_image", "cpu_ms_per_image"}.
"""
import json
import sys
import time

import torch
import torch.nn.functional as F

import network


def main():
    precision, size, batch, threads = sys.argv[1], *(int(word) for word in sys.argv[2:5])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net = network.LiteSeg(heads=3).train().to(memory_format=torch.channels_last)
    x = torch.rand(batch, 3, size, size) * 2 - 1
    x = x.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, network.CLASSES, (batch, size, size))

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            logits = net(x)
        loss = sum(F.cross_entropy(z.float(), labels) for z in logits)
        net.zero_grad(set_to_none=True)
        loss.backward()

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
