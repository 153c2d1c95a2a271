"""Check the locked versions for known vulnerabilities in the OSV database, with one request.

Run as `python tests/supply_chain/audit.py [LOCK]`. Exits with 0 if none is known, 1 if there are some, and 2 if the
database was not reached or did not answer for every package.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.request import Request, urlopen

LOCK = Path(__file__).resolve().parents[2] / "requirements.lock"
DATABASE = "https://api.osv.dev/v1/querybatch"
SECONDS = 30

Pin = tuple[str, str]


class NotCheckedError(Exception):
    """The versions were not checked, or not all of them."""


def locked(text: str) -> list[Pin]:
    """Return name and version of each package of a lock file, also of those for other platforms."""
    return sorted(set(re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\\n]+)", text, re.MULTILINE)))


def query(pins: Sequence[Pin], url: str) -> object:
    """Return the answer of the database.

    Raises
    ------
    NotCheckedError
        There is no network, or the answer is an error or not JSON.
    """
    queries = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in pins]
    body = json.dumps({"queries": queries}).encode()
    # The address is that of the database or of the command line.
    request = Request(url, data=body, headers={"Content-Type": "application/json"})  # noqa: S310
    try:
        with urlopen(request, timeout=SECONDS) as response:  # noqa: S310
            return json.load(response)
    except (OSError, HTTPException, ValueError) as error:
        raise NotCheckedError(f"{url} cannot be read ({error})") from error


def vulnerabilities(pins: Sequence[Pin], answer: object) -> dict[Pin, list[str]]:
    """Return the ids of the known vulnerabilities of the packages that have some.

    Raises
    ------
    NotCheckedError
        The answer does not have a result for every package.
    """
    results = answer.get("results") if isinstance(answer, Mapping) else None
    if not isinstance(results, list) or len(results) != len(pins):
        raise NotCheckedError(f"the answer does not have {len(pins)} results")
    known: dict[Pin, list[str]] = {}
    for pin, result in zip(pins, results, strict=True):
        if not isinstance(result, Mapping) or result.keys() - {"vulns", "next_page_token"}:
            raise NotCheckedError(f"the answer for {pin[0]} cannot be read")
        try:
            ids = [str(one["id"]) for one in result.get("vulns", ())]
        except (TypeError, KeyError) as error:
            raise NotCheckedError(f"the answer for {pin[0]} cannot be read") from error
        if ids or "next_page_token" in result:
            known[pin] = [*ids, *(["and more"] if "next_page_token" in result else [])]
    return known


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the known vulnerabilities by package."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("lock", nargs="?", type=Path, default=LOCK)
    parser.add_argument("--url", default=DATABASE, help="address of the database")
    options = parser.parse_args(arguments)
    pins = locked(options.lock.read_text(encoding="utf-8"))
    try:
        if not pins:
            raise NotCheckedError(f"{options.lock} has no locked versions")
        known = vulnerabilities(pins, query(pins, options.url))
    except NotCheckedError as error:
        sys.stderr.write(f"not checked for vulnerabilities: {error}\n")
        return 2
    for (name, version), ids in known.items():
        sys.stdout.write(f"{name} {version}: {', '.join(ids)}\n")
    affected = f"{len(known)} of {len(pins)} locked versions have known vulnerabilities"
    sys.stdout.write(f"{affected}; https://osv.dev/list shows them\n" if known else f"{affected}\n")
    return 1 if known else 0


if __name__ == "__main__":
    sys.exit(main())
