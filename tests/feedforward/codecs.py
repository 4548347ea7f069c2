"""Files of encoders and decoders with random weights, and PyTorch's version of what they do."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nst.networks.codecs import adain_shapes, wct_shapes


def write_codecs(folder: Path, levels: tuple[int, ...] = (3, 2, 1), adain: bool = True) -> None:
    """Write random weights under the names that the readers look for; kernels (out, in, kh, kw)."""
    rng = np.random.default_rng(0)
    tables = {f"distilled_vgg19_{{}}coder{level}": wct_shapes(level) for level in levels}
    tables |= {"adain_{}coder": adain_shapes()} if adain else {}
    for name, both in tables.items():
        for part, table in zip(("en", "de"), both, strict=True):
            arrays = {key: random(rng, shape) for key, shape in table.items()}
            if part == "de":  # colours of about 0.5
                weight, bias = list(arrays)[-2:]
                arrays[weight] *= np.float32(0.002 if "adain" in name else 0.3)
                arrays[bias][:] = 0.5
            np.savez(folder / f"{name.format(part)}.npz", **arrays)


def random(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return a kernel that keeps the size of what goes through, or a small bias."""
    spread = np.sqrt(2 / np.prod(shape[1:])) if len(shape) == 4 else 0.1
    return (spread * rng.standard_normal(shape, np.float32)).astype(np.float32)


def torch_encoded(torch, arrays, stages, picture, adain):
    """Return the features of a picture (H, W, 3) as PyTorch finds them, (1, C, h, w)."""
    x = torch.tensor(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
    if adain:
        x = x.flip(1) - torch.tensor([103.939, 116.779, 123.68])[:, None, None]
    else:
        x = torch.nn.functional.conv2d(x / 255, arrays["conv0.weight"], arrays["conv0.bias"])
    for number, stage in enumerate(stages):
        x = torch.nn.functional.max_pool2d(x, 2) if number else x
        for name in stage:
            x = convolved(torch, x, arrays, name).relu()
    return x


def torch_decoded(torch, arrays, stages, x):
    """Return the picture (H, W, 3) of features."""
    last = stages[-1][-1]
    for number, stage in enumerate(stages):
        x = torch.nn.functional.interpolate(x, scale_factor=2, mode="nearest") if number else x
        for name in stage:
            x = convolved(torch, x, arrays, name)
            x = x if name == last else x.relu()
    return (255 * x).clamp(0, 255)[0].permute(1, 2, 0).numpy()


def convolved(torch, x, arrays, name):
    x = torch.nn.functional.pad(x, (1, 1, 1, 1), mode="reflect")
    return torch.nn.functional.conv2d(x, arrays[f"{name}.weight"], arrays[f"{name}.bias"])


def torch_wct(torch, content, style):
    """Return whitened and coloured features (1, C, h, w), in float64 above the stated floor."""

    def parts(x):
        rows = x[0].flatten(1).double()
        mu = rows.mean(1, keepdim=True)
        values, vectors = torch.linalg.eigh((rows - mu) @ (rows - mu).T / rows.shape[1])
        return rows - mu, mu, values.clamp_min(1e-5 * values[-1].item()), vectors

    c, _, d, e = parts(content)
    _, mu, ds, es = parts(style)
    return (es * ds.sqrt() @ es.T @ (e * d.rsqrt() @ e.T) @ c + mu).float().reshape(content.shape)
