"""PP-LiteSeg-T for PyTorch, from the layers in docs and engine/network.c: what the peers run.

Modules bear the names of the state dict, so weights.safetensors loads without a table of names.
"""
import json
import pathlib
import struct

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

CLASSES = 8
DIAGNOSES = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")  # classes 1 to 7


class Norm(nn.Module):
    """Batch normalisation, its running statistics named as the file names them."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("_mean", torch.zeros(channels))
        self.register_buffer("_variance", torch.ones(channels))

    def forward(self, x):
        return F.batch_norm(x, self._mean, self._variance, self.weight, self.bias, self.training,
                            eps=1e-5)


class Unit(nn.Module):
    """Convolution, norm and, unless `relu` is false, ReLU; `names` are the first two's."""

    def __init__(self, names, n_in, n_out, kernel=3, stride=1, bias=False, relu=True):
        super().__init__()
        conv = nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, bias=bias)
        self.add_module(names[0], conv)
        self.add_module(names[1], Norm(n_out))
        self.names, self.relu = names, relu

    def forward(self, x):
        x = getattr(self, self.names[1])(getattr(self, self.names[0])(x))
        return F.relu(x) if self.relu else x


def backbone_unit(*sizes):
    return Unit(("conv", "bn"), *sizes)


def decoder_unit(*sizes, **kind):
    return Unit(("_conv", "_batch_norm"), *sizes, **kind)


class Block(nn.Module):
    """An STDC block: four convolutions, each half as wide, side by side in the output."""

    def __init__(self, n_in, n_out, stride):
        super().__init__()
        half = n_out // 2
        self.conv_list = nn.ModuleList([
            backbone_unit(n_in, half, 1), backbone_unit(half, half // 2),
            backbone_unit(half // 2, half // 4), backbone_unit(half // 4, half // 4)])
        self.avd_layer = None
        if stride == 2:
            depthwise = nn.Conv2d(half, half, 3, 2, 1, groups=half, bias=False)
            self.avd_layer = nn.Sequential(depthwise, Norm(half))

    def forward(self, x):
        first = self.conv_list[0](x)
        x = first
        if self.avd_layer is not None:
            x = self.avd_layer(first)
            first = F.avg_pool2d(first, 3, 2, 1, count_include_pad=False)
        parts = [first]
        for conv in self.conv_list[1:]:
            x = conv(x)
            parts.append(x)
        return torch.cat(parts, 1)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.ModuleList([backbone_unit(3, 32, 3, 2), backbone_unit(32, 64, 3, 2)])
        wide = 64
        for n_out in (256, 512, 1024):
            self.features += [Block(wide, n_out, 2), Block(n_out, n_out, 1)]
            wide = n_out

    def forward(self, x):
        maps = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in (3, 5, 7):
                maps.append(x)
        return maps


def resize(x, like):
    return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)


class Bins(nn.Module):
    """Adaptive mean pool. ONNX has none for sizes that are no multiple of it, so that is sliced."""

    def __init__(self, bins):
        super().__init__()
        self.bins = bins

    def forward(self, x):
        h, w = x.shape[2:]
        if h % self.bins == 0 and w % self.bins == 0:
            return F.adaptive_avg_pool2d(x, self.bins)
        rows = [torch.cat([x[:, :, a:b, c:d].mean((2, 3), True) for c, d in self.windows(w)], 3)
                for a, b in self.windows(h)]
        return torch.cat(rows, 2)

    def windows(self, n):
        return [(i * n // self.bins, -(-(i + 1) * n // self.bins)) for i in range(self.bins)]


class Context(nn.Module):
    def __init__(self):
        super().__init__()
        self.stages = nn.ModuleList([
            nn.Sequential(Bins(bins), decoder_unit(1024, 128, 1, bias=True))
            for bins in (1, 2, 4)])
        self.conv_out = decoder_unit(128, 128, bias=True)

    def forward(self, x):
        one, two, four = (resize(stage(x), x) for stage in self.stages)
        return self.conv_out(one + two + four)


class Fusion(nn.Module):
    """A low map x and the higher one y, weighed pixel by pixel."""

    def __init__(self, n_low, n_high, n_out):
        super().__init__()
        self.conv_x = decoder_unit(n_low, n_high)
        self.conv_xy_atten = nn.Sequential(decoder_unit(4, 2), decoder_unit(2, 1, relu=False))
        self.conv_out = decoder_unit(n_high, n_out)
        self.register_buffer("_scale", torch.ones(1))

    def forward(self, x, y):
        x = self.conv_x(x)
        if y.shape[2:] != x.shape[2:]:
            y = resize(y, x)
        seen = [f for z in (x, y) for f in (z.mean(1, True), z.amax(1, True))]
        share = torch.sigmoid(self.conv_xy_atten(torch.cat(seen, 1)))
        return self.conv_out(x * share + y * (self._scale - share))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.cm = Context()
        self.arm_list = nn.ModuleList([Fusion(256, 64, 32), Fusion(512, 128, 64),
                                       Fusion(1024, 128, 128)])

    def forward(self, maps):
        """The three fusions' outputs, the finest first."""
        y, outputs = self.cm(maps[2]), []
        for i in (2, 1, 0):
            y = self.arm_list[i](maps[i], y)
            outputs.insert(0, y)
        return outputs


class Head(nn.Module):
    def __init__(self, n_in, n_middle):
        super().__init__()
        self.conv = decoder_unit(n_in, n_middle)
        self.conv_out = nn.Conv2d(n_middle, CLASSES, 1, bias=False)

    def forward(self, x):
        return self.conv_out(self.conv(x))


class LiteSeg(nn.Module):
    """Logits of as many heads as it is made with: one, or in training three, the finest first."""

    def __init__(self, heads=1):
        super().__init__()
        self.backbone = Backbone()
        self.ppseg_head = Decoder()
        sizes = ((32, 32), (64, 64), (128, 64))[:heads]
        self.seg_heads = nn.ModuleList([Head(*size) for size in sizes])

    def forward(self, x):
        maps = self.ppseg_head(self.backbone(x))
        logits = [resize(head(y), x) for head, y in zip(self.seg_heads, maps)]
        return logits if len(logits) > 1 else logits[0]


def read_safetensors(path):
    """Name to f32 tensor; bf16 and f32 files, as lentigo writes them."""
    data = pathlib.Path(path).read_bytes()
    n = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + n]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        raw = data[8 + n + begin:8 + n + end]
        if entry["dtype"] == "BF16":
            bits = np.frombuffer(raw, "<u2").astype("<u4") << 16
            values = bits.view("<f4")
        else:
            assert entry["dtype"] == "F32", entry
            values = np.frombuffer(raw, "<f4").copy()
        tensors[name] = torch.tensor(values.reshape(entry["shape"]))
    return tensors


def load(path):
    """The network with the weights of `path`, in inference, all tensors used."""
    net = LiteSeg()
    net.load_state_dict(read_safetensors(path))
    return net.eval()
