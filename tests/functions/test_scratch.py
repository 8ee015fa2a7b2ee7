"""Scratch folders of servers that were killed go; those in use stay."""

from pathlib import Path

from poolhouse.functions.scratch import Scratch


def test_a_folder_in_use_stays_and_an_abandoned_one_goes(tmp_path: Path) -> None:
    abandoned = tmp_path / "run-abandoned"
    abandoned.mkdir()
    (abandoned / ".lock").touch()
    (abandoned / "kept").write_text("x")
    first = Scratch(tmp_path)
    second = Scratch(tmp_path)
    assert not abandoned.exists()
    assert first.folder.exists()
    assert first.folder != second.folder
    first.remove()
    first.remove()
    assert [path.name for path in tmp_path.iterdir()] == [second.folder.name]
    second.remove()
