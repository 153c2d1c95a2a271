"""A plain timm loop over image files, as a user would write it: what the embeddings are raced against."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_model_data_config
from torch.utils.data import DataLoader, Dataset


class Files(Dataset[torch.Tensor]):
    """Image files through a transform."""

    def __init__(self, paths: Sequence[str], transform: Any) -> None:
        self.paths, self.transform = paths, transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self.paths[index]) as image:
            shown: torch.Tensor = self.transform(image.convert("RGB"))
        return shown


@dataclass(frozen=True)
class Loop:
    """How the loop is run."""

    batch: int
    workers: int

    def __str__(self) -> str:
        return f"batch {self.batch}, {self.workers} workers"


class Eager:
    """A timm model with weights from a file, on a device; bf16 by autocast on a GPU."""

    def __init__(self, model: str, weights: Path, device: str) -> None:
        self.network = timm.create_model(model, checkpoint_path=str(weights))
        self.network.reset_classifier(0)
        self.network.eval().to(device)
        self.device = device
        self.transform = create_transform(**resolve_model_data_config(self.network), is_training=False)

    def run(self, paths: Sequence[str], loop: Loop) -> tuple[npt.NDArray[np.float32], float]:
        """The features, and images a second; the start of the workers, the first batch, does not count."""
        loader = DataLoader(Files(paths, self.transform), batch_size=loop.batch, num_workers=loop.workers)
        autocast = torch.autocast("cuda", torch.bfloat16) if self.device == "cuda" else nullcontext()
        rows, start, counted = [], time.perf_counter(), 0
        with torch.inference_mode(), autocast:
            for number, images in enumerate(loader):
                rows.append(self.network(images.to(self.device)).float().cpu().numpy())
                if number == 0 and loop.workers:
                    start = time.perf_counter()
                else:
                    counted += len(images)
        return np.concatenate(rows), counted / (time.perf_counter() - start)
