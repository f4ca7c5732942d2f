"""A proxy on loopback for clients whose address is compiled in.

A CONNECT to the service's own API host is answered with TLS under a throw-away certificate and led to the test server;
every other host is refused. Plain requests are passed on if they are for loopback.
"""

import socket
import ssl
import subprocess
import threading
from pathlib import Path

HOST = "g.api.mega.co.nz"


def make_certificate(folder):
    """A certificate authority for one run, and the server certificate it signs: (authority, certificate, key)."""
    folder = Path(folder)
    ca, ca_key, cert, key, request, extra = (folder / n for n in ("ca.pem", "ca.key", "host.pem", "host.key", "host.csr", "host.ext"))
    extra.write_text(f"subjectAltName=DNS:{HOST}\n")

    def openssl(*args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=interop", "-keyout", ca_key, "-out", ca)
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={HOST}", "-keyout", key, "-out", request)
    openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2", "-extfile", extra, "-out", cert)
    return ca, cert, key


def pipe(source, sink):
    """Passes on what comes until the source ends."""
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(target_port, certificate, key):
    """Starts the redirector; the result is its port. It ends with the process."""
    context = tls(certificate, key)

    def connection(client):
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(1 << 16)
            if not data:
                return
            head += data
        method, address = head.split(b" ")[:2]
        if method == b"CONNECT" and address == f"{HOST}:443".encode():
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            lead(context.wrap_socket(client, server_side=True), target_port)
        elif method != b"CONNECT" and address.startswith(f"http://127.0.0.1:{target_port}/".encode()):
            lead(client, target_port, head)
        else:
            client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    return listen(connection)


def front(target_port, certificate, key):
    """TLS before the server, for clients that speak nothing else; the result is its port. It ends with the process."""
    context = tls(certificate, key)
    return listen(lambda client: lead(context.wrap_socket(client, server_side=True), target_port))


def tls(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def lead(client, target_port, head=b""):
    """Passes on what comes between a client and the server until one of them ends; `head` has come already."""
    with client, socket.create_connection(("127.0.0.1", target_port)) as server:
        server.sendall(head)
        threading.Thread(target=pipe, args=(server, client), daemon=True).start()
        pipe(client, server)


def listen(connection):
    """Gives every connection a thread of its own; the result is the port."""

    def run(client):
        with client:
            try:
                connection(client)
            except OSError:
                pass

    def accept():
        while True:
            client, _ = listener.accept()
            threading.Thread(target=run, args=(client,), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]
