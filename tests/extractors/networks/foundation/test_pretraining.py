from __future__ import annotations

import pytest

from extractors.networks.foundation.pretraining import seen_in_pretraining


@pytest.mark.parametrize("reader", ["aml_lmu", "bone_marrow_mll", "aml_hehr", "raabin", "bccd", "blood_cells"])
@pytest.mark.parametrize(
    "network", ["dinobloom_s", "dinobloom_g.1aurent", "hf-hub:1aurent/vit_base_patch14_224.dinobloom"]
)
def test_dinobloom_was_trained_on_these_sets(network: str, reader: str) -> None:
    assert seen_in_pretraining(network, reader)


@pytest.mark.parametrize("reader", ["cnmc", "acevedo", "medmnist", "phantom", "folder"])
def test_dinobloom_was_not_trained_on_c_nmc_and_acevedo(reader: str) -> None:
    assert not seen_in_pretraining("dinobloom_b", reader)


def test_other_networks_have_not_seen_cells() -> None:
    assert not seen_in_pretraining("dinov2_b.lvd142m", "aml_lmu")
    assert not seen_in_pretraining("resnet50.a1_in1k", "aml_lmu")


def test_of_two_datasets_the_held_out_one_counts() -> None:
    assert seen_in_pretraining("dinobloom_b", "cnmc+aml_lmu")
    assert not seen_in_pretraining("dinobloom_b", "aml_lmu+cnmc")


def test_one_of_several_joined_networks_is_enough() -> None:
    assert seen_in_pretraining("resnet50.a1_in1k+dinobloom_s.1aurent", "aml_lmu")
