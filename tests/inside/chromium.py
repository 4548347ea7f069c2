"""A headless Chromium that is told what to do over a pipe (the DevTools protocol), with its own log of the network."""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --window-size=1000,900 --no-first-run --no-default-browser-check "
    "--disable-background-networking --disable-component-update --disable-sync --disable-default-apps "
    "--disable-extensions --disable-domain-reliability --metrics-recording-only --no-pings"
).split()
UNREACHED = "--host-resolver-rules=MAP * ~NOTFOUND"  # what is asked for stands in the log, and goes nowhere
MOVE = """import fcntl, os, sys
high = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 5) for number in sys.argv[1:3]]
os.dup2(high[0], 3), os.dup2(high[1], 4)
os.execvp(sys.argv[3], sys.argv[3:])"""
PATIENCE = 100.0  # seconds, on a machine that has other things to do


class Browser:
    """A browser with one empty tab.

    Parameters
    ----------
    folder
        Where its profile and, after its end, the log of its network lie.
    """

    def __init__(self, folder: Path) -> None:
        self.log = folder / "network.json"
        (theirs, self._out), (self._in, ours) = os.pipe(), os.pipe()
        command = [
            str(CHROMIUM),
            *FLAGS,
            UNREACHED,
            f"--user-data-dir={folder / 'profile'}",
            f"--log-net-log={self.log}",
        ]
        command += ["--remote-debugging-pipe", "about:blank"]
        # The protocol is spoken over the file descriptors 3 and 4, and these are not free in this process.
        line = [sys.executable, "-c", MOVE, str(theirs), str(ours), *command]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(line, pass_fds=(theirs, ours), stdout=quiet, stderr=quiet)
        os.close(theirs), os.close(ours)
        os.set_blocking(self._in, False)
        self._read, self._numbers, self._session = b"", itertools.count(1), None
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Browser:
        targets = self.call("Target.getTargets")["targetInfos"]
        tab = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Network.enable")
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._session = None
        try:
            self.call("Browser.close")  # the log is whole only when the browser has ended by itself
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            os.close(self._in), os.close(self._out)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return what the browser answers; events that come before the answer are kept."""
        message = {"id": next(self._numbers), "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (found := self._message()).get("id") != message["id"]:
            self.events.append(found)
        assert "error" not in found, f"{method}: {found['error']}"
        return found["result"]

    def open(self, address: str) -> None:
        """Open a page and wait until all of it is there."""
        self.call("Page.navigate", url=address)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._message())

    def run(self, script: str) -> Any:
        """Return what an expression of JavaScript comes to in the page, which itself may forbid scripts."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, script: str) -> None:
        """Wait until an expression is true of the page."""
        end = time.monotonic() + PATIENCE
        while not self.run(script):
            assert time.monotonic() < end, f"never: {script}"

    def click(self, x: float, y: float) -> None:
        """Press and release the left button of the mouse there, in pixels of the window."""
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def screenshot(self) -> np.ndarray:
        """Return what the window shows, (H, W, 3) integers from 0 to 255."""
        shot = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), int)

    def _message(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._read:
            assert time.monotonic() < end and self._process.poll() is None, "Chromium does not answer"
            try:
                self._read += os.read(self._in, 1 << 16)
            except BlockingIOError:
                time.sleep(0.005)
        message, _, self._read = self._read.partition(b"\0")
        return json.loads(message)


def asked_by_files(log: Path) -> set[str]:
    """Return what pages that were opened from a file asked the network for: addresses, and hosts to be looked up.

    The browser's own requests, for a newer version of itself for instance, stand in the log under other keys.
    """
    asked = set()
    for event in json.loads(log.read_text())["events"]:
        given = event.get("params", {})
        key = given.get("network_isolation_key", given.get("network_anonymization_key", ""))
        if key.startswith("file:") and (what := given.get("url", given.get("host"))):
            asked.add(what)
    return asked
