"""A deploy under way: its row, its journal, and the call whose commits write the journal along.

Owns compare-and-swap on the stack's version, the lease, and the knowledge of what has been done. A resource's
operation and the journal entry that tells of it commit in one batch, so a crash leaves no deed without a trace.
"""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from poolhouse.call import Call
from poolhouse.stacks.errors import StackBusy
from poolhouse.stacks.resource import Effect, Resource
from poolhouse.stacks.state import Entry, Journal, Owner, StackState, StackStore
from poolhouse.storage.database import Batch

LEASE_SECONDS = 60.0
"""How long a deploy may take from one step to the next before another node takes it for dead."""

_at_work: set[str] = set()
"""Tokens of the deploys of this process."""


class Progress:
    """The stack's row while one deploy holds it. Every write raises StackBusy when another has taken it over."""

    def __init__(
        self, store: StackStore, state: StackState, call: Call, clock: Callable[[], float], token: str
    ) -> None:
        self._store = store
        self._commit = call.commit
        self._clock = clock
        self._token = token
        self.state = state

    async def begin(self, status: str, *, fresh: bool) -> None:
        """Take the stack: from here on the journal is kept. `fresh` when the stack has no row yet."""
        entries = self.entries
        _at_work.add(self._token)
        try:
            if fresh:
                self.state = msgspec.structs.replace(self.state, status=status, journal=self.idle_journal())
                batch = Batch()
                self._store.insert(batch, self.state, _lost(self.state))
                await self._commit(batch)
            else:
                await self.save(status=status, journal=Journal(self._owner(), entries))
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """This process no longer works on the stack."""
        _at_work.discard(self._token)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What has been done so far."""
        return self.state.journal.entries if self.state.journal else ()

    def open_entry(self, entry: Entry) -> None:
        """Announce a step; it is stored with the first commit that the step makes."""
        self._put_entries((*self.entries, entry))

    def close_entry(self, made: Resource) -> None:
        """The step that was announced last has succeeded."""
        *before, entry = self.entries
        self._put_entries((*before, msgspec.structs.replace(entry, made=made)))

    def drop_entry(self) -> None:
        """The last step has been taken back, or had done nothing."""
        self._put_entries(self.entries[:-1])

    def idle_journal(self) -> Journal:
        """A journal that holds the stack, with nothing in it to take back."""
        return Journal(self._owner())

    def _put_entries(self, entries: tuple[Entry, ...]) -> None:
        self.state = msgspec.structs.replace(self.state, journal=Journal(self._owner(), entries))

    async def commit_step(self, batch: Batch) -> None:
        """Commit a step's writes and, in the same batch, what they are told to have touched."""
        entries = self.entries
        if entries:
            effects: tuple[Effect, ...] = (*entries[-1].effects, *batch.notices)
            entries = (*entries[:-1], msgspec.structs.replace(entries[-1], effects=effects))
        await self.save(batch, journal=Journal(self._owner(), entries))

    async def save(self, batch: Batch | None = None, **changes: object) -> None:
        """Store the state with these changes, together with a batch. Raises what the batch's guards raise."""
        before = self.state
        batch = batch or Batch()
        after = msgspec.structs.replace(
            before, version=before.version + 1, modified_at=int(self._clock() * 1000), **changes
        )
        self._store.update(batch, after, _lost(before))
        await self._commit(batch)
        # Not before: where the commit's outcome is unknown, the version tells at the next write.
        self.state = after

    async def abandon(self, status: str, reason: str) -> None:
        """Leave the journal for the next deploy, which need not wait for the lease to run out."""
        owner = msgspec.structs.replace(self._owner(), lease_until=0.0)
        await self.save(status=status, reason=reason, journal=Journal(owner, self.entries))

    async def forget(self) -> None:
        """Remove the stack's row."""
        batch = Batch()
        self._store.delete(batch, self.state, _lost(self.state))
        await self._commit(batch)

    def _owner(self) -> Owner:
        return Owner(self._token, host_identity(), os.getpid(), self._clock() + LEASE_SECONDS)


class JournaledCall(Call):
    """A call whose commits keep the journal: an operation's writes and the trace of it are durable together."""

    __slots__ = ("_progress",)

    def __init__(self, call: Call, progress: Progress) -> None:
        super().__init__(
            call.services,
            now=call.now,
            chance=call.chance,
            request_id=call.request_id,
            caller=call.caller,
            address=call.address,
            user_agent=call.user_agent,
            issuer_base=call.issuer_base,
        )
        self._progress = progress

    async def commit(self, batch: Batch) -> None:
        await self._progress.commit_step(batch)


def check_free(state: StackState, now: float) -> None:
    """Raise StackBusy while the deploy that holds the stack may still be alive.

    A killed process on this machine is known to be dead at once; of other machines only the lease tells.
    """
    if state.journal is None:
        return
    owner = state.journal.owner
    if owner.token in _at_work:
        raise StackBusy(state.name, "another deploy of it is under way; wait until it ends")
    if now >= owner.lease_until:
        return
    seconds = max(1, int(owner.lease_until - now))
    if owner.host != host_identity():
        raise StackBusy(state.name, f"{owner.host.split('/')[0]} is deploying it; try again in {seconds} s")
    if owner.pid != os.getpid() and _runs(owner.pid):
        raise StackBusy(state.name, f"process {owner.pid} is deploying it; wait until it ends")


def _lost(state: StackState) -> StackBusy:
    return StackBusy(state.name, "another deploy of it was faster; look at its outcome, then deploy again")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def host_identity() -> str:
    """This machine, as long as it runs: process ids mean something only within it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = ""
    return f"{socket.gethostname()}/{boot}"
