"""The package as PyPI would get it."""

from __future__ import annotations

import email
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LICENSES = ["LICENSE-APACHE", "LICENSE-MIT"]


def build(folder: Path, target: str) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "--target", target]
    subprocess.run([*command, "--directory", folder], cwd=ROOT, check=True, capture_output=True)
    (made,) = folder.iterdir()
    return made


def sources() -> set[str]:
    files = (ROOT / "src").rglob("*")
    kept = [path for path in files if path.suffix == ".py" or path.name == "py.typed"]
    return {str(path.relative_to(ROOT / "src")) for path in kept}


def test_the_wheel_has_the_package_its_licences_and_nothing_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(build(tmp_path, "wheel")) as wheel:
        names = set(wheel.namelist())
        info = next(name.split("/")[0] for name in names if name.endswith("/METADATA"))
        metadata = email.message_from_bytes(wheel.read(f"{info}/METADATA"))
        for license in LICENSES:
            assert wheel.read(f"{info}/licenses/{license}") == (ROOT / license).read_bytes()
    of_wheel = {f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL")}
    assert names == sources() | of_wheel | {f"{info}/licenses/{name}" for name in LICENSES}
    assert metadata["License-Expression"] == "MIT OR Apache-2.0"
    assert metadata.get_all("License-File") == LICENSES
    # PyPI refuses it as long as this is there.
    assert "Private :: Do Not Upload" in (metadata.get_all("Classifier") or [])


def test_the_source_package_has_what_the_wheel_is_made_of(tmp_path: Path) -> None:
    with tarfile.open(build(tmp_path, "sdist")) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    expected = {f"src/{name}" for name in sources()} | {*LICENSES, "README.md", "pyproject.toml"}
    assert expected <= names
    assert not any(name.startswith("tests/") for name in names)


@pytest.mark.parametrize("name", LICENSES)
def test_the_licences_are_those_of_the_project(name: str) -> None:
    assert (ROOT / name).read_bytes() == (ROOT.parents[1] / name).read_bytes()
