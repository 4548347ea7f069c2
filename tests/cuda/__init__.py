"""The kernels for a card, against the definition.

Where there is a card, these tests run on it, with all others. Where there is none they run in numba's simulator, which
has to be chosen before numba is imported: so pytest then leaves this folder alone, and `tests/test_cuda.py` runs each
of its files in a process of its own, with `NUMBA_ENABLE_CUDASIM=1`. To run one by hand::

    NUMBA_ENABLE_CUDASIM=1 python -m pytest tests/cuda/test_array.py

A thread of the simulator is one of Python's: sizes are those of toys.
"""
