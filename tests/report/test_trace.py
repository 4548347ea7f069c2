"""The record of a run: what goes in comes out, and what comes from outside is checked."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import nst
from nst.errors import NstError
from nst.report import Trace, versions, write_json
from nst.report.trace import plain


def example() -> Trace:
    """Return three rows: an ordinary one, one with gradient shares, one that went wrong."""
    trace = Trace()
    trace.add(0, 3.5, {"content a": 1.5, "tv": 2.0}, seconds=0.5, evaluations=2, gradient_norm=0.1)
    trace.add(1, 0.1 + 0.2, {"content a": 0.3}, seconds=1e-9, shares={"content a": 1.0})
    trace.add(2, math.inf, {"content a": -math.inf}, seconds=1.0, gradient_norm=5e-324)
    return trace


def test_round_trip_through_json_is_exact():
    """Every number, the infinite ones too, comes back bit by bit from strict JSON."""
    trace = example()
    trace.rows.pop(1)  # its gradient norm is NaN, which differs from itself
    back = Trace.from_plain(json.loads(json.dumps(trace.to_plain(), allow_nan=False)))
    assert back == trace


def test_round_trip_keeps_nan_and_shares():
    """A norm that was not measured stays NaN; shares stay where they were measured and nowhere else."""
    back = Trace.from_plain(json.loads(json.dumps(example().to_plain())))
    assert math.isnan(back.rows[1].gradient_norm)
    assert [row.shares for row in back] == [None, {"content a": 1.0}, None]


def test_add_takes_numpy_scalars():
    """A trace of float32 and int64 scalars is the trace of the numbers, ready for JSON."""
    trace = Trace()
    trace.add(np.int64(3), np.float32(0.5), {"tv": np.float64(0.5)}, seconds=np.float32(2))
    assert json.loads(json.dumps(trace.to_plain()))["rows"][0]["loss"] == 0.5
    assert trace.seconds == 2.0 and trace.labels == ["tv"] and len(trace) == 1


GOOD = {"iteration": 1, "loss": 1.0, "parts": {}, "seconds": 1.0, "evaluations": 1, "gradient_norm": 1.0}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"rows": {}},
        {"rows": [None]},
        {"rows": [{}]},
        {"rows": [{**GOOD, "surprise": 1}]},
        {"rows": [{**GOOD, "iteration": -1}]},
        {"rows": [{**GOOD, "iteration": True}]},
        {"rows": [{**GOOD, "iteration": 1.0}]},
        {"rows": [{**GOOD, "loss": "nan "}]},
        {"rows": [{**GOOD, "loss": "1.0"}]},
        {"rows": [{**GOOD, "loss": None}]},
        {"rows": [{**GOOD, "loss": 10**400}]},
        {"rows": [{**GOOD, "parts": [1.0]}]},
        {"rows": [{**GOOD, "parts": {"tv": [1.0]}}]},
        {"rows": [{**GOOD, "shares": None}]},
    ],
    ids=repr,
)
def test_malformed_traces_are_refused(document):
    """A trace read from a file is either right or one line that says where it is not."""
    assert len(Trace.from_plain({"rows": [GOOD]})) == 1
    with pytest.raises(NstError, match="trace"):
        Trace.from_plain(document)


def test_json_file(tmp_path):
    """The file holds settings, versions, hashes, why the run ended, and each iteration on its own line."""
    target = tmp_path / "out.json"
    settings = {"content": Path("a.jpg"), "layers": ("relu1_1",), "scale": np.float32(0.5), "seed": None}
    settings |= {"name": "caf\u00e9 \udcff"}
    write_json(target, settings, {"nst": "1"}, {"a.jpg": "00" * 32}, example(), stopped="interrupted")
    text = target.read_text("ascii")
    document = json.loads(text, parse_constant=pytest.fail)
    assert document["settings"] == {**settings, "content": "a.jpg", "layers": ["relu1_1"], "scale": 0.5}
    assert document["versions"] == {"nst": "1"} and document["hashes"] == {"a.jpg": "00" * 32}
    assert document["stopped"] == "interrupted"
    assert len(Trace.from_plain(document["trace"])) == 3
    assert sum('"iteration"' in line for line in text.splitlines()) == 3
    assert list(tmp_path.iterdir()) == [target]


def test_json_file_of_an_empty_trace(tmp_path):
    """A run that stopped before its first iteration leaves a valid file."""
    write_json(tmp_path / "out.json", {}, {}, {}, Trace())
    assert json.loads((tmp_path / "out.json").read_text())["trace"] == {"rows": []}


def test_json_file_is_whole_or_absent(tmp_path):
    """When a setting cannot be written, the file of before stays and nothing lies beside it."""
    target = tmp_path / "out.json"
    target.write_text("before")
    with pytest.raises(TypeError, match="object has no form in JSON"):
        write_json(target, {"strange": object()}, {}, {}, Trace())
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(NstError, match="cannot write"):
        write_json(tmp_path / "absent" / "out.json", {}, {}, {}, Trace())


def test_plain_arrays_and_sets():
    """Arrays become nested lists and sets sorted ones, so that equal settings give equal files."""
    assert plain({"a": np.array([[1, 2]]), "b": {"y", "x"}, "c": float("nan"), 3: True}) == {
        "a": [[1, 2]],
        "b": ["x", "y"],
        "c": "NaN",
        "3": True,
    }


def test_versions_name_what_a_result_depends_on():
    """nst, Python, the libraries, system and CPUs, as text; the version of NumPy is the one that runs."""
    found = versions()
    assert list(found) == ["nst", "python", "numpy", "scipy", "numba", "pillow", "h5py", "system", "cpus"]
    assert found["nst"] == nst.__version__ and found["numpy"] == np.__version__
    assert all(isinstance(value, str) for value in found.values()) and int(found["cpus"]) >= 1
