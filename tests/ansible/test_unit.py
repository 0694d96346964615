#!/usr/bin/env python3
"""The rendered units under systemd's own eyes: test_unit.py SOURCE BUILD

systemd-analyze verify finds misspelt and contradicting lines, systemd-analyze security rates what
a broken program could still do (0 best, 100 worst). Also: lines whose loss would show only on a
running system."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

EXPOSURE_MAX = 20
# Line, and what happens without it.
ALWAYS = {
    "RestartPreventExitStatus=64 78": "bad settings make a restart loop",
    "ProtectProc=invisible": "other users' processes are seen",
    "LimitCORE=0": "pixels of patients end in core files",
    "UMask=0077": "results are readable by others",
}
NEEDED = {
    "lentigo-scheduler": ALWAYS | {
        "SystemCallFilter=@system-service seccomp": "the decode children cannot lock themselves in",
        "KillMode=mixed": "SIGTERM kills workers instead of draining",
    },
    "lentigo-join": ALWAYS | {
        "SystemCallFilter=@system-service seccomp": "the decode children cannot lock themselves in",
        "lentigo join --config /etc/lentigo/lentigo.conf https://intake:8700": "it joins nobody",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6": "it cannot reach the other machine",
    },
    "lentigo-watch": ALWAYS | {
        "--site north /srv/inbox/north": "it watches nothing, or for nobody",
        "SupplementaryGroups=redis sftp-north": "it cannot read what comes",
    },
}
REFUSED = {"lentigo-scheduler": {"MemoryDenyWriteExecute=yes": "oneDNN makes its kernels at run time",
                                 "ProcSubset=pid": "the dashboard reads /proc/stat"},
           "lentigo-join": {"MemoryDenyWriteExecute=yes": "oneDNN makes its kernels at run time",
                            "PrivateNetwork=yes": "it cannot reach the other machine"},
           "lentigo-watch": {"ProcSubset=pid": "status asks /proc/locks who is at work"}}
SEATS = {"RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6": "nobody can join"}
WATCH = {"site": "north", "folder": "/srv/inbox/north", "group": "sftp-north"}


def render(source, folder, home, name, **more):
    unit = folder / f"{name}.service"
    env = dict(os.environ, HOME=str(home), ANSIBLE_LOCAL_TEMP=str(home))
    template = source / f"ansible/roles/lentigo/templates/{name}.service.j2"
    subprocess.run(
        ["ansible", "localhost", "-m", "ansible.builtin.template", "-a",
         f"src={template} dest={unit} mode=0644", "-e", f"@{source}/ansible/group_vars/all.yml",
         "-e", f"lentigo_prefix={folder} lentigo_user=daemon lentigo_spool={folder}",
         "-e", json.dumps({"item": WATCH, "lentigo_join": "https://intake:8700", **more})],
        env=env, check=True, capture_output=True)
    return unit


def analyze(*arguments):
    ran = subprocess.run(["systemd-analyze", *arguments], check=False, capture_output=True,
                         text=True)
    return ran.returncode, ran.stdout + ran.stderr


def examine(source, folder, name):
    unit = render(source, folder, folder, name)
    text = unit.read_text()
    wrong = [f"{name}: missing {line}: {why}" for line, why in NEEDED[name].items() if line not in text]
    wrong += [f"{name}: there is {line}: {why}" for line, why in REFUSED[name].items() if line in text]
    _, output = analyze("verify", "--man=no", str(unit))
    wrong += [x for x in output.splitlines() if unit.name in x and "redis" not in x]
    code, output = analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", str(unit))
    print(output.splitlines()[-1])
    return wrong + [output] if code else wrong


def examine_seats(source, folder):
    """A scheduler with seats has a network."""
    text = render(source, folder, folder, "lentigo-scheduler", lentigo_seats=["10.0.0.1:8700"]).read_text()
    wrong = [f"seats: missing {line}: {why}" for line, why in SEATS.items() if line not in text]
    return wrong + (["seats: PrivateNetwork=yes: nobody can join"] if "PrivateNetwork=yes" in text else [])


def main(source):
    if not shutil.which("ansible") or not shutil.which("systemd-analyze"):
        print("ansible or systemd-analyze is not installed")
        return 77
    with tempfile.TemporaryDirectory() as path:
        folder, wrong = pathlib.Path(path), []
        (folder / "bin").mkdir()
        for program in ("lentigo", "lentigo-scheduler"):
            shutil.copy("/bin/true", folder / "bin" / program) # verify wants it to be there
        for name in NEEDED:
            wrong += examine(pathlib.Path(source), folder, name)
        wrong += examine_seats(pathlib.Path(source), folder)
    print("\n".join(wrong))
    return int(bool(wrong))


sys.exit(main(sys.argv[1]))
