"""The unpickler agrees with Python's on plain data and does nothing else."""

from __future__ import annotations

import pickle
import struct

import pytest

from nst.errors import NstError
from nst.formats.unpickler import MAX_STEPS, Allowed, Unpickler, ordered_dict

PLAIN = {
    "text": "häß",
    "numbers": [0, 1, -1, 255, 65535, 1 << 31, -(1 << 40), 0.1, True, False, None],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "nested": {"a": {"b": [[]]}, 3: "c"},
    "long": "x" * 300,
}
NAMES = {("collections", "OrderedDict"): Allowed(ordered_dict)}


def run(program: bytes):
    """Run a pickle with the names of these tests."""
    return Unpickler(memoryview(program), NAMES).load()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_data_are_read_as_python_reads_them(protocol):
    """Numbers, texts, tuples, lists and dictionaries of each binary protocol come out equal."""
    assert run(pickle.dumps(PLAIN, protocol)) == PLAIN


def test_shared_values_stay_shared():
    """A value that is stored once and referred to twice is one object, also when it contains itself."""
    inner: list = [1]
    found = run(pickle.dumps([inner, inner], 2))
    assert found == [[1], [1]] and found[0] is found[1]
    inner.append(inner)
    again = run(pickle.dumps(inner, 4))
    assert again[1] is again


def test_position_is_behind_the_pickle():
    """Pickles may follow one another in a file."""
    machine = Unpickler(memoryview(pickle.dumps("a", 2) + b"rest"), NAMES)
    assert machine.load() == "a"
    assert machine.position == len(pickle.dumps("a", 2))


def test_bytes_are_views():
    """Long bytes are not copied: they are seen in place."""
    data = bytearray(pickle.dumps(b"abc" * 100, 4))
    found = Unpickler(memoryview(data), NAMES).load()
    data[data.index(b"abc")] = ord("z")
    assert bytes(found[:3]) == b"zbc"


def test_ordered_dictionaries_are_dictionaries():
    """Both ways in which Python wrote them, and attributes are dropped."""
    assert run(b"ccollections\nOrderedDict\n)R(K\x01K\x02u}b.") == {1: 2}
    assert run(b"ccollections\nOrderedDict\n]]K\x01aK\x02aa\x85R.") == {1: 2}


NESTED_KEY = b"}" + b")" + b"\x85" * 50_000 + b"K\x00s."
HOSTILE = {
    "global": (b"cos\nsystem\n.", "os.system"),
    "stack global": (b"\x8c\x05posix\x8c\x06system\x93.", "posix.system"),
    "builtins": (b"cbuiltins\neval\n.", "builtins.eval"),
    "a dotted path through an allowed module": (
        b"\x8c\x0bcollections\x8c\x0fOrderedDict.pop\x93.",
        "OrderedDict.pop",
    ),
    "inst": (b"(ios\nsystem\n.", "instruction 0x69"),
    "obj": (b"(o.", "instruction 0x6f"),
    "newobj": (b"ccollections\nOrderedDict\n)\x81.", "instruction 0x81"),
    "extension registry": (b"\x82\x01.", "instruction 0x82"),
    "buffer from outside": (b"\x97.", "instruction 0x97"),
    "calling a text": (b"U\x06system)R.", "uses a str"),
    "calling with a list": (b"ccollections\nOrderedDict\n]R.", "uses a list"),
    "attributes of a function": (b"ccollections\nOrderedDict\n}b.", "uses a Allowed"),
    "attributes of a list": (b"]}b.", "uses a list"),
    "persistent identifier": (b"U\x01aQ.", "storage outside"),
    "memo that is not there": (b"h\x07.", "never stored"),
    "stack underflow": (b"\x86.", "more values than it has"),
    "no mark": (b"K\x01t.", "more values than it has"),
    "pop of a mark": (b"(0.", "more values than it has"),
    "list of a number": (b"K\x01K\x02a.", "uses a int"),
    "key without value": (b"}(K\x01u.", "without a value"),
    "key that is a tuple nested deeply": (NESTED_KEY, "key of type tuple"),
    "bytes past the end": (b"B" + struct.pack("<I", 1 << 31) + b"x.", "cut short"),
    "bytes of 2**63": (b"\x8e" + struct.pack("<Q", 1 << 63) + b"x.", "cut short"),
    "negative length": (b"T" + struct.pack("<i", -5) + b"x.", "cut short"),
    "integer of a kilobyte": (b"\x8b" + struct.pack("<i", 1024) + b"\xff" * 1024 + b".", "128 bits"),
    "no end": (b"K\x01", "cut short"),
    "nothing": (b"", "cut short"),
    "left over": (b"K\x01K\x02.", "left over"),
    "a line without end": (b"c" + b"a" * 5000, "no end"),
    "too many instructions": (b"K\x010" * MAX_STEPS + b".", "steps"),
    "a list copied again and again": (
        b"]("
        + b"]K\x01aK\x02a" * 5_000
        + b"eq\x00"
        + b"0ccollections\nOrderedDict\nh\x00\x85R" * 5_000
        + b".",
        "steps",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_programs_are_refused(name):
    """Each instruction that could reach beyond plain data, or take more than is there, raises."""
    program, message = HOSTILE[name]
    with pytest.raises(NstError, match=message):
        run(program)


def test_a_huge_memo_index_costs_nothing():
    """The memo holds what was stored, not as many slots as the largest index."""
    assert run(b"K\x05r\xff\xff\xff\x7f0j\xff\xff\xff\x7f.") == 5


def test_wrong_arguments_of_a_known_function_are_an_error_of_the_file():
    """A call that our stand-in does not take is the file's fault, in one line."""
    only = {("a", "b"): Allowed(lambda one: one)}
    with pytest.raises(NstError, match="other arguments"):
        Unpickler(memoryview(b"ca\nb\n)R."), only).load()
