"""A download that resumes, gives up on stalls, and hands over only the very file that was asked for."""

from __future__ import annotations

import http.client
import os
import re
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

import nst
from nst.errors import NstError
from nst.formats.known import KnownFile

LIMIT = 2 << 30  # bytes taken from an address that promises no size
SLOWEST = 1024  # bytes per second below which a connection counts as stalled


class Interrupted(Exception):
    """The transfer failed in a way that another attempt may mend."""


class _WebRedirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, at most ten, to web addresses only."""

    def redirect_request(self, request, stream, code, message, headers, address):  # type: ignore[no-untyped-def]
        _require_web(address)
        return super().redirect_request(request, stream, code, message, headers, address)


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener without the handlers for file:, ftp: and data: that urllib adds by default."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        _WebRedirects(),
    ):
        opener.add_handler(handler)
    return opener


def _require_web(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise NstError(f"{url} is not a web address: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise NstError(f"{url} is not a web address: only http:// and https:// are followed")


def download(
    known: KnownFile,
    target: str | os.PathLike,
    *,
    url: str = "",
    timeout: float = 30.0,
    retries: int = 5,
    pause: float = 1.0,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Fetch a known file, check size and hash, and only then give it its name.

    What arrives is kept in `target` + `.part`, and a later call goes on from there.

    Parameters
    ----------
    known : KnownFile
        What must arrive: its size and its hash.
    target : path
        Where it goes; a file that lies there is replaced only by one that passed the check.
    url : str
        Another address for the same file.
    timeout : float
        A connection is dropped after this many seconds without data, or with fewer than `SLOWEST` bytes per
        second.
    retries : int
        Further attempts after the first; the waits before them start at `pause` seconds and double up to 60.
    progress, say
        Called with `(bytes so far, bytes in all or 0)`, and with a line of text about each retry.

    Raises
    ------
    NstError
        When the address is wrong, the server refuses, or what it sends is not the file.
    """
    url, target = url or known.url, Path(target)
    _require_web(url)
    part = target.with_name(target.name + ".part")
    reason = ""
    for attempt in range(retries + 1):
        if attempt:
            wait = min(pause * 2 ** (attempt - 1), 60.0)
            say(f"{reason}; trying again in {wait:g} s ({attempt} of {retries})")
            time.sleep(wait)
        try:
            resumed = _fetch(url, part, known.bytes, timeout, progress)
        except Interrupted as error:
            reason = str(error)
            continue
        reason = known.mismatch(part)
        if not reason:
            os.replace(part, target)
            return target
        part.unlink()
        if not resumed:  # else the part from before may have been another file's: start over
            raise NstError(f"what {url} sent is not {known.name}: {reason}; nothing was kept")
    kept = f"; the part that arrived is kept in {part}, run this again to go on" if part.exists() else ""
    raise NstError(f"cannot download {url}: {reason}, {retries + 1} attempts{kept}")


def _fetch(url: str, part: Path, expected: int, timeout: float, progress: Callable | None) -> bool:
    """Make one attempt to complete `part`; return whether it went on from bytes that were there before."""
    have = part.stat().st_size if part.is_file() else 0
    if expected and have >= expected:
        return True  # whole, or too long: the check of the hash decides
    headers = {"User-Agent": f"nst/{nst.__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with _request(urllib.request.Request(url, headers=headers), part, timeout) as answer:
        start = _first_byte(answer, have, part)
        total = _declared(answer.headers, start)
        pieces = _pieces(answer, timeout)
        first = next(pieces, b"") if not start else b""
        if impostor := _impostor(first, "" if start else answer.headers.get("Content-Type", "")):
            raise NstError(f"what {url} sent is not the file: {impostor}")
        if expected and total and total != expected:
            raise NstError(f"{url} offers a file of {total:,} bytes; the right one has {expected:,}")
        have = _store(part, start, first, pieces, (expected or total, expected or LIMIT), progress)
    if have < (expected or total):
        raise Interrupted(f"the connection ended after {have:,} of {expected or total:,} bytes")
    return start > 0


def _request(request: urllib.request.Request, part: Path, timeout: float) -> http.client.HTTPResponse:
    """Open an address; tell refusals, which are final, from failures that may pass."""
    try:
        return _opener().open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        status = f"the server answers {error.code} {' '.join(str(error.reason).split())}"
        if error.code == 416:  # our part is longer than the file, or the server's file has changed
            part.unlink(missing_ok=True)
            raise Interrupted("the server cannot go on from the part that was kept") from error
        if error.code >= 500 or error.code in (408, 425, 429):
            raise Interrupted(status) from error
        raise NstError(f"cannot download {request.full_url}: {status}") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise NstError(f"cannot trust {request.full_url}: {error.reason}") from error
        raise Interrupted(f"no connection: {error.reason}") from error
    except TimeoutError as error:
        raise Interrupted(f"no answer for {timeout:g} s") from error
    except http.client.InvalidURL as error:
        raise NstError(f"{request.full_url} is not a web address: {error}") from error
    except (http.client.HTTPException, OSError) as error:
        raise Interrupted(f"the connection failed: {error or type(error).__name__}") from error


def _first_byte(answer: http.client.HTTPResponse, have: int, part: Path) -> int:
    """Return the position of the first byte that the server sends: ours when it knows ranges, else 0."""
    if answer.status != 206:
        return 0
    stated = answer.headers.get("Content-Range", "").strip()
    span = re.fullmatch(r"bytes (\d{1,15})-\d{1,15}/(\d{1,15}|\*)", stated)
    if not span or int(span[1]) != have:
        part.unlink(missing_ok=True)
        raise Interrupted("the server sent another range than the one asked for")
    return have


def _declared(headers: http.client.HTTPMessage, start: int) -> int:
    """Return how long the whole file is by the server's word, 0 when it does not say."""
    length = headers.get("Content-Length", "").strip()
    return start + int(length) if re.fullmatch(r"\d{1,15}", length) else 0


def _impostor(head: bytes, content_type: str) -> str:
    """Return what the first bytes show that is not a weight file, or an empty string."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    page = text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head"))
    if page or content_type.lower().startswith("text/html"):
        return "it is a web page, perhaps an error message; open the address in a browser to read it"
    if text.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer, which stands for a file that must be fetched with git lfs"
    return ""


def _pieces(answer: http.client.HTTPResponse, timeout: float) -> Iterator[bytes]:
    """Yield the bytes of an answer; the first piece is long enough to tell a page from a file."""
    since, arrived = time.monotonic(), 0
    held, begun = b"", False
    while True:
        try:
            piece = answer.read1(1 << 18)
        except TimeoutError as error:
            raise Interrupted(f"no data for {timeout:g} s") from error
        except (http.client.HTTPException, OSError) as error:
            raise Interrupted(f"the connection failed: {type(error).__name__}") from error
        held, arrived = held + piece, arrived + len(piece)
        if held and (begun or len(held) >= 512 or not piece):
            yield held
            held, begun = b"", True
        if not piece:
            return
        elapsed = time.monotonic() - since
        if elapsed > timeout:
            if arrived < SLOWEST * elapsed:
                raise Interrupted(f"only {arrived / elapsed:.0f} bytes/s for {elapsed:.1f} s")
            since, arrived = time.monotonic(), 0


def _store(
    part: Path,
    start: int,
    first: bytes,
    pieces: Iterator[bytes],
    bounds: tuple[int, int],
    progress: Callable[[int, int], None] | None,
) -> int:
    """Write what arrives behind `start`, at most `bounds[1]` bytes in all; return how many there are now."""
    total, limit = bounds
    have = start
    try:
        with open(part, "ab" if start else "wb") as stream:
            piece = first or next(pieces, b"")
            while piece:
                have += len(piece)
                if have > limit:
                    break
                stream.write(piece)
                if progress:
                    progress(have, total)
                piece = next(pieces, b"")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise NstError(f"cannot write {part}: {error.strerror or error}") from error
    if have > limit:
        part.unlink()
        raise NstError(f"the server sends more than the {limit:,} bytes of the file; nothing was kept")
    return have


class Progress:
    """A live line on a terminal, a plain line for each tenth otherwise."""

    def __init__(self, name: str, stream: TextIO | None = None) -> None:
        self.name = name
        self.stream = stream or sys.stderr
        self.live = self.stream.isatty()
        self.first: tuple[float, int] | None = None
        self.shown = -1.0
        self.open = False

    def __call__(self, have: int, total: int) -> None:
        now = time.monotonic()
        self.first = self.first or (now, have)
        tenth = have * 10 // total if total else have >> 24
        done = have == total
        if (now - self.shown < 0.2 and not done) if self.live else (tenth == self.shown):
            return
        self.shown = now if self.live else tenth
        line = f"{self.name}: {have / 1e6:.1f} MB"
        if total:
            line = f"{self.name}: {100 * have / total:3.0f} % of {total / 1e6:.1f} MB"
        seconds, arrived = now - self.first[0], have - self.first[1]
        if seconds > 0.5 and arrived:
            line += f", {arrived / seconds / 1e6:.1f} MB/s"
            if total:
                line += f", {(total - have) * seconds / arrived:.0f} s left"
        self.open = self.live and not done
        start, end = "\r\x1b[K" if self.live else "", "" if self.open else "\n"
        print(start + line, end=end, file=self.stream, flush=True)

    def close(self) -> None:
        """End a live line that is still open, so that what follows stands on its own."""
        if self.open:
            print(file=self.stream, flush=True)
        self.open = False
