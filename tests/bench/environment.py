"""The peers' Python: a virtual environment of ours, filled once and then used without a network."""
import json
import pathlib
import shutil
import subprocess
import sys

# distribution: what it is imported as
PEERS = {
    "numpy": "numpy", "opencv-python-headless": "cv2", "torch": "torch", "onnx": "onnx",
    "onnxruntime": "onnxruntime", "openvino": "openvino", "nncf": "nncf",
}
NEEDED = ("numpy", "cv2", "torch", "onnx")  # to make the network's files

LOOK = """
import importlib.util, json, sys
print(json.dumps([m for m in sys.argv[1:] if importlib.util.find_spec(m) is None]))
"""


def missing(python):
    done = subprocess.run([python, "-c", LOOK, *PEERS.values()], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else list(PEERS.values())


def prepare(folder, given, skip):
    """Path of the Python that has the peers, or None. `given` is used as it is; without it
    `folder` is filled. `skip` is told of every peer that cannot be had."""
    python = given or str(pathlib.Path(folder) / "bin/python")
    if not given and not pathlib.Path(python).exists():
        made = subprocess.run([sys.executable, "-m", "venv", folder])
        if made.returncode:
            shutil.rmtree(folder, ignore_errors=True)  # half of one would look whole next time
            skip("all peers: no virtual environment (Debian: apt-get install python3-venv)")
            return None
    for name, module in PEERS.items():
        if given or module not in missing(python):
            continue
        print(f"installing {name} ...", flush=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--retries", "1", name])
    absent = missing(python)
    for module in absent:
        skip(f"peer {module}: it could not be installed")
    if any(module in absent for module in NEEDED):
        skip("all peers: the network cannot be made without " + ", ".join(NEEDED))
        return None
    return python
