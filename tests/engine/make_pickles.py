"""Write small state dicts as Paddle's `paddle.save` would, without Paddle or NumPy:
make_pickles.py OUT. Stand-ins with NumPy's names make pickle write what NumPy's arrays write."""
import os
import pickle
import struct
import sys
import types


def stand_in(module, name, value):
    mod = sys.modules.setdefault(module, types.ModuleType(module))
    value.__module__, value.__qualname__, value.__name__ = module, name, name
    setattr(mod, name, value)
    return value


class Dtype:
    def __init__(self, word, order="<"):
        self.word, self.order = word, order

    def __reduce__(self):
        state = (3, self.order, None, None, None, -1, -1, 0)
        return (sys.modules["numpy"].dtype, (self.word, False, True), state)


class Array:
    core = "numpy.core.multiarray"

    def __init__(self, values, shape, word="f4", fortran=False, order="<", raw=None):
        code = {"f4": "f", "f8": "d", "i4": "i", "i8": "q", "f2": "e"}[word]
        self.raw = struct.pack("<%d%s" % (len(values), code), *values) if raw is None else raw
        self.shape, self.dtype, self.fortran = shape, DTYPES.setdefault((word, order), Dtype(word, order)), fortran

    def __reduce__(self):
        call = sys.modules[self.core]._reconstruct
        return (call, (sys.modules["numpy"].ndarray, (0,), b"b"),
                (1, self.shape, self.dtype, self.fortran, self.raw))


DTYPES = {}
stand_in("numpy", "ndarray", type("ndarray", (), {}))
stand_in("numpy", "dtype", type("dtype", (), {}))
for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
    stand_in(module, "_reconstruct", lambda *a: None)
    parent = ""
    for part in module.split("."):
        parent = parent + "." + part if parent else part
        sys.modules.setdefault(parent, types.ModuleType(parent))


class Evil:
    def __reduce__(self):
        return (os.system, ("touch /tmp/lentigo-pwned",))


out = sys.argv[1]
os.makedirs(out, exist_ok=True)


def save(name, value, protocol=4):
    with open(f"{out}/{name}", "wb") as file:
        pickle.dump(value, file, protocol)


big = [i / 7 for i in range(30000)]  # over 64 KiB: outside the frames of protocol 4
for protocol in (2, 3, 4):
    for core in ("numpy.core.multiarray", "numpy._core.multiarray"):
        Array.core = core
        plain = {
            "a.weight": Array([1, -2.5, 3, 4, 5, 6], (1, 2, 3)),
            "b": ("conv2d_0.b_0", Array([250, 251], (2,))),
            "big": Array(big, (300, 100)),
            "half": Array([0.5], (1,), "f2"),
            "double": Array([0.25], (1,), "f8"),
            "int": Array([-7], (1,), "i4"),
            "long": Array([1 << 20], (1,), "i8"),
            "scalar": Array([8], ()),
            "StructuredToParameterName@@": {"a.weight": "conv2d_0.w_0"},
            "epoch": 3, "lr": 0.125, "none": None, "flag": True, "list": [1, -1, 70000, -70000, 1 << 40],
        }
        save(f"good-{protocol}-{'new' if '_core' in core else 'old'}", plain, protocol)
Array.core = "numpy.core.multiarray"
save("bad-evil", {"a": Evil()})
save("bad-evil-2", {"a": Evil()}, 2)
save("bad-fortran", {"a": Array([1, 2, 3, 4], (2, 2), fortran=True)})
save("bad-endian", {"a": Array([1], (1,), order=">")})
save("bad-short", {"a": Array([1], (2,), raw=b"1234")})
save("bad-shape", {"a": Array([1], (-1,), raw=b"1234")})
save("bad-huge", {"a": Array([1], (1 << 40, 1 << 40), raw=b"1234")})
save("bad-list", [1, 2])
save("bad-empty", {})
save("bad-key", {7: Array([1], (1,))})
save("bad-protocol-0", {"a": 1}, 0)
# One text of 1 kB made bytes a thousand times: nearly as many megabytes.
with open(f"{out}/bad-again", "wb") as file:
    file.write(b"\x80\x02]c_codecs\nencode\nq\x01X" + struct.pack("<I", 1000) + b"x" * 1000
               + b"X\x06\0\0\0latin1\x86q\x02Ra" + b"h\x01h\x02Ra" * 1000 + b".")
save("bad-bytes", {"a": bytearray(b"x")}, 4)
