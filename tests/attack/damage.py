"""How files are damaged: their bytes, the JSON in them, the arrays, the archive around them."""

from __future__ import annotations

import contextlib
import copy
import io
import math
import os
import random
import resource
import signal
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

import numpy as np

from graphs.errors import InputError

SECONDS = 10  # of computing, that one damaged file may take
MEMORY = 2**30  # bytes, likewise


class TooLong(BaseException):
    """What a damaged file was given has been used up."""


@contextlib.contextmanager
def limited(seconds: float = SECONDS, memory: int = MEMORY) -> Iterator[None]:
    """Ends what computes longer or asks for more memory than it may."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise TooLong(f"more than {seconds} s")

    before, limits = signal.signal(signal.SIGVTALRM, end), resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as stream:
        used = int(stream.read().split()[0]) * os.sysconf("SC_PAGESIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, limits[1]))
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.signal(signal.SIGVTALRM, before)


def refused(work: Callable[[], Any], *errors: type[Exception]) -> tuple[Any, str]:
    """What `work` returns, or None where it refuses; and what is wrong with how it ended, empty where nothing is.

    It may refuse with an `InputError` or one of `errors`, in a printable sentence that is not endless.
    """
    try:
        with limited():
            return work(), ""
    except (InputError, *errors) as refusal:
        said = str(refusal)
        if not said.isprintable():
            return None, f"its refusal holds what is no text: {said[:200]!r}"
        return None, "" if 0 < len(said) < 4000 else f"its refusal has {len(said)} characters"
    except TooLong as problem:
        return None, str(problem)
    except Exception as problem:
        return None, f"{type(problem).__name__}: {str(problem)[:200]!r}"


def damaged_bytes(data: bytes, dice: random.Random) -> bytes:
    """One to three damages: bits flipped, bytes set, cut off, left out, put in, doubled."""
    found = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        if not found:
            break
        at, size = dice.randrange(len(found)), dice.choice((1, 1, 4, 64))
        how = dice.randrange(7)
        if how == 0:
            found[at] ^= 1 << dice.randrange(8)
        elif how == 1:
            found[at] = dice.randrange(256)
        elif how == 2:
            del found[at:]
        elif how == 3:
            del found[at : at + size]
        elif how == 4:
            found[at:at] = dice.randbytes(size)
        elif how == 5:
            found[at:at] = found[at : at + size]
        else:
            found[at : at + size] = bytes([dice.choice((0, 255, 0x22, 0x5B, 0x7B, 0x30))]) * size
    return bytes(found)


def deep(depth: int) -> Any:
    """Lists in lists."""
    found: Any = []
    for _ in range(depth):
        found = [found]
    return found


STRANGE: list[Any] = [
    None, True, False, 0, 1, -1, 2, 7, 10**9, -(10**9), 2**31, 2**63, 2**64, 10**18, 10**400, 0.5, -0.0, 1e308, -1e308, 5e-324,
    {"float": "NaN"}, {"float": "Infinity"}, {"float": "-Infinity"}, {"float": "nan"}, {"float": 1},
    "", " ", "x", "0", "-1", "NaN", "x" * 100_000, "[/a]", "[bold]x[/bold]", "\x1b]0;owned\x07", "$\\foo{$", "<script>", "\u202e",
    "\ud800", "\x00", "a\nb", "float64", "broke", "repaired", "input", "forward",
    [], [[]], [0], [0, 0], [None], {}, {"a": 1}, deep(50),
]  # fmt: skip


def damaged_json(document: Any, dice: random.Random) -> Any:
    """One to three damages to a JSON document: a part replaced, left out, doubled, moved, made longer."""
    found = {"": copy.deepcopy(document)}
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        holder, key = _somewhere(found, dice)
        value = holder[key]
        how = dice.randrange(9)
        if how <= 2:
            holder[key] = copy.deepcopy(dice.choice(STRANGE))
        elif how == 3 and key != "":
            del holder[key]
        elif how == 4 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(value))
        elif how == 5:
            other, at = _somewhere(found, dice)
            holder[key] = copy.deepcopy(other[at])
        elif how == 6 and isinstance(value, list):
            dice.shuffle(value)
        elif how == 6 and isinstance(value, bool | int):
            holder[key] = int(value) + dice.choice((-1, 1))
        elif how == 7 and isinstance(value, list):
            holder[key] = copy.deepcopy(value) * dice.choice((0, 2, 3))
        elif how == 8 and isinstance(value, dict):
            value["more"] = copy.deepcopy(dice.choice(STRANGE))
        else:
            holder[key] = [value]
    return found[""]


def _somewhere(document: Any, dice: random.Random) -> tuple[Any, Any]:
    """A holder and a key in it, at any depth."""
    holder: Any = document
    while True:
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        key = dice.choice(list(keys))
        inside = holder[key]
        if (
            not isinstance(inside, dict | list)
            or not inside
            or (holder is not document and dice.random() < 0.3)
        ):
            return holder, key
        holder = inside


def npy(
    header: str | bytes, data: bytes = b"", version: tuple[int, int] = (1, 0), length: int | None = None
) -> bytes:
    """An array's file with any header."""
    text = header.encode() if isinstance(header, str) else header
    size = len(text) if length is None else length
    packed = struct.pack("<H" if version == (1, 0) else "<I", size)
    return b"\x93NUMPY" + bytes(version) + packed + text + data


def head(descr: str = "'<f8'", fortran: str = "False", shape: str = "(3,)") -> str:
    """The header of an array's file."""
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n"


def hostile_arrays() -> dict[str, bytes]:
    """Files of arrays whose headers promise too much, or something else."""
    three = np.arange(3.0).tobytes()
    shapes = (
        *(
            "(1000000000000,)",
            "(1000000000000, 0)",
            "(0, 1000000000000)",
            "(10000000000, 10000000000)",
            "(2**70,)",
        ),
        *(
            f"({'9' * 400},)",
            f"({'9' * 5000},)",
            "(-1,)",
            "(-3, -1)",
            "(3.0,)",
            "('3',)",
            "3",
            "[3]",
            "None",
            "(True,)",
        ),
        *(
            "(1,)*3",
            "(" * 90 + ")" * 90,
            "(" * 5000 + ")" * 5000,
            "(1,) + (2,)",
            f"({'1, ' * 100}3)",
            "(3,), 'more': 1",
        ),
        *("{3}", "(3,", "", "-", "(1j,)"),
    )
    descrs = (
        *(
            "'O'",
            "'|O'",
            "[('a', '<f8')]",
            "[('a', 'O')]",
            "[]",
            "None",
            "3",
            "'<f999'",
            "'nonsense'",
            "'V8'",
            "'S0'",
        ),
        *(
            "'<U1000000000'",
            "('<f8', (1000000,))",
            "('<f8', (10**6,))",
            "'<M8[s]'",
            "'<m8'",
            "'<c16'",
            "'<f2'",
            "'>f8'",
        ),
        *(
            "'?'",
            "'<f8', 'x': 1",
            "''",
            "'<f8\\x00'",
            "{}",
            "lambda: 0",
            "'<i8, <f8'",
            "'" + "f8," * 2000 + "'",
        ),
        "__import__('os').system('touch /tmp/owned')",
    )
    found = {f"shape {shape[:40]}": npy(head(shape=shape), three) for shape in shapes}
    found |= {f"descr {descr[:40]}": npy(head(descr=descr), three) for descr in descrs}
    found |= {f"order {order}": npy(head(fortran=order), three) for order in ("1", "None", "'C'", "True")}
    found |= {
        "nothing": b"",
        "magic only": b"\x93NUMPY",
        "no data": npy(head()),
        "short data": npy(head(), three[:-1]),
        "long data": npy(head(), three * 9),
        "version 9": npy(head(), three, (9, 9)),
        "version 2, long header": npy(head().ljust(100_000), three, (2, 0)),
        "header of a gigabyte": npy(head(), three, (2, 0), 2**30),
        "header of 4 gigabytes": npy(head(), three, (2, 0), 2**32 - 1),
        "header cut": npy(head()[:20], three),
        "header of bytes": npy(b"\xff\xfe\x00{", three),
        "header in NUL": npy("\x00" * 64, three),
        "unclosed string": npy("{'descr': '<f8\n", three),
        "open triple quotes": npy("{'descr': '''<f8", three),
        "bad indent": npy("{\n  'descr':\n '<f8'}\n    x\n", three),
        "walrus": npy("(x := {})", three),
        "a number": npy("9" * 5000, three),
        "nested": npy("[" * 5000 + "]" * 5000, three),
        "minus": npy("-" * 9000 + "1", three),
        "a pickle": b"\x80\x04\x95\x00.",
    }
    return found


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip file."""
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", compression) as writing:
        for name, data in members.items():
            writing.writestr(name, data)
    return kept.getvalue()


def hostile_archives(members: dict[str, bytes]) -> dict[str, bytes]:
    """Zip files around `members` that lie about themselves."""
    good = archive(members)
    centre, end = good.index(b"PK\x01\x02"), good.index(b"PK\x05\x06")

    def changed(at: int, form: str, value: int) -> bytes:
        found = bytearray(good)
        struct.pack_into(form, found, at, value)
        return bytes(found)

    places = {
        "needs": (6, "<H"), "flags": (8, "<H"), "method": (10, "<H"), "crc": (16, "<I"), "compressed": (20, "<I"),
        "size": (24, "<I"), "name length": (28, "<H"), "extra length": (30, "<H"), "disk": (34, "<H"), "offset": (42, "<I"),
    }  # fmt: skip
    found = {}
    for name, (at, form) in places.items():
        most = 2 ** (8 * struct.calcsize(form)) - 1
        for value in (0, 1, 8, 9, 14, 99, most // 2, most):
            found[f"{name} = {value}"] = changed(centre + at, form, value)
            if name in ("flags", "method", "crc", "compressed", "size"):
                found[f"local {name} = {value}"] = changed(at - 2 if at < 28 else at, form, value)
    for at, form in ((4, "<H"), (8, "<H"), (10, "<H"), (12, "<I"), (16, "<I"), (20, "<H")):
        for value in (0, 1, 3, 65535):
            found[f"end + {at} = {value}"] = changed(end + at, form, value)
    zeros = npy(head(shape="(30000000,)"), bytes(240_000_000))
    found |= {
        "nothing in it": archive({}),
        "twice the same name": good[:centre] + good[centre:end] * 2 + good[end:],
        "not an array": archive({"x.npy": b"hello", "y.npy": b"hello"}),
        "a folder": archive({"x/": b"", "y/": b""}),
        "names up": archive({f"../{name}": data for name, data in members.items()}),
        "a NUL in a name": archive(members).replace(b"x.npy", b"x\x00npy"),
        "2,000 names": archive({f"array{k}.npy": npy(head(), bytes(24)) for k in range(2000)}),
        "a name of 60,000": archive({"n" * 60_000 + ".npy": npy(head(), bytes(24))}),
        "escapes in names": archive({"\x1b]0;owned\x07.npy": npy(head(), bytes(24)), "[/a].npy": b""}),
        "zip in zip": archive({"x.npy": good, "y.npy": good}),
        "a bomb": archive({"x.npy": zeros, "y.npy": zeros}, zipfile.ZIP_DEFLATED),
        "bzip2": archive(members, zipfile.ZIP_BZIP2),
        "lzma": archive(members, zipfile.ZIP_LZMA),
        "something before": b"MZ" * 100 + good,
        "something after": good + b"x" * 100,
        "a comment": changed(end + 20, "<H", 5) + b"hello",
        "gzip": zlib.compress(good),
    }
    return found


def is_sound(array: Any) -> bool:
    """Whether something is an array of finite numbers."""
    return isinstance(array, np.ndarray) and array.dtype.kind in "fiub" and bool(np.isfinite(array).all())


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
