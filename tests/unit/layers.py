#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dependencies under src/ point one way: reads every #include "…" and compares."""

import os
import re
import sys

MAY_USE = {
    "base": {"base"},
    "model": {"base", "model"},
    "host": {"base", "host"},
    "k3s": {"base", "model", "host", "k3s"},
    "checks": {"base", "model", "host", "k3s", "checks"},
    "actions": {"base", "model", "host", "k3s", "actions"},
    "engine": {"base", "model", "host", "k3s", "checks", "actions", "engine"},
    "ui": {"base", "model", "host", "k3s", "checks", "actions", "engine", "ui"},
    "shell": {"base", "model", "host", "k3s", "checks", "actions", "engine", "ui", "shell"},
    "": {"base", "model", "host", "k3s", "checks", "actions", "engine", "ui", "shell", ""},
}
# The two hosts know each other as little as a practice run may touch a machine.
STRANGERS = [("host/practice", "host/machine"), ("host/machine", "host/practice")]


def main(top):
    bad = seen = 0
    for directory, _, names in os.walk(top):
        for name in names:
            if not name.endswith((".c", ".h")):
                continue
            here = os.path.relpath(directory, top)
            layer = "" if here == "." else here.split(os.sep)[0]
            path = os.path.join(directory, name)
            with open(path, encoding="utf-8") as f:
                includes = re.findall(r'^\s*#\s*include\s+"([^"]+)"', f.read(), re.M)
            for include in includes:
                seen += 1
                target = os.path.relpath(os.path.normpath(os.path.join(directory, include)), top)
                used = target.split(os.sep)[0] if os.sep in target else ""
                if used not in MAY_USE[layer] or any(
                        here.startswith(a) and target.startswith(b) for a, b in STRANGERS):
                    print(f"{os.path.relpath(path, top)} includes {target}")
                    bad += 1
    print(f"{seen} includes, {bad} against the direction")
    return 1 if bad or seen < 100 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
