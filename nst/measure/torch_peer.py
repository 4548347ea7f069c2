"""PyTorch's side of a measurement: `python -m nst.measure.torch_peer FOLDER LAYOUT`, in a process of its own.

It does the same work on the same numbers, so that there is something to compare with. Nothing imports this module.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from nst.measure.job import Job, corner, noise
from nst.measure.worker import Work, peak_memory, serve

FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


class Tensors:
    """The arrays of a job as tensors (N, C, H, W) of one memory layout."""

    def __init__(self, job: Job, layout: str) -> None:
        self.job, self.format = job, FORMATS[layout]
        self.device = job.settings.get("device", "cpu")

    def picture(self, array: np.ndarray) -> torch.Tensor:
        """Return (N, H, W, C) as (N, C, H, W)."""
        tensor = torch.from_numpy(array).to(self.device)
        return tensor.permute(0, 3, 1, 2).contiguous(memory_format=self.format)

    def kernel(self, name: str) -> torch.Tensor:
        """Return the weights of a convolution, (kh, kw, Cin, Cout), as (Cout, Cin, kh, kw)."""
        weight = torch.from_numpy(self.job.arrays[f"{name}.weight"]).to(self.device)
        return weight.permute(3, 2, 0, 1).contiguous(memory_format=self.format)

    def bias(self, name: str) -> torch.Tensor:
        """Return the bias of a layer."""
        return torch.from_numpy(self.job.arrays[f"{name}.bias"]).to(self.device)


def array(tensor: torch.Tensor) -> np.ndarray:
    """Return (N, C, H, W) as (N, H, W, C)."""
    return tensor.detach().permute(0, 2, 3, 1).cpu().numpy()


def facts() -> dict[str, Any]:
    """Return the version, and the vectors that it uses."""
    return {"version": torch.__version__, "simd": torch.backends.cpu.get_cpu_capability()}


class Step:
    """A whole step of style transfer."""

    def __init__(self, job: Job, layout: str) -> None:
        self.told, tensors = job.settings, Tensors(job, layout)
        self.device = tensors.device
        if self.device == "cuda":
            torch.backends.cudnn.benchmark = True
            allowed = self.told["precision"] != "float32"
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
        self.layers = [
            (name, None if name.startswith("pool") else (tensors.kernel(name), tensors.bias(name)))
            for name in self.told["layers"]
        ]
        self.mean, self.scale = (
            torch.tensor(self.told[key], device=self.device).view(1, 3, 1, 1) for key in ("mean", "scale")
        )
        taps = {*self.told["content"], *self.told["styles"]}
        self.taps, self.last = taps, max(index for index, name in enumerate(self.relus()) if name in taps)
        with torch.no_grad():
            found = self.features(tensors.picture(job.arrays["content"]))
            self.content = {tap: found[tap].clone() for tap in self.told["content"]}
            found = self.features(tensors.picture(job.arrays["style"]))
            self.grams = {tap: gram(found[tap]).clone() for tap in self.told["styles"]}
        self.image = tensors.picture(job.arrays["image"]).requires_grad_(True)

    def relus(self) -> list[str]:
        """Return the name of what each layer gives."""
        return [name.replace("conv", "relu") for name, _ in self.layers]

    def features(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the features at the taps."""
        pool = F.max_pool2d if self.told["pooling"] == "max" else F.avg_pool2d
        found = {}
        x = ((x if self.told["order"] == "RGB" else x.flip(1)) - self.mean) * self.scale
        for (_, parameters), relu in list(zip(self.layers, self.relus(), strict=True))[: self.last + 1]:
            x = pool(x, 2) if parameters is None else F.relu_(F.conv2d(x, *parameters, padding=1))
            if relu in self.taps:
                found[relu] = x
        return found

    def loss(self, found: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return the value of the objective."""
        weights, x = self.told["weights"], self.image
        down, across = x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]
        total = weights["tv"] / x.numel() * (down.square().sum() + across.square().sum())
        for tap, target in self.content.items():
            total = total + weights["content"] * F.mse_loss(found[tap], target)
        for tap, target in self.grams.items():
            total = total + weights["style"] * F.mse_loss(gram(found[tap]), target)
        return total

    def run(self, item: str) -> dict[str, float]:
        """Evaluate once; the gradients of the losses belong to the backward pass, and on a card all is one."""
        start = time.perf_counter()
        self.image.grad = None
        found = self.features(self.image)
        walked = time.perf_counter()
        loss = self.loss(found)
        measured = time.perf_counter()
        loss.backward()
        done = time.perf_counter()
        self.value = float(loss.detach())
        if self.device == "cuda":
            torch.cuda.synchronize()
            return {}
        return {"forward": walked - start, "losses": measured - walked, "backward": done - measured}

    def memory(self) -> int:
        """Return the most bytes held at once: by the process, or on the card."""
        return torch.cuda.max_memory_reserved() if self.device == "cuda" else peak_memory()

    def settle(self) -> None:
        """Give to the card what cuDNN took to try its algorithms in, and take again what a step needs."""
        if self.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            self.run("")

    def results(self, item: str) -> dict[str, np.ndarray]:
        """Return the value and the gradient of the picture."""
        self.run(item)
        return {"value": np.array(self.value), "gradient": array(self.image.grad)}

    facts = staticmethod(facts)


def gram(features: torch.Tensor) -> torch.Tensor:
    """Return F F^T over the number of values."""
    f = features.permute(1, 0, 2, 3).reshape(features.shape[1], -1)
    return f @ f.t() / f.numel()


class Layers:
    """One layer at a time, ready to run either way."""

    def __init__(self, job: Job, layout: str) -> None:
        self.job, self.tensors = job, Tensors(job, layout)
        self.rows = {row["name"]: row for row in job.settings["rows"]}
        self._name, self._passes = "", {}

    def run(self, item: str) -> dict[str, float]:
        """Run one layer one way."""
        self._pass(item)()
        return {}

    def _pass(self, item: str) -> Callable[[], torch.Tensor]:
        name, _, way = item.rpartition(" ")
        if name != self._name:
            self._passes = {}
            self._name, self._passes = name, self._made(self.rows[name], plain=False)
        return self._passes[way]

    def _made(self, row: dict[str, Any], plain: bool) -> dict[str, Callable[[], torch.Tensor]]:
        """Return a layer's two passes; `plain` leaves out what follows a convolution."""
        if row["kind"] == "gram":
            return self._gram(row)
        name, seed, shape = row["name"], self.job.settings["seed"], tuple(row["shape"])
        x = self.tensors.picture(np.abs(noise(seed, f"{name} x", shape))).requires_grad_(True)
        layer = self._function(row, plain)
        y = layer(x)
        dy = noise(seed, f"{name} dy", (*shape[:3], row["channels"]))[:, : y.shape[2], : y.shape[3]]
        dy = self.tensors.picture(dy)

        def forward() -> torch.Tensor:
            with torch.no_grad():
                return layer(x)

        return {"forward": forward, "backward": lambda: torch.autograd.grad(y, x, dy, retain_graph=True)[0]}

    def _function(self, row: dict[str, Any], plain: bool) -> Callable[[torch.Tensor], torch.Tensor]:
        if row["kind"] == "pool":
            return lambda x: F.max_pool2d(x, 2)
        weight, bias = self.tensors.kernel(row["name"]), self.tensors.bias(row["name"])
        if plain:
            return lambda x: F.conv2d(x, weight, bias, padding=1)
        if row.get("pool"):
            return lambda x: F.max_pool2d(F.relu_(F.conv2d(x, weight, bias, padding=1)), 2)
        return lambda x: F.relu_(F.conv2d(x, weight, bias, padding=1))

    def _gram(self, row: dict[str, Any]) -> dict[str, Callable[[], torch.Tensor]]:
        seed, channels = self.job.settings["seed"], row["channels"]
        square = torch.from_numpy(noise(seed, f"{row['name']} d", (channels, channels), channels**-0.5))
        d = square + square.t()
        x = self.tensors.picture(np.abs(noise(seed, f"{row['name']} x", tuple(row["shape"]))))
        f = x.permute(1, 0, 2, 3).reshape(channels, -1)
        return {"forward": lambda: f @ f.t(), "backward": lambda: d @ f}

    def results(self, item: str) -> dict[str, np.ndarray]:
        """Return what is compared: of a convolution it is the linear part alone."""
        name, _, way = item.rpartition(" ")
        found = self._made(self.rows[name], plain=True)[way]().detach()
        return {"result": corner(found.t().numpy() if found.ndim == 2 else array(found))}

    facts = staticmethod(facts)


class Training:
    """A training step of VGG-19 with batch normalisation."""

    def __init__(self, job: Job, layout: str) -> None:
        self.told, self.tensors = job.settings, Tensors(job, layout)
        self.images = self.tensors.picture(job.arrays["images"])
        self.labels = torch.from_numpy(job.arrays["labels"])
        self.mean = torch.tensor(self.told["mean"]).view(1, 3, 1, 1)
        self.start(self.told["dropout"])

    def start(self, dropout: float) -> None:
        """Begin with fresh parameters."""
        arrays = self.tensors.job.arrays
        named = {name: found for name, found in arrays.items() if name not in ("images", "labels")}
        self.parameters = {
            name: (
                self.tensors.kernel(name.removesuffix(".weight"))
                if found.ndim == 4
                else torch.from_numpy(found.T.copy())
            ).requires_grad_(True)
            for name, found in named.items()
        }
        norms = [name for name in self.told["layers"] if name.startswith("norm")]
        lengths = {name: len(named[f"{name}.gamma"]) for name in norms}
        self.running = {name: (torch.zeros(count), torch.ones(count)) for name, count in lengths.items()}
        self.dropout = dropout
        how = {**self.told["sgd"], "lr": self.told["learning_rate"]}
        self.optimizer = torch.optim.SGD(self.parameters.values(), fused=True, **how)

    def scores(self) -> torch.Tensor:
        """Return the scores of the batch."""
        x, parameters = self.images - self.mean, self.parameters
        for name in self.told["layers"][1:]:
            kind = name.rstrip("_0123456789")
            if kind == "conv":
                x = F.conv2d(x, parameters[f"{name}.weight"], padding=1)
            elif kind == "norm":
                gamma, beta = parameters[f"{name}.gamma"], parameters[f"{name}.beta"]
                x = F.batch_norm(x, *self.running[name], gamma, beta, training=True)
            elif kind == "fc":
                x = F.linear(x, parameters[f"{name}.weight"])
            else:
                x = self._simple(kind, x)
        return x

    def _simple(self, kind: str, x: torch.Tensor) -> torch.Tensor:
        if kind == "pool":
            return F.max_pool2d(x, 2)
        if kind == "drop":
            return F.dropout(x, self.dropout)
        return F.relu_(x) if kind == "relu" else x.permute(0, 2, 3, 1).flatten(1)  # as ours lie

    def run(self, item: str) -> dict[str, float]:
        """Train for one step."""
        start = time.perf_counter()
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.scores(), self.labels)
        walked = time.perf_counter()
        loss.backward()
        back = time.perf_counter()
        self.optimizer.step()
        self.value = float(loss.detach())
        done = time.perf_counter()
        return {"forward": walked - start, "backward": back - walked, "update": done - back}

    def results(self, item: str) -> dict[str, np.ndarray]:
        """Return the loss of a first step, without dropout, whose draws differ, and all that moves the weights."""
        self.start(0.0)
        self.run("")
        moved = [self.optimizer.state[found]["momentum_buffer"] for found in self.parameters.values()]
        flat = [
            one.permute(2, 3, 1, 0) if one.ndim == 4 else one.t() if one.ndim == 2 else one for one in moved
        ]
        return {
            "value": np.array(self.value),
            "gradient": torch.cat([one.reshape(-1) for one in flat]).numpy(),
        }

    facts = staticmethod(facts)


class Painting:
    """A picture through Johnson's net."""

    def __init__(self, job: Job, layout: str) -> None:
        self.eps, tensors = job.settings["eps"], Tensors(job, layout)
        names = [name.removesuffix(".weight") for name in job.arrays if name.endswith(".weight")]
        self.kernels = {name: tensors.kernel(name) for name in names}
        self.affine = {
            name: [torch.from_numpy(job.arrays[f"{name}.{part}"]) for part in ("gamma", "beta")]
            for name in names
        }
        self.image = tensors.picture(job.arrays["image"])

    def stage(self, name: str, x: torch.Tensor, relu: bool = True) -> torch.Tensor:
        """Return a convolution, its normalisation and perhaps a ReLU; padding is TensorFlow's SAME."""
        weight, (height, width) = self.kernels[name], x.shape[2:]
        if name.startswith("up"):
            x = F.conv_transpose2d(x, weight, stride=2)[:, :, : 2 * height, : 2 * width]
        elif name in ("conv2", "conv3"):
            x = F.conv2d(F.pad(x, (0, 1, 0, 1)), weight, stride=2)
        else:
            x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        gamma, beta = self.affine[name]
        x = F.instance_norm(x, weight=gamma, bias=beta, eps=self.eps)
        return F.relu_(x) if relu else x

    def run(self, item: str) -> dict[str, float]:
        """Paint once."""
        with torch.inference_mode():
            x = self.image
            for name in ("conv1", "conv2", "conv3"):
                x = self.stage(name, x)
            for block in sorted(
                {name.partition("/")[0] for name in self.kernels if name.startswith("block")}
            ):
                x = x + self.stage(f"{block}/conv2", self.stage(f"{block}/conv1", x), relu=False)
            x = self.stage("out", self.stage("up2", self.stage("up1", x)), relu=False)
            self.painted = torch.tanh(x) * 150 + 127.5
        return {}

    def results(self, item: str) -> dict[str, np.ndarray]:
        """Return the painting."""
        self.run(item)
        return {"painting": array(self.painted)}

    facts = staticmethod(facts)


def make(job: Job, layout: str) -> Work:
    """Return the work that a job asks for."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    return {"step": Step, "layers": Layers, "train": Training, "painting": Painting}[job.kind](job, layout)


if __name__ == "__main__":
    serve(make)
