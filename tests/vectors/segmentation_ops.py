"""Single ops of segmentation networks in PyTorch: values and gradients for deeplab.safetensors.

Each function returns {name: tensor}; `dy` is a given gradient of the output, `dx` and `dw` are what
it comes to. Inputs are float32 numbers, computed with in `dtype`.
"""

import torch
import torch.nn.functional as F

SIZES = {"resize_4x3_9x7": ([2, 3, 4, 3], (9, 7)), "resize_12_96": ([1, 2, 12, 3], (96, 5)),
         "resize_33_513": ([1, 1, 33, 2], (513, 3)), "resize_3_2": ([1, 2, 3, 3], (2, 2)),
         "resize_1_n": ([2, 3, 1, 1], (4, 3))}
DEPTHWISE = {f"depthwise_s{stride}_d{dilation}": dict(stride=stride, dilation=dilation,
                                                      padding=dilation)
             for stride in (1, 2) for dilation in (1, 2, 3)}
DEPTHWISE["depthwise_s1_d3_unpadded"] = dict(stride=1, dilation=3, padding=0)
DEPTHWISE["depthwise_s2_d1_unpadded"] = dict(stride=2, dilation=1, padding=0)
CONVOLUTIONS = {  # of 9 x 7 pixels
    "convolution_d2": dict(dilation=2, padding=2),
    "convolution_d2_s2": dict(dilation=2, padding=2, stride=2),
    "convolution_d2_p1": dict(dilation=2, padding=1),
    "convolution_d8": dict(dilation=8, padding=8),     # higher than wide: a column of taps is left
    "convolution_d12": dict(dilation=12, padding=12),  # beyond the map: the centre tap is left
    "convolution_s2_p0": dict(stride=2, padding=0),
}


def gradients(y, dy, **inputs):
    found = torch.autograd.grad(y, list(inputs.values()), dy)
    return {"d" + name: g for name, g in zip(inputs, found)}


def variable(tensor, dtype):
    return tensor.to(dtype, copy=True).requires_grad_(True)


def applied(op, x, dtype, **weights):
    """What `op` makes of x and the weights, and the gradients of a random dy."""
    inputs = {name: variable(t, dtype) for name, t in dict(x=x, **weights).items()}
    y = op(*inputs.values())
    dy = torch.randn(y.shape, dtype=torch.float32)
    return dict(x=x, **weights, y=y.detach(), dy=dy, **gradients(y, dy.to(dtype), **inputs))


def resizes(dtype):
    return {name: applied(lambda x, size=size: F.interpolate(x, size, mode="bilinear"),
                          torch.randn(shape), dtype)
            for name, (shape, size) in SIZES.items()}


def convolutions(dtype):
    found = {}
    for name, options in DEPTHWISE.items():
        found[name] = applied(lambda x, w: F.conv2d(x, w, groups=3, **options),
                              torch.randn(2, 3, 9, 7), dtype, w=torch.randn(3, 1, 3, 3))
    for name, options in CONVOLUTIONS.items():
        found[name] = applied(lambda x, w: F.conv2d(x, w, **options), torch.randn(2, 3, 9, 7),
                              dtype, w=torch.randn(4, 3, 3, 3))
    found["convolution_7x7_s2"] = applied(lambda x, w: F.conv2d(x, w, stride=2, padding=3),
                                          torch.randn(1, 3, 11, 8), dtype,
                                          w=torch.randn(2, 3, 7, 7))
    return found


def max_pools(dtype):
    """3 x 3, stride 2, padding 1; of equal values the first in row-major order has the gradient."""
    inputs = {"max_pool_equal": torch.ones(1, 1, 4, 4),
              "max_pool_negative": -torch.rand(1, 2, 5, 4),
              "max_pool_quantised": torch.randint(-2, 3, (2, 3, 9, 7)) / 4,
              "max_pool_even": torch.randint(-2, 3, (1, 2, 8, 6)) / 4}
    return {name: applied(lambda x: F.max_pool2d(x, 3, stride=2, padding=1), x, dtype)
            for name, x in inputs.items()}


def relu6(dtype):
    """At 0 and at 6 the gradient is 0; their neighbours in float32 stand beside them."""
    x = [-1.0, -0.0, 0.0, 2.0**-126, 3.0, 6.0 - 2.0**-21, 6.0, 6.0 + 2.0**-21, 7.0]
    return {"relu6": applied(F.relu6, torch.tensor(x), dtype)}


def cross_entropies(dtype):
    """Per pixel; 255 is void. Means over the valid pixels, with class weights over theirs."""
    logits = 3 * torch.randn(2, 5, 4, 3)
    logits[0, :, 0, 0] = torch.tensor([100.0, -100, 0, 50, 99])  # exp() of these would overflow
    labels = torch.randint(5, (2, 4, 3))
    labels[0, 1, :2] = labels[1, 2:] = 255
    weights = torch.tensor([0.2, 1.7, 0.5, 1.0, 3.0])
    z = variable(logits, dtype)
    found = dict(logits=logits, labels=labels, weights=weights)
    for name, w in (("", None), ("weighted_", weights.to(dtype))):
        loss = F.cross_entropy(z, labels, w, ignore_index=255)
        found[name + "loss"] = loss.detach()
        found[name + "dlogits"], = torch.autograd.grad(loss, z)
    each = F.cross_entropy(z, labels, ignore_index=255, reduction="none")
    found["image_losses"] = each.detach().sum(dim=(1, 2))
    found["valid"] = (labels != 255).sum(dim=(1, 2))
    found["right"] = (logits.argmax(dim=1) == labels).sum(dim=(1, 2))
    return {"cross_entropy": found}


def batch_norms(dtype):
    """Momentum 0.01; also of two values a channel, of which eps moves some and not others."""
    found = {}
    two = torch.tensor([1e-3, -5e-3, 0.02, 1]).reshape(4, 1, 1) * torch.randn(2, 4, 1, 1)
    for name, x in (("batch_norm", 1 + 2 * torch.randn(2, 4, 5, 3)), ("batch_norm_two", two)):
        gamma, beta = 0.5 + torch.rand(4), torch.randn(4)
        mean, variance = torch.randn(4), 0.5 + torch.rand(4)
        found[name] = dict(running_mean=mean, running_var=variance)
        for training in (True, False):
            m, v = mean.to(dtype, copy=True), variance.to(dtype, copy=True)
            result = applied(lambda x, gamma, beta: F.batch_norm(
                x, m, v, gamma, beta, training=training, momentum=0.01), x, dtype, gamma=gamma,
                beta=beta)
            shared = {k: result.pop(k) for k in ("x", "gamma", "beta")}
            found[name].update(shared)
            found[name].update({("train." if training else "eval.") + k: t
                                for k, t in result.items()})
            if training:
                found[name].update({"after.running_mean": m, "after.running_var": v})
    return found


def all_ops(dtype):
    """{"<op>.<tensor>": tensor}, of the same random inputs each time."""
    torch.manual_seed(1)
    found = {}
    for group in (resizes, convolutions, max_pools, relu6, cross_entropies, batch_norms):
        for op, tensors in group(dtype).items():
            found.update({f"{op}.{name}": t for name, t in tensors.items()})
    return found
