#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of a host: its whole tree, units, rules, links, routes, mounts and processes.

  picture.py                     prints it as JSON
  picture.py --compare OLD NEW   prints what is different, one a line; ends with 1 if anything is;
                                 with --shape, whatever of K3s' own is new in each run may differ

What is left out, and why, is in the tables below; nothing else is."""

import hashlib
import json
import os
import re
import stat
import subprocess
import sys

# Trees of the kernel and of what runs, and the lab's own.
OTHER_FILE_SYSTEMS = ("/proc", "/sys", "/dev", "/run", "/mnt/lab")
# Of /run, what K3s and k3wizard use.
RUN = ("/run/k3s", "/run/flannel", "/run/k3wizard", "/run/systemd/system")
LEFT_OUT = {
    "/var/lib/k3wizard": "the journal, before-images and the cache stay, as docs/promises.md says",
    "/var/log/journal": "the system's own log keeps what it was told",
    "/var/log/wtmp": "a record of boots",
    "/root/server.yaml": "the test's answers",
}
# Made anew by systemd for its own services at each boot.
PRIVATE = re.compile(r"(/var)?/tmp/systemd-private-[0-9a-f]{32}-systemd-")
# What K3s fills with keys, passwords and numbers of its own, new each time.
OF_K3S = re.compile(r"/(etc/rancher/(k3s/k3s\.yaml|node)|var/lib/(rancher/k3s|kubelet|cni)"
                    r"|run/(k3s|flannel)|root/\.kube/config)")
UNITS = ("k3s.service", "k3s-agent.service", "mine.service", "lab-network.service")
# What was hashed before, by what the kernel says of a file that nobody wrote to since.
DIGESTS = "/run/lab-digests"
# Processes that come and go with what the test itself asks of systemd.
PROCESSES = re.compile(r"/lib/systemd/|dbus-daemon|picture\.py|\(sd-|systemd-")


digests = {}


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def digest(path, st):
    key = f"{st.st_dev}:{st.st_ino}:{st.st_size}:{st.st_mtime_ns}:{st.st_ctime_ns}"
    if key not in digests:
        digests[key] = hash_of(path)
    return digests[key]


def hash_of(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        for block in iter(lambda: f.read(1 << 20), b""):
            h.update(block)
    return h.hexdigest()[:16]


def entry(path):
    st = os.lstat(path)
    text = f"{stat.filemode(st.st_mode)} {st.st_uid}:{st.st_gid}"
    if stat.S_ISLNK(st.st_mode):
        return text + " -> " + os.readlink(path)
    if stat.S_ISREG(st.st_mode):
        text += f" {st.st_size} {st.st_mtime_ns} {digest(path, st)}"
    # The modification time of a directory changes with what is in it, and is not restored.
    return f"{text} {attributes(path)}".rstrip()


def attributes(path):
    try:
        names = os.listxattr(path, follow_symlinks=False)
        return " ".join(sorted(n for n in names if not n.startswith("trusted.")))
    except OSError:
        return ""


def tree(top):
    found = {}
    if os.path.lexists(top) and top != "/":
        found[top] = entry(top)
    for directory, names, files in os.walk(top):
        for name in list(names) + files:
            path = os.path.join(directory, name)
            if path in LEFT_OUT or path in OTHER_FILE_SYSTEMS or PRIVATE.match(path):
                if name in names:
                    names.remove(name)
                continue
            try:
                found[path] = entry(path)
            except FileNotFoundError:
                continue
    return found


def rules():
    """Without counters, and without tables and chains in which nothing is."""
    found = []
    for command in ("iptables-save", "ip6tables-save"):
        table = ""
        for line in run(command).splitlines():
            if line.startswith("*"):
                table = line
            elif line.startswith(":"):
                name, policy = line[1:].split()[:2]
                if policy not in ("ACCEPT", "-"):
                    found.append(f"{command} {table} :{name} {policy}")
                elif policy == "-":
                    found.append(f"{command} {table} :{name}")
            elif line.startswith("-"):
                found.append(f"{command} {table} {line}")
    return found


def units():
    found = {}
    # Enablement is links, which are in the tree; this is what systemd makes of them.
    for name in UNITS:
        found["file " + name] = run("systemctl", "is-enabled", name).strip()
    for line in run("systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager",
                    "--type=service,timer,socket,path").splitlines():
        words = line.split()
        # Started by this very look, or by D-Bus whenever it is asked.
        if not re.match(r"systemd-(hostnamed|timedated|localed)|user@|user-runtime", words[0]):
            found["unit " + words[0]] = " ".join(words[1:4])
    return found


def lines_of(path):
    try:
        with open(path, encoding="ascii") as f:
            return f.read().splitlines()
    except FileNotFoundError:
        return []


def network():
    """From files: what asks the kernel by netlink waits for everybody else who does."""
    local, last = set(), ""
    for line in lines_of("/proc/net/fib_trie"):
        if "|--" in line:
            last = line.split()[-1]
        elif "host LOCAL" in line:
            local.add(last)
    for line in lines_of("/proc/net/if_inet6"):
        # The kernel makes up those of scope 20, link, from random numbers of the link.
        words = line.split()
        if words[3] != "20":
            local.add(words[0] + " " + words[-1])
    return {"links": sorted(os.listdir("/sys/class/net")), "addresses": sorted(local),
            "routes": [" ".join(line.split()) for line in lines_of("/proc/net/route")],
            # The directory itself is containerd's, and stays until the next boot.
            "netns": os.listdir("/run/netns") if os.path.isdir("/run/netns") else []}


def mounts():
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        points = sorted(line.split()[4] for line in f)
    # systemd mounts credentials for its own units as they start.
    return [p for p in points if not p.startswith("/run/credentials")]


def processes():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                text = f.read().replace(b"\0", b" ").decode("utf-8", "backslashreplace").strip()
        except OSError:
            continue
        if text and not PROCESSES.search(text):
            found.append(text)
    return sorted(found)


def picture():
    if os.path.exists(DIGESTS):
        digests.update(load(DIGESTS))
    found = tree("/")
    for path in RUN:
        found.update(tree(path))
    with open(DIGESTS, "w", encoding="utf-8") as f:
        json.dump(digests, f)
    return {"tree": found, "units": units(), "rules": rules(), "mounts": mounts(),
            "processes": processes(), **network()}


def shaped(tree):
    """Without contents and sizes of what is new each time, and without modification times."""
    found = {}
    for path, text in tree.items():
        words = text.split(" ")
        if words[0].startswith("-"):
            words[3] = ""
            if OF_K3S.match(path):
                words[2] = words[4] = ""
        found[path] = " ".join(words)
    return found


def differences(old, new):
    lines = []
    for part, before in old.items():
        after = new[part]
        if isinstance(before, dict):
            for key in sorted(set(before) | set(after)):
                if before.get(key) != after.get(key):
                    lines.append(f"{part} {key}: {before.get(key, 'absent')} => "
                                 f"{after.get(key, 'absent')}")
        else:
            lines += [f"{part}: - {x}" for x in before if x not in after]
            lines += [f"{part}: + {x}" for x in after if x not in before]
    return lines


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def main():
    if sys.argv[1:2] == ["--compare"]:
        old, new = load(sys.argv[2]), load(sys.argv[3])
        if "--shape" in sys.argv:
            old["tree"], new["tree"] = shaped(old["tree"]), shaped(new["tree"])
        lines = differences(old, new)
        print("\n".join(lines))
        return 1 if lines else 0
    json.dump(picture(), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
