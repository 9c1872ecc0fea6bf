"""Train the detector of the sample store, for a given number of minutes, on a CPU.

Wants, in an environment of its own, beside this repository on the path: torch 2.13, numpy, opencv-python and
onnx. storeflow itself needs none of the first and last.

    python -m tools.train_detector.train --scenes 768 --minutes 25 --out /somewhere
    python -m tools.train_detector.export --checkpoint /somewhere/storeflow_nano.pt
"""

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tools.train_detector.augment import augment
from tools.train_detector.network import DISTANCE_UNIT, StoreflowNano
from tools.train_detector.scenes import CROWDS_PER_ROOM, FIRST_SEED, HEIGHT, WIDTH, LabelledImage, random_scenes
from tools.train_detector.targets import encode

BATCH = 16
SAY_EVERY = 50


def load_scenes(folder: Path, rooms: int) -> list[LabelledImage]:
    """Read the rooms drawn before from `folder`, and draw those that are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    samples: list[LabelledImage] = []
    for room in range(rooms):
        path = folder / f"room_{room:05d}.npz"
        if path.exists():
            stored = np.load(path)
            images, boxes, visible, counts = (stored[key] for key in ("images", "boxes", "visible", "counts"))
            edges = np.concatenate([[0], np.cumsum(counts)])
            samples.extend(
                LabelledImage(image, boxes[low:high], visible[low:high])
                for image, low, high in zip(images, edges[:-1], edges[1:], strict=True)
            )
            continue
        drawn = random_scenes(FIRST_SEED + room, CROWDS_PER_ROOM)
        np.savez(
            path,
            images=np.stack([sample.image for sample in drawn]),
            boxes=np.concatenate([sample.boxes for sample in drawn]),
            visible=np.concatenate([sample.visible for sample in drawn]),
            counts=np.array([len(sample.boxes) for sample in drawn]),
        )
        samples.extend(drawn)
    return samples


def _batch(samples: list[LabelledImage], indices: list[int], seed: int) -> tuple[Tensor, ...]:
    rng = np.random.default_rng(seed)
    changed = [augment(samples[index], rng) for index in indices]
    targets = [encode(sample.boxes, sample.visible, (WIDTH, HEIGHT)) for sample in changed]
    images = np.stack([sample.image for sample in changed]).transpose(0, 3, 1, 2)
    return (
        torch.from_numpy(np.ascontiguousarray(images)).float() / 255,
        torch.from_numpy(np.stack([target.centre for target in targets])),
        torch.from_numpy(np.stack([target.care for target in targets])),
        torch.from_numpy(np.stack([target.distances for target in targets])),
        torch.from_numpy(np.stack([target.weight for target in targets])),
    )


def batches(samples: list[LabelledImage], seed: int) -> Iterator[tuple[Tensor, ...]]:
    """Yield shuffled, augmented batches for ever, one being made while the last is used."""
    rng = np.random.default_rng(seed)

    def orders() -> Iterator[list[int]]:
        while True:
            order = rng.permutation(len(samples)).tolist()
            yield from (order[at : at + BATCH] for at in range(0, len(order) - BATCH + 1, BATCH))

    with ThreadPoolExecutor(1) as pool:
        pending = None
        for number, indices in enumerate(orders()):
            following = pool.submit(_batch, samples, indices, seed + number)
            if pending is not None:
                yield pending.result()
            pending = following


def loss_of(raw: Tensor, centre: Tensor, care: Tensor, distances: Tensor, weight: Tensor) -> Tensor:
    """Quality focal loss on the centres (Li and others, 2020; the bell is the quality) plus IoU and L1 on the boxes."""
    missing = (centre - torch.sigmoid(raw[:, 0])) ** 2
    entropy = functional.binary_cross_entropy_with_logits(raw[:, 0], centre, reduction="none")
    focal = 2.0 * (missing * entropy * care).sum() / (centre == 1).sum().clamp(min=1)

    predicted = raw[:, 1:] * DISTANCE_UNIT
    clipped = predicted.clamp(min=0)
    wide = torch.minimum(clipped[:, 0], distances[:, 0]) + torch.minimum(clipped[:, 2], distances[:, 2])
    tall = torch.minimum(clipped[:, 1], distances[:, 1]) + torch.minimum(clipped[:, 3], distances[:, 3])
    shared = wide.clamp(min=0) * tall.clamp(min=0)
    own = (clipped[:, 0] + clipped[:, 2]) * (clipped[:, 1] + clipped[:, 3])
    true = (distances[:, 0] + distances[:, 2]) * (distances[:, 1] + distances[:, 3])
    overlap = shared / (own + true - shared).clamp(min=1)
    # In body heights, as the counting rules measure; the foot (bottom) weighs most.
    tallness = (distances[:, 1] + distances[:, 3]).clamp(min=8)
    edges = torch.tensor([1.0, 1.0, 1.0, 2.5]).view(1, 4, 1, 1)
    missed = ((predicted - distances).abs() * edges).sum(1) / tallness
    boxes = ((1 - overlap + 2.0 * missed) * weight).sum() / weight.sum().clamp(min=1)
    return focal + boxes


def _average(slow: StoreflowNano, fast: StoreflowNano, keep: float) -> None:
    with torch.no_grad():
        for old, new in zip(slow.state_dict().values(), fast.state_dict().values(), strict=True):
            if old.dtype.is_floating_point:
                old.mul_(keep).add_(new, alpha=1 - keep)
            else:
                old.copy_(new)


def train(samples: list[LabelledImage], minutes: float, out: Path, seed: int, start: Path | None) -> None:
    """Train until the time is over; keep the running mean of the weights in `out/storeflow_nano.pt`."""
    torch.manual_seed(seed)
    network = StoreflowNano()
    if start is not None:
        network.load_state_dict(torch.load(start, weights_only=True))
    network = network.to(memory_format=torch.channels_last)
    slow = deepcopy(network)
    peak = 3e-3 if start is None else 2e-3
    optimiser = torch.optim.AdamW(network.parameters(), lr=peak, weight_decay=0.02)
    began, losses = time.monotonic(), []
    for step, (images, *targets) in enumerate(batches(samples, seed)):
        done = (time.monotonic() - began) / (60 * minutes)
        if done >= 1:
            break
        rate = peak * min(1.0, (step + 1) / 100) * (0.5 * (1 + np.cos(np.pi * done)) + 0.01)
        for group in optimiser.param_groups:
            group["lr"] = rate
        # Half the time on a CPU that multiplies bfloat16, and the loss itself stays in float32.
        with torch.autocast("cpu", torch.bfloat16):
            raw = network(images.to(memory_format=torch.channels_last))
        loss = loss_of(raw.float(), *targets)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        _average(slow, network, min(0.998, (1 + step) / (10 + step)))
        losses.append(float(loss))
        if step % SAY_EVERY == SAY_EVERY - 1:
            print(f"step {step + 1} done {done:.2f} loss {np.mean(losses[-SAY_EVERY:]):.3f}", flush=True)
            torch.save(slow.state_dict(), out / "storeflow_nano.pt")
    torch.save(slow.state_dict(), out / "storeflow_nano.pt")


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the drawn rooms and the checkpoint")
    parser.add_argument("--scenes", type=int, default=768, help="rooms to draw, eight crowds each")
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, default=None, help="a checkpoint to go on from")
    chosen = parser.parse_args()
    samples = load_scenes(chosen.out / "rooms", chosen.scenes)
    train(samples, chosen.minutes, chosen.out, chosen.seed, chosen.start)


if __name__ == "__main__":
    main()
