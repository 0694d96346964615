"""PyTorch's training steps on a device, ready to be timed: torch_train.py DEVICE PRECISION.

What lentigo does in one: u8 pixels and labels from pinned memory, normalised on the device, forward of the
three heads, cross-entropy of each at the labels' size, gradients, SGD with momentum; channels_last,
bf16 or fp16 through autocast, the optimiser fused. MODE is eager, compiled (torch.compile) or graphs
(torch.compile with CUDA graphs, "reduce-overhead"). Reads a JSON object a line, answers each with one:
  {"do": "facts"}                            -> versions, device
  {"do": "make", "mode", "size", "batch"}    -> ready; seconds
  {"do": "time", "mode", "size", "batch", "seconds"} -> us_per_image, loss
An answer with "error" says what could not be done.
"""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench/peers"))
import torch
import torch.nn.functional as F

import network

KINDS = {"f32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
HOW = {"compiled": {}, "graphs": {"mode": "reduce-overhead"}}


class Steps:
    def __init__(self, mode, size, batch, device, precision):
        torch.manual_seed(0)
        gpu = torch.device(device).type == "cuda"
        self.device, self.kind, self.batch = torch.device(device), KINDS[precision], batch
        self.net = network.LiteSeg(heads=3).train().to(device).to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.SGD(self.net.parameters(), lr=1e-3, momentum=0.9,
                                         weight_decay=5e-4, fused=gpu)
        self.scaler = torch.amp.GradScaler(device=self.device.type,
                                           enabled=precision == "fp16" and gpu)
        self.rgb = torch.randint(0, 256, (batch, size, size, 3), dtype=torch.uint8)
        self.labels = torch.randint(0, network.CLASSES, (batch, size, size), dtype=torch.uint8)
        if gpu:
            self.rgb, self.labels = self.rgb.pin_memory(), self.labels.pin_memory()
        self.forward = torch.compile(self.loss, dynamic=False, **HOW[mode]) if mode in HOW else self.loss

    def loss(self, rgb, labels):
        x = (rgb.permute(0, 3, 1, 2).float() - 127.5) / 127.5
        with torch.autocast(self.device.type, self.kind, enabled=self.kind != torch.float32):
            logits = self.net(x.contiguous(memory_format=torch.channels_last))
        labels = labels.long()
        return sum(F.cross_entropy(z.float(), labels) for z in logits)

    def step(self):
        rgb = self.rgb.to(self.device, non_blocking=True)
        labels = self.labels.to(self.device, non_blocking=True)
        loss = self.forward(rgb, labels)
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return loss

    def wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def time(self, seconds):
        self.wait()
        start, steps = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            for _ in range(4):
                loss = self.step().item()  # as a trainer does, which shows it and stops at a NaN
            steps += 4
        self.wait()
        return {"us_per_image": (time.perf_counter() - start) / steps / self.batch * 1e6, "loss": loss}


class Peer:
    def __init__(self, device, precision):
        self.device, self.precision, self.made = device, precision, {}

    def facts(self):
        gpu = torch.device(self.device).type == "cuda"
        return {"torch": torch.__version__, "cuda": torch.version.cuda,
                "device": torch.cuda.get_device_name() if gpu else "cpu"}

    def make(self, mode, size, batch):
        start = time.perf_counter()
        steps = Steps(mode, size, batch, self.device, self.precision)
        for _ in range(4):
            steps.step()
        steps.wait()
        self.made[mode, size, batch] = steps
        return {"seconds": round(time.perf_counter() - start, 1)}

    def time(self, mode, size, batch, seconds):
        return self.made[mode, size, batch].time(seconds)


def main():
    peer = Peer(*sys.argv[1:3])
    for line in sys.stdin:
        request = json.loads(line)
        what = request.pop("do")
        try:
            answer = {"facts": peer.facts, "make": peer.make, "time": peer.time}[what](**request)
        except Exception as e:  # whatever it was, the caller is told
            answer = {"error": f"{type(e).__name__}: {str(e).strip()[:300]}"}
        print(json.dumps(answer), flush=True)


main()
