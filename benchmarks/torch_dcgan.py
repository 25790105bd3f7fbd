"""The DCGAN of PyTorch's tutorial, for colour images of 64×64 pixels. This module does not import TensorFlow.

As pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html has it: its networks, initial weights, loss, optimizers and
batch size, and samples of the newest weights. time_to_quality.py runs it as a process of its own (see described.py).
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

LATENT_DIM, WIDTH, BATCH_SIZE = 100, 64, 128
RATE, BETAS = 2e-4, (0.5, 0.999)
SIDE, CHANNELS = 64, 3


def generator():
    """z (n, 100, 1, 1) to images in [-1, 1], (n, 3, 64, 64)."""
    layers, width = [nn.ConvTranspose2d(LATENT_DIM, 8 * WIDTH, 4, 1, 0, bias=False)], 8 * WIDTH
    for _ in range(3):
        layers += [nn.BatchNorm2d(width), nn.ReLU(True)]
        layers += [nn.ConvTranspose2d(width, width // 2, 4, 2, 1, bias=False)]
        width //= 2
    layers += [nn.BatchNorm2d(width), nn.ReLU(True), nn.ConvTranspose2d(width, CHANNELS, 4, 2, 1, bias=False)]
    return nn.Sequential(*layers, nn.Tanh())


def discriminator():
    """Images (n, 3, 64, 64) to logits (n, 1, 1, 1). The tutorial has a sigmoid here, and a loss of probabilities."""
    layers, width = [nn.Conv2d(CHANNELS, WIDTH, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)], WIDTH
    for _ in range(3):
        layers += [nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2, True)]
        width *= 2
    return nn.Sequential(*layers, nn.Conv2d(width, 1, 4, 1, 0, bias=False))


def _initialise(module):
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


class Tutorial:
    """A model and its training.

    Args:
        images: uint8 (n, 64, 64, 3).
        seed: seed of the weights, the noise and the order.
        bfloat16: whether to compute in bfloat16 where PyTorch's autocast does.
    """

    def __init__(self, images: np.ndarray, seed: int, bfloat16: bool):
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        torch.manual_seed(seed)
        self.images, self.bfloat16 = torch.from_numpy(images), bfloat16
        pair = (network().apply(_initialise) for network in (generator, discriminator))
        self.generator, self.discriminator = (network.to(memory_format=torch.channels_last) for network in pair)
        networks = self.generator, self.discriminator
        self.g_adam, self.d_adam = (torch.optim.Adam(each.parameters(), RATE, BETAS) for each in networks)
        self.loss = nn.BCEWithLogitsLoss()
        self.seconds, self.seen, self.order = 0.0, 0, torch.empty(0, dtype=torch.int64)

    def _batch(self):
        if not len(self.order):
            self.order = torch.randperm(len(self.images))
        rows, self.order = self.order[:BATCH_SIZE], self.order[BATCH_SIZE:]  # the last batch of an epoch may be smaller
        batch = self.images[rows].permute(0, 3, 1, 2).to(memory_format=torch.channels_last)
        return batch.float() / 127.5 - 1

    def _step(self):
        real = self._batch()
        z = torch.randn(len(real), LATENT_DIM, 1, 1)
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            fake = self.generator(z)
            of_real = self.discriminator(real).flatten().float()
            of_fake = self.discriminator(fake.detach()).flatten().float()
        self.d_adam.zero_grad()
        (self.loss(of_real, ones) + self.loss(of_fake, zeros)).backward()
        self.d_adam.step()
        self.g_adam.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            answer = self.discriminator(fake).flatten().float()
        self.loss(answer, ones).backward()
        self.g_adam.step()
        self.seen += len(real)

    def train(self, until_s: float) -> tuple[float, int]:
        """Trains until it has been trained for this time; returns the seconds and the number of images."""
        start = time.perf_counter() - self.seconds
        while self.seconds < until_s:
            self._step()
            self.seconds = time.perf_counter() - start
        return self.seconds, self.seen

    def sample(self, count: int) -> np.ndarray:
        """Images uint8 (count, 64, 64, 3), with the statistics of batches, as the tutorial samples."""
        noise = torch.randn(count, LATENT_DIM, 1, 1, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            images = torch.cat([self.generator(z) for z in noise.split(BATCH_SIZE)])
        levels = ((images + 1) * 127.5).round().clamp(0, 255).byte()
        return levels.permute(0, 2, 3, 1).contiguous().numpy()


def main(folder: Path, seed: str, bfloat16: str):
    """Trains on images.npy of a folder. A line of standard input is a time in seconds and a number of samples.

    The answer is a line with the seconds and the number of images so far; the samples are then in samples.npy.
    """
    model = Tutorial(np.load(folder / "images.npy"), int(seed), bfloat16 == "bfloat16")
    for line in sys.stdin:
        until_s, count = line.split()
        done = model.train(float(until_s))
        np.save(folder / "samples.npy", model.sample(int(count)))
        print(*done, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
