#!/usr/bin/env python3
"""Trains on disks that are full, and in folders that become read-only, and goes on with --resume when there is room.

    resume_full_disk.py GRAFT

The disks are tmpfs file systems of many sizes; without the right to mount one nothing is checked, which is said. A save
that fails while the training goes on is a warning, the last one is the error that ends it. Whatever happened: once there
was a whole checkpoint there is one, and going on from it with more room ends in the bytes of a training that never
lacked any.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

from resume_kills import command, write_inputs

PAGE = 4096
NOBODY = 65534  # a user whom permissions keep from writing


def mount(*arguments):
    subprocess.run(["mount", *map(str, arguments)], check=True, capture_output=True, text=True)


class Disk:
    def __init__(self, folder, size):
        self.folder = folder
        folder.mkdir()
        mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)

    def change(self, options):
        mount("-o", f"remount,{options}", self.folder)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        subprocess.run(["umount", "-l", self.folder], check=True)
        self.folder.rmdir()


def used(folder):
    return sum(-(-path.stat().st_size // PAGE) * PAGE if path.is_file() else PAGE for path in folder.rglob("*"))


def steps_in(adapter):
    return sorted(int(path.name[5:]) for path in adapter.with_suffix(".checkpoints").glob("step-*"))


def go_on(graft, folder, adapter, whole):
    """Resumes what there is, or starts anew, and compares."""
    again = [graft, "lora", "--resume", adapter] if steps_in(adapter) else command(graft, folder, adapter, [])
    done = subprocess.run(again, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"cannot go on with {adapter}: {done.stderr}")
    if adapter.read_bytes() != whole.read_bytes():
        sys.exit(f"another adapter in {adapter}")


def check_full(graft, folder, whole, size):
    with Disk(folder / f"disk{size}", size) as disk:
        adapter = disk.folder / "a.npz"
        run = subprocess.run(command(graft, folder, adapter, []), capture_output=True, text=True)
        failed = "No space left on device" in run.stderr
        if run.returncode not in (0, 1) or (run.returncode == 1) > failed:
            sys.exit(f"{size} bytes: ended with {run.returncode}: {run.stderr}")
        if run.returncode == 1 and not run.stderr.rstrip().rsplit("\n", 1)[-1].startswith("graft: "):
            sys.exit(f"{size} bytes: no message: {run.stderr}")
        saved = run.stdout.count("Saved adapter weights")
        if saved > 0 and not steps_in(adapter) and "checkpoint" not in run.stderr:
            sys.exit(f"{size} bytes: no checkpoint is left, and nothing said: {run.stderr}")
        disk.change("size=64m")
        go_on(graft, folder, adapter, whole)
        return failed


def check_read_only(graft, folder, whole, after):
    """The folder, and that of the checkpoints, cannot be written any more from the save of an iteration on."""
    adapter = folder / f"read-only{after}" / "a.npz"
    adapter.parent.mkdir()
    os.chown(adapter.parent, NOBODY, NOBODY)
    process = subprocess.Popen(command(graft, folder, adapter, []), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, user=NOBODY, group=NOBODY, extra_groups=[], cwd="/")
    for line in process.stdout:
        if line.startswith(f"Iter {after}: Saved"):
            break
    closed = [adapter.parent, adapter.with_suffix(".checkpoints")]
    for path in closed:
        path.chmod(0o555)
    _, err = process.communicate()
    before = steps_in(adapter)
    if process.returncode != 1 or "Permission denied" not in err or not before:
        sys.exit(f"read-only: ended with {process.returncode}, checkpoints {before}: {err}")
    for path in closed:
        path.chmod(0o755)
    go_on(graft, folder, adapter, whole)


def main():
    graft = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        folder.chmod(0o755)
        try:
            with Disk(folder / "probe", PAGE):
                pass
        except (subprocess.CalledProcessError, FileNotFoundError, PermissionError) as error:
            print(f"not checked: this process may not mount a file system ({error})")
            return
        write_inputs(folder)
        (folder / "whole").mkdir()
        whole = folder / "whole" / "a.npz"
        subprocess.run(command(graft, folder, whole, []), check=True, capture_output=True)
        most = used(folder / "whole")
        sizes = [most * share // 12 // PAGE * PAGE for share in range(1, 14)]
        full = sum(check_full(graft, folder, whole, max(size, PAGE)) for size in sizes)
        if full < 6:
            sys.exit(f"only {full} of {len(sizes)} disks were full")
        for after in [4, 14, 30]:
            check_read_only(graft, folder, whole, after)
        print(f"{full} full disks of {len(sizes)}, and 3 folders that became read-only: all went on to the same bytes")


if __name__ == "__main__":
    main()
