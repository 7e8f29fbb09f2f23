"""The domain tag generator: ResNet-50 with three classes, names as in torchvision, which is not needed."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CLASSES = 3
BLOCKS = (3, 4, 6, 3)
EXPANSION = 4


class Bottleneck(nn.Module):
    """1x1, 3x3 (which carries the stride), 1x1, and a shortcut."""

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        out = width * EXPANSION
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels_in != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels_in, h, w) to (B, 4 * width, h / stride, w / stride)."""
        shortcut = features if self.downsample is None else self.downsample(features)
        hidden = functional.relu(self.bn1(self.conv1(features)))
        hidden = functional.relu(self.bn2(self.conv2(hidden)))
        return functional.relu(self.bn3(self.conv3(hidden)) + shortcut)


class DtgNetwork(nn.Module):
    """Pixels (B, 3, 224, 224), ImageNet-normalised, to logits (B, 3): AIGC editing, DeepFake, Photoshop."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        for number, blocks in enumerate(BLOCKS, start=1):
            width, stride = 32 * 2**number, 1 if number == 1 else 2
            layer = [Bottleneck(channels, width, stride)]
            channels = width * EXPANSION
            layer += [Bottleneck(channels, width, 1) for _ in range(blocks - 1)]
            self.add_module(f"layer{number}", nn.Sequential(*layer))
        self.fc = nn.Linear(channels, CLASSES)

    def forward(self, planes: Tensor) -> Tensor:
        """Logits (B, 3)."""
        hidden = functional.relu(self.bn1(self.conv1(planes)))
        hidden = functional.max_pool2d(hidden, 3, 2, padding=1)
        for number in range(1, len(BLOCKS) + 1):
            hidden = self.get_submodule(f"layer{number}")(hidden)
        return self.fc(torch.flatten(functional.adaptive_avg_pool2d(hidden, 1), 1))
