"""Which vectors are used, and that all kernels give the definition's numbers with any of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nst.kernels import vectors

ALL = "+avx2,+fma,+avx512f,+avx512vl,+avx512bw,+avx512dq"


@pytest.mark.parametrize(
    "features, wanted, chosen",
    [
        (ALL, "", "avx512"),
        (ALL, "avx2", "avx2"),
        (ALL, "plain", "plain"),
        ("+avx2,+fma,-avx512f,+avx512vl", "", "avx2"),
        ("+avx2,-fma", "", "plain"),
        ("+neon", "", "plain"),
    ],
)
def test_the_largest_vectors_are_chosen_unless_smaller_ones_are_wanted(monkeypatch, features, wanted, chosen):
    """By the processor's flags and `NST_SIMD`."""
    monkeypatch.setattr(vectors.config, "CPU_FEATURES", features)
    monkeypatch.setenv("NST_SIMD", wanted)
    assert vectors.choose() == chosen


@pytest.mark.parametrize("wanted", ["avx512", "AVX2", "sse"])
def test_vectors_that_are_not_there_are_an_error_that_names_those_that_are(monkeypatch, wanted):
    """It is an `OSError`, which a door reports in one line."""
    monkeypatch.setattr(vectors.config, "CPU_FEATURES", "+avx2,+fma")
    monkeypatch.setenv("NST_SIMD", wanted)
    with pytest.raises(OSError, match=f"NST_SIMD={wanted}: this machine has plain, avx2"):
        vectors.choose()


SMALLER = {"avx512": ["avx2", "plain"], "avx2": ["plain"], "plain": []}[vectors.SIMD]


@pytest.mark.parametrize("simd", SMALLER)
def test_smaller_vectors_give_the_definition_too(simd):
    """What runs on other processors passes the tests of the fused kernels, of products and of weight gradients."""
    files = [Path(__file__).with_name(f"test_{name}.py") for name in ("fused", "products", "training", "cpu")]
    chosen = "fast_fused or hidden or products or winograds_way or convolution_is or gram_sums"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, files), "-k", chosen]
    done = subprocess.run(command, env={**os.environ, "NST_SIMD": simd}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
