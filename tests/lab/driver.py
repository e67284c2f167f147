#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts k3wizard on a host and does something to it when its JSON says that it got somewhere.

  driver.py --at N SIGNAL -- ARGS…    at the Nth change of a step's state (1: the first begins)
  driver.py --step ID SIGNAL -- ARGS… when the step ID begins; `--wait S` seconds after that

SIGNAL is KILL, INT, TERM, HUP or LOST (the terminal goes away). `--slow MS` makes every fdatasync
take so long, so that what arrives in a step arrives before its end. Prints one line of JSON: the
status, the changes of state that were seen, the last error, the seconds from the signal to the
end."""

import argparse
import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time


def start(options):
    """The program, in a session with a terminal of its own; and that terminal's other end."""
    master, slave = pty.openpty()

    def own_terminal():
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    command = ["k3wizard"] + options.arguments
    environment = dict(os.environ)
    if options.slow:
        # A sanitizer that looks for leaks cannot do so beside a tracer.
        environment["ASAN_OPTIONS"] = "detect_leaks=0"
        # -DDD: the program stays our child; the tracer is not in its way.
        command = ["strace", "-DDD", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync",
                   "-e", f"inject=fdatasync:delay_enter={options.slow * 1000}"] + command
    child = subprocess.Popen(command, stdin=slave, env=environment, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, preexec_fn=own_terminal)
    os.close(slave)
    return child, master


def strike(child, master, name):
    if name == "LOST":
        os.close(master)
    elif child.poll() is None:
        os.kill(child.pid, getattr(signal, "SIG" + name))


def follow(child, master, options):
    seen, struck, error = [], None, None
    for line in child.stdout:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event["event"] == "error":
            error = event
        if event["event"] != "step":
            continue
        seen.append(f"{event['id']} {event['state']}")
        if struck is None and (len(seen) == options.at or seen[-1] == f"{options.step} doing"):
            time.sleep(options.wait)
            struck = time.monotonic()
            strike(child, master, options.signal)
    said = child.stderr.read().decode("utf-8", "replace")
    status = child.wait()
    return {"status": status if status >= 0 else 128 - status, "seen": seen, "error": error,
            "struck": struck is not None, "said": said,
            "seconds": round(time.monotonic() - (struck or time.monotonic()), 1)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--at", type=int)
    parser.add_argument("--step")
    parser.add_argument("--wait", type=float, default=0)
    parser.add_argument("--slow", type=int, default=0)
    parser.add_argument("signal")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if options.arguments[:1] == ["--"]:
        options.arguments = options.arguments[1:]
    child, master = start(options)
    print(json.dumps(follow(child, master, options)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
