"""Compiled kernels that count the different bits of many pairs of fingerprints at once.

Importing this module starts numba. Only `blocks.py` imports it, and only where the work is worth that.

A kernel compares blocks. *Rows* are in time order, in steps of `ROWS`. *Columns* are stored word by word,
`LANES` of them side by side. So one vector holds the same word of `LANES` clips, and each step compares it with
one word of each of `ROWS` rows. No sum runs across a vector, no load needs an even offset, and each vector of
the columns is loaded once for `ROWS` comparisons. All counts are integers and exact.

Units: words (uint32, 0.1238 s each); offsets in words, positive if the column begins after the row.

The vector operations are LLVM's generic ones on 64 bytes, which it lowers to AVX-512, to two AVX2 operations,
or to four SSE or NEON operations. Bits are counted per byte, because all of these processors can do that (by a
table look-up or one instruction). Each step adds up to 8 to a byte, so bytes are widened to words every
`BYTE_SUMS` steps, before they could overflow.
"""

# ruff: noqa: ARG001 – the parameters of an intrinsic are read as a list

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, register_jitable

from thresher.signal.compiling import checked_cache, with_cache
from thresher.signal.metrics.layout import LANES, ROWS

BYTE_SUMS = 31
TILE_ROWS = 64
"""The rows of one tile of `prefix`: together with one group of columns they fit into the first-level cache."""

_BYTES = ir.VectorType(ir.IntType(8), 4 * LANES)
_WORD = ir.IntType(32)
_WORDS = ir.VectorType(_WORD, LANES)


def _constant(value: int) -> ir.Constant:
    return ir.Constant(_WORDS, [value] * LANES)


def _spread(builder: Any, word: Any) -> Any:
    """Return a vector that holds one word in every lane."""
    single = builder.insert_element(ir.Constant(_WORDS, ir.Undefined), word, _WORD(0))
    return builder.shuffle_vector(single, ir.Constant(_WORDS, ir.Undefined), _constant(0))


def _load(builder: Any, data: Any, index: Any) -> Any:
    """Load `LANES` words from `index` on, aligned to a word only."""
    return builder.load(builder.bitcast(builder.gep(data, [index]), _WORDS.as_pointer()), align=4)


def _widened(builder: Any, byte_sums: Any) -> Any:
    """Sum the four bytes of each lane to a word."""
    lanes = builder.bitcast(byte_sums, _WORDS)
    total = builder.and_(lanes, _constant(0xFF))
    for shift in (8, 16, 24):
        part = builder.lshr(lanes, _constant(shift))
        total = builder.add(total, builder.and_(part, _constant(0xFF)))
    return total


@contextmanager
def _chunks(builder: Any, first: Any, last: Any) -> Iterator[tuple[Any, Any]]:
    """Emit a loop over [first, last) in chunks of `BYTE_SUMS`; yield the start and the length of a chunk."""
    begin, body, end = (
        builder.append_basic_block(name) for name in ("chunk.begin", "chunk.body", "chunk.end")
    )
    position = cgutils.alloca_once_value(builder, first)
    builder.branch(begin)
    builder.position_at_end(begin)
    builder.cbranch(builder.icmp_signed("<", builder.load(position), last), body, end)
    builder.position_at_end(body)
    start = builder.load(position)
    left, most = builder.sub(last, start), first.type(BYTE_SUMS)
    size = builder.select(builder.icmp_signed("<", left, most), left, most)
    yield start, size
    builder.store(builder.add(start, size), position)
    builder.branch(begin)
    builder.position_at_end(end)


def _emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emit the code of `_add_differences` and `_add_masked`, which differ in the masks only."""

    def data(index: int) -> Any:
        return cgutils.create_struct_proxy(signature.args[index])(context, builder, arguments[index]).data

    rows, row, step, columns, column, first, last, sums = (
        data(0), arguments[1], arguments[2], data(3), arguments[4], arguments[5], arguments[6], data(7),
    )  # fmt: skip
    masked = len(arguments) > 8
    integer = first.type
    count_bits = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_BYTES, [_BYTES]), f"llvm.ctpop.v{4 * LANES}i8"
    )
    if masked:
        row_masks = data(8)
        lengths = _load(builder, data(9), arguments[10])
    byte_sums = [cgutils.alloca_once(builder, _BYTES) for _ in range(ROWS)]
    with _chunks(builder, first, last) as (start, size):
        for byte_sum in byte_sums:
            builder.store(ir.Constant(_BYTES, [0] * 4 * LANES), byte_sum)
        with cgutils.for_range(builder, size) as loop:
            instant = builder.add(start, loop.index)
            lanes = _load(builder, columns, builder.add(column, builder.mul(instant, integer(LANES))))
            if masked:
                now = _spread(builder, builder.trunc(instant, _WORD))
                present = builder.sext(builder.icmp_signed("<", now, lengths), _WORDS)
            for k, byte_sum in enumerate(byte_sums):
                index = builder.add(builder.add(row, instant), builder.mul(step, integer(k)))
                word = _spread(builder, builder.load(builder.gep(rows, [index])))
                different = builder.xor(word, lanes)
                if masked:
                    mask = _spread(builder, builder.load(builder.gep(row_masks, [index])))
                    different = builder.and_(different, builder.and_(present, mask))
                bits = builder.call(count_bits, [builder.bitcast(different, _BYTES)])
                builder.store(builder.add(builder.load(byte_sum), bits), byte_sum)
        for k, byte_sum in enumerate(byte_sums):
            place = builder.bitcast(builder.gep(sums, [integer(k * LANES)]), _WORDS.as_pointer())
            total = builder.add(builder.load(place, align=4), _widened(builder, builder.load(byte_sum)))
            builder.store(total, place, align=4)
    return context.get_dummy_value()


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def _add_differences(_typing: Any, rows: Any, row: Any, step: Any, columns: Any, column: Any, first: Any,
                     last: Any, sums: Any) -> Any:  # fmt: skip
    """sums[k, lane] += bits of rows[row + k step + t] ^ columns[column + LANES t + lane], first ≤ t < last."""
    index = types.intp
    return types.void(rows, index, index, columns, index, index, index, sums), _emit


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def _add_masked(_typing: Any, rows: Any, row: Any, step: Any, columns: Any, column: Any, first: Any, last: Any,
                sums: Any, masks: Any, lengths: Any, length: Any) -> Any:  # fmt: skip
    """`_add_differences` of words that both clips have: where `masks` (like `rows`) is set and t <
    lengths[length + lane]."""
    index = types.intp
    signature = types.void(rows, index, index, columns, index, index, index, sums, masks, lengths, index)
    return signature, _emit


@register_jitable  # type: ignore[untyped-decorator]  # numba has no types
def _least_overlap(one: int, other: int) -> int:
    """`aligned.least_overlap`, compiled."""
    shorter = min(one, other)
    return max((shorter + 2) // 3, min(12, shorter))


def _prefix_block(
    rows: Any, masks: Any, row_starts: Any, row_lengths: Any, row_indices: Any,
    columns: Any, column_starts: Any, column_lengths: Any, column_indices: Any,
    first_group: int, last_group: int, scores: Any, row_stride: int, column_stride: int,
) -> None:  # fmt: skip
    """Write the `prefix` scores of all rows with the columns of some groups; arrays as in `layout.py`, `scores`
    flat."""
    sums = np.empty(ROWS * LANES, np.uint32)
    for tile in range(0, row_lengths.size, TILE_ROWS):
        for group in range(first_group, last_group):
            first_lane = group * LANES
            shortest, longest = column_lengths[first_lane], column_lengths[first_lane + LANES - 1]
            for r in range(tile, min(tile + TILE_ROWS, row_lengths.size), ROWS):
                sums[:] = 0
                row, step, column = row_starts[r], row_starts[r + 1] - row_starts[r], column_starts[group]
                common, end = min(row_lengths[r], shortest), min(row_lengths[r + ROWS - 1], longest)
                _add_differences(rows, row, step, columns, column, 0, common, sums)
                if common < end:
                    _add_masked(
                        rows, row, step, columns, column, common, end, sums, masks, column_lengths, first_lane
                    )
                for k in range(ROWS):
                    place = row_indices[r + k] * row_stride
                    for lane in range(LANES):
                        bits = 32 * min(row_lengths[r + k], column_lengths[first_lane + lane])
                        score = np.float32((bits - sums[k * LANES + lane]) / np.float64(bits))
                        scores[place + column_indices[first_lane + lane] * column_stride] = score


def _aligned_block(
    rows: Any, masks: Any, row_starts: Any, row_lengths: Any, row_indices: Any,
    columns: Any, column_starts: Any, column_lengths: Any, column_indices: Any,
    first_group: int, last_group: int, scores: Any, row_stride: int, column_stride: int,
) -> None:  # fmt: skip
    """Write the `aligned` scores of all rows with the columns of some groups; arrays as in `layout.py`,
    `scores` flat."""
    sums = np.empty(ROWS * LANES, np.uint32)
    best = np.empty(LANES, np.float64)
    enough = np.empty(LANES, np.int32)
    for group in range(first_group, last_group):
        first_lane, column = group * LANES, column_starts[group]
        lengths = column_lengths[first_lane : first_lane + LANES]
        shortest, longest = lengths[0], lengths[LANES - 1]
        for r in range(row_lengths.size):
            row, length = row_starts[r], row_lengths[r]
            best[:] = 0
            for lane in range(LANES):
                enough[lane] = _least_overlap(length, lengths[lane])
            # The columns are sorted by length: the longest has the first offset, the shortest the last one.
            first_offset = _least_overlap(length, longest) - longest
            last_offset = length - _least_overlap(length, shortest)
            for offset in range(first_offset, last_offset + 1, ROWS):
                sums[:] = 0
                # ROWS consecutive offsets at once: each "row" is the same clip, shifted by one word.
                final = offset + ROWS - 1
                start, end = max(0, -final), min(longest, length - offset)
                common = max(0, -offset)
                common_end = max(common, min(shortest, length - final))
                here = row + offset
                _add_masked(
                    rows, here, 1, columns, column, start, common, sums, masks, column_lengths, first_lane
                )
                _add_differences(rows, here, 1, columns, column, common, common_end, sums)
                _add_masked(
                    rows, here, 1, columns, column, common_end, end, sums, masks, column_lengths, first_lane
                )
                for k in range(min(ROWS, last_offset + 1 - offset)):
                    _keep_best(best, sums[k * LANES : k * LANES + LANES], length, lengths, enough, offset + k)
            for lane in range(LANES):
                place = row_indices[r] * row_stride + column_indices[first_lane + lane] * column_stride
                scores[place] = np.float32(best[lane])


@register_jitable  # type: ignore[untyped-decorator]  # numba has no types
def _keep_best(best: Any, differences: Any, length: int, lengths: Any, enough: Any, offset: int) -> None:
    """Raise each lane's best score to its score at `offset`, if it has enough overlap there."""
    # 32-bit integers and no branches, so that the compiler scores all lanes at once.
    before, after = np.int32(max(0, -offset)), np.int32(length - offset)
    for lane in range(LANES):
        overlap = np.int32(min(lengths[lane], after) - before)
        bits = np.int32(np.int32(32) * max(overlap, np.int32(1)))
        score = np.float64(np.int32(bits - np.int32(differences[lane]))) / np.float64(bits)
        best[lane] = score if overlap >= enough[lane] and score > best[lane] else best[lane]


_WORD_ARRAY, _INDEX_ARRAY, _LENGTH_ARRAY = types.uint32[::1], types.int64[::1], types.int32[::1]
_SIGNATURE = types.void(
    _WORD_ARRAY, _WORD_ARRAY, _INDEX_ARRAY, _LENGTH_ARRAY, _INDEX_ARRAY,
    _WORD_ARRAY, _INDEX_ARRAY, _LENGTH_ARRAY, _INDEX_ARRAY,
    types.int64, types.int64, types.float32[::1], types.int64, types.int64,
)  # fmt: skip
Kernel = Callable[..., None]


def _compiled(function: Kernel) -> Kernel:
    """Compile a function, or load it from numba's cache on the disk if that works."""

    def compiled(cached: bool) -> Kernel:
        made = numba.njit(nogil=True, cache=cached, error_model="numpy")(function)
        with checked_cache(made) if cached else nullcontext():
            made.compile(_SIGNATURE)
        made.disable_compile()
        return made  # type: ignore[no-any-return]  # numba has no types

    return with_cache(compiled)


@cache
def prefix_block() -> Kernel:
    """Return the compiled kernel of `prefix`. The first call compiles or loads it."""
    return _compiled(_prefix_block)


@cache
def aligned_block() -> Kernel:
    """Return the compiled kernel of `aligned`. The first call compiles or loads it."""
    return _compiled(_aligned_block)
