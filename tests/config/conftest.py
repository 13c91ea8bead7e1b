from __future__ import annotations

from pathlib import Path

import pytest


class Folder:
    """A configuration in a temporary folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.main = path / "dorimportd.toml"

    def write(self, name: str, text: str, mode: int = 0o640) -> Path:
        file = self.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(text.encode())
        file.chmod(mode)
        return file

    def read(self, name: str) -> str:
        return (self.path / name).read_bytes().decode()

    def texts(self) -> dict[str, str]:
        """Every file by name, hidden ones too."""
        return {
            str(file.relative_to(self.path)): file.read_bytes().decode()
            for file in sorted(self.path.rglob("*"))
            if file.is_file()
        }


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.write("dorimportd.toml", "")
    return folder


@pytest.fixture
def pub():
    """The line of one of the .pub files that ssh-keygen has made."""

    def line(name: str) -> str:
        return (Path(__file__).parent / "keys" / f"{name}.pub").read_text().rstrip("\n")

    return line
