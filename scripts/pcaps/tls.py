"""TLS over a line whose both ends the script holds: Python's ssl module, that is OpenSSL, with the records carried by `Line`."""

import ssl
import subprocess


def certificate(scratch, *names):
    """A key and a self-signed certificate for these names, in one file."""
    path = scratch / f"{names[0]}.pem"
    key, public = path.with_suffix(".key"), path.with_suffix(".crt")
    alternatives = ",".join(f"DNS:{name}" for name in names)
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650"]
    words += ["-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={alternatives}", "-keyout", key, "-out", public]
    subprocess.run(words, check=True, capture_output=True)
    path.write_text(key.read_text() + public.read_text())
    return path


class TlsLine:
    """Speaks like `Line`, inside TLS. With `cut_name` the ClientHello comes in segments, one border inside the server's name."""

    def __init__(self, line, identity, server_name=None, version=ssl.TLSVersion.TLSv1_3, alpn=(), cut_name=False):
        self.line = line
        self.near = _end(_client(version, alpn), server_side=False, server_hostname=server_name)
        self.far = _end(_server(identity), server_side=True)
        self._shake_hands(server_name if cut_name else None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.line.close()

    def client(self, *messages):
        self._say(self.near, self.far, self.line.client, messages)

    def server(self, *messages):
        self._say(self.far, self.near, self.line.server, messages)

    def _shake_hands(self, name):
        done = {"near": False, "far": False}
        while not all(done.values()):
            done["near"] |= _step(self.near)
            hello = self.near[2].read()
            if hello and name:
                inside = hello.index(name.encode()) + len(name) // 2
                self.line.client_pieces(hello, 4, 60, inside)
                name = None
            elif hello:
                self.line.client(hello)
            self.far[1].write(hello)
            done["far"] |= _step(self.far)
            if answer := self.far[2].read():
                self.line.server(answer)
                self.near[1].write(answer)
        # Session tickets come after the handshake; take them in, or the next read would.
        _drain(self.near)

    def _say(self, speaker, hearer, carry, messages):
        for message in messages:
            speaker[0].write(message if isinstance(message, bytes) else message.encode() + b"\n")
        records = speaker[2].read()
        carry(records)
        hearer[1].write(records)
        _drain(hearer)


def _client(version, alpn):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def _server(identity):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)
    return context


def _end(context, **options):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    return context.wrap_bio(incoming, outgoing, **options), incoming, outgoing


def _step(end):
    try:
        end[0].do_handshake()
        return True
    except ssl.SSLWantReadError:
        return False


def _drain(end):
    try:
        while end[0].read(65_535):
            pass
    except ssl.SSLWantReadError:
        pass
