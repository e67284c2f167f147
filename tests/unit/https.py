#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTPS server with its own CA, for the tests of transfers.

https.py DIRECTORY writes ca.pem there, listens on three ports of loopback (good, expired and
wrong-name certificates), prints them, and serves until its stdin is closed."""

import http.server
import os
import ssl
import subprocess
import sys
import threading
import time

BODY = bytes(range(256)) * 4096  # 1 MiB


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def make_certificates(d):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", f"{d}/ca.key", "-out", f"{d}/ca.pem", "-days", "2", "-subj", "/CN=test CA")
    os.makedirs(f"{d}/db", exist_ok=True)
    with open(f"{d}/ca.cnf", "w", encoding="utf-8") as f:
        f.write(f"[ca]\ndefault_ca=c\n[c]\ndatabase={d}/db/index\nserial={d}/db/serial\n"
                "new_certs_dir=" + d + "/db\ndefault_md=sha256\npolicy=p\ncopy_extensions=copy\n"
                "unique_subject=no\n[p]\ncommonName=supplied\n")
    open(f"{d}/db/index", "w", encoding="utf-8").close()
    with open(f"{d}/db/serial", "w", encoding="utf-8") as f:
        f.write("01\n")
    for name, san, dates in (
            ("good", "DNS:localhost,IP:127.0.0.1", ["-days", "2"]),
            ("wrong", "DNS:other.example", ["-days", "2"]),
            ("expired", "DNS:localhost,IP:127.0.0.1",
             ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"])):
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-keyout", f"{d}/{name}.key", "-out", f"{d}/{name}.csr", "-subj",
                f"/CN={name}", "-addext", f"subjectAltName={san}")
        openssl("ca", "-batch", "-config", f"{d}/ca.cnf", "-cert", f"{d}/ca.pem", "-keyfile",
                f"{d}/ca.key", "-in", f"{d}/{name}.csr", "-out", f"{d}/{name}.pem", *dates)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body=b"", headers=(), length=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        try:
            self.serve()
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    def serve(self):
        where = self.path
        if where == "/file":
            start = self.headers.get("Range", "")
            if start.startswith("bytes="):
                at = int(start[6:].split("-")[0])
                if at >= len(BODY):
                    self.reply(416)
                    return
                self.reply(206, BODY[at:],
                           [("Content-Range", f"bytes {at}-{len(BODY) - 1}/{len(BODY)}")])
            else:
                self.reply(200, BODY)
        elif where == "/norange":
            self.reply(200, BODY)
        elif where == "/cut":
            self.reply(200, BODY[:1000], length=len(BODY))
            self.close_connection = True
        elif where == "/slow":
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            for _ in range(600):
                self.wfile.write(b".")
                self.wfile.flush()
                time.sleep(0.05)
        elif where == "/redirect":
            self.reply(302, headers=[("Location", "/file")])
        elif where == "/http":
            self.reply(302, headers=[("Location", "http://127.0.0.1:1/file")])
        elif where == "/who":
            self.reply(200, self.headers.get("Authorization", "nobody").encode())
        else:
            self.reply(404, b"nothing here")


def serve(d, name):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{d}/{name}.pem", f"{d}/{name}.key")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def main():
    directory = sys.argv[1]
    make_certificates(directory)
    print(*[serve(directory, name) for name in ("good", "expired", "wrong")], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
