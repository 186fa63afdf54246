"""Copies of random generators, from which C draws: what a function was given is left as it was.

A copy is given out again once nobody else holds it and what it is a copy of has the same seeds; its state is then set
anew, of NumPy's default generator by copying memory.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from copy import deepcopy
from typing import Any

from numpy.random import PCG64, Generator, SeedSequence

from graphs.compiled.call import FREE, Header

__all__ = ["GeneratorCopies"]

MOST = 4  # kept of one input


class _Copy:
    """What is known of a generator that was made here."""

    def __init__(self, generator: Generator) -> None:
        self.bits = generator.bit_generator
        self.seeds = self.bits.seed_seq
        self.state = _state(self.bits)
        # as C sees an array: its memory is the interface of the bit generator
        self.header = Header(data=self.bits.ctypes.bit_generator.value)
        self.address = ctypes.addressof(self.header)
        self.holders = sys.getrefcount(self.bits)


class GeneratorCopies:
    """Copies of one input's generators."""

    def __init__(self) -> None:
        self.generators: list[Generator] = []
        self.known: dict[int, _Copy] = {}  # by identity, for as long as it is in `generators`
        self.last: _Copy | None = None  # which C reads while it runs

    def take(self, given: Generator) -> tuple[Generator, int]:
        """A copy that nobody else holds, and where its head is, for C."""
        bits = given.bit_generator
        own = self.known.get(id(given))
        for generator in self.generators:
            if sys.getrefcount(generator) == FREE:
                copy = self.known[id(generator)]
                if sys.getrefcount(copy.bits) == copy.holders and _have_the_same_seeds(bits, copy.bits):
                    with bits.lock:
                        if copy.state:
                            _copy_memory(own.state if own and own.state else _places(bits), copy.state)
                        else:
                            copy.bits.state = bits.state
                    self.last = copy
                    return generator, copy.address
        generator = Generator(_copied(bits))
        copy = _Copy(generator)
        if len(self.generators) >= MOST:
            del self.known[id(self.generators.pop(0))]
        self.generators.append(generator)
        self.known[id(generator)] = copy
        self.last = copy
        return generator, copy.address


def _copied(bits: Any) -> Any:
    """A bit generator as PyTensor copies one; by no name in the caller's frame, for names count as holders."""
    with bits.lock:
        made = type(bits)(deepcopy(bits.seed_seq))
        made.state = bits.state
    return made


def _have_the_same_seeds(a: Any, b: Any) -> bool:
    """Whether two bit generators are of one kind, and what they would spawn is the same."""
    one, other = a.seed_seq, b.seed_seq
    return (
        type(a) is type(b)
        and type(one) is type(other) is SeedSequence
        and one.entropy is other.entropy
        and one.spawn_key == other.spawn_key
        and one.pool_size == other.pool_size
        and one.n_children_spawned == other.n_children_spawned
    )


# ---- the memory of a PCG64 (numpy/random/src/pcg64/pcg64.h): a pointer to state and increment, half of a number that is
# left over and whether there is one

Places = tuple[int, int]  # where the first two are, and the others


def _state(bits: Any) -> Places | None:
    """Where the state of a bit generator is, if it is one whose memory is known."""
    return _places(bits) if type(bits) is PCG64 and _is_laid_out_as_expected() else None


def _places(bits: Any) -> Places:
    at = bits.ctypes.state_address
    inside = ctypes.c_void_p.from_address(at).value
    assert inside
    return inside, at + 8


def _copy_memory(source: Places, target: Places) -> None:
    ctypes.memmove(target[0], source[0], 32)
    ctypes.memmove(target[1], source[1], 8)


@functools.cache
def _is_laid_out_as_expected() -> bool:
    """Whether it is as it was when this was written: asked of two generators."""
    one, other, untouched = PCG64(1), PCG64(2), PCG64(3)
    Generator(one).integers(9, dtype="uint32")  # which leaves half of a number over
    if one.state == other.state or not one.state["has_uint32"]:
        return False
    for bits in (one, untouched):
        _copy_memory(_places(bits), _places(other))
        if bits.state != other.state:
            return False
    return True
