"""What the figures were measured on, as it goes beside them."""
import os
import pathlib
import platform

# What decides which precision is fast, as /proc/cpuinfo names it.
FLAGS = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")


def cores():
    return len(os.sched_getaffinity(0))


def describe():
    info = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        info.setdefault(key.strip(), value.strip())
    have = info.get("flags", "").split()
    kb = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    return {"cpu": info.get("model name", platform.machine()),
            "family": f"{info.get('cpu family', '?')}/{info.get('model', '?')}", "cores": cores(),
            "memory_gib": round(kb / 2 ** 20), "flags": [f for f in FLAGS if f in have]}
