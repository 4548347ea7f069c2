"""Kernels called from several Python threads, and from processes that were forked."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading

import pytest

from nst.kernels.threads import one_at_a_time


def ended(script: str, layer: str) -> subprocess.CompletedProcess:
    """Run a script in a process of its own, under a threading layer and with two threads."""
    surroundings = {**os.environ, "NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2"}
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if "No threading layer could be loaded" in run.stderr:
        pytest.skip(f"numba has no {layer} here")
    return run


@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_two_threads_at_once_get_right_results(layer):
    """Two threads that convolve at the same time both get what one alone gets; the process ends in order."""
    run = ended(
        """
        import threading
        import numpy as np
        from nst.kernels import cpu
        x = np.random.default_rng(0).standard_normal((1, 40, 40, 16), np.float32)
        weight = np.ones((3, 3, 16, 16), np.float32)
        expected = cpu.conv2d_forward(x, weight, None)
        wrong = []

        def work():
            for _ in range(100):
                if not np.array_equal(cpu.conv2d_forward(x, weight, None), expected):
                    wrong.append(1)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(len(wrong))
        """,
        layer,
    )
    assert (run.returncode, run.stdout.split()) == (0, ["0"]), run.stderr


FORKED = """
    import os
    import numpy as np
    from nst.kernels import cpu
    x, weight = np.ones((1, 9, 9, 8), np.float32), np.ones((3, 3, 8, 8), np.float32)
    cpu.conv2d_forward(x, weight, None)
    child = os.fork()
    if not child:
        try:
            os._exit(0 if cpu.conv2d_forward(x, weight, None).max() == 72 else 1)
        except RuntimeError as error:
            os._exit(2 if "spawn" in str(error) else 3)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("layer, status", [("workqueue", "0"), ("omp", "2")])
def test_a_forked_process_computes_or_says_why_not(layer, status):
    """After a fork `workqueue` goes on; where OpenMP's threads are lost, an error names what to do instead."""
    run = ended(FORKED, layer)
    assert (run.returncode, run.stdout.split()) == (0, [status]), run.stderr


def test_its_holder_may_take_the_lock_again_and_others_wait():
    """Kernels may call kernels; another thread gets its turn when the outermost one is done."""
    order = []

    @one_at_a_time
    def note(name):
        order.append(name)

    other = threading.Thread(target=note, args=("other",))
    with one_at_a_time:
        note("inner")
        other.start()
        other.join(0.05)
        assert order == ["inner"]
        note("still inner")
    other.join(10)
    assert order == ["inner", "still inner", "other"]


def test_every_public_kernel_holds_the_lock():
    """No function that layers and losses call can start threads while another one runs; NumPy's own start none."""
    from nst.kernels import cpu

    compiled = [getattr(cpu, name) for name in cpu.__all__]
    compiled = [one for one in compiled if not one.__module__.startswith("nst.kernels.reference")]
    free = [one.__name__ for one in compiled if not hasattr(one, "__wrapped__")]
    assert len(compiled) > 20
    assert not free, f"without `one_at_a_time`: {', '.join(free)}"


def test_the_lock_is_released_by_an_error():
    """A kernel that raises leaves the others free to run."""
    with pytest.raises(KeyError), one_at_a_time:
        raise KeyError
    done = []
    thread = threading.Thread(target=one_at_a_time(lambda: done.append(1)))
    thread.start()
    thread.join(10)
    assert done
