#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for words on a whole host, where secrets must not be.

  seek.py          once: arguments and environments of processes, every file, the system's log
  seek.py --watch  arguments and environments, again and again until /run/seek-stop is there

The words come on standard input, so that they are not in arguments of its own. Prints where a word
was found; a file that only its owner can read is no find. A word is also sought in base64, as HTTP
sends it."""

import base64
import os
import stat
import subprocess
import sys
import time

NOT_FILES = ("/proc", "/sys", "/dev/pts", "/mnt/lab")


def forms(words):
    found = []
    for word in words:
        data = word.encode()
        found.append(data)
        # Wherever in the text it begins: the middle of its base64 at each of the three offsets.
        for shift in range(3):
            text = base64.b64encode(b"x" * shift + data).rstrip(b"=")
            found.append(text[4 if shift else 0:-2])
    return [f for f in found if len(f) >= 8]


def holds(data, words):
    return any(word in data for word in words)


def processes(words):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        for part in ("cmdline", "environ"):
            try:
                with open(f"/proc/{pid}/{part}", "rb") as f:
                    data = f.read()
                with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
                    name = f.read().strip()
            except OSError:
                continue
            if holds(data, words):
                yield f"{part} of {name}"


def closed(path, st):
    """Whether only the owner can read it, by its own mode or that of a directory above it."""
    while path != "/":
        if st.st_mode & 0o077 == 0:
            return True
        path = os.path.dirname(path)
        st = os.lstat(path)
    return False


def files(words):
    for directory, names, found in os.walk("/"):
        names[:] = [n for n in names if os.path.join(directory, n) not in NOT_FILES]
        for name in found:
            path = os.path.join(directory, name)
            try:
                st = os.lstat(path)
                if stat.S_ISREG(st.st_mode):
                    with open(path, "rb") as f:
                        data = f.read()
                    if holds(data, words) and st.st_mode & 0o077:
                        yield f"{path} ({stat.filemode(st.st_mode)}" + \
                            (", behind a closed directory)" if closed(path, st) else ")")
                    if holds(data, words) and os.path.basename(path).startswith("core"):
                        yield f"the core {path}"
                elif stat.S_ISLNK(st.st_mode) and holds(os.readlink(path).encode(), words):
                    yield f"the link {path}"
            except OSError:
                continue
            if holds(path.encode("utf-8", "surrogateescape"), words):
                yield f"the name {path}"


def log(words):
    text = subprocess.run(["journalctl", "--no-pager", "-o", "export"], capture_output=True,
                          check=False).stdout
    if holds(text, words):
        yield "the system's log"


def main():
    words = forms(sys.stdin.read().split())
    if "--watch" not in sys.argv:
        for find in [*processes(words), *files(words), *log(words)]:
            print(find)
        return 0
    seen = set()
    while not os.path.exists("/run/seek-stop"):
        for find in processes(words):
            if find not in seen:
                seen.add(find)
                print(find, flush=True)
        time.sleep(0.005)
    return 0


if __name__ == "__main__":
    sys.exit(main())
