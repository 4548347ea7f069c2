"""Reading a pickle without executing it.

A pickle is a program for a small stack machine. Its danger lies in three instructions: GLOBAL fetches any
object of any module by name, REDUCE calls it, BUILD sets its state. The machine below runs the same programs
on plain data and knows no modules:

- GLOBAL looks a name up in a table that the reader of a format supplies, and raises for every other one. What
  it pushes is an entry of that table, a function of ours that checks its arguments, never the object of that
  name.
- REDUCE calls such an entry and nothing else; BUILD hands the state to a stand-in of ours (`Buildable`) and
  to nothing else. Both raise for every other value.
- A persistent identifier (how PyTorch refers to its storages) goes to a function that the reader supplies.

What else a hostile program could do is bounded: the count of instructions, every length by the bytes that are
there, memo slots by being a dictionary (the usual array would grow to the largest index that a program
names), and keys of dictionaries to texts and small integers (hashing a tuple nested a million deep ends a
process). Bytes are views of the file, so 400 MB of weights in a pickle cost nothing until they are asked for.

Python's own `pickle.Unpickler` with `find_class` overridden would leave those last dangers in place, and it
lets BUILD write attributes of whatever `find_class` returned.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from nst.errors import NstError
from nst.formats.contents import shown

MAX_STEPS = 100_000
_MARK = object()


class Allowed:
    """An entry of the table of names: a function of ours standing for a global of the pickle."""

    def __init__(self, call: Callable[..., object], value: object = None) -> None:
        self.call = call
        self.value = value


class Buildable:
    """A stand-in that accepts a state; `build` checks it."""

    def build(self, state: object) -> None:
        """Take the state that a BUILD instruction hands over."""
        raise NotImplementedError


class PlainDict(dict, Buildable):
    """Stands for `collections.OrderedDict`; attributes such as PyTorch's `_metadata` are dropped."""

    def build(self, state: object) -> None:
        """Ignore the attributes: weights are in the items."""


def ordered_dict(*items: object) -> PlainDict:
    """Stand for the call of `OrderedDict`, empty or with one list of pairs as Python 2 wrote it."""
    found = PlainDict()
    for pair in items[0] if items and isinstance(items[0], list) else ():
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise NstError("the pairs of an ordered dictionary in its pickle are malformed")
        set_item(found, *pair)
    return found


def set_item(target: dict, key: object, value: object) -> None:
    """Set one item; only text and integers may be keys."""
    if not isinstance(key, (str, int)):
        raise NstError(f"a dictionary in its pickle has a key of type {type(key).__name__}")
    target[key] = value


# How the argument of an instruction is stored: a struct format, a length before bytes, or a line of text.
_FIXED = {
    b"K": "<B",
    b"M": "<H",
    b"J": "<i",
    b"G": ">d",
    b"h": "<B",
    b"j": "<I",
    b"q": "<B",
    b"r": "<I",
    b"\x80": "<B",
    b"\x95": "<Q",
}
_COUNTED = {
    b"\x8a": "<B", b"\x8b": "<i",  # LONG1, LONG4
    b"U": "<B", b"T": "<i",  # SHORT_BINSTRING, BINSTRING: the bytes of a Python 2 text
    b"C": "<B", b"B": "<I", b"\x8e": "<Q",  # BINBYTES of three widths
    b"\x8c": "<B", b"X": "<I", b"\x8d": "<Q",  # BINUNICODE of three widths
}  # fmt: skip
_CONSTANTS = {b"N": None, b"\x88": True, b"\x89": False, b")": ()}


class Unpickler:
    """Run one pickle over a view of bytes.

    Parameters
    ----------
    data : memoryview
        The bytes; the pickle begins at the first.
    names : mapping of (module, name) to Allowed
        All that GLOBAL may name.
    persistent : callable, optional
        From a persistent identifier to a value.

    Attributes
    ----------
    position : int
        After `load`, the first byte behind the pickle.
    """

    def __init__(
        self,
        data: memoryview,
        names: Mapping[tuple[str, str], Allowed],
        persistent: Callable[[object], object] | None = None,
    ) -> None:
        self.data, self.names, self.persistent = data, names, persistent
        self.position = self.steps = 0
        self.stack: list[object] = []
        self.memo: dict[int, object] = {}

    def load(self) -> object:
        """Run until STOP and return the one value that is left."""
        while (code := bytes(self._take(1))) != b".":
            self._step(code)
            self._charge(1)
        if len(self.stack) != 1:
            raise NstError("its pickle ends with values left over")
        return self._pop()

    def _charge(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise NstError(f"its pickle takes more than {MAX_STEPS} steps")

    def _take(self, count: int) -> memoryview:
        if count < 0 or count > len(self.data) - self.position:
            raise NstError("its pickle is cut short")
        self.position += count
        return self.data[self.position - count : self.position]

    def _number(self, form: str) -> int | float:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _line(self) -> str:
        for end in range(self.position, min(self.position + 1000, len(self.data))):
            if self.data[end] == 0x0A:
                text = bytes(self._take(end - self.position)).decode("utf-8")
                self.position += 1
                return text
        raise NstError("a line in its pickle has no end")

    def _step(self, code: bytes) -> None:
        """Execute one instruction: data are pushed, structure is built from what lies on the stack."""
        if code in _FIXED:
            self._fixed(code, self._number(_FIXED[code]))
        elif code in _COUNTED:
            self._counted(code, self._take(self._number(_COUNTED[code])))
        elif code in _CONSTANTS:
            self.stack.append(_CONSTANTS[code])
        elif code in _STRUCTURE:
            _STRUCTURE[code](self)
        else:
            raise NstError(f"its pickle has the instruction 0x{code.hex()}, which no weights need")

    def _fixed(self, code: bytes, value: int | float) -> None:
        if code in b"KMJG":
            self.stack.append(value)
        elif code in b"hj":
            self._recall(value)
        elif code in b"qr":
            self.memo[value] = self._top()
        # 0x80 PROTO and 0x95 FRAME only announce what follows anyway

    def _counted(self, code: bytes, value: memoryview) -> None:
        if code in b"\x8a\x8b":
            if len(value) > 16:
                raise NstError("its pickle has an integer of more than 128 bits")
            self.stack.append(int.from_bytes(value, "little", signed=True))
        elif code in b"\x8cX\x8d":
            self.stack.append(str(value, "utf-8", "surrogatepass"))
        elif code == b"U":
            self.stack.append(str(value, "latin-1"))
        else:
            self.stack.append(value)

    def _recall(self, index: int) -> None:
        if index not in self.memo:
            raise NstError("its pickle refers to a value that it never stored")
        self.stack.append(self.memo[index])

    def _top(self) -> object:
        if not self.stack or self.stack[-1] is _MARK:
            raise NstError("its pickle takes more values than it has")
        return self.stack[-1]

    def _pop(self, kind: type = object) -> object:
        value = self._top()
        if not isinstance(value, kind):
            raise NstError(f"its pickle uses a {type(value).__name__} as a {kind.__name__}")
        return self.stack.pop()

    def _pop_to_mark(self) -> list[object]:
        for index in range(len(self.stack) - 1, -1, -1):
            if self.stack[index] is _MARK:
                values = self.stack[index + 1 :]
                del self.stack[index:]
                return values
        raise NstError("its pickle takes more values than it has")

    def _tuple(self, count: int) -> None:
        self.stack.append(tuple([self._pop() for _ in range(count)][::-1]))

    def _append(self, values: list[object]) -> None:
        target = self._pop(list)
        target.extend(values)
        self.stack.append(target)

    def _set_items(self, values: list[object]) -> None:
        target = self._pop(dict)
        if len(values) % 2:
            raise NstError("a dictionary in its pickle has a key without a value")
        for key, value in zip(values[::2], values[1::2], strict=True):
            set_item(target, key, value)
        self.stack.append(target)

    def _global(self, module: object, name: object) -> None:
        """The allow-list: what is not in the table does not exist, whatever the interpreter could import."""
        if not isinstance(module, str) or not isinstance(name, str) or (module, name) not in self.names:
            raise NstError(
                f"its pickle asks for {shown(f'{module}.{name}')}, which no weights need; nothing was run"
            )
        self.stack.append(self.names[module, name])

    def _reduce(self) -> None:
        arguments, function = self._pop(tuple), self._pop(Allowed)
        # A call costs as much as it may copy, or a list of thousands could be copied thousands of times.
        self._charge(sum(len(value) for value in arguments if isinstance(value, (list, tuple))))
        try:
            self.stack.append(function.call(*arguments))
        except TypeError as error:
            raise NstError(
                "its pickle calls a known function with other arguments than weights need"
            ) from error

    def _build(self) -> None:
        state = self._pop()
        target = self._pop(Buildable)
        target.build(state)
        self.stack.append(target)

    def _persistent_id(self) -> None:
        if self.persistent is None:
            raise NstError("its pickle refers to storage outside itself")
        self.stack.append(self.persistent(self._pop()))


def _stack_global(machine: Unpickler) -> None:
    name, module = machine._pop(str), machine._pop(str)
    machine._global(module, name)


def _dict(machine: Unpickler) -> None:
    values = machine._pop_to_mark()
    machine.stack.append({})
    machine._set_items(values)


def _memoize(machine: Unpickler) -> None:
    machine.memo[len(machine.memo)] = machine._top()


def _put(machine: Unpickler) -> None:
    machine.memo[int(machine._line())] = machine._top()


def _decimal(machine: Unpickler) -> None:
    line = machine._line()
    machine.stack.append({"00": False, "01": True}[line] if line in ("00", "01") else int(line.rstrip("L")))


_STRUCTURE: dict[bytes, Callable[[Unpickler], object]] = {
    b"(": lambda m: m.stack.append(_MARK),
    b"0": lambda m: m._pop(),
    b"1": lambda m: m._pop_to_mark(),
    b"2": lambda m: m.stack.append(m._top()),
    b"}": lambda m: m.stack.append({}),
    b"]": lambda m: m.stack.append([]),
    b"d": _dict,
    b"l": lambda m: m.stack.append(m._pop_to_mark()),
    b"t": lambda m: m.stack.append(tuple(m._pop_to_mark())),
    b"\x85": lambda m: m._tuple(1),
    b"\x86": lambda m: m._tuple(2),
    b"\x87": lambda m: m._tuple(3),
    b"a": lambda m: m._append([m._pop()]),
    b"e": lambda m: m._append(m._pop_to_mark()),
    b"s": lambda m: m._set_items([m._pop(), m._pop()][::-1]),
    b"u": lambda m: m._set_items(m._pop_to_mark()),
    b"I": _decimal,
    b"L": _decimal,
    b"g": lambda m: m._recall(int(m._line())),
    b"p": _put,
    b"\x94": _memoize,
    b"c": lambda m: m._global(m._line(), m._line()),
    b"\x93": _stack_global,
    b"R": lambda m: m._reduce(),
    b"b": lambda m: m._build(),
    b"Q": lambda m: m._persistent_id(),
}
