"""How many sandboxes may run in the whole house, and which function gets the room that becomes free.

Owns the count and the fair share. Knows pools only as claimants.
"""

from typing import Protocol


class Claimant(Protocol):
    """A pool, as the shared capacity sees it."""

    @property
    def size(self) -> int:
        """Sandboxes that run or start."""
        ...

    @property
    def wants_room(self) -> bool:
        """Whether calls wait for which no sandbox is starting."""
        ...

    @property
    def idle_since(self) -> float | None:
        """When the longest idle sandbox began to rest; None when all work."""
        ...

    def grow(self) -> None:
        """There is room: start what is needed."""
        ...

    def give_up_idle(self) -> None:
        """End the longest idle sandbox."""
        ...


class Capacity:
    """Room for `limit` sandboxes."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._pools: dict[Claimant, None] = {}
        self._hungry: dict[Claimant, None] = {}
        """Those that were refused room, longest first."""
        self._reclaiming = False

    def join(self, pool: Claimant) -> None:
        """A pool whose idle sandboxes may be taken for others."""
        self._pools[pool] = None

    def leave(self, pool: Claimant) -> None:
        """The pool is no longer used."""
        self._pools.pop(pool, None)
        self._hungry.pop(pool, None)

    def is_wanted_by_another(self, pool: Claimant) -> bool:
        """Whether room that this pool does not need would serve another one's calls."""
        return any(other is not pool and other.wants_room for other in self._hungry)

    def starves_another(self, pool: Claimant) -> bool:
        """Whether another pool has calls waiting and no sandbox at all: then even a busy pool yields one."""
        return any(other is not pool and other.wants_room and not other.size for other in self._hungry)

    def take(self, pool: Claimant) -> bool:
        """Room for one more; at the expense of the longest idle sandbox if need be."""
        if self._free == 0:
            self._reclaim()
        if self._free == 0:
            self._hungry[pool] = None
            return False
        self._free -= 1
        return True

    def _reclaim(self) -> None:
        resting = [(since, pool) for pool in self._pools if (since := pool.idle_since) is not None]
        if resting:
            _, pool = min(resting, key=lambda entry: entry[0])
            self._reclaiming = True
            pool.give_up_idle()
            self._reclaiming = False

    def release(self) -> None:
        """A sandbox has ended: its room goes to those who have none, then to those who want more."""
        self._free += 1
        if self._reclaiming:  # the room is spoken for
            return
        for pool in sorted(self._hungry, key=lambda one: one.size > 0):
            if self._free == 0:
                return
            self._hungry.pop(pool, None)
            pool.grow()
