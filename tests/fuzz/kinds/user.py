"""What the user types or installs: weights, storages, patterns, plugins, option values; and planted modules."""

from __future__ import annotations

import io
import os
import pickle
import struct
from pathlib import Path
from random import Random

import numpy as np

from fuzz import mutations
from fuzz.inputs import FEW_FOLDS, QUICK, Command, cells, shell
from fuzz.sandbox import Sandbox

NETWORK = "mobilenetv3_small_050"

OPTIONS = (
    "--folds", "--repeats", "--inner-folds", "--tune", "--seed", "--jobs", "--threads", "--fit-time", "--threshold",
    "--calibrate", "--aggregate", "--split", "--device", "--white-level", "--um-per-px", "--positive", "--mask",
    "--mask-values", "--nucleus-mask", "--nucleus-mask-values", "--links", "--folds-file", "--held-out", "--reason",
    "--prepare", "--storage", "--weights-dir", "--data", "--label-pattern", "--patient-pattern",
)  # fmt: skip

FACTORY = ("checkpoint_path", "pretrained_cfg", "cache_dir", "weight_init", "mlp_layer", "norm_layer", "features_only")

LONG = ("--folds", "--repeats", "--inner-folds", "--tune", "--jobs", "--threads", "--data")

PATTERNS = (
    r"(a+)+$", r"(p|p)*x", r"(.*)*(.*)*(.*)*x", r"((((((((((p?)?)?)?)?)?)?)?)?)?)", r"^(([a-z0-9_])+.)+[A-Z]([a-z])+$",
    r"(\w+\s?)*$", r"p(\d+)", r"(?P<patient>p\d+)", r"(?P<a>.)(?P<b>.)", r"(", r"[", r"*", r"", r"()", r"(?i)", r"\x",
    r"(?P<patient>)", r"(p\d)(.)", r"(?=(p\d+))", r"(?<=x)*", r"(?s:.*)(p\d)", r"(p{1,99999999})",
    r"(.{0,65536}){0,65536}",
    r"(?:x{200}){200}(p)", r"(?#comment)(p)", r"(p\d+)\0", "(p\u0301)", r"(\N{BULLET})", r"(?P<0>p)", r"(p\d+)|()",
    r"\A\Z",
)  # fmt: skip

SOURCES = {
    "syntax": "def broken(:\n",
    "exit": "import sys\nsys.exit(0)\n",
    "exit_3": "raise SystemExit(3)\n",
    "os_exit": "import os\nos._exit(0)\n",
    "error": "raise RuntimeError('cannot be imported')\n",
    "base": "raise BaseException('everything')\n",
    "interrupt": "raise KeyboardInterrupt\n",
    "recursion": "def f(): f()\nf()\n",
    "missing": "import a_module_that_is_not_installed\n",
    "attribute": "Other = 1\n",
    "not_a_class": "Plugin = 3\n",
    "function": "def Plugin(**k):\n    return None\n",
    "prints": "print('x' * 10_000_000)\nclass Plugin: pass\n",
    "bytes": "\x00\x01",
    "init": "class Plugin:\n    def __init__(self, a=1):\n        raise ValueError('no')\n",
    "signature": "class Plugin:\n    def __init__(self, *args, **kwargs): pass\n",
    "tags": "class Plugin:\n  def transform(self, cells): pass\n  def __sklearn_tags__(self): raise KeyError('t')\n",
    "metaclass": "class M(type):\n  def __getattr__(cls, n): raise RuntimeError(n)\nclass Plugin(metaclass=M): pass\n",
}

BODIES = {
    "raises": "raise RuntimeError('in fit')",
    "exits": "raise SystemExit(0)",
    "os_exits": "import os; os._exit(0)",
    "interrupts": "raise KeyboardInterrupt",
    "prints": "print('y' * 3_000_000)",
    "long": "raise ValueError('long ' * 1_000_000)",
    "control": "raise ValueError('\\x1b[2J\\u202e=1+2<script>')",
    "memory": "raise MemoryError",
    "recursion": "self.fit(X, y)",
    "none": "return None",
    "closes": "import os; os.close(1); os.close(2)",
    "kills": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "changes_folder": "import os; os.chdir('cells')",
    "unprintable": "class E(Exception):\n            def __str__(self): raise RuntimeError('str')\n        raise E",
    "group": "raise ExceptionGroup('g', [ValueError('a')])",
}

FIT = """
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

class Plugin(ClassifierMixin, BaseEstimator):
    consumes = "features"
    def __init__(self, a=1):
        self.a = a
    def fit(self, X, y, groups=None):
        self.classes_ = np.unique(y)
        {fit}
        return self
    def predict_proba(self, X):
        {predict}
"""

ANSWERS = (
    "return np.full((len(X), 2), 0.5)",
    "return np.full((len(X), 2), np.nan)",
    "return np.full((len(X), 3), 0.5)",
    "return np.full((1, 2), 0.5)",
    "return [['a', 'b']] * len(X)",
    "return None",
    "return np.full((len(X), 2), 1e300)",
    "return np.full((len(X), 2), -1)",
    "return np.zeros((len(X), 2), complex)",
)


def weights(rng: Random, box: Sandbox, template: Path) -> Command:
    """A file of weights of a small network."""
    cells(box, template)
    folder = box.given / "weights"
    folder.mkdir()
    suffix = "safetensors"
    file = folder / f"{NETWORK}.{suffix}"
    how = rng.random()
    if how < 0.12:
        file.symlink_to(rng.choice(("/dev/zero", str(box.secret), file.name)))
    elif how < 0.2:
        file.write_bytes(pickle.dumps(_Mark(shell(box))))
    elif how < 0.26:
        with file.open("wb") as sparse:
            sparse.truncate(20 * 1024**3)
    else:
        file.write_bytes(_safetensors(rng))
    selector = NETWORK
    if rng.random() < 0.35:
        path = f"weights/{file.name}"
        if rng.random() < 0.4:
            other = folder / f"w.{rng.choice(('pth', 'bin', 'pt', 'pkl', 'ckpt'))}"
            other.write_bytes(pickle.dumps(_Mark(shell(box))))
            path = f"weights/{other.name}"
        selector = f'{NETWORK}[weights="{path}"]'
    arguments = ("features", "extract", "cells", "-x", selector, "-o", "../own/f.csv", "--store", "../own/store",
                 "--weights-dir", "weights", "--device", "cpu", "--jobs", "1")  # fmt: skip
    if rng.random() < 0.4:
        arguments = ("plan", "--data", "cells", "--extractors", selector, "--classifiers", "prior", *FEW_FOLDS,
                     "--weights-dir", "weights", "--out", "../own/results", "--store", "../own/store")  # fmt: skip
    return Command(arguments, ("weights", file.name))


def network_folder(rng: Random, box: Sandbox, template: Path) -> Command:
    """A folder with the `config.json` and the weights of a network of timm."""
    cells(box, template)
    folder = box.given / "net"
    folder.mkdir()
    config, weights = folder / "config.json", folder / rng.choice(("model.safetensors", "pytorch_model.bin"))
    data = {"input_size": [3, 32, 32], "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2], "crop_pct": 1.0,
            "interpolation": "bilinear", "num_classes": 10, "classifier": "head", "license": "mit"}  # fmt: skip
    options = {"img_size": 32, "patch_size": 8, "depth": 1, "embed_dim": 16, "num_heads": 2, "global_pool": "token"}
    valid = {"architecture": "vit_tiny_patch16_224", "model_args": options, "pretrained_cfg": data, "num_classes": 10}
    how = rng.random()
    if how < 0.1:
        config.symlink_to(rng.choice(("/dev/zero", str(box.secret), config.name)))
    elif how < 0.2:
        valid["model_args"] = options | {rng.choice(FACTORY): rng.choice((str(box.secret), "net/x.pth", shell(box)))}
        config.write_bytes(mutations.dumped(valid))
    elif how < 0.3:
        valid["model_args"] = options | {rng.choice(list(options)): rng.choice((10**9, 8192, -1, 0, 1e308, "x"))}
        config.write_bytes(mutations.dumped(valid))
    else:
        text = mutations.dumped(mutations.document(rng, valid))
        config.write_bytes(mutations.damaged(rng, text) if rng.random() < 0.3 else text)
    weights.write_bytes(pickle.dumps(_Mark(shell(box))) if rng.random() < 0.3 else _safetensors(rng))
    selector = "local-dir:net" + ("[weights=random]" if rng.random() < 0.5 else "")
    arguments = ("features", "extract", "cells", "-x", selector, "-o", "../own/f.csv", "--store", "../own/store",
                 "--device", "cpu", "--jobs", "1")  # fmt: skip
    return Command(arguments, ("net",))


def storage(rng: Random, box: Sandbox, template: Path) -> Command:
    cells(box, template)
    file = box.own / "tuning.log"
    how = rng.random()
    if how < 0.35:
        lines = [{"op_code": 0, "worker_id": "a", "study_name": "s", "directions": [1]}, {"op_code": 4, "study_id": 0}]
        content = mutations.document(rng, lines)
        text = b"\n".join(map(mutations.dumped, content if isinstance(content, list) else [content])) + b"\n"
        file.write_bytes(mutations.damaged(rng, text) if rng.random() < 0.4 else text)
        url = "../own/tuning.log"
    elif how < 0.5:
        (box.own / "t.db").write_bytes(mutations.damaged(rng, b"SQLite format 3\x00" + bytes(4000)))
        url = "sqlite:///../own/t.db"
    else:
        url = rng.choice(
            ("sqlite://", "sqlite:///../own/no/such/x.db", "postgresql://u:secret@localhost:1/x", "mysql://a:b@localhost:1/c",
             "redis://:secret@localhost/0", "rediss://x", "unix://x", "oracle://a:b@c", "http://localhost:1/",
             f"file://{box.secret}",
             f"sqlite:///{box.secret}", "sqlite:///../own/\u202ex.db", "../own/x.log", "../own/a.json", "://", "a://b",
             "sqlite:///?mode=memory",
             "sqlite+pysqlite:///:memory:", "mssql+pyodbc:///?odbc_connect=x", "sqlite:///../own/a.db?timeout=x",
             "../own/d.log/",
             "postgresql+asyncpg://x", "sqlite:///../own/a.db#x", "/dev/zero.log", "sqlite:///%00", mutations.text(rng))
        )  # fmt: skip
    url = url.replace("\0", "")
    arguments = ("run", "--data", "cells", "-x", "size", "-c", "knn", *FEW_FOLDS, "--jobs", "1", "--tune", "1",
                 "--out", "../own/results", "--store", "../own/store", f"--storage={url}")  # fmt: skip
    if rng.random() < 0.5:
        arguments = (
            "plan",
            *(
                a if not a.startswith("-") else {"-x": "--extractors", "-c": "--classifiers"}.get(a, a)
                for a in arguments[1:]
            ),
        )
    return Command(arguments, ("--storage", "storage"))


def pattern(rng: Random, box: Sandbox, template: Path) -> Command:
    source = cells(box, template)
    root = box.given / "classes"
    for number, file in enumerate(sorted(source.glob("*.png"))):
        place = root / "ab"[number % 2] / f"p{number // 2}{'a' * rng.choice((0, 1, 40, 150))}_{file.name}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.read_bytes())
    text = rng.choice(PATTERNS) if rng.random() < 0.8 else mutations.text(rng)
    text = (text + rng.choice(PATTERNS) if rng.random() < 0.2 else text).replace("\0", "")
    option = rng.choice(("patient-pattern", "patient-pattern", "label-pattern"))
    arguments = ["data", "describe", "classes", f"--{option}={text}"]
    if option == "label-pattern":
        arguments.append(r"--patient-pattern=(p\d+)")
    return Command(tuple(arguments), (option, option.replace("-", "_")))


def plugin(rng: Random, box: Sandbox, template: Path) -> Command:
    """An installed distribution whose module fails at import, in fit or in prediction."""
    cells(box, template)
    if rng.random() < 0.5:
        source = SOURCES[rng.choice(sorted(SOURCES))]
        group = rng.choice(("bench.classifiers", "bench.extractors", "bench.datasets"))
    else:
        source = FIT.format(fit=BODIES[rng.choice(sorted(BODIES))], predict=rng.choice(ANSWERS))
        group = "bench.classifiers"
    if rng.random() < 0.2:
        source = FIT.format(fit="pass", predict=rng.choice(ANSWERS))
        group = "bench.classifiers"
    name = rng.choice(("hostile", "hostile", "hostile", "knn", "size", "a b", "hostile]", "\u202ex", "manifest"))
    target = rng.choice(
        ("hostile_plugin:Plugin",) * 6 + ("hostile_plugin", "hostile_plugin:", ":", "no.such:Thing", "os:system")
    )
    (box.plugins / "hostile_plugin.py").write_text(source)
    info = box.plugins / "hostile_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile_plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {target}\n")
    uses = {"bench.classifiers": ("-x", "size", "-c", name), "bench.extractors": ("-x", name, "-c", "prior")}
    chosen = uses.get(group, ("-x", "size", "-c", "prior"))
    options = (*FEW_FOLDS, "--jobs", "1", "--out", "../own/results", "--store", "../own/store")
    how = rng.random()
    if how < 0.2:  # a matrix that does not use it
        arguments = ("plan", "--data", "cells", "--extractors=size", "--classifiers=knn,prior", *options)
    elif how < 0.3:
        arguments = ("list", group.partition(".")[2])
    elif how < 0.4:
        arguments = ("check", name)
    elif how < 0.7:
        arguments = ("plan", "--data", "cells", f"--extractors={chosen[1]}", f"--classifiers={chosen[3]}", *options)
    else:
        arguments = (
            "matrix",
            "--data",
            "cells",
            f"--extractors={chosen[1]}",
            f"--classifiers={chosen[3]}",
            "--no-baselines",
            *options,
        )
    return Command(arguments, ("hostile", name, "selector", "plugins", "classifier", "extractor", "cells"), plugin=True)


def option(rng: Random, box: Sandbox, template: Path) -> Command:
    cells(box, template)
    how = rng.random()
    if how < 0.1:
        name = rng.choice(("patients", "cells", "size", "seed", "effect", "spread", "signature"))
        number = str(rng.choice(mutations.NUMBERS))[:40]
        return Command(("data", "phantom", "../own/phantom", f"--{name}={number}"), (name,))
    if how < 0.18:
        name = rng.choice(("patients", "cells", "size", "effect", "seed", "unknown"))
        text = f"phantom[{name}={rng.choice(mutations.NUMBERS)}]"[:200]
        return Command(("plan", f"--data={text}", *QUICK), ("phantom", "--data"))
    chosen = rng.sample(OPTIONS, rng.choice((1, 1, 2)))
    if how < 0.3:  # a run, without values that make it long
        chosen = [name for name in chosen if name not in LONG] or ["--positive"]
    given = [f"{name}={_option_value(rng)}".replace("\0", "") for name in chosen]
    names = [n for name in chosen for n in (name, name[2:], name[2:].replace("-", "_"))]
    names += [f"{text.partition('=')[2][:40]}{end}" for text in given for end in (":", " does")]  # a file that it names
    return Command(("run" if how < 0.3 else "plan", "--data", "cells", *QUICK, *given), (*names, "cells"))


def _option_value(rng: Random) -> str:
    return str(rng.choice(mutations.NUMBERS))[:60] if rng.random() < 0.4 else mutations.text(rng)


def planted(rng: Random, box: Sandbox, template: Path) -> Command:
    """Modules beside the data, in the working directory, that Python would import by name."""
    cells(box, template)
    body = f"open({str(box.mark)!r}, 'w')\n"
    modules = ("multiprocessing", "numpy", "sitecustomize", "usercustomize", "json", "bench", "extractors", "torch",
               "joblib", "pandas", "cv2", "mark_module", "encodings", "signal", "random",
               "lightgbm", "pickle")  # fmt: skip
    for name in rng.sample(modules, rng.choice((3, 8, len(modules)))):
        if rng.random() < 0.7:
            (box.given / f"{name}.py").write_text(body)
        else:
            (box.given / name).mkdir()
            (box.given / name / "__init__.py").write_text(body)
    (box.given / "setup.cfg").write_text("[x]\n")
    (box.given / "pyproject.toml").write_text("[tool.cytobench]\n")
    info = box.given / "planted-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench.classifiers]\nplanted = mark_module:Classifier\n")
    how = rng.random()
    quick = tuple("2" if previous == "--jobs" else one for previous, one in zip(("", *QUICK), QUICK, strict=False))
    if how < 0.4:
        return Command(("run", "--data", "cells", *quick), ("cells",))
    if how < 0.7:
        return Command(
            ("plan", "--data", "cells", *QUICK[4:], "--extractors=size", "--classifiers=planted"), ("planted",)
        )
    return Command(
        ("features", "extract", "cells", "-x", "size", "-o", "../own/f.csv", "--store", "../own/store", "--jobs", "2"),
        ("cells",),
    )


class _Mark:
    """Unpickling it runs a command."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (self.command,)


def _safetensors(rng: Random) -> bytes:
    values = np.arange(6, dtype=np.float32).tobytes()
    header: dict[str, object] = {
        "__metadata__": {"format": "pt"},
        "conv_stem.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "other": {"dtype": "F32", "shape": [6], "data_offsets": [24, 48]},
    }
    if rng.random() < 0.6:
        header = mutations.document(rng, header)
    text = mutations.dumped(header)
    length = len(text) if rng.random() < 0.8 else rng.choice((0, 1, 2**31, 2**63 - 1, 100_000_001))
    data = struct.pack("<Q", length) + text + values * rng.choice((0, 1, 2, 1000))
    if rng.random() < 0.15:
        buffer = io.BytesIO()
        np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
        return buffer.getvalue()
    return mutations.damaged(rng, data) if rng.random() < 0.3 else data
