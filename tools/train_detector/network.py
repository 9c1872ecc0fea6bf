"""The detector's network: convolutions and ReLU only, one map at a quarter of the input's size."""

import torch
from torch import Tensor, nn
from torch.nn import functional

# The distances leave the last layer in units of this many pixels, so that its weights stay near one.
DISTANCE_UNIT = 16.0


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):  # type: ignore[misc]  # torch is not installed where mypy runs
    """Two convolutions added to what they were given."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, rows, columns) to the same shape."""
        return functional.relu(x + self.second(self.first(x)))


class StoreflowNano(nn.Module):  # type: ignore[misc]  # torch is not installed where mypy runs
    """A pyramid that goes down to 1/32 of the picture and back up to 1/4."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 16, stride=2), _conv(16, 28, stride=2))
        self.level8 = nn.Sequential(_conv(28, 48, stride=2), Residual(48), Residual(48))
        self.level16 = nn.Sequential(_conv(48, 88, stride=2), Residual(88))
        self.level32 = nn.Sequential(_conv(88, 112, stride=2), Residual(112))
        self.up16 = nn.Conv2d(112, 88, 1)
        self.merge16 = _conv(88, 48, 1)
        self.side8 = nn.Conv2d(48, 48, 1)
        self.merge8 = _conv(48, 48)
        self.up4 = nn.Conv2d(48, 32, 1)
        self.side4 = nn.Conv2d(28, 32, 1)
        self.merge4 = _conv(32, 32)
        self.head = nn.Conv2d(32, 5, 1)
        nn.init.constant_(self.head.bias, 1.0)
        nn.init.constant_(self.head.bias[:1], -4.0)

    def forward(self, image: Tensor) -> Tensor:
        """Map RGB in 0..1, shape (n, 3, h, w), to raw maps (n, 5, h/4, w/4): a logit and four distances."""
        level4 = self.stem(image)
        level8 = self.level8(level4)
        level16 = self.level16(level8)
        level32 = self.level32(level16)
        deep = functional.relu(level16 + _double(self.up16(level32)))
        middle = self.merge8(functional.relu(self.side8(level8) + _double(self.merge16(deep))))
        fine = self.merge4(functional.relu(self.side4(level4) + _double(self.up4(middle))))
        return self.head(fine)


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class CentreMap(nn.Module):  # type: ignore[misc]  # torch is not installed where mypy runs
    """The exported graph: the network, the sigmoid, and the peaks alone in the centre's channel."""

    def __init__(self, network: StoreflowNano) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Map RGB in 0..1, shape (1, 3, 256, 448), to `maps` (1, 5, 64, 112)."""
        raw = self.network(image)
        centre = torch.sigmoid(raw[:, :1])
        highest = functional.max_pool2d(centre, 3, 1, 1)
        peaks = centre * (centre >= highest).to(centre.dtype)
        distances = raw[:, 1:] * DISTANCE_UNIT
        return torch.cat([peaks, distances], dim=1)
