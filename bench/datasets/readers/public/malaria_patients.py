"""Official patient files of the NIH malaria set: on each line an id and a list of names that spills over columns."""

from __future__ import annotations

import re
from pathlib import Path

from bench.errors import BenchError, shortened
from extractors.files.regular import read_regular

_MAX_BYTES = 64 * 1024**2
_NAME = re.compile(r"""['"]([^'"]+)['"]""")


def read_patients(file: Path) -> dict[str, str]:
    """Return the patient of each image.

    A line is an id, a comma and a list such as `['a.png', 'b.png']`, written without the quotes that CSV requires
    around its commas, or with them, and padded with empty columns.

    Raises
    ------
    BenchError
        The file cannot be read, a line has another form, or an image has two patients.
    """
    try:
        lines = read_regular(file, limit=_MAX_BYTES).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise BenchError(f"{file}: not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise BenchError(f"{file}: cannot be read ({error.strerror})") from error
    patients: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip(" ,\t"):
            continue
        patient, names = _parsed(file, number, line)
        for name in names:
            if patients.setdefault(name, patient) != patient:
                raise BenchError(
                    f"{file}, row {number}: {shortened(name)!r} is an image of {shortened(patient)}, but an earlier "
                    f"row lists it for {shortened(patients[name])}"
                )
    if not patients:
        raise BenchError(f"{file}: lists no image")
    return patients


def _parsed(file: Path, number: int, line: str) -> tuple[str, list[str]]:
    patient, _, rest = line.partition(",")
    before, opened, inner = rest.partition("[")
    inside, closed, after = inner.partition("]")
    patient = patient.strip(' \t"')
    if not (patient and opened and closed) or before.strip(' \t"') or after.strip(' \t,"'):
        raise BenchError(
            f"{file}, row {number}: {shortened(line)!r}; expected a patient and a list of images, such as "
            "C33P1,['C33P1thinF_IMG_1_cell_1.png']"
        )
    names = []
    for entry in inside.split(","):
        if not entry.strip():
            continue
        name = _NAME.fullmatch(entry.strip())
        if name is None:
            raise BenchError(f"{file}, row {number}: {shortened(entry.strip())!r} is not the quoted name of an image")
        names.append(name[1])
    return patient, names
