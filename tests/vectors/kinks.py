"""How far a run of a network with ReLU6 and max-pools stays from kinks, in units of rounding.

make_vectors.py says what kinks are. Here they are those of ReLU at 0, of ReLU6 at 0 and 6, and of
the max-pool where two pixels of a window are nearly equal. Deep networks round unlike in unlike
layers, so the distance is measured in each layer's own rounding: the largest difference, in that
layer, of a float32 run from the float64 one.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

LAYOUTS = torch.contiguous_format, torch.channels_last


def gap_of_two_largest(values):
    first, second = values.topk(2, dim=-1).values.unbind(-1)
    return first - second


def pool_gaps(x):
    """Of the max-pool's windows; far from 0 where a ReLU has made all of a window 0."""
    windows = F.pad(x, [1] * 4, value=-1.0).unfold(2, 3, 2).unfold(3, 3, 2).flatten(-2)
    return torch.where(windows.amax(-1) > 0, gap_of_two_largest(windows), 1.0)


class Decisions:
    """Inside `with Decisions(model) as made`, made.list collects what the layers decide on.

    Of each layer (values, kinks): rounding that moves a value over a kink makes it another run.
    """

    def __init__(self, model):
        self.layers = [m for m in model.modules()
                       if isinstance(m, (nn.ReLU, nn.ReLU6, nn.MaxPool2d))]
        self.list = []

    def watch(self, layer, inputs):
        x = inputs[0].detach()
        if isinstance(layer, nn.MaxPool2d):
            self.list.append((pool_gaps(x), [0]))
        else:
            self.list.append((x, [0, 6] if isinstance(layer, nn.ReLU6) else [0]))

    def __enter__(self):
        self.hooks = [layer.register_forward_pre_hook(self.watch) for layer in self.layers]
        return self

    def __exit__(self, *_):
        for hook in self.hooks:
            hook.remove()


def distance_in_roundings(exact, rounded):
    """From kinks, the smallest of all layers: below 1 rounding may have crossed one."""
    smallest = float("inf")
    for (values, kinks), (others, _) in zip(exact, rounded):
        rounding = max((others.double() - values).abs().max().item(), 1e-30)
        smallest = min([smallest] + [(values - kink).abs().min().item() / rounding
                                     for kink in kinks])
    return smallest


def margin(run, enough=0.0):
    """Of run(dtype, layout) -> (tensors, decisions); some smaller one, sooner, if not enough."""
    _, exact = run(torch.float64, LAYOUTS[0])
    smallest = float("inf")
    for layout in LAYOUTS:
        smallest = min(smallest, distance_in_roundings(exact, run(torch.float32, layout)[1]))
        if smallest < enough:
            break
    return smallest
