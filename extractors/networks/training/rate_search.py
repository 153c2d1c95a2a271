"""The learning-rate finder on the training batches of a stage.

Imports torch, so this module is imported only where a network is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import torch

from extractors.networks.training.finder import RateCurve, find_rate
from extractors.networks.training.image_batches import Batch, ImageBatches
from extractors.networks.training.optimisers import set_rates
from extractors.networks.training.settings import Settings


def search_rate(
    network: torch.nn.Module,
    batches: ImageBatches,
    start: Callable[[], torch.optim.Optimizer],
    settings: Settings,
    *,
    n_groups: int,
    device: str,
) -> RateCurve:
    """Measure the loss of training steps over increasing rates; the network is restored afterwards.

    Parameters
    ----------
    network : torch.nn.Module
        Normalised images to logits.
    batches : ImageBatches
        Of the training part; the epochs of the search are counted from 0 and repeated by the training.
    start : callable
        Returns a new optimiser of the network.
    settings : Settings
    n_groups : int
        Number of layer groups; all have the same rate in the search.
    device : {"cpu", "cuda"}
    """
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network.to(device).train()
    optimiser, stream = start(), _endless(batches)

    def loss_at(rate: float) -> float:
        images, targets, weights = (tensor.to(device) for tensor in next(stream))
        set_rates(optimiser, [rate] * n_groups, settings.momentum)
        optimiser.zero_grad()
        losses = settings.loss.per_cell(network(images), targets, label_smoothing=settings.label_smoothing)
        loss = (losses * weights).sum() / weights.sum()
        loss.backward()  # type: ignore[no-untyped-call]  # of torch
        optimiser.step()
        return loss.item()

    curve = find_rate(loss_at)
    stream.close()
    network.to("cpu").load_state_dict(before)
    return curve


def _endless(batches: ImageBatches) -> Generator[Batch]:
    """Yield the batches of one epoch after another."""
    epoch = 0
    while True:
        batches.set_epoch(epoch)
        yield from batches
        epoch += 1
