"""Apply an extractor to cells and check its output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from extractors.cells import Cells
from extractors.files.digest_cache import cached_file_digest
from extractors.handcrafted.framework.status import Status


@dataclass(frozen=True)
class Features:
    """Features of some cells.

    Parameters
    ----------
    values : ndarray of float32, shape (n_cells, n_features)
        The features; NaN where one is undefined.
    status : ndarray of uint8, shape (n_cells, n_features), or None
        Why a value is NaN; None if the extractor gives no status codes.
    names : tuple of str
        Names of the features.
    notices : tuple of str
        Messages of the extractor for the user.
    """

    values: npt.NDArray[np.float32]
    status: npt.NDArray[np.uint8] | None
    names: tuple[str, ...]
    notices: tuple[str, ...]


def checked_features(extractor: Any, cells: Cells, name: str) -> Features:
    """Transform cells and check the features.

    Parameters
    ----------
    extractor : transformer of cells
        Stateless, or fitted.
    cells : Cells
        At least one.
    name : str
        Name of the extractor in errors.

    Raises
    ------
    BenchError
        A feature is infinite, or NaN without the status code that gives the reason or in an embedding; a cell has no
        feature and no status code gives the reason, or a cell cannot be read.
    """
    try:
        if hasattr(extractor, "transform_with_status"):
            values, status = extractor.transform_with_status(cells)
        else:
            values, status = extractor.transform(cells), None
        names = tuple(str(n) for n in extractor.get_feature_names_out())
    except (OSError, ValueError) as error:
        raise BenchError(f"{name}: {error}") from error
    if not names:
        raise BenchError(f"{name}: it returns no features")
    values = np.ascontiguousarray(values, dtype="<f4")
    status = None if status is None else np.ascontiguousarray(status, dtype=np.uint8)
    for kind, array in (("features", values), ("status codes", status)):
        if array is not None and array.shape != (len(cells), len(names)):
            raise BenchError(f"{name}: {kind} of shape {array.shape}, {(len(cells), len(names))} is expected")
    rows, columns = np.nonzero(invalid_values(values, status, embedding=hasattr(extractor, "weights_file")))
    if len(rows):
        file = cells.files[rows[0]]
        infinite = np.isinf(values[rows[0], columns[0]])
        raise BenchError(
            f"{name}: feature {names[columns[0]]} is {'infinite' if infinite else 'NaN'} for cell {file.id} "
            f"({file.path}), and {len(rows) - 1} more values are infinite or NaN without a reason; an undefined "
            "feature must be NaN with a status code, and an embedding has none"
        )
    empty = unexplained_rows(values, status)
    if len(empty):
        file = cells.files[empty[0]]
        more = f" and for {len(empty) - 1} more" if len(empty) > 1 else ""
        raise BenchError(
            f"{name}: no feature exists for cell {file.id} ({file.path}){more}, and no status code "
            "gives the reason; remove it from the data, or choose another extractor"
        )
    return Features(values, status, names, tuple(str(n) for n in getattr(extractor, "notices_", ())))


def invalid_values(
    values: npt.NDArray[np.float32], status: npt.NDArray[np.uint8] | None, *, embedding: bool
) -> npt.NDArray[np.bool_]:
    """Mask of the values that no extraction writes: infinity, NaN of an embedding, and NaN whose status is `OK`."""
    invalid: npt.NDArray[np.bool_] = ~np.isfinite(values)
    if embedding or not invalid.any():
        return invalid
    return np.isinf(values) if status is None else invalid & (np.isinf(values) | (status == Status.OK))


def unexplained_rows(values: npt.NDArray[np.float32], status: npt.NDArray[np.uint8] | None) -> npt.NDArray[np.intp]:
    """Positions of cells without any feature whose status codes do not give the reason."""
    missing = np.isnan(values)
    unexplained = missing if status is None else missing & (status == Status.OK)
    return np.flatnonzero(missing.all(axis=1) & unexplained.any(axis=1))


def check_weights(extractor: Any, sha256: str | None, name: str, *, config: str | None = None) -> None:
    """Check that an extractor or classifier has computed with the weights that the key names.

    Parameters
    ----------
    extractor : transformer or classifier of cells
        After `transform` or `fit`. Its attribute `weights_sha256_`, the digest of the bytes that it loaded, is
        compared; without the attribute, that of its `weights_file()` as it is now.
    sha256 : str or None
        The digest in the key; None: no weights, or random ones.
    name : str
        Name of the plugin in errors.
    config : str or None
        The digest of the configuration of its network in the key, compared with `config_sha256_` or `config_digest()`.

    Raises
    ------
    BenchError
        The digests differ.
    """
    if config is not None and (getattr(extractor, "config_sha256_", None) or extractor.config_digest()) != config:
        raise BenchError(f"{name}: the config.json of its network changed since it was scanned; run the command again")
    if sha256 is None:
        return
    path = Path(extractor.weights_file())
    used = getattr(extractor, "weights_sha256_", None) or cached_file_digest(path)
    if used != sha256:
        raise BenchError(f"{name}: {path}: changed since it was scanned; run the command again")
