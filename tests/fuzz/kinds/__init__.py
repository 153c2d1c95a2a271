"""The kinds of input by name."""

from __future__ import annotations

from fuzz.inputs import Generator
from fuzz.kinds import documents, images, public, recipes, selectors, tables, user

KINDS: dict[str, Generator] = {
    "manifest-csv": tables.manifest_csv,
    "manifest-parquet": tables.manifest_parquet,
    "folds": tables.folds,
    "links": tables.links,
    "image": images.image,
    "mask": images.mask,
    "folder": images.folder,
    "cnmc": images.cnmc,
    "archive": public.archive,
    "annotations": public.annotations,
    "side-files": public.side_files,
    "classifier": selectors.classifier,
    "extractor": selectors.extractor,
    "nested": selectors.nested,
    "prepare": selectors.prepare,
    "yaml": documents.yaml_file,
    "recipe": recipes.recipe,
    "results": documents.results_folder,
    "record": documents.record,
    "failure": documents.failure,
    "predictions": documents.predictions,
    "report": documents.report,
    "store": documents.store,
    "weights": user.weights,
    "network-folder": user.network_folder,
    "storage": user.storage,
    "pattern": user.pattern,
    "plugin": user.plugin,
    "option": user.option,
    "planted": user.planted,
}

NETWORKS = frozenset({"weights", "network-folder"})
"""Kinds for which torch is imported before the inputs run."""
