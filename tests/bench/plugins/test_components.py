"""Components in selectors: names of options of a plugin, resolved by its own tables and nothing else."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_networks import FAKE_NETWORKS
from sklearn.base import clone

from bench.errors import BenchError
from bench.plugins import objects
from bench.plugins.importing import load_class
from bench.plugins.object_identity import identity_of
from bench.plugins.registry import check_recorded, classifier, extractor

ROOT = Path(__file__).resolve().parents[3]

NETWORK = "arch=tiny,augment=null,epochs=3,head={head},learning_rate=0.001,minutes=null,stages=null,weights=random"


@pytest.fixture(autouse=True)
def networks(install: Callable[[str, str, str], None]) -> None:
    install(*FAKE_NETWORKS)


def _theirs(name: str) -> Any:
    return load_class(f"their_networks:{name}")


@pytest.fixture
def not_called(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the test fail if a class is instantiated."""

    def watch(*names: str) -> None:
        for name in names:
            constructor = _theirs(name).__init__

            @functools.wraps(constructor)
            def fail(*_: Any, name: str = name, **__: Any) -> None:
                pytest.fail(f"{name} was called")

            monkeypatch.setattr(_theirs(name), "__init__", fail)

    return watch


def test_a_component_has_all_parameters_in_the_identity_and_changed_ones_in_the_name() -> None:
    plugin = classifier("net[head=mlp[width=320]]")
    assert plugin.selector == "net[head=mlp[width=320]]"
    assert plugin.canonical == f"net[{NETWORK.format(head='mlp[dropout=0.0,width=320]')}]"
    assert classifier("net").canonical == f"net[{NETWORK.format(head='linear')}]"
    assert classifier(plugin.canonical) == classifier("net[head=mlp[width=320.0,dropout=0]]") == plugin
    assert classifier("net[head=mlp[width=512]]").selector == "net[head=mlp]"
    assert classifier('net[head="mlp[width=320]"]') == plugin
    assert classifier("net[head=linear]") == classifier("net[head=linear[]]") == classifier("net")


def test_components_are_built_and_joined_ones_are_tuples() -> None:
    built = extractor("tuned[head=mlp[width=320],augment=flips+rotate[degrees=45]]").build()
    assert built.head == _theirs("Mlp")(width=320)
    assert built.augment == (_theirs("Flips")(), _theirs("Rotate")(degrees=45.0))
    assert classifier("net[augment=flips]").build().augment == (_theirs("Flips")(),)
    assert classifier("net[augment=flips+]") == classifier("net[augment=flips]")
    assert classifier('net[augment="flips+rotate[degrees=45]"]') == classifier("net[augment=flips+rotate[degrees=45]]")
    assert classifier("net").build().head == _theirs("Linear")()


@pytest.mark.parametrize("word", ["default", "none", "null"])
def test_words_that_are_no_component_reach_the_class(word: str) -> None:
    plugin = classifier(f"net[augment={word}]")
    assert plugin.build().augment == (None if word == "null" else word)
    assert classifier(plugin.canonical) == plugin


def test_lists_of_stages_and_ranges_of_rates() -> None:
    plugin = classifier('net[stages="head:10+all:10",learning_rate=1e-5+1]')
    built = plugin.build()
    assert (built.stages, built.learning_rate) == (("head:10", "all:10"), (1e-5, 1.0))
    assert plugin.selector == "net[learning_rate=1e-05+1.0,stages=head:10+all:10]"
    assert plugin == classifier("net[stages=head:10+all:10,learning_rate=0.00001+1.0]") == classifier(plugin.canonical)
    assert classifier("net[learning_rate=find]").build().learning_rate == "find"


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ("head=mpl[width=3]", r"net: head=mpl is not known\. Did you mean mlp\? It is one of linear, mlp\."),
        ("head=mpl", r"net: head=mpl is not known\. Did you mean mlp\?"),
        ("head=3", r"net: head=3 is not known\. It is one of linear, mlp\."),
        (
            "head=mlp[widht=3]",
            r"net: head: mlp has no parameter 'widht'\. Did you mean width\? It takes width, dropout",
        ),
        ("head=linear[width=3]", "linear has no parameter 'width'. It takes no parameters"),
        ("head=mlp[width=knn[]]", "width of mlp is a number or a word, not a list or a selector"),
        ("head=mlp[width=3+4]", "width of mlp is a number or a word"),
        ("head=linear+mlp", r"net: head is one component, not a list joined by \+"),
        ("augment=flips+none", "net: augment=none is not known"),
        ("augment=flips+rotat", "Did you mean rotate?"),
        ("head=mlp[width=0]", r"net\[head=mlp\[width=0\]\]: head: mlp: width is from 1 to 4096 \(given: 0\)"),
        ("head=mlp[width=wide]", r"width is an integer \(given: 'wide'\)"),
        ("augment=rotate[padding=none]", "padding is one of reflect, zeros"),
        ("arch=resnet18[pool=max]", r"resnet18: a selector inside another one names an installed classifier"),
        ("device=cpu", "device is set by the engine; use --device"),
        ("checkpoint_dir=here", "checkpoint_dir is set by the engine"),
        ("logger=here", "logger is set by the engine; use --logger"),
        ("on_epoch=here", "on_epoch is set by the engine"),
        ("weights_dir=here", "weights_dir is set by the engine; use --weights-dir"),
        ("epochs=0", r"net\[epochs=0\]: epochs must be at least 1; it is 0"),
    ],
)
def test_values_that_are_refused(parameters: str, complaint: str) -> None:
    with pytest.raises(BenchError, match=complaint):
        classifier(f"net[{parameters}]")


@pytest.mark.parametrize("value", ["os.system[command=x]", "their_networks.Net[]", "knn[]", "sklearn.svm.SVC[]"])
@pytest.mark.parametrize("parameter", ["head", "augment"])
def test_only_the_names_of_the_table_are_components(
    value: str, parameter: str, not_called: Callable[..., None]
) -> None:
    not_called("Linear", "Mlp", "Flips", "Net", "Tuned")
    for resolve, plugin in ((classifier, "net"), (extractor, "tuned")):
        with pytest.raises(BenchError, match=r"is not known\. It is one of|is not known\. Did you mean"):
            resolve(f"{plugin}[{parameter}={value}]")
    with pytest.raises(BenchError, match=r"is neither an installed plugin|is not known"):
        check_recorded(f"net[{parameter}={value.replace('knn[]', 'mlp[]+knn[]')}]")


def test_all_names_are_checked_before_anything_is_called(not_called: Callable[..., None]) -> None:
    not_called("Mlp", "Net")
    for text in ("net[head=mlp[width=3],augment=flop]", "holder[estimator=net[head=mlp[width=3],augment=flop]]"):
        with pytest.raises(BenchError, match="net: augment=flop is not known"):
            classifier(text)


def test_records_name_components_of_their_parameter_only() -> None:
    for text in (
        "net[head=mlp[width=320],augment=flips[p=0.2]+rotate[degrees=45]]",
        "holder[estimator=net[head=mlp[width=320]]]",
        "tuned[head=mlp[width=3]]",
    ):
        check_recorded(text)
    for text in (
        "net[head=rotate[degrees=3]]",
        "net[arch=mlp[width=3]]",
        "mlp[width=3]",
        "knn[n_neighbors=mlp[width=3]]",
    ):
        with pytest.raises(BenchError, match=r"is neither an installed plugin|is not known"):
            check_recorded(text)
    with pytest.raises(BenchError, match="loads its weights from a file"):
        check_recorded("holder[estimator=net[weights=x.safetensors]]")


def test_objects_equal_their_selectors() -> None:
    net, mlp, rotate = _theirs("Net"), _theirs("Mlp"), _theirs("Rotate")
    for built, text in (
        (net(head=mlp(width=320)), "net[head=mlp[width=320]]"),
        (net(head=_theirs("Linear")()), "net"),
        (net(head="mlp"), "net[head=mlp]"),
        (net(augment=(_theirs("Flips")(), rotate(degrees=45))), "net[augment=flips+rotate[degrees=45]]"),
        (net(augment=[rotate()]), "net[augment=rotate]"),
        (net(stages=("head:10", "all:10")), "net[stages=head:10+all:10]"),
        (net(learning_rate=(1e-5, 1.0)), "net[learning_rate=1e-5+1.0]"),
        (clone(net(head=mlp(width=320))), "net[head=mlp[width=320]]"),
    ):
        plugin = objects.classifier(built)
        assert plugin == classifier(text), text
        assert plugin.canonical == classifier(text).canonical
        assert plugin.notices == ()
    assert objects.extractor(_theirs("Tuned")(head=mlp(width=3))) == extractor("tuned[head=mlp[width=3]]")
    with pytest.raises(BenchError, match=r"net\[epochs=0\]: epochs must be at least 1"):
        objects.classifier(net(epochs=0))
    assert objects.classifier(net(device="cpu")).notices[0].startswith("Net(): device set by the engine")


def test_a_component_of_an_object_is_part_of_its_identity() -> None:
    net, mlp = _theirs("Net"), _theirs("Mlp")
    identities = {identity_of(_theirs("Holder")(net(head=mlp(width=w)))) for w in (3, 3, 4)}
    assert len(identities) == 2
    assert objects.name_of(net(head=mlp(width=3))) == "Net(head=mlp[width=3,dropout=0.0])"


def test_a_nested_plugin_is_validated_and_built_with_its_components() -> None:
    plugin = classifier("holder[estimator=net[head=mlp[width=320]]]")
    assert plugin.selector == "holder[estimator=net[head=mlp[width=320]]]"
    assert plugin.build().estimator.head == _theirs("Mlp")(width=320)
    assert plugin.nested_modules == ("their_networks",)
    assert [one.selector for one in plugin.nested] == ["net[head=mlp[width=320]]"]
    with pytest.raises(BenchError, match=r"net\[epochs=0\]: epochs must be at least 1"):
        classifier("holder[estimator=net[epochs=0]]")
    with pytest.raises(BenchError, match=r"net\[head=mlp\[width=0\]\]: head: mlp: width is from"):
        classifier("holder[estimator=net[head=mlp[width=0]]]")


def test_invalid_parameters_are_refused_by_the_plan_without_torch(tmp_path: Path) -> None:
    code = (
        "import sys, bench\n"
        "try:\n"
        "    bench.plan([], ['net[epochs=0]'], data='phantom[patients=4,cells=2,size=64]', folds=2, baselines=False)\n"
        "except bench.BenchError as error:\n"
        "    print(error, 'torch' in sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path, env=environment
    )
    assert done.stdout == "net[epochs=0]: epochs must be at least 1; it is 0 False\n"
