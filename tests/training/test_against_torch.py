"""Whole steps of training against PyTorch's, in float64."""

from __future__ import annotations

import numpy as np
import pytest

from nst.networks import Network, vgg_cifar
from nst.training import Recipe, Training

RECIPE = Recipe(
    epochs=5,
    batch=8,
    learning_rate=0.05,
    schedule="cosine",
    warmup=1,
    weight_decay=5e-4,
    decay_all=False,
    label_smoothing=0.1,
    average=0.9,
    dropout=0.5,
)


def oracle(torch, network: Network) -> tuple:
    """Return PyTorch's parameters and buffers by our names, and its forward pass with our dropout masks."""
    tensors = {}
    for node in network.nodes.values():
        for name, array in node.layer.state().items():
            turned = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
            tensors[f"{node.name}.{name}"] = torch.tensor(np.ascontiguousarray(turned))
    functional = torch.nn.functional

    def forward(images: np.ndarray, rng: np.random.Generator):
        x = torch.tensor(images.transpose(0, 3, 1, 2))
        for name, node in network.nodes.items():
            kind = "".join(c for c in name.partition("_")[0] if c.isalpha())
            of = {
                key.partition(".")[2]: value for key, value in tensors.items() if key.startswith(f"{name}.")
            }
            if kind == "input":
                x = x - torch.tensor(node.layer.mean).reshape(1, 3, 1, 1)
            elif kind == "conv":
                x = functional.conv2d(x, of["weight"], padding=1)
            elif kind == "norm":
                mean, var = of["running_mean"], of["running_var"]
                x = functional.batch_norm(x, mean, var, of["gamma"], of["beta"], True, 0.1, 1e-5)
            elif kind == "drop":
                x = x * torch.tensor(rng.random(tuple(x.shape), dtype=np.float32) >= node.layer.rate) / 0.5
            elif kind == "pool":
                x = functional.max_pool2d(x, 2)
            elif kind == "fc":
                x = x @ of["weight"]
            else:
                x = x.permute(0, 2, 3, 1).flatten(1) if kind == "flatten" else torch.relu(x)
        return x

    return tensors, forward


def test_five_steps_are_those_of_torch():
    """The same weights, mini-batches and dropout masks: weights, statistics and losses agree to 1e-9 after five steps.

    With batch normalisation, Nesterov's momentum, weight decay that spares norms, label smoothing, a warm-up and a
    cosine; and the averaged weights are PyTorch's own average of them.
    """
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (5, 8, 32, 32, 3))
    labels = rng.integers(0, 10, (5, 8))
    network = vgg_cifar(3, width=4, hidden=16, dropout=0.5).astype(np.float64)
    training = Training(network, RECIPE, steps_per_epoch=1)
    tensors, forward = oracle(torch, network)
    trained = {name: tensor for name, tensor in tensors.items() if ".running_" not in name}
    spared = [
        tensor.requires_grad_() for name, tensor in trained.items() if name.endswith((".gamma", ".beta"))
    ]
    others = [tensor.requires_grad_() for name, tensor in trained.items() if name.endswith(".weight")]
    groups = [{"params": spared, "weight_decay": 0.0}, {"params": others, "weight_decay": 5e-4}]
    optimizer = torch.optim.SGD(groups, 1.0, momentum=0.9, nesterov=True)
    draws, average = np.random.default_rng([0, 1]), {name: t.detach().clone() for name, t in tensors.items()}
    rates = [0.05 * part for part in (1, 1, (2 + 2**0.5) / 4, 0.5, (2 - 2**0.5) / 4)]

    for step in range(5):
        found = training.advance(images[step], labels[step])
        for group in optimizer.param_groups:
            group["lr"] = rates[step]
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(
            forward(images[step], draws), torch.tensor(labels[step]), label_smoothing=0.1
        )
        loss.backward()
        optimizer.step()
        assert found.loss == pytest.approx(loss.item(), abs=1e-9)
        for name, tensor in tensors.items():
            average[name].lerp_(tensor.detach(), 1 - min(0.9, (2 + step) / (11 + step)))

    for ours, theirs in ((training.network, tensors), (training.result, average)):
        for name, tensor in theirs.items():
            layer, _, attribute = name.rpartition(".")
            right = tensor.detach().numpy()
            right = right.transpose(2, 3, 1, 0) if right.ndim == 4 else right
            array = getattr(ours.nodes[layer].layer, attribute)
            np.testing.assert_allclose(array, right, rtol=1e-9, atol=1e-9, err_msg=name)
