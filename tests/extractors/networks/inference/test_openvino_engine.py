from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
import torch

from extractors.networks.backbones.backbone import BackboneSpec, load_backbone
from extractors.networks.inference.openvino_engine import AHEAD, OpenVINOEngine
from extractors.networks.inference.openvino_runtime import has_native_bf16
from extractors.networks.inference.select_engine import open_engine

Images = npt.NDArray[np.uint8]
Features = npt.NDArray[np.float32]


def computed(spec: BackboneSpec, images: Images, *, threads: int = 1, precision: str = "f32") -> Features:
    engine = open_engine(spec, engine="openvino", threads=threads, precision=precision)
    assert isinstance(engine, OpenVINOEngine)
    return np.stack(list(engine.features(images)))


def relative_error(features: Features, expected: Features) -> float:
    return float(np.abs(features - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize(
    "spec",
    [
        BackboneSpec("test_vit", weights="random", pool="cls"),
        BackboneSpec("test_resnet", weights="random", pool="avg+max"),
        BackboneSpec("test_convnext", weights="random", layer=1, size=96),
        BackboneSpec("squeezenet1_1", weights="random", size=64),
    ],
    ids=lambda spec: spec.model,
)
def test_features_equal_torch(spec: BackboneSpec) -> None:
    backbone = load_backbone(spec)
    images = np.random.default_rng(2).integers(0, 256, (3, *backbone.transform.size, 3), dtype=np.uint8)
    with torch.inference_mode():
        expected = backbone.module(torch.from_numpy(images)).numpy()
    features = computed(spec, images)
    assert features.shape == (3, backbone.width)
    assert relative_error(features, expected) < 1e-4


def test_features_depend_on_the_image_alone(spec: BackboneSpec, images: Images) -> None:
    features = computed(spec, images)
    assert np.array_equal(computed(spec, images, threads=2), features)
    assert np.array_equal(computed(spec, images, threads=3), features)
    assert np.array_equal(np.concatenate([computed(spec, images[i : i + 1]) for i in range(7)]), features)
    assert np.array_equal(computed(spec, images[::-1])[::-1], features)
    assert len(np.unique(features[:, 0])) == 7


def test_bf16_is_close_and_adds_a_notice_if_emulated(spec: BackboneSpec, images: Images) -> None:
    exact, rough = computed(spec, images), computed(spec, images, precision="bf16")
    assert 1e-6 < relative_error(rough, exact) < 5e-2
    notices = open_engine(spec, engine="openvino", precision="bf16").notices
    assert len(notices) == (0 if has_native_bf16() else 1)
    assert all("precision=bf16: this CPU has no bf16 instructions" in notice for notice in notices)


def test_images_are_consumed_lazily(spec: BackboneSpec, images: Images) -> None:
    consumed = []

    def one_by_one() -> Iterator[Images]:
        for index in range(40):
            consumed.append(index)
            yield images[index % 7]

    rows = open_engine(spec, engine="openvino", threads=2).features(one_by_one())
    next(rows)
    assert len(consumed) == 2 * AHEAD + 1
    rows.close()
    assert len(consumed) == 2 * AHEAD + 1


def test_an_engine_is_usable_after_a_failed_image(spec: BackboneSpec, images: Images) -> None:
    def broken() -> Iterator[Images]:
        yield from images[:3]
        raise ValueError("cell c3: not an image")

    engine = open_engine(spec, engine="openvino")
    with pytest.raises(ValueError, match="cell c3: not an image"):
        list(engine.features(broken()))
    assert np.array_equal(np.stack(list(engine.features(images))), computed(spec, images))


def test_no_images_give_no_rows(spec: BackboneSpec) -> None:
    assert list(open_engine(spec).features([])) == []
