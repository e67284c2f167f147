#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's mirror: what get.k3s.io, update.k3s.io and the release downloads are in the world.

  /v1-release/channels/CHANNEL          a redirect to /releases/tag/VERSION
  /download/VERSION/sha256sum-ARCH.txt  checksums
  /download/VERSION/k3s[-SUFFIX]        the stand-in for k3s, told its version
  /install.sh, /                        the stand-in for install.sh

Every path also exists below /fault/NAME/; the answer is then faulty. A fault applies to all but the
checksum file, so that it is met when the file itself is fetched; NAME-all applies to that one too.

  wrong-checksum no-checksum-line two-checksums   in the checksum file
  truncated       ends after 60 % of the body, also when it is resumed
  truncated-once  ends after half of it, once
  html            a login page with status 200
  404 500 407     that status
  flaky           status 503 twice, then as it should be
  redirect-http   a redirect to plain HTTP
  moved           a redirect to another https URL
  slow            a byte now and then, for ever
  endless         as fast as it goes, for ever
  big             the file padded to 100 MB; its checksum is right

Ports: 8443 as it should be; 8444 an expired certificate; 8445 one for another name; 8446 one of an
unknown CA; 8080 plain HTTP; 3128 a proxy (CONNECT) that wants what the file --proxy-user holds.
Every request is a JSON line in --log."""

import argparse
import base64
import hashlib
import http.server
import io
import json
import os
import select
import socket
import socketserver
import ssl
import sys
import threading
import time
import urllib.parse
import zipfile

CHANNELS = {"stable": "v1.36.3+k3s1", "latest": "v1.37.1+k3s1", "v1.34": "v1.34.5+k3s1"}
SUFFIXES = {"amd64": "", "arm64": "-arm64", "arm": "-armhf"}
SUMS_FAULTS = ("wrong-checksum", "no-checksum-line", "two-checksums")
BIG = 100 * 1000 * 1000
PORTS = {8443: "good", 8444: "expired", 8445: "wrong-name", 8446: "stranger", 8080: None}


class Store:
    """What can be had: the stand-ins, told what the mirror knows."""

    def __init__(self, directory, origin, log):
        self.directory, self.origin, self.log_path = directory, origin, log
        self.lock = threading.Lock()
        self.made, self.seen = {}, {}

    def read(self, name):
        with open(os.path.join(self.directory, name), encoding="utf-8") as f:
            return f.read()

    def installer(self):
        return self.read("install.sh").replace("@ORIGIN@", self.origin).encode()

    def binary(self, version, suffix, big):
        with self.lock:
            key = (version, suffix, big)
            if key not in self.made:
                text = self.read("k3s").replace("@VERSION@", version)
                self.made[key] = padded(text) if big else (text + f"# k3s{suffix}\n").encode()
            return self.made[key]

    def sums(self, version, arch, fault):
        lines = []
        for name in (f"k3s-airgap-images-{arch}.tar", f"k3s-airgap-images-{arch}.tar.zst"):
            lines.append(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n")
        suffix = SUFFIXES[arch]
        digest = hashlib.sha256(self.binary(version, suffix, fault == "big")).hexdigest()
        wrong = hashlib.sha256(b"wrong").hexdigest()
        if fault == "two-checksums":
            lines.append(f"{wrong}  k3s{suffix}\n")
        if fault != "no-checksum-line":
            lines.append(f"{wrong if fault == 'wrong-checksum' else digest}  k3s{suffix}\n")
        return "".join(lines).encode()

    def times(self, what):
        """How often this was asked for before."""
        with self.lock:
            self.seen[what] = self.seen.get(what, 0) + 1
            return self.seen[what] - 1

    def log(self, **entry):
        with self.lock, open(self.log_path, "a", encoding="utf-8") as f:
            f.write(json.dumps(entry) + "\n")


def padded(text):
    """Python reads only the end of a file that ends with a zip: padding costs no time to run."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as z:
        z.writestr("__main__.py", text)
    head = b"#!/usr/bin/env python3\n"
    block = os.urandom(1000 * 1000)
    room = BIG - len(head) - len(archive.getvalue())
    return head + (block * (room // len(block) + 1))[:room] + archive.getvalue()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "mirror"
    timeout = 60

    def log_message(self, *args):
        pass

    def note(self, status):
        self.server.store.log(port=self.server.server_address[1], method=self.command,
                              path=self.path, range=self.headers.get("Range"), status=status)

    # -- answers --

    def plain(self, status, body, kind="text/plain", **headers):
        self.note(status)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def redirect(self, url):
        self.plain(302, b"", Location=url)

    def offset(self, size):
        text = self.headers.get("Range", "")
        if not text.startswith("bytes=") or not text.endswith("-"):
            return 0
        first = text[len("bytes="):-1]
        return min(int(first), size) if first.isdigit() else 0

    def file(self, body, fault):
        """With Range; cut off where the fault says so."""
        start, end = self.offset(len(body)), len(body)
        if start >= len(body) > 0:
            self.plain(416, b"", **{"Content-Range": f"bytes */{len(body)}"})
            return
        self.note(206 if start else 200)
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(body) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault == "truncated":
            end = max(start, len(body) * 6 // 10)
        elif fault == "truncated-once" and self.server.store.times(self.path) == 0:
            end = max(start, len(body) // 2)
        if fault == "slow":
            self.drip(body[start:])
            return
        view = memoryview(body)
        for at in range(start, end, 65536):
            self.wfile.write(view[at:min(at + 65536, end)])
        if end < len(body):
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()

    def drip(self, body):
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(0.5)

    def endless(self):
        self.note(200)
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        block = os.urandom(1 << 20)
        while self.command != "HEAD":
            self.wfile.write(block)

    # -- which --

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        fault = ""
        if path.startswith("/fault/"):
            fault, _, path = path[len("/fault/"):].partition("/")
            path = "/" + path
        if fault.endswith("-all"):
            fault = fault[:-len("-all")]
        elif "/sha256sum-" in path and fault not in SUMS_FAULTS + ("big",):
            fault = ""
        if self.server.server_address[1] == 8080:
            self.plain(200, b"this came over plain http\n")
        elif not self.whole_fault(path, fault):
            self.resource(path, fault)

    do_HEAD = do_GET

    def whole_fault(self, path, fault):
        store = self.server.store
        if fault in ("404", "500", "407"):
            self.plain(int(fault), b"no\n")
        elif fault == "flaky" and store.times((self.command, self.path)) < 2:
            self.plain(503, b"busy\n")
        elif fault == "html":
            self.plain(200, b"<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body>Log "
                            b"in to use this network.</body></html>\n", "text/html; charset=utf-8")
        elif fault == "redirect-http":
            self.redirect(f"http://{urllib.parse.urlsplit(store.origin).hostname}:8080{path}")
        elif fault == "moved":
            self.redirect(store.origin + path)
        elif fault == "endless":
            self.endless()
        else:
            return False
        return True

    def resource(self, path, fault):
        store = self.server.store
        parts = [urllib.parse.unquote(p) for p in path.strip("/").split("/")]
        if parts[:2] == ["v1-release", "channels"] and len(parts) == 3 and parts[2] in CHANNELS:
            version = urllib.parse.quote(CHANNELS[parts[2]])
            self.redirect(f"{store.origin}/releases/tag/{version}")
        elif parts[:2] == ["releases", "tag"]:
            self.plain(200, b"<html>a release</html>\n", "text/html")
        elif path in ("/", "/install.sh"):
            self.file(store.installer(), fault)
        elif parts[0] == "download" and len(parts) == 3:
            self.release(parts[1], parts[2], fault)
        else:
            self.plain(404, b"Not Found\n")

    def release(self, version, name, fault):
        if not version.startswith("v") or version.startswith("v9."):
            self.plain(404, b"Not Found\n")
            return
        for arch, suffix in SUFFIXES.items():
            if name == f"sha256sum-{arch}.txt":
                self.plain(200, self.server.store.sums(version, arch, fault))
                return
            if name == "k3s" + suffix:
                self.file(self.server.store.binary(version, suffix, fault == "big"), fault)
                return
        self.plain(404, b"Not Found\n")


class Mirror(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address, port, store, certificate):
        self.store = store
        super().__init__((address, port), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True,
                                              do_handshake_on_connect=False)

    def handle_error(self, request, client_address):
        """A client that goes away, or does not like the certificate, is what is tested."""
        self.store.log(port=self.server_address[1], error=str(sys.exc_info()[1]))


class Tunnel(socketserver.StreamRequestHandler):
    """CONNECT, with Basic authentication."""

    def handle(self):
        request = self.rfile.readline(8192).decode("latin-1").split()
        headers = {}
        for line in iter(lambda: self.rfile.readline(8192).decode("latin-1").strip(), ""):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if len(request) < 2 or request[0] != "CONNECT":
            self.answer(405, "CONNECT only")
            return
        user = self.user()
        wanted = "Basic " + base64.b64encode(user).decode()
        allowed = not user or headers.get("proxy-authorization") == wanted
        self.server.store.log(port=3128, method="CONNECT", path=request[1],
                              status=200 if allowed else 407)
        if not allowed:
            self.answer(407, "Proxy Authentication Required")
            return
        host, _, port = request[1].rpartition(":")
        try:
            far = socket.create_connection((host, int(port)), 10)
        except OSError:
            self.answer(502, "Bad Gateway")
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with far:
            self.relay(far)

    def user(self):
        try:
            with open(self.server.user_file, "rb") as f:
                return f.read().strip()
        except FileNotFoundError:
            return b""

    def answer(self, status, text):
        more = 'Proxy-Authenticate: Basic realm="lab"\r\n' if status == 407 else ""
        self.wfile.write(f"HTTP/1.1 {status} {text}\r\n{more}Content-Length: 0\r\n"
                         "Connection: close\r\n\r\n".encode())

    def relay(self, far):
        near = self.connection
        while True:
            for source in select.select([near, far], [], [], 60)[0]:
                data = source.recv(65536)
                if not data:
                    return
                (far if source is near else near).sendall(data)


class Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--name", required=True, help="the name in the good certificate")
    parser.add_argument("--certs", required=True, help="what certs.sh made")
    parser.add_argument("--log", required=True)
    parser.add_argument("--proxy-user", default="/nonexistent",
                        help="a file with USER:PASSWORD; while there is none, nobody is asked")
    parser.add_argument("--standin", default=os.path.join(os.path.dirname(__file__), "standin"))
    options = parser.parse_args()
    store = Store(options.standin, f"https://{options.name}:8443", options.log)
    servers = [Mirror(options.address, port, store,
                      name and os.path.join(options.certs, name + ".pem"))
               for port, name in PORTS.items()]
    proxy = Proxy((options.address, 3128), Tunnel)
    proxy.store, proxy.user_file = store, options.proxy_user
    for server in servers + [proxy]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
