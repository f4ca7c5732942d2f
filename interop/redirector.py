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
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])

    def connection(client):
        try:
            head = b""
            while b"\r\n\r\n" not in head:
                data = client.recv(1 << 16)
                if not data:
                    return
                head += data
            method, address = head.split(b" ")[:2]
            if method == b"CONNECT":
                if address != f"{HOST}:443".encode():
                    client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                    return
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                client = context.wrap_socket(client, server_side=True)
                head = b""
            elif not address.startswith(f"http://127.0.0.1:{target_port}/".encode()):
                client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            server = socket.create_connection(("127.0.0.1", target_port))
            server.sendall(head)
            threading.Thread(target=pipe, args=(server, client), daemon=True).start()
            pipe(client, server)
            server.close()
        except OSError:
            pass
        finally:
            client.close()

    return listen(connection)


def front(target_port, certificate, key):
    """TLS before the server, for clients that speak nothing else; the result is its port. It ends with the process."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])

    def connection(client):
        try:
            client = context.wrap_socket(client, server_side=True)
            server = socket.create_connection(("127.0.0.1", target_port))
            threading.Thread(target=pipe, args=(server, client), daemon=True).start()
            pipe(client, server)
            server.close()
        except OSError:
            pass
        finally:
            client.close()

    return listen(connection)


def listen(connection):
    """Gives every connection a thread of its own; the result is the port."""

    def accept():
        while True:
            client, _ = listener.accept()
            threading.Thread(target=connection, args=(client,), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]
