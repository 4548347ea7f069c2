"""Gram matrices and matrix products of float32 on the CPU, by the micro-kernel."""

from __future__ import annotations

import numpy as np

from nst.kernels import cpu_plain, memory
from nst.kernels.compiled import inlined, jit
from nst.kernels.cpu_panels import CELLS, multiply_rows, panel_width
from nst.kernels.parallel import given, parallel
from nst.kernels.threads import THREADS, one_at_a_time
from nst.kernels.vectors import (
    FLOATS,
    NARROW,
    NARROW_ROWS,
    PANEL,
    ROWS,
    SIMD,
    WIDTH,
    copy64,
    multiply,
    multiply_add_narrow,
    multiply_add_vector,
    take,
)

BLOCK = 64  # rows and columns of a block of the Gram matrix
PIXELS = 96  # of features, copied to the first-level cache at once
CHUNK = 10 * PIXELS  # pixels whose products are summed in float32
TASKS = 32  # about, one block of the matrix over one part of the pixels each
DEPTH = 256  # terms of a product's sums added at once, so that a panel stays in the second-level cache
SHARES = 8  # tasks of a product for each thread


@one_at_a_time
def gram_sum(features: np.ndarray) -> np.ndarray:
    """Return F^T F for features F of shape (P, C), in float64; float32 within a chunk of pixels.

    Only blocks on and above the diagonal are computed. The pixels are cut into parts by their number alone, so the
    sums are the same on any number of threads.
    """
    if SIMD == "plain":
        return cpu_plain.gram_sum(features)
    features = np.ascontiguousarray(features, np.float32)
    pixels, channels = features.shape
    gram = memory.empty((channels, channels), np.float64)
    across = -(-channels // BLOCK)
    blocks = across * (across + 1) // 2
    chunks = -(-pixels // CHUNK)
    parts = max(1, min(chunks, TASKS // max(1, blocks)))
    totals = memory.empty((parts, blocks, BLOCK * BLOCK), np.float64)
    workers = THREADS
    room = BLOCK * (BLOCK + 2 * PIXELS)
    scratch = memory.scratch(workers * room).reshape(workers, room)
    _add_up(workers, features, totals, -(-chunks // parts) * CHUNK, scratch, np.zeros(1, np.int64))
    _join(blocks, totals, gram)
    return gram


@jit
def _place(block):
    """Return the row and the column of a block of the upper triangle, counted along its columns."""
    j = 0
    while (j + 1) * (j + 2) // 2 <= block:
        j += 1
    return block - j * (j + 1) // 2, j


@parallel
def _add_up(worker, arguments):
    """Add up one block of the matrix over one part of the pixels, `span` of them, in each task."""
    features, totals, span, scratch, counter = given(arguments)
    parts, blocks = totals.shape[:2]
    task = take(counter.ctypes.data)
    while task < parts * blocks:
        part, block = task // blocks, task % blocks
        some = features[part * span : (part + 1) * span]
        _sum_block(some, block, scratch[worker], totals[part, block])
        task = take(counter.ctypes.data)


@jit
def _sum_block(features, block, scratch, total):
    """Write the sums of one block of the matrix over some pixels to `total`."""
    sums, copies = scratch[: BLOCK * BLOCK], scratch[BLOCK * BLOCK :]
    i, j = _place(block)
    total[:] = 0
    for chunk in range(0, len(features), CHUNK):
        sums[:] = 0
        last = min(chunk + CHUNK, len(features))
        for start in range(chunk, last, PIXELS):
            some = features[start : min(start + PIXELS, last)]
            right = _block(some, j, copies[: BLOCK * PIXELS])
            left = _block(some, i, copies[BLOCK * PIXELS :]) if i != j else right
            _add_block(left, right, len(some), i == j, sums)
        for cell in range(BLOCK * BLOCK):
            total[cell] += sums[cell]


@jit
def _block(features, number, copies):
    """Return the address of BLOCK channels of each pixel, one after the other, with zeros where there are no more."""
    channels = features.shape[1]
    if channels == BLOCK:
        return features.ctypes.data
    here, to = features.ctypes.data + number * BLOCK * FLOATS, copies.ctypes.data
    if channels % BLOCK == 0:
        for _ in range(len(features)):
            copy64(here, to)
            here, to = here + channels * FLOATS, to + BLOCK * FLOATS
    else:
        some = features[:, number * BLOCK : (number + 1) * BLOCK]
        block = copies[: len(some) * BLOCK].reshape((-1, BLOCK))
        for p in range(
            len(some)
        ):  # assigned as arrays, numba would compile the text of an error for three seconds
            for c in range(some.shape[1]):
                block[p, c] = some[p, c]
            block[p, some.shape[1] :] = 0
    return copies.ctypes.data


@inlined
def _add_block(left, right, pixels, diagonal, sums):
    """Add the products of two blocks of channels over some pixels; on the diagonal, no more than has to be."""
    step = BLOCK * FLOATS
    for first in range(0, BLOCK, NARROW):
        b, c = right + first * FLOATS, sums.ctypes.data + first * FLOATS
        for row in range(0, first + WIDTH if diagonal else BLOCK, NARROW_ROWS):
            multiply_add_narrow(left + row * FLOATS, FLOATS, step, b, step, c + row * step, step, pixels, b)
        if diagonal:  # of the rows that begin in the panel's last vector, only that one
            b, c = b + (NARROW - WIDTH) * FLOATS, c + (NARROW - WIDTH) * FLOATS
            for row in range(first + WIDTH, first + NARROW, NARROW_ROWS):
                multiply_add_vector(
                    left + row * FLOATS, FLOATS, step, b, step, c + row * step, step, pixels, b
                )


@parallel
def _join(block, arguments):
    """Add up the parts of one block, and write it and its mirror image to the matrix."""
    totals, gram = given(arguments)
    i, j = _place(block)
    total = totals[0, block]
    for part in range(1, len(totals)):
        some = totals[part, block]
        for cell in range(BLOCK * BLOCK):
            total[cell] += some[cell]
    left, top = j * BLOCK, i * BLOCK
    height, width = min(BLOCK, len(gram) - top), min(BLOCK, len(gram) - left)
    matrix = total.reshape((BLOCK, BLOCK))
    if i == j:
        for row in range(height):
            for column in range(row):
                matrix[row, column] = matrix[column, row]
    else:
        for column in range(width):
            for row in range(height):
                gram[left + column, top + row] = matrix[row, column]
    for row in range(height):
        for column in range(width):
            gram[top + row, left + column] = matrix[row, column]


@one_at_a_time
def matrix_product(
    a: np.ndarray, b: np.ndarray, *, transpose_a: bool = False, transpose_b: bool = False
) -> np.ndarray:
    """Return A B for A of shape (M, K) and B (K, N), either of them given transposed where it is said so."""
    a, b = (a.T if transpose_a else a), (b.T if transpose_b else b)
    (rows, depth), columns = a.shape, b.shape[1]
    if b.shape[0] != depth:
        raise ValueError(f"no product of {a.shape} and {b.shape}")
    if SIMD == "plain" or rows < NARROW_ROWS:  # for so few rows, B is hardly read again: memory sets the pace
        return np.ascontiguousarray(a @ b)
    if not columns * depth:
        return np.zeros((rows, columns), np.float32)
    product = memory.empty((rows, columns))
    workers = THREADS
    own = DEPTH * PANEL + CELLS
    scratch = memory.scratch(workers * own).reshape(workers, own)
    (a, a_steps), (b, b_steps) = _flat(a), _flat(b)
    none, counter = np.zeros(columns + PANEL, np.float32), np.zeros(1, np.int64)
    width = panel_width(columns)
    at_once = max(ROWS * 4, rows * -(-columns // width) // (SHARES * workers) // 24 * 24)
    _multiply(
        workers, a, a_steps, b, b_steps, depth, product[None, None], width, at_once, none, scratch, counter
    )
    return product


def _flat(matrix: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """Return the numbers of a matrix in one run, and how far apart its rows and columns are in it."""
    if matrix.T.flags.c_contiguous:
        return matrix.T.reshape(-1), (1, matrix.shape[0])
    return np.ascontiguousarray(matrix, np.float32).reshape(-1), (matrix.shape[1], 1)


@parallel
def _multiply(worker, arguments):
    """Compute some rows of one panel of the product in each task, of the sums DEPTH terms at a time."""
    a, a_steps, b, b_steps, depth, product, width, at_once, none, scratch, counter = given(arguments)
    rows, columns = product.shape[2:]
    panels, blocks = -(-columns // width), max(1, rows // at_once)
    cells = scratch[worker][:CELLS]
    task = take(counter.ctypes.data)
    while task < panels * blocks:
        number, block = task % panels, task // panels
        first = block * at_once
        count = at_once if block + 1 < blocks else rows - first
        for k in range(0, depth, DEPTH):
            terms = min(DEPTH, depth - k)
            panel = scratch[worker][CELLS:][: terms * width].reshape((terms, width))
            _copy_panel(b, b_steps, k, number * width, columns, panel)
            row = first
            if k == 0 and (number + 1) * width <= columns and width == PANEL:
                row = _whole_rows(a, a_steps, panel, terms, product, first, count, number * width)
            if row == first + count:
                continue
            here = np.int64(a.ctypes.data) + (row * a_steps[0] + k * a_steps[1]) * FLOATS
            multiply_rows(
                here, a_steps[0] * FLOATS, a_steps[1] * FLOATS, 0, 1, terms, panel, none, number,
                np.float32(-np.inf), int(k > 0), product, row, first + count - row, 0, columns, cells,
            )  # fmt: skip
        task = take(counter.ctypes.data)


@inlined
def _whole_rows(a, a_steps, panel, terms, product, row, count, column):
    """Fill the columns of one panel in whole blocks of rows, and return the next row.

    None is left, or so many that the last block can begin among those that are done.
    """
    step, a_row, a_k = product.shape[3] * FLOATS, a_steps[0] * FLOATS, a_steps[1] * FLOATS
    b, c = np.int64(panel.ctypes.data), np.int64(product.ctypes.data) + row * step + column * FLOATS
    here = np.int64(a.ctypes.data) + row * a_row
    for _ in range(count // ROWS - (1 if count % ROWS else 0)):
        ahead = c + ROWS * step if step == PANEL * FLOATS else b  # where the next rows will be written
        multiply(here, a_row, a_k, b, PANEL * FLOATS, c, step, terms, ahead)
        row, here, c = row + ROWS, here + ROWS * a_row, c + ROWS * step
    return row


@inlined
def _copy_panel(b, b_steps, k, column, columns, panel):
    """Copy the rows of B from k on, and of each the columns from `column` on; zeros where there are no more."""
    terms, width = panel.shape
    width = min(width, columns - column)
    panel[:, width:] = 0
    if b_steps[1] == 1:
        for row in range(terms):
            here, to = b[(k + row) * b_steps[0] + column :][:width], panel[row, :width]
            for v in range(width):
                to[v] = here[v]
        return
    for v in range(width):
        here = b[k * b_steps[0] + (column + v) * b_steps[1] :]
        for row in range(terms):
            panel[row, v] = here[row * b_steps[0]]
