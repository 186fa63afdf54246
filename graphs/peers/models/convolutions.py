"""Convolutions with learned kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphs.peers.models.model import Model, stream

__all__ = ["convolution_1d", "convolution_2d"]


def convolution_1d(length: int = 5000, kernel: int = 31) -> Model:
    """A signal convolved with a learned kernel, beside what should come out."""
    draw = stream()
    data = {"signal": draw.normal(size=length), "wanted": draw.normal(size=length - kernel + 1)}
    parameters = {"kernel": draw.normal(size=kernel) / kernel, "b": np.array(0.1)}

    def in_pytensor(signal: Any, wanted: Any, kernel: Any, b: Any) -> Any:
        import pytensor.tensor as pt
        from pytensor.tensor.signal import convolve1d

        return ((pt.tanh(convolve1d(signal, kernel, mode="valid") + b) - wanted) ** 2).mean()

    def in_jax(signal: Any, wanted: Any, kernel: Any, b: Any) -> Any:
        import jax.numpy as jnp

        return ((jnp.tanh(jnp.convolve(signal, kernel, mode="valid") + b) - wanted) ** 2).mean()

    return Model(data, parameters, in_pytensor, in_jax)


def convolution_2d(images: int = 8, side: int = 28, kernels: int = 4, width: int = 5) -> Model:
    """Pictures through a layer of 5 × 5 kernels by shifted slices, relu, mean over places, softmax of two."""
    draw = stream()
    data = {"x": draw.normal(size=(images, side, side)), "y": draw.integers(2, size=images).astype(float)}
    parameters = {
        "kernel": draw.normal(size=(kernels, width, width)) / width,
        "b": np.zeros(kernels),
        "w": draw.normal(size=kernels),
    }
    out = side - width + 1

    def convolved(x: Any, kernel: Any) -> Any:
        return sum(
            x[:, None, i : i + out, j : j + out] * kernel[None, :, i, j, None, None]
            for i in range(width)
            for j in range(width)
        )

    def in_pytensor(x: Any, y: Any, kernel: Any, b: Any, w: Any) -> Any:
        import pytensor.tensor as pt

        hidden = pt.maximum(convolved(x, kernel) + b[None, :, None, None], 0)
        z = hidden.mean(axis=(2, 3)) @ w
        return (pt.softplus(z) - y * z).mean()

    def in_jax(x: Any, y: Any, kernel: Any, b: Any, w: Any) -> Any:
        import jax

        hidden = jax.nn.relu(jax.lax.conv(x[:, None], kernel[:, None], (1, 1), "VALID") + b[:, None, None])
        z = hidden.mean(axis=(2, 3)) @ w
        return (jax.nn.softplus(z) - y * z).mean()

    return Model(data, parameters, in_pytensor, in_jax)
