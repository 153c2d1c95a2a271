"""Published weights: where the hubs keep what they fetched, and one short question to fetch the rest."""

from __future__ import annotations

import os
import re
import shutil
import threading
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from extractors.files.atomic import atomic_file
from extractors.files.digests import file_digest
from extractors.networks.weights.registry import Published

SECONDS = 5.0
"""How long a hub may take to answer."""

READABLE = frozenset({".safetensors", ".bin", ".pth", ".pt"})
"""Suffixes of files that hold nothing but tensors when read as `extractors.networks.weights.loading` reads them."""

_silent: dict[str, str] = {}


def cached_file(source: Published) -> tuple[Path | None, list[str]]:
    """The file of `source` in the Hugging Face cache, else in the torch hub cache; and a line for each place tried."""
    tried: list[str] = []
    if source.hub_id is not None:
        from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - a tenth of a second

        repository, revision = _repository(source.hub_id)
        for name in _hub_filenames(source):
            found = try_to_load_from_cache(repository, name, cache_dir=_hub_cache(), revision=revision)
            if isinstance(found, str):
                return Path(found), tried
        tried.append(f"Hugging Face cache ({_hub_cache()}): holds no weights of {source.hub_id}")
    if (file := _torch_hub_file(source)) is not None:
        if file.is_file():
            return file, tried
        tried.append(f"torch hub cache: no file {file}")
    return None, tried


def fetched_file(source: Published) -> tuple[Path | None, list[str]]:
    """Fetch the file of `source` into its hub's cache.

    A host is asked whether it has the file and given `SECONDS` to answer; one that does not answer is not asked again
    by this process. `HF_HUB_OFFLINE=1` forbids asking.

    Returns
    -------
    file : Path or None
        None where it could not be had.
    tried : list of str
        A line for each attempt, with the reason it failed.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return None, ["the hub: not asked, HF_HUB_OFFLINE is set"]
    tried: list[str] = []
    for attempt in (_from_hugging_face, _from_address):
        try:
            if (file := attempt(source)) is not None:
                return file, tried
        except (OSError, ValueError) as error:
            tried.append(str(error))
    return None, tried


def ask(url: str, *, seconds: float = SECONDS) -> None:
    """Ask whether `url` can be had, for at most `seconds` in all, name look-up included.

    Raises
    ------
    FileNotFoundError
        The host answers that it has no such file.
    OSError
        The host answers with another error, or not at all; one that does not answer is not asked again by this
        process.
    """
    host = urlsplit(url).netloc
    if host in _silent:
        raise OSError(f"{host}: not asked again ({_silent[host]})")
    failures: list[Exception | None] = []

    def question() -> None:
        try:
            with urlopen(Request(url, method="HEAD"), timeout=seconds):  # noqa: S310 - addresses of timm and torchvision
                failures.append(None)
        except (OSError, ValueError) as error:
            failures.append(error)

    # A name look-up knows no time-out, so the question is asked by a thread that can be left behind.
    thread = threading.Thread(target=question, daemon=True)
    thread.start()
    thread.join(seconds)
    failure = failures[0] if failures else TimeoutError(f"no answer within {seconds:g} s")
    if isinstance(failure, HTTPError) and failure.code == HTTPStatus.NOT_FOUND:
        raise FileNotFoundError(f"{url}: not found there")
    if isinstance(failure, HTTPError):
        raise OSError(f"{url}: {failure}")
    if failure is not None:
        _silent[host] = str(failure)
        raise OSError(f"{host}: {failure}")


def _from_hugging_face(source: Published) -> Path | None:
    if source.hub_id is None:
        return None
    from huggingface_hub import hf_hub_download, hf_hub_url  # noqa: PLC0415 - a tenth of a second
    from huggingface_hub.utils import disable_progress_bars  # noqa: PLC0415 - a tenth of a second

    disable_progress_bars()
    repository, revision = _repository(source.hub_id)
    for name in _hub_filenames(source):
        try:
            ask(hf_hub_url(repository, name, revision=revision))
        except FileNotFoundError:
            continue
        try:
            file = hf_hub_download(repository, name, revision=revision, cache_dir=_hub_cache(), etag_timeout=SECONDS)
        except Exception as error:  # the errors of the hub's HTTP library share no root with the rest
            raise OSError(f"Hugging Face hub: fetching {name} of {source.hub_id} failed ({error})") from error
        return Path(file)
    raise FileNotFoundError(f"Hugging Face hub: {source.hub_id} has no safetensors or PyTorch weights")


def _from_address(source: Published) -> Path | None:
    file = _torch_hub_file(source)
    if file is None or source.url is None:
        return None
    ask(source.url)
    with atomic_file(file) as temporary:
        with urlopen(source.url, timeout=SECONDS) as answer, temporary.open("wb") as partial:  # noqa: S310 - see above
            shutil.copyfileobj(answer, partial)
        _check_digest(temporary, file.name)
    return file


def _check_digest(file: Path, name: str) -> None:
    """PyTorch's convention: a name that ends in `-` and 8 or more hex digits promises the SHA-256 to begin so."""
    promised = re.search(r"-([0-9a-f]{8,})\.", name)
    if promised is None:
        return
    found = file_digest(file)
    if not found.startswith(promised[1]):
        raise ValueError(f"{name}: what was fetched has SHA-256 {found[:16]}..., its name promises {promised[1]}")


def _hub_filenames(source: Published) -> tuple[str, ...]:
    """Names of the weights in a repository, those without pickle first."""
    name = source.filename or "pytorch_model.bin"
    path = PurePosixPath(name)
    if path.suffix not in READABLE:
        return ()
    safe = "model.safetensors" if name == "pytorch_model.bin" else str(path.with_suffix(".safetensors"))
    return tuple(dict.fromkeys((safe, name)))


def _repository(hub_id: str) -> tuple[str, str | None]:
    repository, _, revision = hub_id.partition("@")
    return repository, revision or None


def _hub_cache() -> str:
    """`huggingface_hub` reads its settings when it is imported; these are the ones of now."""
    home = os.environ.get("HF_HOME") or str(_user_cache() / "huggingface")
    return os.environ.get("HF_HUB_CACHE") or str(Path(home).expanduser() / "hub")


def _torch_hub_file(source: Published) -> Path | None:
    name = PurePosixPath(urlsplit(source.url or "").path)
    if name.suffix not in READABLE:
        return None
    home = os.environ.get("TORCH_HOME") or str(_user_cache() / "torch")
    return Path(home).expanduser() / "hub" / "checkpoints" / name.name


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
