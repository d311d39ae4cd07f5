"""WideResNet in PyTorch, written from the description (Zagoruyko and Komodakis, "Wide Residual
Networks"; tensor names as in TRADES' wideresnet.py), not from Saddle's C++.
"""

import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.equal = inputs == outputs
        if not self.equal:
            self.convShortcut = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, x):
        a = F.relu(self.bn1(x))
        shortcut = x if self.equal else self.convShortcut(a)
        return shortcut + self.conv2(F.relu(self.bn2(self.conv1(a))))


class Group(nn.Module):
    def __init__(self, blocks, inputs, outputs, stride):
        super().__init__()
        self.layer = nn.Sequential(*[
            Block(outputs if i else inputs, outputs, 1 if i else stride) for i in range(blocks)])

    def forward(self, x):
        return self.layer(x)


class WideResNet(nn.Module):
    def __init__(self, depth, stem, widen_factor, in_channels, classes):
        super().__init__()
        blocks = (depth - 4) // 6
        w = stem * widen_factor
        self.conv1 = nn.Conv2d(in_channels, stem, 3, padding=1, bias=False)
        self.block1 = Group(blocks, stem, w, 1)
        self.block2 = Group(blocks, w, 2 * w, 2)
        self.block3 = Group(blocks, 2 * w, 4 * w, 2)
        self.bn1 = nn.BatchNorm2d(4 * w)
        self.fc = nn.Linear(4 * w, classes)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(F.relu(self.bn1(x)).mean(dim=(2, 3)))
