"""The check for known vulnerabilities, against a recorded answer with invented entries on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

AUDIT = Path(__file__).with_name("audit.py")

LOCK = """\
first==1.0 \\
    --hash=sha256:00
second-part==2.0.1 ; python_full_version < '3.12' \\
    --hash=sha256:00
second-part==2.1 ; python_full_version >= '3.12' \\
    --hash=sha256:00
"""

CLEAN: dict[str, Any] = {"results": [{}, {}, {}]}
AFFECTED: dict[str, Any] = {
    "results": [
        {},
        {"vulns": [{"id": "PYSEC-0000-1", "modified": "2026-01-01T00:00:00Z"}, {"id": "GHSA-0000-0000-0000"}]},
        {"vulns": [{"id": "PYSEC-0000-2"}], "next_page_token": "x"},
    ]
}

Audited = tuple[subprocess.CompletedProcess[str], list[Any]]


@contextmanager
def database(status: int, body: bytes, queries: list[Any]) -> Iterator[str]:
    """A server on this machine that answers every request alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            queries.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/querybatch"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Audited]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def run(answer: object, *, status: int = 200, lock: str = LOCK) -> Audited:
        file = tmp_path / "requirements.lock"
        file.write_text(lock, encoding="utf-8")
        queries: list[Any] = []
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        with database(status, body, queries) as url:
            command = [sys.executable, str(AUDIT), str(file), "--url", url]
            return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False), queries

    return run


def test_vulnerabilities_are_listed_by_package(audit: Callable[..., Audited]) -> None:
    done, queries = audit(AFFECTED)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "second-part 2.0.1: PYSEC-0000-1, GHSA-0000-0000-0000",
        "second-part 2.1: PYSEC-0000-2, and more",
        "2 of 3 locked versions have known vulnerabilities; https://osv.dev/list shows them",
    ]
    pins = [("first", "1.0"), ("second-part", "2.0.1"), ("second-part", "2.1")]
    expected = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in pins]
    assert queries == [{"queries": expected}]


def test_without_vulnerabilities_the_exit_code_is_0(audit: Callable[..., Audited]) -> None:
    done, _ = audit(CLEAN)
    assert (done.returncode, done.stdout) == (0, "0 of 3 locked versions have known vulnerabilities\n")


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (CLEAN, 503, "HTTP Error 503"),
        (b"<html>log in</html>", 200, "cannot be read (Expecting value"),
        (b"", 200, "cannot be read (Expecting value"),
        ({"results": [{}, {}]}, 200, "the answer does not have 3 results"),
        ([{}, {}, {}], 200, "the answer does not have 3 results"),
        ({"results": [{}, {"error": "unavailable"}, {}]}, 200, "the answer for second-part cannot be read"),
        ({"results": [{"vulns": [{}]}, {}, {}]}, 200, "the answer for first cannot be read"),
        ({"results": [{"vulns": 1}, {}, {}]}, 200, "the answer for first cannot be read"),
    ],
)
def test_an_incomplete_answer_is_no_result(
    audit: Callable[..., Audited], answer: object, status: int, message: str
) -> None:
    done, _ = audit(answer, status=status)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("not checked for vulnerabilities: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_network_nothing_is_reported_as_checked(tmp_path: Path) -> None:
    file = tmp_path / "requirements.lock"
    file.write_text(LOCK, encoding="utf-8")
    for url in ("http://127.0.0.1:9/v1/querybatch", "http://host.invalid/v1/querybatch"):
        command = [sys.executable, str(AUDIT), str(file), "--url", url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={"no_proxy": "*"})
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"not checked for vulnerabilities: {url} cannot be read (<urlopen error ")


def test_a_lock_without_versions_is_no_result(audit: Callable[..., Audited]) -> None:
    done, queries = audit(CLEAN, lock="numpy>=2\n")
    assert (done.returncode, queries) == (2, [])
    assert "has no locked versions" in done.stderr
