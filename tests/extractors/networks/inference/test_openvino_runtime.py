from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from extractors.networks.inference.openvino_runtime import core, openvino

CONVERSION = """
import sys
from extractors.networks.backbones.backbone import BackboneSpec, load_backbone
from extractors.networks.inference.conversion import write_network
from pathlib import Path
write_network(load_backbone(BackboneSpec("test_vit", weights="random")), Path(sys.argv[1]))
print([name for name in sys.modules if "telemetry" in name or name.startswith("openvino.tools.ovc")])
"""


def test_a_conversion_imports_no_telemetry(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CONVERSION, str(tmp_path)], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_openvino_imports_telemetry_by_default() -> None:
    """If this fails, the test above is no longer needed."""
    package = find_spec("openvino")
    assert package is not None
    assert package.origin is not None
    assert "from openvino.tools.ovc import" in Path(package.origin).read_text(encoding="utf-8")


def test_the_cpu_device_is_available() -> None:
    assert "CPU" in core().available_devices
    assert openvino() is sys.modules["openvino"]
