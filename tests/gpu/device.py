"""The device: is there one, what is it, and how much of its memory is taken."""
import ctypes
import os
import pathlib
import shutil
import subprocess

from check import Failed

QUERY = ("name", "driver_version", "memory.total", "memory.used")
QUERY_MORE = ("temperature.gpu", "power.draw", "power.limit", "clocks.sm", "clocks.max.sm",
              "clocks_event_reasons.active", "ecc.errors.uncorrected.volatile.total",
              "mig.mode.current")


def count():
    """CUDA devices, by the driver; 0 where there is no driver."""
    n = ctypes.c_int(0)
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(n)):
        return 0
    return n.value


def tool(name):
    """Path of one of NVIDIA's programs, or None; their folders are not always searched."""
    more = ("/usr/local/cuda/bin", "/usr/local/nvidia/bin")
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *more)))


def index(device):
    """N of cuda:N."""
    return int(device.partition(":")[2] or 0)


def query(device, field):
    """NVML's word on `device`, through nvidia-smi."""
    smi = tool("nvidia-smi")
    if not smi:
        raise Failed("no nvidia-smi")
    done = subprocess.run([smi, f"--query-gpu={field}", f"--id={index(device)}",
                           "--format=csv,noheader,nounits"], capture_output=True, text=True,
                          timeout=20)
    if done.returncode:
        raise Failed(f"nvidia-smi: {(done.stdout + done.stderr).strip()[:200]}")
    return done.stdout.strip()


def query_or_none(device, field):
    """Drivers differ in which fields they know."""
    try:
        return query(device, field)
    except Failed:
        return None


def memory_mib(device):
    """Device memory that is taken, by whoever."""
    return int(query(device, "memory.used"))


def library_folders(python):
    """Where cuDNN and what it loads lie when they came as Python wheels; without, nothing."""
    code = "import importlib.util as u; s = u.find_spec('nvidia'); print(*(s.submodule_search_locations if s else []), sep='\\n')"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60)
    except OSError:
        return []
    return [str(lib) for base in done.stdout.split("\n") if base
            for lib in sorted(pathlib.Path(base).glob("*/lib"))]


def version(library, function):
    """A version number, as the library counts."""
    try:
        f = getattr(ctypes.CDLL(library), function)
    except (OSError, AttributeError):
        return None
    if function == "cudnnGetVersion":
        f.restype = ctypes.c_size_t
        return f()
    n = ctypes.c_int(0)
    return None if f(ctypes.byref(n)) else n.value


def cudnn_version(folders):
    for path in [*(f"{f}/libcudnn.so.9" for f in folders), "libcudnn.so.9",
                 "/usr/local/cuda/lib/libcudnn.so.9", "/usr/local/cuda/lib64/libcudnn.so.9"]:
        found = version(path, "cudnnGetVersion")
        if found:
            return found
    return None


def facts(step, device, folders):
    """The step `device`."""
    nvcc = tool("nvcc")
    step.put(count=count(), cuda_of_driver=version("libcuda.so.1", "cuDriverGetVersion"),
             cudnn=cudnn_version(folders), cores=len(os.sched_getaffinity(0)),
             nvcc=subprocess.run([nvcc, "--version"], capture_output=True, text=True)
             .stdout.strip().splitlines()[-1] if nvcc else None)
    step.put(nvml={field: query(device, field) for field in QUERY},
             more={field: query_or_none(device, field) for field in QUERY_MORE})
