"""The launcher's parts that need no process: frames, families, cgroup files, the watcher's rhythm."""

import os
from pathlib import Path

import pytest

from poolhouse.functions.launcher import cgroup, procfs
from poolhouse.functions.launcher.frames import FrameReader, KillOrder, encode, read_order
from poolhouse.functions.launcher.watch import MemoryWatch


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_frames_survive_any_cut(size: int) -> None:
    orders: list[KillOrder] = [{"op": "kill", "id": number} for number in (1, 22, 333)]
    stream = b"".join(encode(order) for order in orders)
    reader = FrameReader()
    bodies = [body for at in range(0, len(stream), size) for body in reader.feed(stream[at : at + size])]
    assert [read_order(body) for body in bodies] == orders


def test_a_frame_over_the_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        list(FrameReader().feed(b"\xff\xff\xff\xff"))


def process(parent: int, group: int) -> procfs.Stat:
    return procfs.Stat(b"S", parent, group, 0, 0)


def test_a_family_is_descendants_and_group_members() -> None:
    processes = {
        10: process(1, 10),
        11: process(10, 10),
        12: process(11, 12),  # a grandchild in a session of its own
        13: process(1, 10),  # adopted by init, still in the group
        14: process(12, 14),
        20: process(1, 20),
        21: process(20, 20),
    }
    assert sorted(procfs.family(10, processes)) == [11, 12, 13, 14]


def test_the_own_process_is_read_from_proc() -> None:
    entry = procfs.stat(os.getpid())
    assert entry is not None
    assert entry.parent == os.getppid()
    assert entry.resident > 1 << 20
    assert procfs.proportional(os.getpid()) > 0
    assert procfs.stat(2**22 + 1) is None


def delegation(root: Path, controllers: str) -> tuple[str, str]:
    unit = root / "mount" / "unit"
    (unit / "server").mkdir(parents=True)
    (unit / "cgroup.controllers").write_text(controllers)
    (unit / "cgroup.subtree_control").write_text("")
    membership = root / "membership"
    membership.write_text("1:name=systemd:/x\n0::/unit/server\n")
    return str(membership), str(root / "mount")


def test_a_delegated_cgroup_is_found_and_its_controllers_switched_on(tmp_path: Path) -> None:
    parent = cgroup.delegated(*delegation(tmp_path, "cpu memory pids\n"))
    assert parent == str(tmp_path / "mount" / "unit")
    assert (tmp_path / "mount/unit/cgroup.subtree_control").read_text() == "+memory +pids"


def test_without_the_memory_controller_nothing_is_delegated(tmp_path: Path) -> None:
    assert cgroup.delegated(*delegation(tmp_path, "cpu pids\n")) is None
    membership = tmp_path / "other"
    membership.write_text("0::/\n")
    assert cgroup.delegated(str(membership), str(tmp_path)) is None
    assert cgroup.delegated(str(tmp_path / "absent"), str(tmp_path)) is None


def test_a_childs_cgroup_has_its_limits(tmp_path: Path) -> None:
    folder = cgroup.create(str(tmp_path), "child", 128 << 20)
    assert folder == str(tmp_path / "child")
    files = {path.name: path.read_text() for path in Path(folder).iterdir()}
    assert files == {
        "memory.max": str(128 << 20),
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "pids.max": "1024",
    }
    assert cgroup.create(str(tmp_path), "child", 1) is None  # exists already


@pytest.mark.parametrize(
    ("events", "killed"), [("low 0\noom 1\noom_kill 1\n", True), ("oom 3\noom_kill 0\n", False), ("", False)]
)
def test_an_out_of_memory_kill_is_read_from_the_events(tmp_path: Path, events: str, killed: bool) -> None:
    (tmp_path / "memory.events").write_text(events)
    assert cgroup.ran_out_of_memory(str(tmp_path)) is killed


def test_the_watcher_rests_without_children_and_sees_who_is_over() -> None:
    watch = MemoryWatch()
    assert watch.wait(0.0) is None
    assert watch.tick(0.0) == []
    watch.add(os.getpid(), 1 << 20)
    assert watch.wait(5.0) == 0.0
    assert watch.tick(5.0) == [os.getpid()]
    wait = watch.wait(5.0)
    assert wait is not None
    assert 0.0 < wait <= 0.25
    assert watch.tick(5.01) == []
    watch.remove(os.getpid())
    assert watch.wait(6.0) is None
