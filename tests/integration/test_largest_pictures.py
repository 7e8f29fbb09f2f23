"""The largest pictures that are let in, each decoded in a process of its own limits: memory and time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from PIL import Image

from tests.files import png, saved, tiff_structure

ROOT = Path(__file__).resolve().parents[2]

LARGEST = """
import json, sys, time
from fakeshield_core import imaging
from fakeshield_core.errors import FakeShieldError
for name in sys.argv[1:]:
    data, started = open(name, "rb").read(), time.process_time()
    try:
        outcome = list(imaging.decode(data).rgb.shape)
    except FakeShieldError as error:
        outcome = str(error)
    # VmHWM, not ru_maxrss: the latter keeps the peak of the test process this one was forked from
    peak = next(int(row.split()[1]) // 1024 for row in open("/proc/self/status") if row.startswith("VmHWM"))
    print(json.dumps([outcome, time.process_time() - started, peak]))
"""


def test_largest_pictures_stay_below_a_gigabyte_and_two_seconds(tmp_path: Path) -> None:
    side = 6_300  # 39.7 megapixels from files of at most 2.4 MB
    white = Image.new("RGB", (side, side), (250, 250, 250))
    files = {
        "16-bit RGBA": png(side, side, bits=16, colour=6, channels=4),
        "progressive": saved(white, "JPEG", progressive=True),
        "webp with alpha": saved(white.convert("RGBA"), "WEBP", lossless=True, method=0),
        "tiff in print colours": saved(white.convert("CMYK"), "TIFF", compression="tiff_lzw"),
        "turned": saved(white, "JPEG", exif=b"Exif\0\0" + tiff_structure([(0x0112, 3, 1, 6)])),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    command = [sys.executable, "-c", LARGEST, *[str(tmp_path / name) for name in files]]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    for line in lines.splitlines():
        outcome, cpu_s, peak_mb = json.loads(line)
        assert outcome == [side, side, 3]
        assert cpu_s < 2
        assert peak_mb < 1024
    assert len(lines.splitlines()) == len(files)
