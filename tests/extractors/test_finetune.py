"""Fine-tuned extractors: features of the trained network, for the training patients' labels only."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from classifiers.cnn import Cnn
from extractors.cells import Cell
from extractors.finetune import Finetune

QUICK: dict[str, Any] = {"size": 32, "epochs": 2, "random_state": 0}


def cells(n: int, *, seed: int = 0) -> tuple[list[Cell], np.ndarray, np.ndarray]:
    """Noise of two correlation lengths, four cells per patient."""
    rng = np.random.default_rng(seed)
    groups = np.arange(n) // 4
    y = np.where(groups % 2, "coarse", "fine")
    images = [rng.integers(60, 200, (8, 8, 3) if label == "coarse" else (32, 32, 3)) for label in y]
    full = [np.kron(image, np.ones((32 // len(image), 32 // len(image), 1))) for image in images]
    mask = np.ones((32, 32), dtype=bool)
    return [Cell(f"{i}", image.astype(np.uint8), mask) for i, image in enumerate(full)], y, groups


def test_features_are_those_that_enter_the_head() -> None:
    """The head is linear: its weights on the features give the logits of the classifier with the same seed."""
    images, y, groups = cells(32)
    extractor = Finetune(backbone="small", **QUICK).fit(images, y, groups)
    classifier = Cnn(arch="small", **QUICK).fit(images, y, groups)
    features = extractor.transform(images)
    assert features.dtype == np.float32
    assert features.shape == (32, 128) == (32, len(extractor.get_feature_names_out()))
    weights = classifier.weights_
    names = [name for name in weights if name.startswith("head.") and weights[name].ndim == 2]
    (linear,) = names
    logits = features @ weights[linear].T + weights[linear.replace("weight", "bias")]
    np.testing.assert_allclose(logits, classifier.network_.logits(images, classifier.views(), threads=1), atol=1e-4)


def test_fine_tuning_uses_the_labels() -> None:
    images, y, groups = cells(48)
    unseen, truth, _ = cells(32, seed=1)
    trained = Finetune(backbone="small", **{**QUICK, "epochs": 10}).fit(images, y, groups)
    score = LogisticRegression().fit(trained.transform(images), y).score(trained.transform(unseen), truth)
    assert score > 0.9
    swapped = clone(trained).fit(images, np.where(y == "fine", "coarse", "fine"), groups)
    assert not np.allclose(trained.transform(unseen), swapped.transform(unseen))


def test_equal_fits_give_equal_features_and_keep_the_global_generator() -> None:
    images, y, groups = cells(16)
    torch.manual_seed(1)
    first = Finetune(backbone="small", **QUICK).fit(images, y, groups)
    state = torch.get_rng_state()
    second = clone(first).fit(images, y, groups)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(first.transform(images), second.transform(images))
    copy = pickle.loads(pickle.dumps(first))  # noqa: S301 - ours
    assert np.array_equal(copy.transform(images), first.transform(images))
    assert first.transform([]).shape == (0, 128)


def test_views_are_averaged() -> None:
    images, y, groups = cells(16)
    fitted = Finetune(backbone="small", **QUICK, tta="dihedral").fit(images, y, groups)
    turned = [Cell(cell.id, np.ascontiguousarray(np.rot90(cell.image)), cell.mask) for cell in images]
    np.testing.assert_allclose(fitted.transform(images), fitted.transform(turned), rtol=1e-4, atol=1e-5)


def test_it_is_fitted_in_every_fold() -> None:
    assert Finetune().__sklearn_tags__().requires_fit


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"inner": "in-fold"}, "inner=in-fold is not known; it is one of out-of-fold, holdout, naive"),
        ({"backbone": "resnet81"}, "there is no timm or torchvision model 'resnet81'"),
        ({"epochs": 0}, "epochs=0 is not valid"),
        ({"view": "cell"}, "view=cell is not known"),
    ],
)
def test_invalid_parameters_raise(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Finetune(**{**QUICK, **parameters}).validate_parameters()
