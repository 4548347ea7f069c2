"""The graph of layers: how deep it runs, what it keeps, and how gradients come back."""

from __future__ import annotations

import numpy as np
import pytest

from nst.errors import NstError
from nst.layers import AvgPool2d, BatchNorm, Concat, Conv2d, Dropout, MaxPool2d, ReLU
from nst.layers.base import Layer
from nst.networks import Network, Node

RNG = np.random.default_rng(3)
IMAGE = RNG.normal(size=(2, 5, 4, 3))
A, B, C, D = (RNG.normal(size=shape) for shape in [(3, 4), (4, 5), (4, 2), (7, 3)])


class Counted(Layer):
    """Times a number; counts its calls, which no layer of the package may do."""

    def __init__(self, factor: float) -> None:
        self.factor, self.forwards, self.backwards = factor, 0, 0

    def forward(self, x):
        self.forwards += 1
        return self.factor * x, None

    def backward(self, dy, saved):
        self.backwards += 1
        return self.factor * dy


def chain(count: int = 5) -> tuple[Network, list[Counted]]:
    layers = [Counted(n + 2.0) for n in range(count)]
    return Network([Node(f"f{n}", layer) for n, layer in enumerate(layers)]), layers


def linear(matrix: np.ndarray) -> Conv2d:
    """A convolution of 1x1: every pixel times a matrix."""
    return Conv2d(matrix[None, None])


def diamond(*before: Node) -> Network:
    """y = [x A B, relu(x A C)] D, with the sum of both branches at `first`."""
    return Network(
        [
            *before,
            Node("first", linear(A)),
            Node("left", linear(B), ("first",)),
            Node("right", linear(C), ("first",)),
            Node("relu", ReLU()),
            Node("join", Concat(), ("left", "relu")),
            Node("last", linear(D)),
        ]
    )


def test_only_what_the_taps_need_runs():
    """A tap in the middle leaves all later layers alone; no tap at all runs nothing."""
    network, layers = chain()
    features, tape = network.forward(IMAGE, ["f2", "f1"])
    assert [layer.forwards for layer in layers] == [1, 1, 1, 0, 0]
    assert list(features) == ["f2", "f1"] and list(tape.saved) == ["f0", "f1", "f2"]
    network.forward(IMAGE, [])
    assert [layer.forwards for layer in layers] == [1, 1, 1, 0, 0]


def test_a_branch_that_no_tap_needs_does_not_run():
    """A tap on one side of a fork leaves the other side alone."""
    assert diamond().needed(["relu"]) == {"first", "right", "relu"}
    _, tape = diamond().forward(IMAGE, ["left"])
    assert list(tape.saved) == ["first", "left"]


def test_backward_runs_only_below_the_taps_that_have_gradients():
    """A gradient at a shallow tap does not visit the deeper layers that ran for another tap."""
    network, layers = chain()
    _, tape = network.forward(IMAGE, ["f1", "f4"])
    dx = network.backward({"f1": IMAGE}, tape)
    assert [layer.backwards for layer in layers] == [1, 1, 0, 0, 0]
    np.testing.assert_array_equal(dx, 6 * IMAGE)


def test_gradients_enter_at_any_number_of_taps_and_add_up():
    """The gradient of a sum over three taps is the sum of what each tap alone gives."""
    network, layers = chain(4)
    features, tape = network.forward(IMAGE, ["f0", "f2", "f3"])
    np.testing.assert_array_equal(features["f2"], 24 * IMAGE)
    dx = network.backward({"f0": IMAGE, "f2": IMAGE, "f3": IMAGE}, tape)
    assert [layer.backwards for layer in layers] == [1] * 4
    np.testing.assert_allclose(dx, (2 + 2 * 3 * 4 + 2 * 3 * 4 * 5) * IMAGE, rtol=1e-14)


def test_a_caller_keeps_his_gradients():
    """Arrays given to backward are not written into, not even where several meet."""
    network, _ = chain()
    given = {name: np.ones_like(IMAGE) for name in ("f0", "f1", "f2")}
    _, tape = network.forward(IMAGE, given)
    network.backward(given, tape)
    assert all((gradient == 1).all() for gradient in given.values())


def test_a_gradient_may_be_made_when_the_walk_gets_there():
    """Functions are called from the deepest tap to the shallowest, each once, and count as what they return."""
    network, layers = chain(4)
    taps = ["f0", "f2", "f3"]
    called = []

    def make(tap):
        called.append((tap, sum(layer.backwards for layer in layers)))
        return IMAGE.copy()

    _, tape = network.forward(IMAGE, taps)
    dx = network.backward({tap: lambda tap=tap: make(tap) for tap in taps}, tape)
    assert called == [("f3", 0), ("f2", 1), ("f0", 3)]
    np.testing.assert_array_equal(dx, network.backward(dict.fromkeys(taps, IMAGE), tape))


def test_what_is_consumed_is_let_go():
    """A consumed tape is empty in the end, and nothing of a deeper layer is alive when a shallow tap is asked."""
    import weakref

    refs = []

    class Keeping(Layer):
        def forward(self, x):
            saved = np.ones(1)
            refs.append(weakref.ref(saved))
            return x.copy(), saved

        def backward(self, dy, saved):
            dx = dy * saved
            refs.append(weakref.ref(dx))
            return dx

    def shallow():
        assert [ref() is None for ref in refs] == [False, True, True, True, False]
        return np.ones_like(IMAGE)

    network = Network([Node(f"f{n}", Keeping()) for n in range(3)])
    _, tape = network.forward(IMAGE, ["f2"])
    dx = network.backward({"f0": shallow, "f2": np.ones_like(IMAGE)}, tape, consume=True)
    assert not tape.saved and (dx == 2).all()


def test_a_layer_that_adds_gets_the_array_that_entered():
    """When consuming, a tap's own array goes through the layer that adds; otherwise it is left alone."""

    class Adding(Counted):
        adds = True

        def backward(self, dy, saved, into=None):
            dx = super().backward(dy, saved)
            return dx if into is None else np.add(into, dx, out=into)

    network = Network(
        [Node("low", Counted(2.0)), Node("high", Adding(3.0)), Node("other", Adding(5.0), ("low",))]
    )
    for consume in (False, True):
        given = {name: np.ones_like(IMAGE) for name in network.names}
        _, tape = network.forward(IMAGE, given)
        dx = network.backward(given, tape, consume)
        np.testing.assert_array_equal(dx, np.full_like(IMAGE, 2 * (1 + 3 + 5)))
        assert (
            given["low"] == (1 + 5 if consume else 1)
        ).all()  # what `other`, the first to arrive, has added


def test_no_gradient_in_is_a_gradient_of_zero():
    """Without any gradient the image's is zero, of its shape."""
    network, _ = chain()
    _, tape = network.forward(IMAGE, ["f1"])
    np.testing.assert_array_equal(network.backward({}, tape), np.zeros_like(IMAGE))


def test_two_forwards_then_one_backward():
    """Nothing is hidden in the network: each tape serves its own forward pass, in any order, twice."""
    network = diamond()
    other = -IMAGE
    (_, first), (_, second) = (network.forward(x, ["last"]) for x in (IMAGE, other))
    dy = np.ones((2, 5, 4, 3))
    once = network.backward({"last": dy}, first)
    assert not np.array_equal(network.backward({"last": dy}, second), once)
    np.testing.assert_array_equal(network.backward({"last": dy}, first), once)


def test_a_diamond_has_the_gradient_worked_out_by_hand():
    """With m = [x A C > 0]: dx = (dy D_left' B' + (dy D_right' * m) C') A', plus what enters at `first`."""
    network = diamond()
    features, tape = network.forward(IMAGE, ["last", "first"])
    inner = IMAGE @ A
    joined = np.concatenate([inner @ B, np.maximum(inner @ C, 0)], axis=-1)
    np.testing.assert_allclose(features["last"], joined @ D, rtol=1e-12)
    dy, dfirst = RNG.normal(size=(2, 5, 4, 3)), RNG.normal(size=(2, 5, 4, 4))
    back = dy @ D.T
    expected = (back[..., :5] @ B.T + (back[..., 5:] * (inner @ C > 0)) @ C.T + dfirst) @ A.T
    got = network.backward({"last": dy, "first": dfirst}, tape)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def test_parameters_have_gradients_unless_they_are_frozen():
    """`gradients` returns those of each trained layer, which for a matrix are x' dy, and none when frozen."""
    network = Network([Node("first", linear(A)), Node("pool", AvgPool2d(1)), Node("second", linear(B))])
    _, tape = network.forward(IMAGE, ["second"])
    dy = RNG.normal(size=(2, 5, 4, 5))
    dx, found = network.gradients({"second": dy}, tape)
    assert set(found) == {"first", "second"}
    np.testing.assert_allclose(
        found["second"]["weight"][0, 0], (IMAGE @ A).reshape(-1, 4).T @ dy.reshape(-1, 5), rtol=1e-12
    )
    np.testing.assert_allclose(dx, dy @ B.T @ A.T, rtol=1e-12)
    _, tape = network.freeze().forward(IMAGE, ["second"])
    assert network.gradients({"second": dy}, tape)[1] == {}


def test_without_the_image_the_walk_ends_at_the_lowest_parameters():
    """Parameters get the same gradients, the image gets none, and no layer is asked for what leads to it alone."""

    class Watched(AvgPool2d):
        def backward(self, dy, saved):
            raise AssertionError("nothing below has parameters")

    still = linear(np.eye(3))
    still.frozen = True
    network = diamond(Node("pool", Watched(1)), Node("still", still))
    network.nodes["first"].layer.backward = None
    _, tape = network.forward(IMAGE, ["last"])
    dy = RNG.normal(size=(2, 5, 4, 3))
    nothing, found = network.gradients({"last": dy}, tape, image=False)
    assert nothing is None
    _, expected = diamond().gradients({"last": dy}, diamond().forward(IMAGE, ["last"])[1])
    assert found.keys() == expected.keys()
    for name, gradients in expected.items():
        np.testing.assert_allclose(found[name]["weight"], gradients["weight"], rtol=1e-12)


def test_parameters_are_the_layers_own_arrays():
    """What an optimiser moves by name are the arrays that the layers compute with; frozen layers give none."""
    network = Network([Node("first", linear(A)), Node("pool", AvgPool2d(1)), Node("second", linear(B))])
    network.nodes["first"].layer.frozen = True
    found = network.parameters()
    assert found.keys() == {"second"}
    assert found["second"]["weight"] is network.nodes["second"].layer.weight


def test_running_statistics_absorb_a_batch_where_they_are_not_frozen():
    """`update` moves them towards the batch's for each normalisation that ran in training, except frozen ones."""

    def norm():
        return BatchNorm(np.ones(3), np.zeros(3), np.zeros(3), np.ones(3), momentum=0.5)

    network = Network([Node("first", norm()), Node("relu", ReLU()), Node("second", norm())])
    network.nodes["second"].layer.frozen = True
    _, tape = network.forward(IMAGE, ["second"], training=True)
    network.update(tape)
    np.testing.assert_allclose(network.nodes["first"].layer.running_mean, IMAGE.mean((0, 1, 2)) / 2)
    assert not network.nodes["second"].layer.running_mean.any()


def test_layers_are_frozen_by_glob():
    """A glob takes the layers whose names it matches and no others, and `unfreeze` gives them back."""
    network = diamond().freeze("le*", "last")
    assert network.parameters().keys() == {"first", "right"}
    assert network.unfreeze("left").parameters().keys() == {"first", "left", "right"}
    assert diamond().freeze().unfreeze().parameters().keys() == {"first", "left", "right", "last"}
    with pytest.raises(NstError, match=r"'rel\*' matches no layer that learns; there are first"):
        network.freeze("first", "rel*")
    assert "first" in network.parameters()


def test_a_frozen_layer_runs_as_in_inference_while_others_train():
    """Frozen normalisation keeps its statistics and uses them, and frozen dropout silences nothing."""
    norms = [BatchNorm(np.ones(3), np.zeros(3), np.full(3, 2.0), np.ones(3)) for _ in range(2)]
    network = Network([Node("norm", norms[0]), Node("drop", Dropout(0.5)), Node("own", norms[1])]).freeze()
    network.unfreeze("own")
    features, tape = network.forward(IMAGE, ["drop", "own"], training=np.random.default_rng(0))
    np.testing.assert_array_equal(features["drop"], network.forward(IMAGE, ["drop"])[0]["drop"])
    assert abs(features["own"].mean()) < 1e-12
    network.update(tape)
    assert (norms[0].running_mean == 2).all() and not (norms[1].running_mean == 2).any()
    dy = RNG.normal(size=IMAGE.shape)
    _, found = network.gradients({"own": dy}, tape)
    assert found.keys() == {"own"}


def test_layers_are_told_whether_it_is_training():
    """Batch normalisation and dropout, in the same list as other layers, get the argument and no other does."""
    ones, zeros = np.ones(3), np.zeros(3)
    network = Network(
        [
            Node("norm", BatchNorm(ones, zeros, zeros.copy(), ones.copy())),
            Node("relu", ReLU()),
            Node("drop", Dropout(0.5)),
        ]
    )
    shifted = IMAGE + 50
    used, _ = network.forward(shifted, ["norm", "drop"])
    np.testing.assert_allclose(used["norm"], shifted, rtol=1e-4)
    trained, _ = network.forward(shifted, ["norm", "drop"], training=np.random.default_rng(0))
    assert abs(trained["norm"].mean()) < 1e-12
    assert 0.5 < (trained["drop"] == 0).mean() < 0.9


def test_names_and_aliases_reach_the_same_features():
    """A tap asked for by its alias comes back under the alias, with its gradient understood under either."""
    layers = [Node("conv", linear(A)), Node("relu", ReLU())]
    network = Network(layers, {"block1_conv1": "relu"})
    features, tape = network.forward(IMAGE, ["block1_conv1", "relu"])
    assert list(features) == ["block1_conv1", "relu"]
    assert features["block1_conv1"] is features["relu"]
    dy = np.ones((2, 5, 4, 4))
    both = network.backward({"block1_conv1": dy, "relu": dy}, tape)
    np.testing.assert_allclose(both, 2 * network.backward({"relu": dy}, tape), rtol=1e-14)


def test_an_unknown_layer_is_an_error_with_the_nearest_and_all_names():
    """The message has what was asked for, what is close to it, and what there is, in order."""
    with pytest.raises(
        NstError, match=r"no layer 'rihgt'; did you mean 'right'\?; there are first, left, right"
    ):
        diamond().forward(IMAGE, ["rihgt"])
    with pytest.raises(NstError, match=r"^no layer 'xyzzy'; there are first"):
        diamond().resolve("xyzzy")


def test_a_gradient_where_the_tape_does_not_reach_is_a_mistake():
    """A gradient deeper than the forward pass went would be lost in silence; it raises instead."""
    network, _ = chain()
    _, tape = network.forward(IMAGE, ["f1"])
    with pytest.raises(ValueError, match="f3"):
        network.backward({"f3": IMAGE}, tape)


def test_a_join_of_one_is_that_one():
    """A layer that joins gets a list however many there are: one branch passes unchanged, forth and back."""
    network = Network([Node("only", linear(A)), Node("join", Concat(), ("only",))])
    features, tape = network.forward(IMAGE, ["only", "join"])
    np.testing.assert_array_equal(features["join"], features["only"])
    dy = RNG.normal(size=(2, 5, 4, 4))
    np.testing.assert_array_equal(network.backward({"join": dy}, tape), network.backward({"only": dy}, tape))


@pytest.mark.parametrize("inputs", [("a", "a"), ()])
def test_several_inputs_or_none_need_a_layer_that_joins(inputs):
    """What a layer of one input cannot take is refused when the network is made."""
    with pytest.raises(ValueError, match=r"'b' has . inputs"):
        Network([Node("a", ReLU()), Node("b", ReLU(), inputs)])


@pytest.mark.parametrize(
    "nodes",
    [
        [Node("a", ReLU()), Node("a", ReLU())],
        [Node("a", ReLU(), ("b",)), Node("b", ReLU())],
        [Node("a", ReLU(), ("a",))],
    ],
)
def test_a_graph_out_of_order_is_refused(nodes):
    """Names are unique, and each node comes after what it reads."""
    with pytest.raises(ValueError, match="repeated or reads"):
        Network(nodes)


def test_the_tape_knows_its_bytes():
    """nbytes counts every array that is kept, also inside tuples and lists, and nothing else."""
    network = Network([Node("pool", MaxPool2d(2)), Node("relu", ReLU()), Node("join", Concat())])
    _, tape = network.forward(IMAGE, ["relu"])
    winners, mask = 2 * 2 * 2 * 3, 2 * 2 * 2 * 3
    assert tape.nbytes() == winners + mask


def test_activations_go_as_soon_as_nothing_reads_them():
    """While the network runs, an activation that was read for the last time is freed before the next layer runs."""
    import weakref

    alive: list[int] = []
    seen: list[weakref.ref] = []

    class Watched(Layer):
        def forward(self, x):
            alive.append(sum(ref() is not None for ref in seen))
            y = x + 1
            seen.append(weakref.ref(y))
            return y, None

    network = Network([Node(f"f{n}", Watched()) for n in range(6)])
    network.forward(IMAGE, ["f5"])
    assert max(alive) <= 2  # the input of the layer that runs, and at most the one before it


def test_another_dtype_is_another_network():
    """astype casts all parameters of a copy; the original keeps its own, frozen layers stay frozen."""
    network = diamond().freeze()
    cast = network.astype(np.float32)
    assert cast.nodes["first"].layer.weight.dtype == np.float32
    assert network.nodes["first"].layer.weight.dtype == np.float64
    assert all(node.layer.frozen for node in cast.nodes.values())
    features, _ = cast.forward(IMAGE.astype(np.float32), ["last"])
    assert features["last"].dtype == np.float32


def test_an_error_in_a_layer_names_the_layer():
    """An image that is too small says at which layer it became so."""
    network = Network([Node("pool1", MaxPool2d(2)), Node("pool2", MaxPool2d(2)), Node("pool3", MaxPool2d(2))])
    with pytest.raises(NstError, match=r"pool3.*2x2 does not fit into an input of 1x1"):
        network.forward(np.zeros((1, 5, 5, 3)), ["pool3"])
