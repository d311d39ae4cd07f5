"""Write preact_resnet18_full.safetensors: PreActResNet-18 at its full width (see README.md).

    python tests/vectors/make_full_width_vectors.py

Eleven million weights are not stored: both sides compute them by the same integers. Of the tensor
that is number t among the sorted names of convolution and linear weights, element i (counted in
PyTorch's order) is

    (h(i, t) >> 8) / 2^24 - 0.5, times the tensor's scale, both in float32,

so that the network's values keep their size; batch-norms are the identity, the bias is zero. Stored
are logits and the gradient of the summed loss with respect to the images, both from float64, and in
the metadata by how much PyTorch's own float32 differs from them.
"""

import math
import os

import numpy as np
import torch
import torch.nn.functional as F

import make_vectors as common
from preact_resnet import build

common.COMMAND = "python tests/vectors/make_full_width_vectors.py"
CONFIG = dict(common.NETWORKS["preact_resnet18"], width=64, input_shape=[3, 32, 32], batch=2)
SEED = 0


def hashed(count, number):
    """h(i, number) for i below count: 32 bits each, mixed as in MurmurHash3's last steps."""
    h = np.arange(count, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(number * 40503)
    h ^= h >> np.uint32(16)
    h *= np.uint32(2246822507)
    h ^= h >> np.uint32(13)
    h *= np.uint32(3266489909)
    return h ^ (h >> np.uint32(16))


def network():
    result = build("preact_resnet18", CONFIG["width"], CONFIG["input_shape"][0], CONFIG["classes"])
    state = result.state_dict()
    names = sorted(name for name, value in state.items() if value.dim() > 1)
    for number, name in enumerate(names):
        value = state[name]
        unit = (hashed(value.numel(), number) >> np.uint32(8)).astype(np.float32) / np.float32(2**24)
        scale = np.float32(math.sqrt(24 / value[0].numel()))  # variance 2 / fan-in
        state[name] = torch.from_numpy((unit - np.float32(0.5)) * scale).reshape(value.shape)
    state["linear.bias"] = torch.zeros_like(state["linear.bias"])
    result.load_state_dict(state)
    return result


def evaluation(images, labels, dtype):
    model = common.make_model(CONFIG, network(), dtype).eval()
    pixels = images.to(dtype).requires_grad_()
    logits = model(pixels)
    F.cross_entropy(logits, labels, reduction="sum").backward()
    return {"eval.logits": logits.detach(), "eval.grad.images": pixels.grad}


def largest_difference(rounded, exact):
    return ((rounded.double() - exact).abs().max() / exact.abs().max()).item()


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)
    images, labels = common.make_images(CONFIG), torch.tensor([3, 8])
    exact = evaluation(images, labels, torch.float64)
    rounded = evaluation(images, labels, torch.float32)
    of_float32 = {name: largest_difference(rounded[name], exact[name]) for name in exact}
    print("PyTorch's float32 differs, relative to the largest element:", of_float32)
    common.write("preact_resnet18_full.safetensors", {"images": images, "labels": labels, **exact},
                 dict(seed=SEED, of_float32=of_float32, **CONFIG))
