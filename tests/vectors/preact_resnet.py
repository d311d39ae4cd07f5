"""PreActResNet in PyTorch: the independent model that Saddle's networks are compared with.

Written from the published description of the network (He et al., "Identity Mappings in Deep
Residual Networks"; tensor names as in the reference code of the paper "On the Duality Between
Sharpness-Aware Minimization and Adversarial Training"), not from Saddle's C++, so that an error has
to be made twice to hide.

Two points that are easy to get wrong, and that the stored vectors would show:
  * a convolutional shortcut reads the ACTIVATED input relu(bn1(x)), the identity one the raw x;
  * the stem is a bare convolution: its batch-norm is the first block's bn1.

The network takes normalised images. Normalisation, (x - mean) / std, is the caller's, because
attacks move in pixel space [0, 1] and must never see normalised values.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

BLOCKS_PER_STAGE = {"preact_resnet18": 2, "preact_resnet10": 1}


class PreActBlock(nn.Module):
    """x -> conv2(relu(bn2(conv1(a)))) + shortcut, where a = relu(bn1(x))."""

    def __init__(self, in_channels, channels, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=1, padding=1, bias=False)
        if stride != 1 or in_channels != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False))

    def forward(self, x):
        # In-place ReLU is safe: batch-norm's gradient needs its input, not its output.
        a = F.relu(self.bn1(x), inplace=True)
        shortcut = self.shortcut(a) if hasattr(self, "shortcut") else x
        y = self.conv1(a)
        y = self.conv2(F.relu(self.bn2(y), inplace=True))
        return y + shortcut


class PreActResNet(nn.Module):
    """Stages of width w, 2w, 4w, 8w, strides 1, 2, 2, 2; [N, C, H, W] -> logits [N, classes]."""

    def __init__(self, blocks_per_stage, width=64, in_channels=3, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride=1, padding=1, bias=False)
        channels = width
        for stage in range(4):
            blocks = []
            for block in range(blocks_per_stage):
                stride = 2 if stage > 0 and block == 0 else 1
                out_channels = width << stage
                blocks.append(PreActBlock(channels, out_channels, stride))
                channels = out_channels
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.bn = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels, classes)

    def forward(self, x):
        x = self.conv1(x)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        x = F.relu(self.bn(x), inplace=True)
        # Global mean: the original's fixed 4 x 4 pool wherever the last stage is 4 x 4 (28 or 32
        # pixels).
        return self.linear(x.mean(dim=(2, 3)))


def build(name, width=64, in_channels=3, classes=10):
    """The network called `name` in Saddle; ValueError for a name that is not a PreActResNet."""
    if name not in BLOCKS_PER_STAGE:
        raise ValueError(f"unknown model {name!r}; expected one of {sorted(BLOCKS_PER_STAGE)}")
    return PreActResNet(BLOCKS_PER_STAGE[name], width, in_channels, classes)


class Normalised(nn.Module):
    """Pixels in [0, 1] -> logits: the function that an attack sees. mean, std: [C]."""

    def __init__(self, network, mean, std):
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.as_tensor(mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.as_tensor(std).reshape(1, -1, 1, 1))

    def forward(self, pixels):
        return self.network((pixels - self.mean) / self.std)
