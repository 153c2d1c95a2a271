"""Selectors of classifiers, extractors and preparation, with targets that must not be called."""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random

from fuzz import mutations
from fuzz.inputs import FEW_FOLDS, QUICK, Command, cells, shell
from fuzz.sandbox import Sandbox

CLASSIFIERS = ("svm", "knn", "naive_bayes", "rf_svm", "xgboost", "lightgbm", "prior", "cnn")
EXTRACTORS = ("size", "shape", "handcrafted", "glcm", "stain", "lbp", "embedding", "zernike", "hog", "resnet18")
STEPS = ("crop", "clahe", "mask", "macenko", "reinhard", "resize", "grey", "none", "background")
KEYS = ("C", "kernel", "gamma", "n_neighbors", "weights", "metric", "families", "radius", "levels", "model", "pool",
        "random_state", "n_jobs", "device", "estimator", "base_score", "n_estimators", "max_depth", "verbose", "clip",
        "size", "to", "margin", "regions", "directory", "memory", "objective", "callbacks", "cv",
        "tree_method")  # fmt: skip
CALLABLES = (
    "subprocess.Popen", "subprocess.run", "subprocess.getoutput", "os.system", "os.popen", "os.remove", "os.mkdir",
    "builtins.eval", "builtins.exec", "builtins.open", "builtins.print", "builtins.exit", "builtins.__import__",
    "shutil.rmtree", "shutil.copytree", "pathlib.Path", "runpy.run_path", "code.interact", "pickle.loads", "pdb.run",
    "joblib.load", "pandas.read_pickle", "numpy.load", "torch.load", "importlib.import_module", "webbrowser.open",
    "http.server.HTTPServer", "socket.create_connection", "urllib.request.urlopen", "multiprocessing.Process",
    "threading.Thread", "functools.partial", "timeit.timeit", "cProfile.run", "this.s",
    "sklearn.base.clone", "sklearn.datasets.load_files", "sklearn.datasets.fetch_openml", "sklearn.utils.Bunch",
    "sklearn.externals.array_api_compat.torch.Tensor", "sklearn.pipeline.Pipeline", "sklearn.utils.os.system",
    "sklearn.utils._show_versions.platform.os.system", "sklearn.datasets._base.os.system", "sklearn.ensemble",
    "bench.cli.app.main", "tests.conftest.SHARED", "reports.page.write_report", "extractors.files.atomic.atomic_file",
    "mark_module.Classifier", "..evil.Thing", "a.b.c", "sys.exit", "os._exit", "time.sleep",
)  # fmt: skip
ENSEMBLES = (
    "sklearn.ensemble.BaggingClassifier", "sklearn.ensemble.AdaBoostClassifier",
    "sklearn.multiclass.OneVsRestClassifier",
    "sklearn.calibration.CalibratedClassifierCV", "sklearn.feature_selection.RFE",
    "sklearn.linear_model.LogisticRegression",
    "sklearn.tree.DecisionTreeClassifier", "sklearn.neighbors.KNeighborsClassifier", "sklearn.svm.SVC",
    "sklearn.neural_network.MLPClassifier", "sklearn.ensemble.VotingClassifier", "sklearn.ensemble.StackingClassifier",
    "sklearn.gaussian_process.GaussianProcessClassifier", "sklearn.dummy.DummyClassifier", "sklearn.linear_model.Lasso",
    "sklearn.preprocessing.FunctionTransformer", "sklearn.model_selection.GridSearchCV", "sklearn.cluster.KMeans",
)  # fmt: skip
HOLDERS = (
    ("sklearn.ensemble.BaggingClassifier", "estimator"),
    ("sklearn.ensemble.AdaBoostClassifier", "estimator"),
    ("sklearn.multiclass.OneVsRestClassifier", "estimator"),
    ("sklearn.calibration.CalibratedClassifierCV", "estimator"),
    ("sklearn.ensemble.StackingClassifier", "final_estimator"),
    ("sklearn.feature_selection.RFE", "estimator"),
    ("sklearn.preprocessing.FunctionTransformer", "func"),
    ("sklearn.gaussian_process.GaussianProcessClassifier", "kernel"),
    ("sklearn.svm.SVC", "kernel"),
    ("sklearn.neighbors.KNeighborsClassifier", "metric"),
    ("svm", "kernel"),
    ("knn", "metric"),
    ("lightgbm", "objective"),
)
INNER = ("estimator", "base_estimator", "estimators", "final_estimator", "func", "kernel", "memory", "init", "metric")


def classifier(rng: Random, box: Sandbox, template: Path) -> Command:
    cells(box, template)
    text = _parameters(rng, rng.choice(CLASSIFIERS), box)
    text = _mutated(rng, text)
    return Command(
        _selector_command(rng, ("-x", "size", "-c", text)),
        (*_words(text), "classifier", "selector", "size x"),
        plugin=True,
    )


def extractor(rng: Random, box: Sandbox, template: Path) -> Command:
    cells(box, template)
    text = _parameters(rng, rng.choice(EXTRACTORS), box)
    text = _mutated(rng, text)
    how = rng.random()
    arguments = _selector_command(rng, ("-x", text, "-c", "prior"))
    if how < 0.15:
        arguments = ("features", "catalogue", "-x", text)
    elif how < 0.25:
        arguments = ("features", "why", "cells", "--store", "../own/store", "--", text)
    return Command(arguments, (*_words(text), "extractor", "selector", "weights"), plugin=True)


def nested(rng: Random, box: Sandbox, template: Path) -> Command:
    """Import paths of things that must not be called, at every depth, most with arguments that would leave a mark."""
    cells(box, template)
    body = f"open({str(box.mark)!r}, 'w')\n"
    (box.given / "mark_module.py").write_text(body)
    (box.given / "mark_package").mkdir()
    (box.given / "mark_package" / "deep.py").write_text(body)
    fits = rng.random() < 0.7
    target = rng.choice(attacks(box)) if fits else _target(rng, box)
    for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 4, 7))):
        holder, key = rng.choice(HOLDERS) if fits else (rng.choice(ENSEMBLES), rng.choice((*INNER, *KEYS)))
        target = f"{holder}[{key}={target}]"
    chosen = ("-x", "size", "-c", target)
    if rng.random() < 0.3:
        name, key = rng.choice(
            (("handcrafted", "families"), ("size", "regions"), ("embedding", "model"), ("stain", "regions"))
        )
        chosen = ("-x", f"{name}[{key}={target}]", "-c", "knn")
    if rng.random() < 0.12:
        return Command(("check", target), (*_words(target), "kind"), plugin=True)
    return Command(_selector_command(rng, chosen), (*_words(*chosen), "selector"), plugin=True)


def attacks(box: Sandbox) -> tuple[str, ...]:
    """Calls that leave the mark."""
    mark, command = json.dumps(str(box.mark)), json.dumps(shell(box))
    code = json.dumps(f"open({str(box.mark)!r}, 'w')")
    return (
        f"subprocess.Popen[args={command},shell=true]",
        f"subprocess.run[args={command},shell=true]",
        f"subprocess.getoutput[cmd={command}]",
        f"os.system[command={command}]",
        f"os.popen[cmd={command}]",
        f"os.mkdir[path={mark}]",
        f"os.remove[path={json.dumps(str(box.secret))}]",
        f"builtins.open[file={mark},mode=w]",
        f"io.FileIO[file={mark},mode=w]",
        f"logging.FileHandler[filename={mark}]",
        f"zipfile.ZipFile[file={mark},mode=w]",
        f"sqlite3.connect[database={mark}]",
        f"shutil.rmtree[path={json.dumps(str(box.folder))}]",
        f"shutil.copyfile[src={json.dumps(str(box.secret))},dst={mark}]",
        f"timeit.timeit[stmt={code},number=1]",
        "runpy.run_module[mod_name=mark_module]",
        "importlib.import_module[name=mark_module]",
        f"numpy.save[file={mark},arr=1]",
        f"pandas.ExcelWriter[path={mark}]",
        f"tempfile.NamedTemporaryFile[dir={json.dumps(str(box.outside))},delete=false]",
        f"sklearn.utils.os.system[command={command}]",
        f"sklearn.datasets._base.os.mkdir[path={mark}]",
        f"sklearn.externals.joblib.Memory[location={mark}]",
        f"joblib.Memory[location={mark}]",
        f"bench.storage.json_files.write_json[path={mark},values=1]",
        "mark_module.Classifier",
        "mark_package.deep.Classifier",
    )


def prepare(rng: Random, box: Sandbox, template: Path) -> Command:
    cells(box, template)
    steps = [_parameters(rng, rng.choice(STEPS), box) for _ in range(rng.choice((1, 1, 2, 3, 20)))]
    text = _mutated(rng, "+".join(steps))
    command = ("plan", "--data", "cells", *QUICK, f"--prepare={text}")
    if rng.random() < 0.3:
        command = ("data", "show", "cells", f"--prepare={text}", "-o", "../own/sheet.png")
    return Command(command, (*_words(text), "--prepare", "prepare"))


def _target(rng: Random, box: Sandbox) -> str:
    name = rng.choice(CALLABLES)
    given = [f"{key}={json.dumps(value)}" for key, value in _bait(rng, box)]
    return f"{name}[{','.join(given)}]" if rng.random() < 0.85 else name


def _bait(rng: Random, box: Sandbox) -> list[tuple[str, object]]:
    """Arguments with which a call of the target would leave a mark."""
    command = shell(box)
    code = f"open({str(box.mark)!r},'w')"
    return rng.choice(
        (
            [("args", command), ("shell", True)],
            [("command", command)],
            [("cmd", command)],
            [("source", code)],
            [("stmt", code)],
            [("name", "mark_module")],
            [("path", str(box.outside))],
            [("path", str(box.mark)), ("mode", 511)],
            [("file", str(box.mark)), ("mode", "w")],
            [("name", str(box.mark))],
            [("secs", 30)],
            [("status", 0)],
            [("func", "os.system"), ("kw_args", command)],
            [("group", None)],
        )
    )


def _parameters(rng: Random, name: str, box: Sandbox) -> str:
    count = rng.choice((0, 1, 1, 2, 4))
    if not count:
        return name
    items = [f"{rng.choice(KEYS)}={_value(rng, box)}" for _ in range(count)]
    return f"{name}[{','.join(items)}]"


def _value(rng: Random, box: Sandbox) -> str:
    how = rng.random()
    if how < 0.25:
        return json.dumps(rng.choice(mutations.NUMBERS)).lower()
    if how < 0.4:
        return json.dumps(mutations.text(rng)[:2000])
    if how < 0.5:
        return _target(rng, box)
    if how < 0.6:
        return "+".join(str(rng.choice((0.1, 1, 5, "cell", "nucleus", "rgb"))) for _ in range(rng.choice((2, 3, 500))))
    if how < 0.7:
        return f"{rng.choice(CLASSIFIERS)}[{rng.choice(KEYS)}={rng.choice((1, 'rbf', 0.5))}]"
    return rng.choice(("1", "0.5", "-1", "rbf", "linear", "true", "null", "auto", "random", "1e9", "balanced", "cuda"))


def _mutated(rng: Random, text: str) -> str:
    how = rng.random()
    if how < 0.6:
        return text
    if how < 0.8:
        at = rng.randrange(len(text) + 1)
        return text[:at] + mutations.text(rng).replace("\0", "")[:3000] + text[at:]
    if how < 0.9:
        at = rng.randrange(len(text) + 1)
        return text[:at] + text[at + rng.choice((1, 2, 10)) :]
    if how < 0.95:
        return text + "[" * rng.choice((1, 90, 200, 30_000))
    return text.replace("[", "[a=" + "b[c=" * rng.choice((1, 6, 90)), 1)


def _words(*texts: str) -> tuple[str, ...]:
    """Parts of selectors that a refusal may name."""
    return tuple(dict.fromkeys(word for text in texts for word in re.findall(r"\w{3,40}", text)[:50]))


def _selector_command(rng: Random, chosen: tuple[str, ...]) -> tuple[str, ...]:
    options = (*FEW_FOLDS, "--jobs", "1", "--out", "../own/results", "--store", "../own/store")
    extractor, classifier = chosen[1].replace("\0", ""), chosen[3].replace("\0", "")
    names = (f"--extractors={extractor}", f"--classifiers={classifier}", "--no-baselines")
    how = rng.random()
    if how < 0.75:
        return ("plan", "--data", "cells", *names, *options)
    if how < 0.85:
        return ("matrix", "--data", "cells", *names, *options)
    return ("run", "--data", "cells", f"--extractor={extractor}", f"--classifier={classifier}", *options)
