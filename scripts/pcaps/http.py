"""HTTP/1.1 messages as bytes, with a length or in chunks."""


def request(method, path, host, body="", chunks=None, **headers):
    """A request; `chunks` are the sizes of all chunks but the last."""
    return _message(f"{method} {path} HTTP/1.1", {"Host": host, "Content-Type": "application/json", **_dashed(headers)}, body, chunks)


def response(body="", status="200 OK", chunks=None, kind="application/json", **headers):
    """An answer."""
    return _message(f"HTTP/1.1 {status}", {"Content-Type": kind, **_dashed(headers)}, body, chunks)


def _dashed(headers):
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _message(first, headers, body, chunks):
    body = body.encode()
    if chunks is None:
        headers = headers | {"Content-Length": len(body)}
    else:
        headers = headers | {"Transfer-Encoding": "chunked"}
        body = _chunked(body, chunks)
    lines = [first, *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _chunked(body, sizes):
    parts, at = [], 0
    for size in (*sizes, len(body) - sum(sizes)):
        parts.append(b"%x\r\n%s\r\n" % (size, body[at : at + size]))
        at += size
    return b"".join(parts) + b"0\r\n\r\n"
