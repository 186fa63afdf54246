"""Names that a graph's variables must not have in the C file."""

from __future__ import annotations

import re

__all__ = ["MADE_BY_THE_WRITER", "TAKEN"]

# C's own words, names that the file's functions use, functions of C's libraries that may be called.
WORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int long
main register restrict return short signed sizeof static struct switch typedef union unsigned void volatile
while in out want one_step many_steps constants threads team me row rows total need memory v e t n NAN
INFINITY y0 y1 yn j0 j1 jn gamma exp log sin cos tan pow sqrt floor ceil rint round trunc erf tanh sinh cosh
fabs fmod index remainder signgam sigmoid softplus power Array THREAD ALIGNED OTHER_SHAPE UNALIGNED
OTHER_RANK NO_MEMORY OTHER_LAYOUT aligned fits share team_size madd maddf bits_of from_bits slice_start
slice_length floor_div floor_mod floor_modf floor_divf log1mexp log1p_unit log1p expm1 exp2 log2 log10 asin
acos atan atan2 sinh asinh acosh atanh erf fabsf sqrtf copysign isnan isinf memcpy free aligned_alloc size_t
bool typeof asm inline unix linux INLINE share_triangle
"""
TAKEN = frozenset(WORDS.split())
# Loop variables, lengths, and what is made from an array's name.
MADE_BY_THE_WRITER = re.compile(
    r"[ijklmopq]\d*|n_\w+|\w+_t|\w+_(part|block|blocks|mine|out|memory|sum|at|shape|value|first|last)|\w+_[sr]\d|team_\d+"
)
