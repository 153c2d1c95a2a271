from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from extractors.networks.weights import hub
from extractors.networks.weights.hub import cached_file, cached_hub_file, check_available, download, download_hub_file
from extractors.networks.weights.registry import Published


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_unreachable", {})
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(folder))) as http:
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_address[1]}", folder
        http.shutdown()


def test_an_unresponsive_host_gets_no_further_request() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x.pth"
        began = time.perf_counter()
        with pytest.raises(OSError, match=r"127\.0\.0\.1"):
            check_available(url, seconds=0.2)
        assert time.perf_counter() - began < 2
        with pytest.raises(OSError, match="no further request"):
            check_available(url, seconds=60)


def test_an_error_response_does_not_block_the_host(server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    address, folder = server
    with pytest.raises(FileNotFoundError, match="does not exist"):
        check_available(f"{address}/absent.pth")
    with monkeypatch.context() as patch:
        patch.setattr(Silent, "do_HEAD", lambda handler: handler.send_error(403))
        with pytest.raises(OSError, match=r"net\.pth: HTTP Error 403"):
            check_available(f"{address}/net.pth")
    (folder / "present.pth").write_bytes(b"x")
    check_available(f"{address}/present.pth")


def test_a_token_is_sent_to_the_host_but_not_to_another(
    server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, folder = server
    (folder / "net.bin").write_bytes(b"x")
    seen: list[tuple[str, str | None]] = []
    plain, get = Silent.do_HEAD, Silent.do_GET

    def redirected(handler: Silent) -> None:
        seen.append((handler.path, handler.headers.get("Authorization")))
        get(handler)

    def answer(handler: Silent) -> None:
        seen.append((handler.path, handler.headers.get("Authorization")))
        if handler.path == "/gated.bin":
            handler.send_response(302)
            handler.send_header("Location", f"{address.replace('127.0.0.1', 'localhost')}/net.bin")
            handler.end_headers()
        else:
            plain(handler)

    monkeypatch.setattr(Silent, "do_HEAD", answer)
    monkeypatch.setattr(Silent, "do_GET", redirected)
    check_available(f"{address}/gated.bin", token="secret")  # noqa: S106 - of this test
    check_available(f"{address}/net.bin")
    assert seen == [("/gated.bin", "Bearer secret"), ("/net.bin", None), ("/net.bin", None)]


def test_a_file_is_downloaded_once_into_the_torch_hub_cache(
    server: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    address, folder = server
    name = f"net-{hashlib.sha256(b'weights').hexdigest()[:8]}.pth"
    (folder / name).write_bytes(b"weights")
    source = Published(url=f"{address}/{name}")
    assert cached_file(source)[0] is None
    file, tried = download(source)
    assert (file, tried) == (tmp_path / "torch" / "hub" / "checkpoints" / name, [])
    assert file is not None
    assert file.read_bytes() == b"weights"
    (folder / name).unlink()
    assert cached_file(source) == (file, [])


def test_a_download_with_a_wrong_digest_is_discarded(
    server: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    address, folder = server
    (folder / "net-00000000.pth").write_bytes(b"weights")
    file, tried = download(Published(url=f"{address}/net-00000000.pth"))
    assert file is None
    assert "expected 00000000 by its name" in tried[0]
    assert list((tmp_path / "torch" / "hub" / "checkpoints").iterdir()) == []


def test_offline_mode_sends_no_request(server: tuple[str, Path]) -> None:
    address, folder = server
    (folder / "net.pth").write_bytes(b"weights")
    assert download(Published(url=f"{address}/net.pth")) == (None, ["the hub: no request, HF_HUB_OFFLINE is set"])


def test_a_file_of_the_hugging_face_cache_is_used(tmp_path: Path) -> None:
    repository = tmp_path / "hf" / "models--timm--resnet18.a1_in1k"
    commit = "0" * 40
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    (repository / "snapshots" / commit).mkdir(parents=True)
    for name in ("pytorch_model.bin", "model.safetensors"):
        (repository / "snapshots" / commit / name).write_bytes(b"x")
        file, _ = cached_file(Published("timm/resnet18.a1_in1k"))
        assert file is not None
        assert file.name == name


def test_only_readable_formats_are_used(tmp_path: Path) -> None:
    checkpoints = tmp_path / "torch" / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "net.npz").write_bytes(b"x")
    assert cached_file(Published(url="https://example.org/net.npz")) == (None, [])


def test_a_file_of_a_repository_is_looked_up_by_its_name(tmp_path: Path) -> None:
    place = tmp_path / "hf" / "models--owner--net"
    (place / "snapshots" / "abc").mkdir(parents=True)
    (place / "snapshots" / "abc" / "config.json").write_text("{}")
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    assert cached_hub_file("owner/net", "config.json") == (place / "snapshots" / "abc" / "config.json", [])
    file, tried = cached_hub_file("owner/other", "config.json")
    assert file is None
    assert tried == [f"Hugging Face cache ({tmp_path / 'hf'}): no config.json of owner/other"]


def test_a_repository_without_the_file_gives_none(server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    address, _ = server
    monkeypatch.setattr("huggingface_hub.hf_hub_url", lambda _, name, **__: f"{address}/{name}")
    assert download_hub_file("owner/net", "config.json") == (None, [])
    monkeypatch.setattr(Silent, "do_HEAD", lambda handler: handler.send_error(401))
    file, tried = download_hub_file("owner/net", "config.json")
    assert file is None
    assert "HTTP Error 401" in tried[0]
