#!/usr/bin/env python3
"""The rendered unit under systemd's own eyes: test_unit.py SOURCE BUILD

systemd-analyze verify finds misspelt and contradicting lines, systemd-analyze security rates what
a broken program could still do (0 best, 100 worst). Also: lines whose loss would show only on a
running system."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

EXPOSURE_MAX = 20
# Line, and what happens without it.
NEEDED = {
    "SystemCallFilter=@system-service seccomp": "the decode children cannot lock themselves in",
    "KillMode=mixed": "SIGTERM kills workers instead of draining",
    "RestartPreventExitStatus=64 78": "bad settings make a restart loop",
    "ProtectProc=invisible": "other users' processes are seen",
    "LimitCORE=0": "pixels of patients end in core files",
    "UMask=0077": "results are readable by others",
}
REFUSED = {"MemoryDenyWriteExecute=yes": "oneDNN makes its kernels at run time",
           "ProcSubset=pid": "the dashboard reads /proc/stat"}


def render(source, folder, home):
    unit = folder / "lentigo-scheduler.service"
    env = dict(os.environ, HOME=str(home), ANSIBLE_LOCAL_TEMP=str(home))
    template = source / "ansible/roles/lentigo/templates/lentigo-scheduler.service.j2"
    subprocess.run(
        ["ansible", "localhost", "-m", "ansible.builtin.template", "-a",
         f"src={template} dest={unit} mode=0644", "-e", f"@{source}/ansible/group_vars/all.yml",
         "-e", f"lentigo_prefix={folder} lentigo_user=daemon lentigo_spool={folder}"],
        env=env, check=True, capture_output=True)
    return unit


def analyze(*arguments):
    ran = subprocess.run(["systemd-analyze", *arguments], check=False, capture_output=True,
                         text=True)
    return ran.returncode, ran.stdout + ran.stderr


def main(source):
    if not shutil.which("ansible") or not shutil.which("systemd-analyze"):
        print("ansible or systemd-analyze is not installed")
        return 77
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "bin").mkdir()
        shutil.copy("/bin/true", folder / "bin/lentigo-scheduler") # verify wants it to be there
        unit = render(pathlib.Path(source), folder, folder)
        text = unit.read_text()
        wrong = [f"missing {line}: {why}" for line, why in NEEDED.items() if line not in text]
        wrong += [f"there is {line}: {why}" for line, why in REFUSED.items() if line in text]
        _, output = analyze("verify", "--man=no", str(unit))
        wrong += [x for x in output.splitlines() if unit.name in x and "redis" not in x]
        code, output = analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", str(unit))
        print(output.splitlines()[-1])
        if code:
            wrong.append(output)
    print("\n".join(wrong))
    return int(bool(wrong))


sys.exit(main(sys.argv[1]))
