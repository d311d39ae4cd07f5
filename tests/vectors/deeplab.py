"""DeepLabv3 in PyTorch, on MobileNetV2 and on ResNet-50: what Saddle's are compared with.

Written from the papers (Chen et al., "Rethinking Atrous Convolution"; Sandler et al.,
"MobileNetV2"; He et al., "Deep Residual Learning") and a description of the network of the paper
"On the Duality Between Sharpness-Aware Minimization and Adversarial Training" (VainF's
DeepLabV3Plus-Pytorch), not from Saddle's C++. The state_dict of that network loads strictly and
gives the same logits to the last bit: MobileNetV2 with padding "before", width 1; ResNet-50 with
planes 64; 256 ASPP channels.

Points that are easy to get wrong:
  * the first block whose stride is replaced by dilation keeps the dilation from before;
  * padding "before" surrounds a block's INPUT by zeros, so that what a depthwise convolution sees
    at the border is relu6(shift of the expansion's batch-norm), and that ring enters the
    expansion's batch statistics; the stem is not padded at all. "inside" is torchvision's order:
    every 3x3 convolution pads for itself;
  * the pooled branch has a batch-norm of one value an image and a channel;
  * momentum is 0.01 in the backbone's batch-norms, 0.1 in the head's;
  * only the last convolution has a bias.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

MOBILENET_STAGES = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                    (6, 160, 3, 2), (6, 320, 1, 1)]  # expansion, outputs, blocks, stride
RESNET_STAGES = [(1, 3, 1), (2, 4, 2), (4, 6, 2), (8, 3, 2)]  # planes (times), blocks, stride


def conv(inputs, outputs, kernel=1, **options):
    return nn.Conv2d(inputs, outputs, kernel, bias=False, **options)


def unit(activation, inputs, outputs, kernel=1, **options):
    """Convolution, batch-norm, activation: 0, 1, 2 in the names."""
    return nn.Sequential(conv(inputs, outputs, kernel, **options), nn.BatchNorm2d(outputs),
                         activation())


def spread(stages, output_stride, stride):
    """(stage, stride of its first block, dilation of its first block, of its others) of each.

    Once `output_stride` is reached a stage's stride, its last number, multiplies the dilation
    instead: from its second block on, for the first still stands where a strided one would.
    """
    dilation = 1
    for stage in stages:
        before = dilation
        if stride == output_stride:
            dilation *= stage[-1]
            yield stage, 1, before, dilation
        else:
            stride *= stage[-1]
            yield stage, stage[-1], before, dilation


# ---------------------------------------------------------------- MobileNetV2

class InvertedResidual(nn.Module):
    """Expansion 1x1, depthwise 3x3, projection 1x1; the shortcut joins what the ring is not on."""

    def __init__(self, inputs, outputs, expansion, stride, dilation, padding):
        super().__init__()
        hidden = round(inputs * expansion)
        self.ring, inside = (dilation, 0) if padding == "before" else (0, dilation)
        layers = [unit(nn.ReLU6, inputs, hidden)] if expansion != 1 else []
        layers += [unit(nn.ReLU6, hidden, hidden, 3, stride=stride, dilation=dilation,
                        padding=inside, groups=hidden),
                   conv(hidden, outputs), nn.BatchNorm2d(outputs)]
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        y = self.conv(F.pad(x, [self.ring] * 4))
        return x + y if self.residual else y


def multiple_of_8(channels):
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


class MobileNetV2(nn.Module):
    """The stem and blocks 1 to 17; only the stem's width is rounded to a multiple of 8."""

    def __init__(self, width, output_stride, padding):
        super().__init__()
        if padding not in ("before", "inside"):
            raise ValueError(f"padding is {padding!r}; expected 'before' or 'inside'")
        channels = multiple_of_8(32 * width)
        layers = [unit(nn.ReLU6, 3, channels, 3, stride=2, padding=int(padding == "inside"))]
        for (expansion, outputs, blocks, _), stride, first, rest in spread(
                MOBILENET_STAGES, output_stride, stride=2):
            for block in range(blocks):
                layers.append(InvertedResidual(channels, int(outputs * width), expansion,
                                               1 if block else stride, rest if block else first,
                                               padding))
                channels = int(outputs * width)
        numbered = nn.Sequential(*layers)
        self.low_level_features = numbered[:4]
        self.high_level_features = numbered[4:]  # named 4 to 17, as in the whole
        self.channels = channels

    def forward(self, x):
        return self.high_level_features(self.low_level_features(x))


# ---------------------------------------------------------------- ResNet-50

class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 to four times the planes; the stride is the 3x3's."""

    def __init__(self, inputs, planes, stride, dilation):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, planes), nn.BatchNorm2d(planes)
        self.conv2 = conv(planes, planes, 3, stride=stride, dilation=dilation, padding=dilation)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = conv(planes, 4 * planes), nn.BatchNorm2d(4 * planes)
        self.relu1, self.relu2, self.relu3 = nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.downsample = None
        if stride != 1 or inputs != 4 * planes:
            self.downsample = nn.Sequential(conv(inputs, 4 * planes, stride=stride),
                                            nn.BatchNorm2d(4 * planes))

    def forward(self, x):
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.relu2(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu3(y + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    """Up to the fourth stage; `planes` (64) is the stem's width and the first stage's."""

    def __init__(self, planes, output_stride):
        super().__init__()
        self.conv1 = conv(3, planes, 7, stride=2, padding=3)
        self.bn1, self.relu = nn.BatchNorm2d(planes), nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = planes
        for number, ((times, blocks, _), stride, first, rest) in enumerate(
                spread(RESNET_STAGES, output_stride, stride=4), start=1):
            layer = []
            for block in range(blocks):
                layer.append(Bottleneck(channels, times * planes, 1 if block else stride,
                                        rest if block else first))
                channels = 4 * times * planes
            setattr(self, f"layer{number}", nn.Sequential(*layer))
        self.channels = channels

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


# ---------------------------------------------------------------- head and whole

class Aspp(nn.Module):
    """Atrous spatial pyramid pooling: a 1x1, three dilated 3x3, the global mean; then 1x1."""

    def __init__(self, inputs, channels, rates, dropout):
        super().__init__()
        self.convs = nn.ModuleList(
            [unit(nn.ReLU, inputs, channels)] +
            [unit(nn.ReLU, inputs, channels, 3, padding=rate, dilation=rate) for rate in rates] +
            [nn.Sequential(nn.AdaptiveAvgPool2d(1), *unit(nn.ReLU, inputs, channels))])
        self.project = unit(nn.ReLU, 5 * channels, channels).append(nn.Dropout(dropout))

    def forward(self, x):
        branches = [branch(x) for branch in self.convs]
        branches[-1] = F.interpolate(branches[-1], x.shape[2:], mode="bilinear")
        return self.project(torch.cat(branches, dim=1))


class Head(nn.Module):
    def __init__(self, inputs, channels, rates, dropout, classes):
        super().__init__()
        self.classifier = nn.Sequential(
            Aspp(inputs, channels, rates, dropout),
            *unit(nn.ReLU, channels, channels, 3, padding=1),
            nn.Conv2d(channels, classes, 1))

    def forward(self, x):
        return self.classifier(x)


class DeepLab(nn.Module):
    """Normalised images [N, 3, H, W] -> logits [N, classes, H, W]."""

    def __init__(self, backbone, classes, aspp_channels, rates, dropout):
        super().__init__()
        self.backbone = backbone
        self.classifier = Head(backbone.channels, aspp_channels, rates, dropout, classes)
        for module in backbone.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 0.01

    def features(self, x):
        """The logits before they are resized."""
        return self.classifier(self.backbone(x))

    def forward(self, x):
        return F.interpolate(self.features(x), x.shape[2:], mode="bilinear")


def deeplab_mobilenetv2(classes, output_stride=16, width=1.0, aspp_channels=256, rates=(6, 12, 18),
                        padding="before", dropout=0.1):
    return DeepLab(MobileNetV2(width, output_stride, padding), classes, aspp_channels, rates,
                   dropout)


def deeplab_resnet50(classes, output_stride=16, planes=64, aspp_channels=256, rates=(6, 12, 18),
                     dropout=0.1):
    return DeepLab(ResNet50(planes, output_stride), classes, aspp_channels, rates, dropout)
