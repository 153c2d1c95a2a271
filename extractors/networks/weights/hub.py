"""Published weights: lookup in the caches of the hubs, and download."""

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
"""Time limit in seconds for the response of a hub."""

READABLE = frozenset({".safetensors", ".bin", ".pth", ".pt"})
"""Suffixes of files that `extractors.networks.weights.loading` can read safely, as tensors only."""

OFFLINE = "the hub: no request, HF_HUB_OFFLINE is set"

_unreachable: dict[str, str] = {}


def cached_file(source: Published) -> tuple[Path | None, list[str]]:
    """Look up `source` in the Hugging Face cache, then in the torch hub cache.

    Returns
    -------
    file : Path or None
        None if it is in neither cache.
    tried : list of str
        A line for each cache without the file.
    """
    tried: list[str] = []
    if source.hub_id is not None:
        for name in _hub_filenames(source):
            file, _ = cached_hub_file(source.hub_id, name)
            if file is not None:
                return file, tried
        tried.append(f"Hugging Face cache ({_hub_cache()}): no weights of {source.hub_id}")
    if (file := _torch_hub_file(source)) is not None:
        if file.is_file():
            return file, tried
        tried.append(f"torch hub cache: no file {file}")
    return None, tried


def cached_hub_file(hub_id: str, name: str) -> tuple[Path | None, list[str]]:
    """Look up a file of a repository, such as `config.json`, in the Hugging Face cache; see `cached_file`."""
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - a tenth of a second

    repository, revision = _repository(hub_id)
    path = try_to_load_from_cache(repository, name, cache_dir=_hub_cache(), revision=revision)
    if isinstance(path, str):
        return Path(path), []
    return None, [f"Hugging Face cache ({_hub_cache()}): no {name} of {hub_id}"]


def download_hub_file(hub_id: str, name: str) -> tuple[Path | None, list[str]]:
    """Download a file of a repository, such as `config.json`, into the Hugging Face cache; see `download`."""
    if _is_offline():
        return None, [OFFLINE]
    try:
        return _hub_download(hub_id, (name,)), []
    except (OSError, ValueError) as error:
        return None, [str(error)]


def download(source: Published) -> tuple[Path | None, list[str]]:
    """Download the file of `source` into the cache of its hub.

    A HEAD request with a limit of `SECONDS` comes first; this process sends no further request to a host that does not
    respond. `HF_HUB_OFFLINE=1` disables all requests.

    Returns
    -------
    file : Path or None
        None if the download failed.
    tried : list of str
        A line for each failed attempt, with its reason.
    """
    if _is_offline():
        return None, [OFFLINE]
    tried: list[str] = []
    for attempt in (_from_hugging_face, _from_url):
        try:
            if (file := attempt(source)) is not None:
                return file, tried
        except (OSError, ValueError) as error:
            tried.append(str(error))
    return None, tried


def check_available(url: str, *, seconds: float = SECONDS, token: str | None = None) -> None:
    """Check by a HEAD request that `url` exists, within `seconds` including name resolution.

    Parameters
    ----------
    url : str
    seconds : float
    token : str, optional
        Token of the user for this host; it is not sent to a host that the request is redirected to.

    Raises
    ------
    FileNotFoundError
        The host reports that the file does not exist.
    OSError
        The host reports another error or does not respond; in the latter case this process sends it no further request.
    """
    host = urlsplit(url).netloc
    if host in _unreachable:
        raise OSError(f"{host}: no further request ({_unreachable[host]})")
    outcomes: list[Exception | None] = []
    head = Request(url, method="HEAD")  # noqa: S310 - an address of timm, torchvision or the hub
    if token is not None:
        head.add_unredirected_header("Authorization", f"Bearer {token}")

    def request() -> None:
        try:
            with urlopen(head, timeout=seconds):  # noqa: S310 - see above
                outcomes.append(None)
        except (OSError, ValueError) as error:
            outcomes.append(error)

    # Neither urllib's nor huggingface_hub's time-outs (etag_timeout, HF_HUB_ETAG_TIMEOUT) bound the total wait: they
    # apply to each socket operation, and name resolution has none. So a thread that can be abandoned sends the request.
    thread = threading.Thread(target=request, daemon=True)
    thread.start()
    thread.join(seconds)
    failure = outcomes[0] if outcomes else TimeoutError(f"no response within {seconds:g} s")
    if isinstance(failure, HTTPError) and failure.code == HTTPStatus.NOT_FOUND:
        raise FileNotFoundError(f"{url}: does not exist")
    if isinstance(failure, HTTPError):
        raise OSError(f"{url}: {failure}")
    if failure is not None:
        _unreachable[host] = str(failure)
        raise OSError(f"{host}: {failure}")


def _from_hugging_face(source: Published) -> Path | None:
    if source.hub_id is None:
        return None
    file = _hub_download(source.hub_id, _hub_filenames(source))
    if file is None:
        raise FileNotFoundError(f"Hugging Face hub: {source.hub_id} has no safetensors or PyTorch weights")
    return file


def _hub_download(hub_id: str, names: tuple[str, ...]) -> Path | None:
    """Download the first of the files that a repository has; None if it has none of them."""
    from huggingface_hub import get_token, hf_hub_download, hf_hub_url  # noqa: PLC0415 - a tenth of a second
    from huggingface_hub.utils import disable_progress_bars  # noqa: PLC0415 - a tenth of a second

    disable_progress_bars()
    repository, revision = _repository(hub_id)
    for name in names:
        try:
            check_available(hf_hub_url(repository, name, revision=revision), token=get_token())
        except FileNotFoundError:
            continue
        try:
            file = hf_hub_download(repository, name, revision=revision, cache_dir=_hub_cache(), etag_timeout=SECONDS)
        except Exception as error:  # the exceptions of the hub's HTTP library have no common base class with the rest
            raise OSError(f"Hugging Face hub: download of {name} of {hub_id} failed ({error})") from error
        return Path(file)
    return None


def _is_offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def _from_url(source: Published) -> Path | None:
    file = _torch_hub_file(source)
    if file is None or source.url is None:
        return None
    check_available(source.url)
    with atomic_file(file) as temporary:
        with urlopen(source.url, timeout=SECONDS) as response, temporary.open("wb") as partial:  # noqa: S310 - see above
            shutil.copyfileobj(response, partial)
        _check_digest(temporary, file.name)
    return file


def _check_digest(file: Path, name: str) -> None:
    """Check the SHA-256 against the name: by PyTorch's convention, names may end in `-` and its first 8 or more digits.

    Raises
    ------
    ValueError
        The digest differs.
    """
    expected = re.search(r"-([0-9a-f]{8,})\.", name)
    if expected is None:
        return
    digest = file_digest(file)
    if not digest.startswith(expected[1]):
        raise ValueError(f"{name}: the download has SHA-256 {digest[:16]}..., expected {expected[1]} by its name")


def _hub_filenames(source: Published) -> tuple[str, ...]:
    """Candidate file names of the weights in a repository, safetensors first."""
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
    """Return the cache folder by the current environment; `huggingface_hub` reads it at import only."""
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
