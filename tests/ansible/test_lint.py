#!/usr/bin/env python3
"""ansible-playbook --syntax-check and ansible-lint: test_lint.py SOURCE BUILD"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile


def run(command, folder, home):
    # Both write caches below HOME; none of it belongs into the source tree.
    env = dict(os.environ, HOME=home, ANSIBLE_CONFIG=str(folder / "ansible.cfg"), NO_COLOR="1",
               ANSIBLE_LOCAL_TEMP=home, XDG_CACHE_HOME=home)
    print("$", " ".join(command), flush=True)
    return subprocess.run(command, cwd=folder, env=env, check=False).returncode


def main(source):
    if not shutil.which("ansible-playbook"):
        print("ansible is not installed")
        return 77
    with tempfile.TemporaryDirectory() as home:
        # A copy: ansible-lint looks for the git repository around it and lints what is tracked.
        folder = pathlib.Path(home) / "ansible"
        shutil.copytree(pathlib.Path(source) / "ansible", folder)
        failed = run(["ansible-playbook", "--syntax-check", "site.yml"], folder, home)
        if shutil.which("ansible-lint"):
            lint = ["ansible-lint", "--offline", "--strict", "--profile", "production",
                    "site.yml", "group_vars/all.yml", "roles/redis", "roles/lentigo"]
            failed |= run(lint, folder, home)
    return int(failed != 0)


sys.exit(main(sys.argv[1]))
