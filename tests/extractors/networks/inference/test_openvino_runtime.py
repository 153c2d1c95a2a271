from __future__ import annotations

import subprocess
import sys

from extractors.networks.inference.openvino_runtime import core, openvino

CONVERSION = """
import sys
from extractors.networks.backbones import BackboneSpec, load_backbone
from extractors.networks.inference.conversion import write_network
from pathlib import Path
write_network(load_backbone(BackboneSpec("test_vit", weights="random")), Path(sys.argv[1]))
print([name for name in sys.modules if "telemetry" in name or name.startswith("openvino.tools.ovc")])
"""


def test_a_conversion_loads_nothing_that_reports_to_the_internet(tmp_path: object) -> None:
    done = subprocess.run([sys.executable, "-c", CONVERSION, str(tmp_path)], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_a_plain_import_would_load_it() -> None:
    """So the test above can fail."""
    code = "import sys; import openvino.tools; print(sys.modules['openvino'].__file__); "
    code += (
        "from pathlib import Path; print('openvino.tools.ovc' in Path(sys.modules['openvino'].__file__).read_text())"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.modules['openvino_telemetry'] = None; {code}"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == "True"


def test_the_processor_can_be_asked() -> None:
    assert "CPU" in core().available_devices
    assert openvino() is sys.modules["openvino"]
