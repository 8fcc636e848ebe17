"""A NAFNet with the public names, written out plainly, to compare ours with."""

import torch
from torch import Tensor, nn


class Norm(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, 1, correction=0, keepdim=True)
        normal = (x - mean) / (variance + 1e-6).sqrt()
        return self.weight[:, None, None] * normal + self.bias[:, None, None]


class Block(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = Norm(c), Norm(c)
        self.conv1, self.conv4 = nn.Conv2d(c, 2 * c, 1), nn.Conv2d(c, 2 * c, 1)
        self.conv2 = nn.Conv2d(2 * c, 2 * c, 3, padding=1, groups=2 * c)
        self.conv3, self.conv5 = nn.Conv2d(c, c, 1), nn.Conv2d(c, c, 1)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, c, 1))
        self.beta = nn.Parameter(torch.zeros(1, c, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, c, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.conv2(self.conv1(self.norm1(x))).chunk(2, 1)
        y = x + self.beta * self.conv3(a * b * self.sca(a * b))
        a, b = self.conv4(self.norm2(y)).chunk(2, 1)
        return y + self.gamma * self.conv5(a * b)


class Public(nn.Module):
    """A NAFNet with the public names, written out plainly."""

    def __init__(self) -> None:
        super().__init__()

        def row(count: int, c: int) -> nn.Sequential:
            return nn.Sequential(*(Block(c) for _ in range(count)))

        self.intro, self.ending = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 3, 3, padding=1)
        self.encoders = nn.ModuleList([row(1, 4), row(2, 8)])
        self.downs = nn.ModuleList([nn.Conv2d(4, 8, 2, 2), nn.Conv2d(8, 16, 2, 2)])
        self.middle_blks = row(2, 16)
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(c, 2 * c, 1, bias=False), nn.PixelShuffle(2)) for c in (16, 8)
        )
        self.decoders = nn.ModuleList([row(2, 8), row(1, 4)])

    def forward(self, picture: Tensor) -> Tensor:
        x, skips = self.intro(picture), []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            skips.append(encoder(x))
            x = down(skips[-1])
        x = self.middle_blks(x)
        for up, decoder in zip(self.ups, self.decoders, strict=True):
            x = decoder(up(x) + skips.pop())
        return self.ending(x) + picture
