"""The script for a machine with a card: its steps end in time, and what was found by then is there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nst import kernels
from nst.formats import read
from nst.run import main as paint
from tests.benchmarks import on_gpu
from tests.benchmarks.gpu_table import write_results
from tests.benchmarks.timed_steps import ABSENT, GRACE, LATE, Step, Steps

NO_CARD = kernels.no_card()
SCRIPT = Path(__file__).parent / "benchmarks" / "on_gpu.sh"


def command(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_steps_side_by_side(tmp_path):
    """Each has a log, its status and its time; they wait for one another only at the end."""
    seen = []
    steps = Steps(tmp_path, 60, lambda done: seen.append([one.name for one in done]), GIVEN="yes")
    first = Step(
        "first", 60, command(f"import time, os; time.sleep(0.5); open({str(tmp_path / 'a')!r}, 'w')")
    )
    wait = f"import os, time\nwhile not os.path.exists({str(tmp_path / 'a')!r}): time.sleep(0.01)\n"
    second = Step("second", 60, command(wait + "print(os.environ['GIVEN']); raise SystemExit(3)"))
    assert not steps.run(second, first)  # one that waits for the other
    assert (first.status, second.status) == (0, 3) and first.seconds >= 0.5
    assert (tmp_path / "second.log").read_text() == "yes\n"
    assert len(seen[0]) == 1 and sorted(seen[1]) == ["first", "second"]


def test_what_is_late_is_ended_with_all_that_it_started(tmp_path):
    """A step that does not end, nor listens, is killed, and its children too; then the others go on."""
    text = "import signal, subprocess, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    text += (
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid, flush=True)\n"
    )
    steps = Steps(tmp_path, 60, lambda done: None)
    late = Step("late", 6, command(text + "time.sleep(600)"))
    assert not steps.run(late)
    assert late.status == LATE and late.seconds < 20
    child = int((tmp_path / "late.log").read_text())
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        if " Z " in Path(f"/proc/{child}/stat").read_text():  # ended, and its parent has
            break
        time.sleep(0.05)
    else:
        assert not Path(f"/proc/{child}").exists()


def test_nothing_begins_when_time_is_up(tmp_path):
    """What there is no time for is noted as late; what cannot be started is absent, and says why."""
    steps = Steps(tmp_path, 1, lambda done: None)
    assert not steps.run(Step("too late", 60, command("print()"))) and steps.done[0].status == LATE
    steps = Steps(tmp_path, 60, lambda done: None)
    assert not steps.run(Step("absent", 60, ["no-such-program"])) and steps.done[0].status == ABSENT
    assert "no-such-program" in (tmp_path / "absent.log").read_text()


def test_a_script_that_is_stopped_leaves_nothing_running(tmp_path):
    """Asked to end, it ends what it has started; the table of what was done before is there."""
    steps = Steps(tmp_path, 60, lambda done: write_results(tmp_path, done))
    assert steps.run(Step("quick", 60, command("print()")))
    slow = Step("slow", 60, command("import time; time.sleep(600)"))
    before = signal.signal(signal.SIGALRM, on_gpu.stopped)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with pytest.raises(KeyboardInterrupt):
            steps.run(slow)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert slow._process.returncode == -signal.SIGTERM
    assert "| quick | 0 |" in (tmp_path / "results.md").read_text()


def test_the_table_of_what_is_there(tmp_path):
    """Steps, measurements and the painting, each as soon as it is there."""
    done = [Step("tests", 60, [], 1, 60.04)]
    write_results(tmp_path, done)
    assert "| tests | 1 | 60.0 |" in (tmp_path / "results.md").read_text()
    sides = {"ours": {"seconds": [0.2, 0.1], "memory": 2**20}, "rival": None, "ratio": None}
    row = {"name": "64x64", "step": sides}
    document = {"machine": {"card": "A"}, "settings": {"precision": "tf32"}, "rows": [row]}
    (tmp_path / "step-tf32.json").write_text(json.dumps(document))
    (tmp_path / "step-bf16.json").write_text(json.dumps({**document, "rows": []}))  # stopped before its first
    rows = [{"seconds": seconds, "loss": loss} for seconds, loss in ((0.3, 8.0), (0.1, 4.0), (0.1, 2.0))]
    (tmp_path / "painting.json").write_text(json.dumps({"trace": {"rows": rows}}))
    write_results(tmp_path, done)
    text = (tmp_path / "results.md").read_text()
    assert "| A | tf32 | 64x64 | 150.00 | 1.00 |" in text and "3 iterations of a painting took 0.5 s" in text
    found = json.loads((tmp_path / "results.json").read_text())
    assert [one["precision"] for one in found["measured"]] == ["tf32"]
    assert found["painting"]["ms"] == pytest.approx(100) and found["painting"]["loss"] == [8, 2]


def test_a_minute_is_left_for_the_painting():
    """Even if each other step took as long as it may; and all is over, what hangs included, within eight minutes."""
    assert sum(on_gpu.LIMITS.values()) + 60 <= on_gpu.SECONDS <= 8 * 60 - 4 * GRACE


def test_what_is_sanitized_is_there():
    """Some of each file is chosen, convolutions included, and not so many that it would take too long."""
    (command, *_) = [step.command for step in on_gpu.sanitizing("sanitizer")]
    words = command[command.index(sys.executable) :]
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    found = subprocess.run([*words, "--collect-only"], env=environment, capture_output=True, text=True).stdout
    counts = [found.count(f"tests/cuda/test_{name}.py::") for name in on_gpu.SANITIZED]
    assert min(counts) >= 5 and sum(counts) < 120, found
    assert found.count("::test_plain_convolution") >= 5 and found.count("tensor_cores") >= 2


def test_the_network_is_vgg19(tmp_path, monkeypatch, door):
    """Random numbers of its shape where there is no file of it, and the door reads them as VGG-19, to relu5_1."""
    monkeypatch.delenv("NST_WEIGHTS", raising=False)
    words = on_gpu.vgg19(tmp_path)
    weights = read(Path(words[1]))
    assert weights.network == "vgg19" and weights.arrays["conv5_1.weight"].shape == (3, 3, 512, 512)
    ended = door(paint, *words, "--size", "32", "--dry-run")
    assert ended.status == 0 and "content layers: relu4_2" in ended.out and "relu5_1" in ended.out
    monkeypatch.setenv("NST_WEIGHTS", str(tmp_path))
    (tmp_path / "vgg19-random.h5").rename(tmp_path / "vgg19.h5")
    assert on_gpu.vgg19(tmp_path / "absent") == ["--network", "vgg19"]


@pytest.mark.skipif(NO_CARD is None, reason="there is a card, and the script would do everything")
def test_without_a_card_it_is_one_line(tmp_path):
    """It says why, and ends; the table has the two steps."""
    environment = {**os.environ, "PYTHON": sys.executable}
    ended = subprocess.run(
        [SCRIPT, "results"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1 and ended.stdout.splitlines()[-1] == NO_CARD, ended.stderr
    assert "| device | 1 |" in (tmp_path / "results" / "results.md").read_text()
