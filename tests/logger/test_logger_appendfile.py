"""The file that grows by whole lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tornadopy.logger.appendfile import AppendFile


def append(file: AppendFile, line: bytes, *, alone: bool = True) -> None:
    file.append([line], size=file.refresh().st_size, alone=alone)


def test_it_follows_its_name(tmp_path: Path) -> None:
    """A file that is renamed, deleted, or whose folder is deleted gets no further line."""
    path = tmp_path / "logs" / "x.log"
    file = AppendFile(str(path), terminator=b"\n")
    append(file, b"1\n")
    append(file, b"2\n")
    assert file.openings == 1
    path.rename(path.with_name("old"))
    append(file, b"3\n")
    path.unlink()
    append(file, b"4\n")
    path.unlink()
    path.with_name("old").rename(tmp_path / "old")
    path.parent.rmdir()
    append(file, b"5\n")
    file.close()
    assert (tmp_path / "old").read_bytes() == b"1\n2\n"
    assert path.read_bytes() == b"5\n"
    assert file.openings == 4


def test_a_line_that_was_cut_off_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b"whole\nhal")
    file = AppendFile(str(path), terminator=b"\n")
    append(file, b"next\n")
    with path.open("ab") as other:
        other.write(b"cut")
    append(file, b"not alone\n", alone=False)
    append(file, b"alone\n")
    file.close()
    assert path.read_bytes() == b"whole\nhal\nnext\ncutnot alone\nalone\n"


def test_the_byte_order_mark_comes_once(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    for _ in range(2):
        file = AppendFile(str(path), terminator="\n".encode("utf-16"), byte_order_mark="".encode("utf-16"))
        append(file, "ä\n".encode("utf-16"))
        append(file, "ö\n".encode("utf-16"))
        file.close()
    assert path.read_bytes().decode("utf-16") == "ä\nö\nä\nö\n"


def test_a_file_that_is_not_open_takes_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        AppendFile(str(tmp_path / "x"), terminator=b"\n").append([b"x\n"], size=0, alone=True)


def test_a_file_that_takes_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a pipe does that is full and does not block."""

    class Full:
        def write(self, data: bytes) -> None:
            return None

        def close(self) -> None:
            pass

    file = AppendFile(str(tmp_path / "x"), terminator=b"\n")
    file._file = Full()  # type: ignore[assignment]
    with pytest.raises(BlockingIOError):
        file.append([b"x\n"], size=0, alone=True)
