#!/usr/bin/env python3
"""The playbook twice on a fresh Debian 12, the second time without a change: test_twice.py SOURCE BUILD

Debian is made by debootstrap in a folder of its own and entered with mount and process namespaces,
so nothing of this machine is touched and nothing stays behind. Services are not started there (no
systemd runs), but Redis is, by hand, with the configuration that was written. Needs root, the
network, and built programs; exit 77 without."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

MIRROR = "http://deb.debian.org/debian"
PACKAGES = "ansible-core procps"
INVENTORY = "[lentigo]\nlocalhost ansible_connection=local ansible_python_interpreter=/usr/bin/python3\n"


def inside(root, command):
    """Run a shell command in the new system; its mounts end with it."""
    script = f"mount -t proc proc {root}/proc && exec chroot {root} /bin/sh -c '{command}'"
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
           "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script],
                          check=False, text=True, capture_output=True, env=env)


def is_reachable():
    try:
        urllib.request.urlopen(MIRROR + "/dists/bookworm/Release", timeout=20).close()
        return True
    except OSError:
        return False


def make_system(root, source, build):
    subprocess.run(["debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm",
                    str(root), MIRROR], check=True, stdout=subprocess.DEVNULL)
    (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n") # start no daemon
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    ran = inside(root, "apt-get install -qq --no-install-recommends " + PACKAGES)
    if ran.returncode:
        raise RuntimeError(ran.stdout[-2000:] + ran.stderr[-2000:])
    shutil.copytree(source / "ansible", root / "root/ansible")
    (root / "root/ansible/inventory/test.ini").write_text(INVENTORY)
    subprocess.run(["cmake", "--install", str(build), "--prefix", str(root / "root/tree")],
                   check=True, stdout=subprocess.DEVNULL)


def play(root):
    ran = inside(root, "cd /root/ansible && ansible-playbook -i inventory/test.ini site.yml "
                       "-e lentigo_manage_services=false -e lentigo_tree=/root/tree")
    counts = re.search(r"ok=(\d+)\s+changed=(\d+)\s+unreachable=0\s+failed=(\d+)", ran.stdout)
    if ran.returncode or not counts:
        print(ran.stdout[-4000:], ran.stderr[-2000:])
        return None
    changed = re.findall(r"^TASK \[(.*?)\].*\n(?:.*\n)*?changed:", ran.stdout, re.M)
    return int(counts[2]), changed


# Command, and what its output must be.
CHECKS = [
    ("stat -c \"%U:%G %a\" /var/spool/lentigo", "lentigo:lentigo 700"),
    ("stat -c \"%U:%G %a\" /etc/lentigo/lentigo.conf", "root:lentigo 640"),
    ("id -nG lentigo", "lentigo redis"),
    ("getent passwd lentigo | cut -d: -f7", "/usr/sbin/nologin"),
    ("setpriv --reuid=lentigo --regid=lentigo --init-groups /opt/lentigo/bin/lentigo-scheduler "
     "--config /etc/lentigo/lentigo.conf --dump-config | grep redis",
     "redis = /run/redis-lentigo/redis.sock"),
]
REDIS = ("install -d -o redis -g redis -m 2755 /run/redis-lentigo && "
         "setpriv --reuid=redis --regid=redis --init-groups redis-server "
         "/etc/redis/redis-lentigo.conf --supervised no & "
         "as=\"setpriv --reuid=lentigo --regid=lentigo --init-groups "
         "redis-cli -s /run/redis-lentigo/redis.sock\"; "
         "for i in $(seq 300); do $as ping >/dev/null 2>&1 && break; sleep 0.3; done; "
         "$as config get maxmemory-policy; $as config get appendonly; $as config get port; "
         "$as shutdown nosave")
REDIS_SAYS = ["maxmemory-policy", "noeviction", "appendonly", "yes", "port", "0"]


def check(root):
    wrong = []
    for command, expected in CHECKS:
        said = inside(root, command).stdout.strip()
        if said != expected:
            wrong.append(f"{command}: {said!r}, not {expected!r}")
    said = inside(root, REDIS).stdout.split()
    if [x for x in said if x in REDIS_SAYS] != REDIS_SAYS:
        wrong.append(f"Redis says {said}")
    return wrong


def main(source, build):
    tools = ["debootstrap", "unshare", "chroot", "cmake"]
    if os.geteuid() or not all(map(shutil.which, tools)):
        print("needs root, debootstrap and unshare")
        return 77
    if not all(os.path.exists(f"{build}/bin/{x}") for x in ("lentigo", "lentigo-scheduler")):
        print("the programs are not built")
        return 77
    if not is_reachable():
        print(f"{MIRROR} cannot be reached")
        return 77
    root = pathlib.Path(tempfile.mkdtemp(prefix="lentigo-debian-"))
    root.chmod(0o755) # it becomes / for every user in there
    try:
        make_system(root, pathlib.Path(source), pathlib.Path(build))
        first, second = play(root), play(root)
        if not first or not second:
            return 1
        print(f"first run: {first[0]} changed; second run: {second[0]} changed {second[1]}")
        wrong = check(root)
        print("\n".join(wrong))
        return int(first[0] == 0 or second[0] != 0 or bool(wrong))
    finally:
        shutil.rmtree(root)


sys.exit(main(sys.argv[1], sys.argv[2]))
