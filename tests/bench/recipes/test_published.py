"""Recipes against a table that was typed by hand from the sources, and the figures that they call calculated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from bench.plugins.plugin import Plugin
from bench.plugins.registry import classifier, extractor
from bench.recipes.catalogue import installed_recipes, recipes_of
from bench.recipes.recipe import Recipe
from extractors.networks.training.augmentation.flips import Flips
from extractors.networks.training.augmentation.rotate import Rotate
from extractors.networks.training.augmentation.turns import Turns
from extractors.networks.training.heads import Fastai, Mlp
from extractors.networks.training.learning_rates import group_rates, uses_finder
from extractors.networks.training.network_estimator import NetworkEstimator
from extractors.networks.training.schedules import OneCycle

ALL, HEM = 7272, 3389
"""Training cells of C-NMC."""

TRAINING = ALL + HEM
DOUBLED = ALL + 2 * HEM
"""Cells of C-NMC with a copy of each HEM cell."""

TEST_ALL, TEST_HEM = 1219, 648
"""Cells of the 28 patients of the preliminary phase."""


@dataclass(frozen=True)
class Network:
    """Architecture and training of a network; rates of three layer groups from the input to the head."""

    arch: str
    stages: str
    rates: tuple[float, float, float] | None
    optimiser: str = "adam"
    batch: int = 32
    size: int | str = "default"
    balance: str = "none"
    select: str = "last"


def same(rate: float) -> tuple[float, float, float]:
    return (rate, rate, rate)


FASTAI_RATES = (3e-4, 3e-4, 3e-3)
RAMANESWARAN_RATES = (1e-4, 1e-4, 1e-3)
WEIGHTED = Network("resnet50.tv_in1k", "all:7 all:3", None, "adamw", 64, 224, "weighted")
VGG19 = Network("vgg19_bn", "all:7", same(0.05), "adamw", 64, 224)
SQUEEZENET = Network("squeezenet1_1", "head:7 all:5", same(1.32e-6), "adamw", 64, 224)
DENSENET = Network("densenet121.tv_in1k", "all:7 all:3", None, "adamw", 64, 224)
PROGRESSIVE = "all:8@8 all:16@16 all:24@24 all:28@32 all:40@64 all:36@128 all:14@224"

NETWORKS: dict[str, list[Network]] = {
    "georgiev-nd": [
        Network("efficientnet_b0", "head:500", same(1e-3), "sgd", 32, 224, "undersample", "best"),
        Network("efficientnet_b0", "head:2000", same(1e-3), "sgd", 32, 224, "undersample", "best"),
        Network("efficientnet_b0", "head:500 head:800 head:700", same(1e-3), "sgd", 32, 224, "undersample", "best"),
        Network("vgg16", "head:1000", same(1e-3), "sgd", 32, 224, "undersample", "best"),
    ],
    "unnithan-nd": [Network("unnithan", "all:100", same(1e-3), "rmsprop")],
    "iiti-2019-alexnet": [Network("alexnet", "head:10 all:10", same(1e-5), "adamw", 64, 224)],
    "iiti-2019-squeezenet": [
        SQUEEZENET,
        Network("squeezenet1_1", "head:7 all:5", FASTAI_RATES, "adamw", 64, 224),
        Network("squeezenet1_0", "head:7 all:5", same(1.32e-6), "adamw", 64, 224),
    ],
    "iiti-2019-vgg19": [VGG19],
    "iiti-2019-resnet50-weighted": [WEIGHTED],
    "iiti-2019-resnet50-progressive": [
        Network("resnet50.tv_in1k", PROGRESSIVE, FASTAI_RATES, "adamw", 64, select="best")
    ],
    "iiti-2019-resnet-kfold": [Network("resnet34.tv_in1k", "head:5 head:5", FASTAI_RATES, "adamw", 64, 300)],
    "iiti-2019-resnet50-bayes": [Network("resnet50.tv_in1k", "all:3", FASTAI_RATES, "adamw", 64, 224)],
    "iiti-2019-ensemble": [WEIGHTED, VGG19, WEIGHTED, VGG19, SQUEEZENET, WEIGHTED, DENSENET, VGG19],
    "somu-nd": [Network("efficientnet_b0", "all:5", same(1e-3), "adamax", 40, 224)] * 2,
    "somu-nd-vgg16": [Network("vgg16", "all:5", same(1e-3), "adamax", 40, 224)],
    "somu-nd-resnet18": [Network("resnet18.tv_in1k", "all:5", same(1e-3), "adamax", 40, 224)],
    "somu-nd-inceptionv3": [Network("inception_v3", "all:5", same(1e-3), "adamax", 40, 224)],
    "rehman-2018-cnn": [Network("alexnet", "all:20", same(1e-4), "sgd", 10)],
    "sampathila-2022": [Network("allnet", "all:50", same(1e-3), balance="oversample")],
    "rezayi-2021-resnet50": [Network("resnet50", "all:100", same(1e-4), size=224)],
    "rezayi-2021-vgg16": [Network("vgg16", "all:100", same(1e-4), size=224)],
    "rezayi-2021-cnn": [Network("rezayi", "all:100", same(1e-4))],
    "ullah-2021": [
        Network("vgg16_eca", "all:50", same(1e-4), balance="oversample"),
        Network("vgg16", "all:50", same(1e-4), balance="oversample"),
    ],
    "shah-2019": [Network(name, "all:30", same(1e-4)) for name in ("alexnet", "cnn_rnn", "dct_lstm")],
    "liu-2019": [
        Network("inception_resnet_v2", "all:20", same(1e-4)),
        Network("joined", "all:20", same(1e-4), balance="weighted"),
    ],
    "ramaneswaran-2021": [
        Network(name, "all:20", RAMANESWARAN_RATES) for name in ("inception_v3", "alexnet", "resnet18.tv_in1k", "vgg16")
    ],
    **{
        f"ramaneswaran-2021-softmax-{name}": [Network(arch, "all:20", RAMANESWARAN_RATES)]
        for name, arch in {
            "alexnet": "alexnet",
            "densenet121": "densenet121.tv_in1k",
            "resnet18": "resnet18.tv_in1k",
            "vgg16": "vgg16",
            "squeezenet": "squeezenet1_1",
            "mobilenetv2": "mobilenet_v2",
            "inceptionv3": "inception_v3",
        }.items()
    },
    "prellberg-2019": [
        Network("seresnext50_32x4d", "all:6", (1e-6, 1e-4, 1e-2), "adam", 16, 300, "weighted", "best"),
    ],
    "marzahl-2019": [
        Network(
            "resnet18.tv_in1k",
            "head:5@256 all:10@256 head:5@384 all:10@384",
            (1e-5, math.sqrt(1e-5 * 2e-3), 2e-3),
            "adamw",
            32,
            select="best",
        )
    ],
    "resnet50": [Network("resnet50", "all:40", same(1e-3), "adamw", balance="weighted", select="best")],
    "densenet121": [Network("densenet121", "all:40", same(1e-3), "adamw", balance="weighted", select="best")],
}
"""Networks of each recipe, those of members in their order."""

ACCURACY, WEIGHTED_F1, BALANCED = "accuracy", "weighted_f1", "balanced_accuracy"
HEM_RECALL, ALL_RECALL = "recall[class=negative", "recall[class=positive"
PUBLISHED: dict[str, list[tuple[int, str, str, float]]] = {
    "georgiev-nd": [(0, ACCURACY, "validation", 0.67), *((i, ACCURACY, "validation", 0.72) for i in (1, 2))],
    "unnithan-nd": [
        (0, ACCURACY, "training", 0.94),
        (0, HEM_RECALL, "training", 0.598),
        (0, ACCURACY, "validation", 0.85),
        (0, HEM_RECALL, "validation", 0.621),
        (0, ACCURACY, "test", 0.617),
        (0, HEM_RECALL, "test", 0.108),
    ],
    "iiti-2019-alexnet": [(0, ACCURACY, "validation", 0.911), (0, ACCURACY, "test", 0.7546)],
    "iiti-2019-squeezenet": [(0, ACCURACY, "validation", 0.945), (0, ACCURACY, "test", 0.8023)],
    "iiti-2019-vgg19": [(0, ACCURACY, "validation", 0.957), (0, ACCURACY, "test", 0.798)],
    "iiti-2019-resnet50-weighted": [
        (0, ACCURACY, "validation", 0.974),
        (0, "fbeta[class=negative,beta=2", "validation", 0.960),
    ],
    "iiti-2019-resnet50-progressive": [(0, ACCURACY, "validation", 0.953)],
    "iiti-2019-resnet-kfold": [
        (0, ACCURACY, "validation", round((0.929 + 0.970 + 0.975 + 0.975 + 0.989) / 5, 4)),
    ],
    "iiti-2019-resnet50-bayes": [(0, ACCURACY, "validation", 0.953)],
    "iiti-2019-ensemble": [(i, ACCURACY, "test", 0.87) for i in range(3)],
    "somu-nd": [
        (0, ACCURACY, "test", 0.85),
        (0, "precision[class=positive", "test", 0.86),
        (0, ALL_RECALL, "test", 0.91),
        (0, "f1[class=positive", "test", 0.89),
        (0, "precision[class=negative", "test", 0.82),
        (0, HEM_RECALL, "test", 0.72),
        (0, "f1[class=negative", "test", 0.77),
        (1, ACCURACY, "test", 0.81),
    ],
    "somu-nd-vgg16": [(0, ACCURACY, "test", 0.71)],
    "somu-nd-resnet18": [(0, ACCURACY, "test", 0.78)],
    "somu-nd-inceptionv3": [(0, ACCURACY, "test", 0.81)],
    "joshi-2013": [(0, ACCURACY, "test", 0.93)],
    "rehman-2018-knn": [],
    "rehman-2018-svm": [],
    "rehman-2018-nb": [],
    "rehman-2018-cnn": [(0, ACCURACY, "test", 0.9778)],
    "sampathila-2022": [(0, ACCURACY, "test", 0.9554)],
    "rezayi-2021-resnet50": [(0, ACCURACY, "validation", 0.816)],
    "rezayi-2021-vgg16": [(0, ACCURACY, "validation", 0.846)],
    "rezayi-2021-cnn": [(0, ACCURACY, "validation", 0.821)],
    "rezayi-2021-forest": [(0, ACCURACY, "validation", 0.8172)],
    "ullah-2021": [(0, ACCURACY, "test", 0.911)],
    "shah-2019": [(0, ACCURACY, "test", 0.866)],
    "liu-2019": [(0, WEIGHTED_F1, "test", 0.876), (1, WEIGHTED_F1, "test", 0.876)],
    "ramaneswaran-2021": [(i, WEIGHTED_F1, "test", value) for i, value in enumerate((0.986, 0.897, 0.957, 0.924))],
    **{
        f"ramaneswaran-2021-softmax-{name}": [
            (0, WEIGHTED_F1, "test", f1),
            (0, ACCURACY, "test", accuracy),
            (0, BALANCED, "test", auc),
        ]
        for name, f1, accuracy, auc in (
            ("alexnet", 0.889, 0.894, 0.832),
            ("densenet121", 0.871, 0.869, 0.861),
            ("resnet18", 0.917, 0.917, 0.908),
            ("vgg16", 0.921, 0.924, 0.880),
            ("squeezenet", 0.930, 0.932, 0.891),
            ("mobilenetv2", 0.958, 0.958, 0.953),
            ("inceptionv3", 0.979, 0.979, 0.981),
        )
    },
    "sulaiman-2023": [
        (0, ACCURACY, "test", 0.900),
        (0, "precision[class=positive", "test", 0.902),
        (0, ALL_RECALL, "test", 0.957),
        (0, "f1[class=positive", "test", 0.929),
    ],
    "sulaiman-2023-grid": [],
    "prellberg-2019": [
        (0, WEIGHTED_F1, "test", 0.8981),
        (0, ALL_RECALL, "test", 0.937),
        (0, HEM_RECALL, "test", 0.827),
        (0, WEIGHTED_F1, "test", 0.889),
    ],
    "marzahl-2019": [(0, WEIGHTED_F1, "test", 0.875), (0, WEIGHTED_F1, "test", 0.828)],
    "always-all": [(0, WEIGHTED_F1, "test", 0.516), (0, ACCURACY, "test", 0.653)],
    "resnet50": [],
    "densenet121": [],
}
"""Variant, start of the metric, scored part and value of each published score."""

IMAGES, COPIES, EPOCH, HALVES = "images", "copies", "epoch", "halves"
LEAKS: dict[str, tuple[str, ...]] = {
    "georgiev-nd": (EPOCH, IMAGES),
    "unnithan-nd": (),
    "iiti-2019-alexnet": (),
    "iiti-2019-squeezenet": (),
    "iiti-2019-vgg19": (),
    "iiti-2019-ensemble": (),
    "iiti-2019-resnet50-weighted": (IMAGES,),
    "iiti-2019-resnet50-progressive": (EPOCH, IMAGES),
    "iiti-2019-resnet-kfold": (COPIES, IMAGES),
    "iiti-2019-resnet50-bayes": (COPIES, EPOCH, IMAGES),
    "somu-nd": (HALVES,),
    "somu-nd-vgg16": (HALVES,),
    "somu-nd-resnet18": (HALVES,),
    "somu-nd-inceptionv3": (HALVES,),
    "sampathila-2022": (COPIES, IMAGES),
    "prellberg-2019": (EPOCH,),
    **dict.fromkeys(("shah-2019", "liu-2019", "marzahl-2019", "always-all", "resnet50", "densenet121"), ()),
}
"""Leaks in the test score, or in the only score; other recipes have (IMAGES,)."""

SIZES: dict[str, tuple[int, int]] = {
    "unnithan-nd": (7996, 2665),
    "iiti-2019-alexnet": (11_240, 2810),
    "iiti-2019-squeezenet": (8529, 2132),
    "iiti-2019-vgg19": (11_240, 2810),
    "iiti-2019-resnet50-weighted": (8529, 2132),
    "iiti-2019-resnet50-progressive": (8529, 2132),
    "iiti-2019-resnet50-bayes": (12_645, 1405),
    "iiti-2019-ensemble": (8529, 2132),
    "rehman-2018-knn": (6397, 4264),
    "rehman-2018-svm": (6397, 4264),
    "rehman-2018-nb": (6397, 4264),
    "rehman-2018-cnn": (6397, 4264),
    "sampathila-2022": (11_240, 2810),
    "rezayi-2021-resnet50": (7463, 3198),
    "rezayi-2021-vgg16": (7463, 3198),
    "rezayi-2021-cnn": (7463, 3198),
    "rezayi-2021-forest": (7463, 3198),
    "ullah-2021": (8529, 2132),
    "sulaiman-2023": (8529, 2132),
    "sulaiman-2023-grid": (8529, 2132),
}
"""Training cells on C-NMC, and cells of the other part."""

FOLDS = {"iiti-2019-resnet-kfold": 5, "joshi-2013": 10, "resnet50": 5, "densenet121": 5}

PREPARATIONS = {
    "iiti-2019-*": "crop+equalise",
    "somu-nd*": "centre_crop[size=448]+pad_square[size=512]",
    "prellberg-2019": "centre_crop[size=342]",
    "marzahl-2019": "crop",
    "ullah-2021": "centre_crop[size=300]",
    "unnithan-nd": "none",
}
"""Preparation by pattern; 448 is 7/8 of 512, and the central 300 pixels of 342 enter the network."""

FASTAI = [name for name in NETWORKS if name.startswith("iiti-")]


def recipe(name: str) -> Recipe:
    return installed_recipes()[name]


def networks(name: str) -> Iterator[NetworkEstimator]:
    """Yield the networks of a recipe, those of members in their order."""
    for variant in recipe(name).variants:
        plugins = [extractor(text) for text in variant.extractors] + [classifier(text) for text in variant.classifiers]
        for plugin in plugins:
            for one in _parts(plugin):
                if isinstance(built := one.build(), NetworkEstimator):
                    yield built


def _parts(plugin: Plugin) -> list[Plugin]:
    return [member.classifier for member in plugin.members] or [plugin]


def described(network: NetworkEstimator) -> Network:
    settings, spec = network.settings(), network.spec()
    stages = [f"{s.trainable}:{s.epochs}" + ("" if s.size is None else f"@{s.size}") for s in settings.stages]
    find = uses_finder(settings.learning_rate)
    return Network(
        arch=str(spec.arch),
        stages=" ".join(stages),
        rates=None if find else (*np.round(group_rates(settings.learning_rate, 3), 12).tolist(),),
        optimiser=settings.optimiser,
        batch=settings.batch_size,
        size=spec.size,
        balance=settings.balance,
        select=settings.select,
    )


def rounded(network: Network) -> Network:
    rates = None if network.rates is None else (*np.round(network.rates, 12).tolist(),)
    return Network(**{**network.__dict__, "rates": rates})


def test_the_table_has_every_recipe() -> None:
    assert sorted(PUBLISHED) == sorted(installed_recipes())


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_architecture_epochs_rates_batch_and_balance_are_those_of_the_table(name: str) -> None:
    assert [described(network) for network in networks(name)] == [rounded(network) for network in NETWORKS[name]]


@pytest.mark.parametrize("name", sorted(set(PUBLISHED) - set(NETWORKS)))
def test_other_recipes_train_no_network(name: str) -> None:
    texts = [text for variant in recipe(name).variants for text in (*variant.extractors, *variant.classifiers)]
    assert not [text for text in texts if text.startswith(("cnn", "finetune", "ensemble", "bagging"))]


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_scores_are_the_printed_ones(name: str) -> None:
    scores = [
        (index, score.metric, score.part, score.value)
        for index, variant in enumerate(recipe(name).variants)
        for score in variant.published
    ]
    expected = PUBLISHED[name]
    assert [(index, part, value) for index, _, part, value in scores] == [(i, p, v) for i, _, p, v in expected]
    for (_, metric, _, _), (_, start, _, _) in zip(scores, expected, strict=True):
        assert metric.startswith(start)
        assert metric.endswith("threshold=0.5]")


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_leaks_are_those_of_the_published_split(name: str) -> None:
    assert recipe(name).protocol.leaks() == LEAKS.get(name, (IMAGES,))


@pytest.mark.parametrize("name", ["unnithan-nd", "iiti-2019-squeezenet", "iiti-2019-ensemble"])
def test_the_validation_score_of_an_image_split_is_leaky_where_the_test_score_is_not(name: str) -> None:
    assert recipe(name).protocol.leaks("validation") == (IMAGES,)


@pytest.mark.parametrize("name", sorted(SIZES))
def test_the_parts_have_the_published_sizes(name: str) -> None:
    protocol = recipe(name).protocol
    share = protocol.validation or protocol.test
    cells = DOUBLED if protocol.copies else TRAINING
    assert share is not None
    assert (cells - int(share * cells), int(share * cells)) == SIZES[name]


@pytest.mark.parametrize("name", sorted(FOLDS))
def test_folds(name: str) -> None:
    assert recipe(name).protocol.folds == FOLDS[name]


def test_ramaneswaran_leaves_a_tenth_for_the_validation_and_one_for_the_test() -> None:
    for name in [name for name in PUBLISHED if name.startswith("ramaneswaran")]:
        protocol = recipe(name).protocol
        assert (protocol.validation, protocol.test, protocol.split) == (0.1, 0.1, "image")


def test_the_chain_of_georgiev_sees_crops_of_300_and_then_whole_images_of_450_pixels() -> None:
    _, _, chain, _ = (classifier(variant.classifiers[0]).build() for variant in recipe("georgiev-nd").variants)
    stages = chain.settings().stages
    # The network uses the centre of 7/8 of what it resizes.
    assert [(stage.epochs, round(stage.crop * 7 / 8)) for stage in stages] == [(500, 300), (800, 300), (700, 450)]


def test_georgiev_takes_4794_and_300_cells() -> None:
    rules = recipe("georgiev-nd").protocol.cells
    taken = {(rule.part, rule.label): (rule.count, rule.fold) for rule in rules}
    assert taken == {
        ("training", "positive"): (2397, "0"),
        ("training", "negative"): (2397, None),
        ("validation", "positive"): (150, "1"),
        ("validation", "negative"): (150, None),
    }


@pytest.mark.parametrize("name", FASTAI)
def test_networks_of_fastai_have_its_head_and_defaults(name: str) -> None:
    for network in networks(name):
        settings, head = network.settings(), network.spec().head
        assert head == Fastai(width=512, dropout=0.5)
        assert (settings.beta2, settings.eps, settings.weight_decay) == (0.99, 1e-8, 0.01)
        assert (settings.decay, settings.decay_norms, settings.bn) == ("decoupled", True, "train")
        assert settings.label_smoothing == 0


@pytest.mark.parametrize("name", FASTAI)
def test_rates_per_step_are_those_of_one_cycle(name: str) -> None:
    # Half cosines from 1/25 to 1 in int(0.3 n) steps, then to 1 / (25 x 10^4); momentum 0.95, 0.85, 0.95.
    schedule = next(networks(name)).settings().schedule
    assert isinstance(schedule, OneCycle)
    n, rising = 110, 33

    def half_cosine(first: float, last: float, share: float) -> float:
        return first + (last - first) * (1 - math.cos(math.pi * share)) / 2

    for step in range(n):
        up, share = step < rising, step / rising if step < rising else (step - rising) / (n - rising)
        factor = half_cosine(1 / 25, 1, share) if up else half_cosine(1, 1 / 25e4, share)
        momentum = half_cosine(0.95, 0.85, share) if up else half_cosine(0.85, 0.95, share)
        assert schedule.rate_factor(step, n) == pytest.approx(factor)
        assert schedule.momentum(step, n, 0.9) == pytest.approx(momentum)


@pytest.mark.parametrize(("pattern", "prepare"), PREPARATIONS.items())
def test_preparation(pattern: str, prepare: str) -> None:
    for one in recipes_of(pattern):
        assert {variant.prepare for variant in one.variants} == {prepare}


@pytest.mark.parametrize("name", FASTAI)
def test_images_of_iiti_are_flipped_turned_and_rotated(name: str) -> None:
    for network in networks(name):
        augmentation = network.settings().augmentation
        assert augmentation is not None
        assert augmentation.components == (Flips(), Turns(), Rotate(degrees=10.0, p=0.75))


def test_the_bayesian_row_has_11_trials_of_a_gaussian_process() -> None:
    (variant,) = recipe("iiti-2019-resnet50-bayes").variants
    assert (variant.tune, variant.sampler) == (11, "gp")
    others = [
        v for name, one in installed_recipes().items() for v in one.variants if name != "iiti-2019-resnet50-bayes"
    ]
    assert {v.tune for v in others} == {0}


def test_georgiev_trains_the_head_of_320_units_on_a_frozen_body() -> None:
    for network in networks("georgiev-nd"):
        settings = network.settings()
        assert network.spec().head == Mlp(width=320)
        assert (settings.bn, settings.momentum, settings.patience) == ("frozen", 0.0, 0)


def test_networks_of_keras_do_not_stop_early_and_have_a_constant_rate() -> None:
    names = [name for name in NETWORKS if not name.startswith(("iiti", "marzahl", "prellberg", "resnet", "densenet"))]
    for network in (network for name in names for network in networks(name)):
        assert (network.preset, network.settings().schedule.name, network.settings().patience) == (
            "keras",
            "constant",
            0,
        )


@pytest.mark.parametrize("name", ["somu-nd", "somu-nd-vgg16", "somu-nd-resnet18", "somu-nd-inceptionv3"])
def test_trees_of_somu(name: str) -> None:
    trees: Any = classifier(recipe(name).variants[0].classifiers[0]).build()
    assert (trees.learning_rate, trees.n_estimators, trees.max_depth, trees.balance) == (0.35, 100, 6, "none")
    assert (trees.subsample, trees.colsample_bytree) == (1.0, 1.0)
    settings = next(networks(name)).settings()
    assert settings.scale == "none"
    assert "flips[p=0.2]+rotate[degrees=10]" in recipe(name).variants[0].extractors[0]


def test_trees_of_ramaneswaran_have_the_defaults_of_xgboost() -> None:
    for variant in recipe("ramaneswaran-2021").variants:
        trees: Any = classifier(variant.classifiers[0]).build()
        assert (trees.learning_rate, trees.n_estimators, trees.max_depth) == (0.3, 100, 6)
        assert (trees.subsample, trees.colsample_bytree, trees.reg_lambda) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("name", ["rezayi-2021-resnet50", "rezayi-2021-vgg16"])
def test_networks_of_rezayi_start_at_random(name: str) -> None:
    (network,) = networks(name)
    assert network.spec().initial_weights(network.spec().names[0]) == "random"


def test_parts_of_liu_are_disjoint_and_balanced() -> None:
    bagging: Any = classifier(recipe("liu-2019").variants[0].classifiers[0]).build()
    assert (bagging.n, bagging.balance, bagging.disjoint) == (2, True, True)
    assert ALL / 2 == 3636


def test_the_support_vector_machine_of_sulaiman() -> None:
    machine: Any = classifier(recipe("sulaiman-2023").variants[0].classifiers[0]).build()
    assert (machine.n_estimators, machine.threshold, machine.kernel, machine.C) == (100, "mean", "rbf", 1.0)


def test_the_grid_of_sulaiman_has_84_pipelines() -> None:
    pipelines = [(extractor, classifier) for _, extractor, classifier in recipe("sulaiman-2023-grid").selectors()]
    assert len(set(pipelines)) == 7 * 3 * 4
    assert {extractor for extractor, _ in pipelines} == {
        *("resnet152", "vgg16", "densenet121", "mobilenet_v2", "inception_v3", "efficientnet_b0", "resnet50"),
    }


def test_always_all_has_the_score_of_one_class() -> None:
    y = [1] * TEST_ALL + [0] * TEST_HEM
    constant = [1] * len(y)
    weighted, accuracy = (score.value for score in recipe("always-all").variants[0].published)
    assert weighted == pytest.approx(f1_score(y, constant, average="weighted"), abs=5e-4)
    assert accuracy == pytest.approx(accuracy_score(y, constant), abs=5e-4)


def test_validation_sets_of_iiti_are_a_fifth_or_a_tenth_of_the_stated_numbers() -> None:
    def totals(valid: int, share: float) -> tuple[int, int]:
        sizes = [n for n in range(10_000, 20_000) if int(share * n) == valid]
        return sizes[0], sizes[-1]

    assert totals(2793, 0.2) == (13_965, 13_969)
    assert totals(2134, 0.2) == (10_670, 10_674)
    assert totals(3406, 0.2) == (17_030, 17_034)
    assert totals(1396, 0.1) == (13_960, 13_969)
    assert 2 * 2236 + 3 * 2235 == 11_177 == TRAINING + 516
    assert round(701 / 2134, 3) == 0.328


@pytest.mark.parametrize(
    ("hit", "missed", "false", "right", "name"),
    [(1167, 209, 39, 1378, "alexnet"), (636, 65, 52, 1381, "squeezenet"), (673, 28, 27, 1406, "resnet50-weighted")],
)
def test_confusion_matrices_of_iiti_fit_the_printed_accuracy(
    hit: int, missed: int, false: int, right: int, name: str
) -> None:
    accuracy, *others = (s.value for s in recipe(f"iiti-2019-{name}").variants[0].published)
    assert (hit + right) / (hit + missed + false + right) == pytest.approx(accuracy, abs=6e-4)
    if name == "resnet50-weighted":
        assert 5 * hit / (5 * hit + 4 * missed + false) == pytest.approx(others[0], abs=6e-4)


def test_scores_of_somu_fit_one_confusion_matrix() -> None:
    hit, missed, right, wrong = 556, 52, 235, 91
    values = [score.value for score in recipe("somu-nd").variants[0].published]
    computed = [
        (hit + right) / 934,
        hit / (hit + wrong),
        hit / (hit + missed),
        2 * hit / (2 * hit + wrong + missed),
        right / (right + missed),
        right / (right + wrong),
        2 * right / (2 * right + wrong + missed),
    ]
    assert computed == pytest.approx(values, abs=0.0055)


def test_scores_of_sulaiman_need_67_to_69_percent_positive_cells() -> None:
    accuracy, precision, recall, _ = (score.value for score in recipe("sulaiman-2023").variants[0].published)

    def share(a: float, p: float, r: float) -> float:
        return (1 - a) / ((1 - r) + r * (1 - p) / p)

    half = 5e-4
    low = share(accuracy + half, precision - half, recall - half)
    high = share(accuracy - half, precision + half, recall + half)
    assert (low, high) == pytest.approx((0.672, 0.689), abs=1e-3)
    assert low < ALL / TRAINING < high
    assert low > TEST_ALL / (TEST_ALL + TEST_HEM)


def test_sensitivity_and_specificity_of_prellberg_give_its_weighted_f1() -> None:
    weighted, sensitivity, specificity, _ = (s.value for s in recipe("prellberg-2019").variants[0].published)
    hit, right = round(sensitivity * TEST_ALL), round(specificity * TEST_HEM)
    y = [1] * TEST_ALL + [0] * TEST_HEM
    labels = [1] * hit + [0] * (TEST_ALL - hit) + [0] * right + [1] * (TEST_HEM - right)
    assert f1_score(y, labels, average="weighted") == pytest.approx(weighted, abs=1e-3)


def test_scores_of_unnithan_are_below_always_all_and_of_hem() -> None:
    test = [score.value for score in recipe("unnithan-nd").variants[0].published if score.part == "test"]
    share = TEST_ALL / (TEST_ALL + TEST_HEM)
    assert test[0] < share == pytest.approx(0.653, abs=5e-4)
    # As recall of ALL, 0.108 leaves HEM a recall above 1.
    assert (test[0] - share * test[1]) / (1 - share) > 1
    assert (test[0] - (1 - share) * test[1]) / share == pytest.approx(0.89, abs=5e-3)
