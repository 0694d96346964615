"""The same network in PyTorch, ready to be timed: torch_bench.py WEIGHTS DEVICE PRECISION.

channels_last, norms folded into the convolutions, CUDA graphs; MODE is eager, compiled (torch.compile,
max-autotune) or compiled plainly (its default). WHAT is network (normalised pixels to logits of full size, all on the
device) or job (what lentigo does: u8 pixels from pinned memory, class map and sums of the softmax
back, two batches under way). Reads a JSON object a line and answers each with one:
  {"do": "facts"}                                      -> versions, device
  {"do": "check", "golden": FOLDER}                    -> how far the network is from the recorded one
  {"do": "make", "mode", "size", "batch"}              -> ready; seconds
  {"do": "time", "mode", "size", "batch", "what", "seconds"} -> us_per_image
An answer with "error" says what could not be done.
"""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench/peers"))
import numpy as np
import torch
import torch.nn.functional as F

import network

KINDS = {"f32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
COMPILERS = {"compiled": "max-autotune-no-cudagraphs", "compiled plainly": "default"}
IN_FLIGHT = 2  # batches of a job on their way


def fold(net):
    """Each norm into the convolution before it, as lentigo does."""
    for module in list(net.modules()):
        if isinstance(module, network.Unit):
            conv, norm = getattr(module, module.names[0]), getattr(module, module.names[1])
            fold_pair(conv, norm)
            setattr(module, module.names[1], torch.nn.Identity())
        elif isinstance(module, network.Block) and module.avd_layer is not None:
            fold_pair(module.avd_layer[0], module.avd_layer[1])
            module.avd_layer[1] = torch.nn.Identity()
    return net


def fold_pair(conv, norm):
    scale = norm.weight / torch.sqrt(norm._variance + 1e-5)
    bias = torch.zeros_like(norm._mean) if conv.bias is None else conv.bias
    conv.weight = torch.nn.Parameter(conv.weight * scale[:, None, None, None])
    conv.bias = torch.nn.Parameter((bias - norm._mean) * scale + norm.bias)


def draw(size, batch):
    """The picture of `lentigo bench engine`, u8, n,h,w,3."""
    y, x = np.mgrid[0:size, 0:size]
    lesion = (x - size // 2) ** 2 + (y - size // 2) ** 2 < size * size // 12
    base = np.where(lesion, 110, 210)[..., None] - 20 * np.arange(3)
    rgb = (base + ((x * 7 + y * 13) % 11)[..., None]).clip(0, 255).astype("u1")
    return torch.tensor(rgb)[None].repeat(batch, 1, 1, 1)


class Pieces:
    """The network in the pieces that are compiled or not."""

    def __init__(self, net, kind, mode):
        def normalise(u8):
            return (u8.permute(0, 3, 1, 2).to(kind) - 127.5) / 127.5

        def core(x):
            return net.seg_heads[0](net.ppseg_head(net.backbone(x))[0])

        def last(logits, h, w):
            return F.interpolate(logits, (h, w), mode="bilinear", align_corners=False)

        def classes(logits, h, w):
            y = last(logits, h, w)
            p = torch.softmax(y.float(), 1)
            map_ = y.argmax(1)
            lesion = (map_ != 0)[:, None]
            return map_.to(torch.uint8), p.sum((2, 3)), (p * lesion).sum((2, 3))

        how = (lambda f: torch.compile(f, mode=COMPILERS[mode], dynamic=False)) \
            if mode in COMPILERS else lambda f: f  # the graphs are captured here, for all modes
        self.normalise, self.core, self.last, self.classes = map(how, (normalise, core, last, classes))

    def network(self, x):
        return self.last(self.core(x), x.shape[2], x.shape[3])

    def job(self, u8):
        return self.classes(self.core(self.normalise(u8)), u8.shape[1], u8.shape[2])


class Graph:
    """`f` of an input that stays where it is, captured on a GPU, called elsewhere."""

    def __init__(self, f, x):
        self.x, self.f, self.graph, self.stream = x, f, None, None
        self.out = f(x)
        if x.is_cuda:
            self.stream = torch.cuda.Stream()
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                for _ in range(3):
                    f(x)
            torch.cuda.synchronize()
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=self.stream):
                self.out = f(x)

    def replay(self):
        if self.graph:
            self.graph.replay()
        else:
            self.out = self.f(self.x)


class Job:
    """One of the batches under way, its pixels and answers in pinned memory."""

    def __init__(self, f, u8, device):
        pin = torch.device(device).type == "cuda"
        self.host = u8.pin_memory() if pin else u8
        self.graph = Graph(f, u8.to(device))
        self.back = [torch.empty_like(t, device="cpu", pin_memory=pin) for t in self.graph.out]
        self.event = torch.cuda.Event() if pin else None

    def run(self):
        if not self.event:
            self.graph.x.copy_(self.host)
            self.graph.replay()
            return
        self.event.synchronize()
        with torch.cuda.stream(self.graph.stream):
            self.graph.x.copy_(self.host, non_blocking=True)
            self.graph.replay()
            for to, at in zip(self.back, self.graph.out):
                to.copy_(at, non_blocking=True)
            self.event.record()


class Bench:
    def __init__(self, weights, device, precision):
        self.device, self.kind, self.weights = device, KINDS[precision], weights
        torch.set_grad_enabled(False)
        torch.backends.cudnn.benchmark = True
        net = fold(network.load(weights))
        self.net = net.to(device, self.kind).to(memory_format=torch.channels_last)
        self.made = {}

    def facts(self, request):
        cuda = torch.device(self.device).type == "cuda"
        return {"torch": torch.__version__, "cuda": torch.version.cuda,
                "cudnn": torch.backends.cudnn.version(),
                "device": torch.cuda.get_device_name(self.device) if cuda else "cpu"}

    def check(self, request):
        """Worst of the recorded pictures: share of other classes, NMSE of the logits."""
        worst, n = {"differs": 0.0, "nmse": 0.0}, 0
        pieces = Pieces(self.net, self.kind, "eager")
        for path in sorted(pathlib.Path(request["golden"]).glob("forward-*.npz")):
            with np.load(path) as r:
                u8 = torch.tensor(r["input_u8"])[None].to(self.device)
                core = pieces.core(pieces.normalise(u8))
                classes = pieces.classes(core, u8.shape[1], u8.shape[2])[0].cpu().numpy()[0]
                off = core.cpu().double().numpy() - r["logits_eighth"]
                nmse = float((off ** 2).sum() / (r["logits_eighth"].astype("f8") ** 2).sum())
                worst["nmse"] = max(worst["nmse"], nmse)
                worst["differs"] = max(worst["differs"], float((classes != r["class_map"]).mean()))
                n += 1
        return {"pictures": n, **worst}

    def make(self, request):
        mode, size, batch = request["mode"], request["size"], request["batch"]
        start = time.monotonic()
        self.made = {}  # one shape at a time: its memory goes before the next takes some
        torch._dynamo.reset()  # else the ninth shape is silently not compiled
        if torch.device(self.device).type == "cuda":
            torch.cuda.empty_cache()
        pieces = Pieces(self.net, self.kind, mode)
        u8 = draw(size, batch)
        x = pieces.normalise(u8.to(self.device)).contiguous(memory_format=torch.channels_last)
        jobs = [Job(pieces.job, u8.clone(), self.device) for _ in range(IN_FLIGHT)]
        self.made = {(mode, size, batch): (Graph(pieces.network, x), jobs)}
        plain = Pieces(self.net, self.kind, "eager").job(u8.to(self.device))[0]
        jobs[0].graph.replay()
        self.wait()
        differs = float((plain != jobs[0].graph.out[0]).float().mean())
        return {"seconds": round(time.monotonic() - start, 1), "differs": round(differs, 6)}

    def time(self, request):
        mode, size, batch = request["mode"], request["size"], request["batch"]
        graph, jobs = self.made[mode, size, batch]
        runs = [graph.replay] if request["what"] == "network" else [j.run for j in jobs]
        for run in runs:
            run()
        self.wait()
        start = time.perf_counter()
        for run in runs:
            run()
        self.wait()
        once = (time.perf_counter() - start) / len(runs)
        n = max(1, int(request["seconds"] / once / len(runs)))
        start = time.perf_counter()
        for _ in range(n):
            for run in runs:
                run()
        self.wait()
        us = (time.perf_counter() - start) * 1e6 / (n * len(runs) * batch)
        return {"us_per_image": round(us, 3)}

    def wait(self):
        if torch.device(self.device).type == "cuda":
            torch.cuda.synchronize()


def main():
    bench = Bench(*sys.argv[1:4])
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(bench, request["do"])(request)
        except Exception as e:  # the next request is tried
            answer = {"error": f"{type(e).__name__}: {str(e)[:300]}"}
        print(json.dumps(answer), flush=True)


main()
