"""A server on loopback that misbehaves in every way we know, and a download that survives it or says why."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from nst.errors import NstError
from nst.formats.download import Progress, download
from nst.formats.known import KnownFile

PAYLOAD = np.random.default_rng(7).bytes(40_000)
KNOWN = KnownFile("tiny.h5", "vgg19", "keras-h5", bytes=len(PAYLOAD), md5=hashlib.md5(PAYLOAD).hexdigest())


class Server:
    """What the server answers is a list of functions of the request, used in turn; the last one stays."""

    def __init__(self) -> None:
        self.script: list[Callable] = [whole]
        self.ranges: list[str | None] = []
        self.url = ""
        self.release = threading.Event()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        self.ranges.append(request.headers.get("Range"))
        action = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        action(self, request)


def head(request, status: int, length: int | None, **headers: str) -> None:
    request.send_response(status)
    if length is not None:
        request.send_header("Content-Length", str(length))
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()


def body(content: bytes, **headers: str) -> Callable:
    def act(server, request) -> None:
        head(request, 200, len(content), **headers)
        request.wfile.write(content)

    return act


def whole(server, request) -> None:
    body(PAYLOAD)(server, request)


def ranged(server, request) -> None:
    """Serve what a Range asks for, as a server should."""
    asked = request.headers.get("Range")
    if not asked:
        return whole(server, request)
    start = int(asked.removeprefix("bytes=").rstrip("-"))
    rest = PAYLOAD[start:]
    head(request, 206, len(rest), Content_Range=f"bytes {start}-{len(PAYLOAD) - 1}/{len(PAYLOAD)}")
    request.wfile.write(rest)


def truncated(server, request) -> None:
    head(request, 200, len(PAYLOAD))
    request.wfile.write(PAYLOAD[:15_000])


def unsized(server, request) -> None:
    """End early without having said how long the file is."""
    head(request, 200, None)
    request.wfile.write(PAYLOAD[:15_000])


def stalled(server, request) -> None:
    head(request, 200, len(PAYLOAD))
    request.wfile.write(PAYLOAD[:15_000])
    request.wfile.flush()
    server.release.wait(10)


def dripping(server, request) -> None:
    """Send a byte now and then: alive for the socket, dead for the user."""
    head(request, 200, len(PAYLOAD))
    for byte in PAYLOAD[:100]:
        if server.release.wait(0.05):
            return
        request.wfile.write(bytes([byte]))
        request.wfile.flush()


def silent(server, request) -> None:
    server.release.wait(10)


def corrupt(server, request) -> None:
    body(PAYLOAD[:-1] + bytes([PAYLOAD[-1] ^ 1]))(server, request)


def endless(server, request) -> None:
    head(request, 200, None)
    for _ in range(40):
        request.wfile.write(PAYLOAD)


def status(code: int) -> Callable:
    return lambda server, request: head(request, code, 0)


def redirect(location: str) -> Callable:
    return lambda server, request: head(request, 302, 0, Location=location)


def wrong_range(server, request) -> None:
    if not request.headers.get("Range"):
        return truncated(server, request)
    head(request, 206, 10, Content_Range=f"bytes 0-9/{len(PAYLOAD)}")
    request.wfile.write(PAYLOAD[:10])


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    script = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(ConnectionError):
                script.answer(self)

        def log_message(self, *arguments: object) -> None:
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        script.url = f"http://127.0.0.1:{listener.server_port}/tiny.h5"
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        yield script
        script.release.set()
        listener.shutdown()
        thread.join()


def fetch(server: Server, target: Path, **options: object) -> Path:
    settings = {"url": server.url, "timeout": 0.4, "retries": 2, "pause": 0.01, **options}
    return download(KNOWN, target, **settings)


def refused(server: Server, target: Path, **options: object) -> str:
    """Fetch in vain; return the one line of the error. No final file may be there."""
    with pytest.raises(NstError) as error:
        fetch(server, target, **options)
    assert not target.exists()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_whole_file_arrives_and_leaves_no_part(server, tmp_path):
    """A good server gives the very bytes, and only the final name remains."""
    seen = []
    path = fetch(server, tmp_path / "a.h5", progress=lambda have, total: seen.append((have, total)))
    assert path.read_bytes() == PAYLOAD
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.h5"]
    assert seen[-1] == (len(PAYLOAD), len(PAYLOAD))
    assert all(first[0] < second[0] for first, second in itertools.pairwise(seen))


@pytest.mark.parametrize("break_off", [truncated, stalled, unsized])
def test_resumes_where_the_connection_broke(server, tmp_path, break_off):
    """After a truncation or a stall only the missing bytes are asked for."""
    server.script = [break_off, ranged]
    assert fetch(server, tmp_path / "a.h5").read_bytes() == PAYLOAD
    assert server.ranges == [None, "bytes=15000-"]


def test_a_later_call_goes_on_from_the_part(server, tmp_path):
    """What an interrupted call left is used by the next one."""
    server.script = [truncated, ranged]
    message = refused(server, tmp_path / "a.h5", retries=0)
    assert "15,000 of 40,000" in message and "run this again" in message
    assert (tmp_path / "a.h5.part").stat().st_size == 15_000
    assert fetch(server, tmp_path / "a.h5").read_bytes() == PAYLOAD
    assert server.ranges == [None, "bytes=15000-"]


def test_server_without_ranges_starts_over(server, tmp_path):
    """A server that answers 200 to a Range sends the file from its beginning, and so it is stored."""
    server.script = [truncated, whole]
    assert fetch(server, tmp_path / "a.h5").read_bytes() == PAYLOAD


def test_complete_part_needs_no_server(server, tmp_path):
    """A part that is already the whole file is checked and moved, without a request."""
    (tmp_path / "a.h5.part").write_bytes(PAYLOAD)
    assert fetch(server, tmp_path / "a.h5").read_bytes() == PAYLOAD
    assert server.ranges == []


@pytest.mark.parametrize("stale", [b"x" * 15_000, b"x" * 40_000, b"x" * 50_000])
def test_part_of_another_file_is_thrown_away(server, tmp_path, stale):
    """A part with foreign bytes, too few, as many or too many, fails the hash; the file is fetched afresh."""
    server.script = [ranged]
    (tmp_path / "a.h5.part").write_bytes(stale)
    assert fetch(server, tmp_path / "a.h5").read_bytes() == PAYLOAD
    assert server.ranges[-1] is None


def test_refused_range_starts_over(server, tmp_path):
    """416 means that the part does not fit the server's file."""
    (tmp_path / "a.h5.part").write_bytes(PAYLOAD[:9000])
    server.script = [status(416), whole]
    assert fetch(server, tmp_path / "a.h5").read_bytes() == PAYLOAD
    assert server.ranges == ["bytes=9000-", None]


def test_wrong_range_is_not_appended(server, tmp_path):
    """A 206 that starts elsewhere than asked is not stored."""
    server.script = [wrong_range, wrong_range, whole]
    assert fetch(server, tmp_path / "a.h5").read_bytes() == PAYLOAD


@pytest.mark.parametrize("passing", [status(500), status(503), status(429), silent])
def test_passing_trouble_is_tried_again(server, tmp_path, passing):
    """Errors of the server and silence are retried with a pause that doubles, and the user is told."""
    server.script = [passing, passing, whole]
    told = []
    start = time.monotonic()
    assert fetch(server, tmp_path / "a.h5", pause=0.05, say=told.append).read_bytes() == PAYLOAD
    assert time.monotonic() - start >= 0.15
    assert len(told) == 2 and "in 0.05 s (1 of 2)" in told[0] and "in 0.1 s (2 of 2)" in told[1]


@pytest.mark.parametrize(
    ("act", "requests", "words"),
    [
        (status(404), 1, "404"),
        (status(403), 1, "403"),
        (status(500), 3, "500"),
        (stalled, 3, "no data for 0.4 s"),
        (dripping, 3, "bytes/s"),
        (silent, 3, "no answer"),
        (corrupt, 1, "md5"),
        (body(PAYLOAD[:-5]), 1, "39,995 bytes; the right one has 40,000"),
        (body(PAYLOAD + b"more"), 1, "40,004 bytes"),
        (endless, 1, "more than the 40,000"),
        (body(b"<!DOCTYPE html><title>Sorry</title>"), 1, "web page"),
        (body(b"Moved", Content_Type="text/html; charset=utf-8"), 1, "web page"),
        (body(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"), 1, "Git LFS pointer"),
        (redirect("file:///etc/passwd"), 1, "not allowed"),
        (redirect("ftp://127.0.0.1/x"), 1, "not a web address"),
        (redirect("/tiny.h5"), 5, "infinite loop"),
    ],
)
def test_failures_leave_no_file(server, tmp_path, act, requests, words):
    """Each failure is one line that names its cause, retried only where that can help."""
    server.script = [act]
    assert words in refused(server, tmp_path / "a.h5")
    assert len(server.ranges) == requests


@pytest.mark.parametrize("act", [corrupt, status(404), truncated, body(b"<html>")])
def test_good_file_survives_a_failed_download(server, tmp_path, act):
    """What lies under the final name is never touched by a download that fails."""
    (tmp_path / "a.h5").write_bytes(b"good")
    server.script = [act]
    with pytest.raises(NstError):
        fetch(server, tmp_path / "a.h5")
    assert (tmp_path / "a.h5").read_bytes() == b"good"


def test_redirect_to_the_web_is_followed(server, tmp_path):
    """An ordinary redirect leads to the file."""
    server.script = [redirect("/elsewhere"), whole]
    assert fetch(server, tmp_path / "a.h5").read_bytes() == PAYLOAD


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/y", "data:,x", "tiny.h5", "http://", "http://["]
)
def test_only_web_addresses(server, tmp_path, url):
    """Other schemes and broken addresses are refused before anything is opened."""
    assert "not a web address" in refused(server, tmp_path / "a.h5", url=url)


def test_no_server_at_all(server, tmp_path):
    """A refused connection is one line after the retries."""
    assert "no connection" in refused(server, tmp_path / "a.h5", url="http://127.0.0.1:9/x")


def test_unwritable_folder(server, tmp_path):
    """A folder that is missing is the user's to mend."""
    assert "cannot write" in refused(server, tmp_path / "missing" / "a.h5")


def test_progress_lines_are_plain_without_a_terminal():
    """Off a terminal one line for each tenth, no control characters; the last says 100 %."""
    stream = io.StringIO()
    show = Progress("tiny.h5", stream)
    for have in range(0, 1001, 5):
        show(have, 1000)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 11 and "100 %" in lines[-1] and "\r" not in stream.getvalue()


def test_progress_is_live_on_a_terminal(monkeypatch):
    """On a terminal the line is redrawn in place and ends with a newline."""
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    show = Progress("tiny.h5", stream)
    show(0, 1000)
    show(1000, 1000)
    assert stream.getvalue().count("\r") == 2 and stream.getvalue().endswith("\n")
