"""What the log of a vzdump task says: lines → facts (PVE-20).

Only known forms count, from the beginning of a line; whatever else stands in a log is ignored. Its text is hostile: a
guest's own commands write into it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sidecar.core.reports.facts import Task
from sidecar.core.reports.vzdump_log import GuestInLog, GuestStep, VzdumpLog
from sidecar.upstream.redaction import shown

from .task_logs import Lines

_JOB = re.compile(r"INFO: starting new backup job: vzdump(?: (.*))?")
_EXTERNAL = re.compile(r"INFO: skip external VMs?: ([\d, ]+)")
_STARTING = re.compile(r"INFO: Starting Backup of VM ([1-9]\d{2,8})(?: \((qemu|lxc)\))?")
_FINISHED = re.compile(r"INFO: Finished Backup of VM ([1-9]\d{2,8})\b")
_FAILED = re.compile(r"ERROR: Backup of VM ([1-9]\d{2,8}) failed(?: - (.*))?")
_AT = re.compile(r"INFO: (?:Backup (?:started|finished)|Failed) at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")
_WARNING = re.compile(r"(?:INFO: )?WARN(?:ING)?: (.*)")

#: A failed command: what went wrong stands in the lines that it wrote.
_COMMAND = re.compile(r"command '.*' failed: (exit code \d+|got signal \d+|got timeout)")

#: The system's own words for what went wrong; as a cause they say more than a command's exit code.
_SYSTEM_ERROR = re.compile(
    r"\b(No space left on device|Disk quota exceeded|Read-only file system|Input/output error|Stale file handle"
    r"|Permission denied|Operation not permitted|Connection refused|Connection reset by peer|Connection timed out"
    r"|No route to host|Cannot allocate memory)\b",
    re.IGNORECASE,
)

#: Guests of a log that are kept: a node has fewer. What is left out is not known, as if lines were missing.
_MOST_GUESTS = 500

#: Characters of a line that are looked at. The first line may be longer: it names the guests.
_LOOKED_AT = 1000

#: A guest's id.
_VMID = re.compile(r"[1-9]\d{2,8}")

#: A storage's name.
_STORAGE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")

#: Clocks and the log's whole seconds: how much before its task or after its end a line may seem to be.
_ROUNDING = timedelta(minutes=5)


def parse_log(task: Task, lines: Lines, zone: str | None, secrets: Iterable[str] = ()) -> VzdumpLog:
    """What the lines of a task's log tell. ``zone``: the node's, in which the log writes its times."""
    reader = _Reader(clock=_Clock(task, _zone(zone)), secrets=tuple(secrets))
    for line in lines.head:
        reader.take(line)
    if lines.is_cut:
        reader.skip()
    for line in lines.tail:
        reader.take(line)
    return reader.log(whole=not lines.is_cut)


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None


@dataclass(slots=True)
class _Clock:
    """Reads a log's local times, one after the other; of a time that exists twice the one within its task that follows."""

    task: Task
    zone: ZoneInfo | None
    last: datetime | None = None

    def read(self, text: str) -> datetime | None:
        """None for a time that can't be one of this task."""
        if self.zone is None:
            return None
        try:
            wall = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=self.zone)
            moments = [wall.replace(fold=fold).astimezone(self.task.start.tzinfo) for fold in (0, 1)]
        except (ValueError, OverflowError):
            return None
        start, end = self.task.start - _ROUNDING, self.task.end + _ROUNDING if self.task.end else None
        within = [moment for moment in moments if start <= moment and (end is None or moment <= end)]
        following = (moment for moment in within if self.last is None or moment >= self.last)
        moment = next(following, within[0] if within else None)
        self.last = moment or self.last
        return moment


@dataclass(slots=True, kw_only=True)
class _Guest:
    """A guest while its lines are read."""

    vmid: int
    type: str | None = None
    step: GuestStep = GuestStep.SAVING
    start: datetime | None = None
    end: datetime | None = None
    error: str | None = None
    cause: str | None = None
    warning: str | None = None


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Takes lines one after the other."""

    clock: _Clock
    secrets: tuple[str, ...]
    command: _Command | None = None
    external: list[int] = field(default_factory=list)
    guests: list[_Guest] = field(default_factory=list)
    current: _Guest | None = None

    def take(self, line: str) -> None:
        if not self.guests and (match := _EXTERNAL.fullmatch(line)):
            self.external += _vmids(match[1])
        elif match := _JOB.fullmatch(line):
            self.command = self.command or _command(match[1] or "")
        elif len(self.guests) < _MOST_GUESTS:
            self._of_a_guest(line[:_LOOKED_AT])

    def _of_a_guest(self, line: str) -> None:
        if match := _STARTING.match(line):
            self.current = _Guest(vmid=int(match[1]), type=match[2])
            self.guests.append(self.current)
        elif match := _FINISHED.match(line):
            self._end(int(match[1]), GuestStep.DONE)
        elif match := _FAILED.match(line):
            self._end(int(match[1]), GuestStep.FAILED).error = match[2] or ""
        elif match := _AT.fullmatch(line):
            self._at(match[1])
        elif match := _WARNING.match(line):
            if self.current is not None and self.current.warning is None:
                self.current.warning = match[1]
        elif self.current is not None and (match := _SYSTEM_ERROR.search(line)):
            self.current.cause = match[1]

    def skip(self) -> None:
        """Some lines are missing: nobody knows what became of the guest that was being saved."""
        if self.current is not None and self.current.step is GuestStep.SAVING:
            self.guests.remove(self.current)
        self.current = None

    def log(self, *, whole: bool) -> VzdumpLog:
        command, all_kept = self.command or _Command(), len(self.guests) < _MOST_GUESTS
        guests = self.guests if all_kept else self.guests[:-1]
        return VzdumpLog(
            storage=command.storage,
            elsewhere=command.elsewhere,
            named=command.named,
            excluded=command.excluded,
            external=tuple(self.external),
            guests=tuple(self._known(guest) for guest in guests),
            whole=whole and self.command is not None and all_kept,
        )

    def _end(self, vmid: int, step: GuestStep) -> _Guest:
        """The guest that is over; one whose beginning was not read is known from its end on."""
        guest = self.current
        if guest is None or guest.vmid != vmid or guest.step is not GuestStep.SAVING:
            guest = _Guest(vmid=vmid)
            self.guests.append(guest)
            self.current = guest
        guest.step = step
        return guest

    def _at(self, text: str) -> None:
        guest = self.current
        if guest is None:
            return
        if guest.step is GuestStep.SAVING:
            guest.start = guest.start or self.clock.read(text)
        else:
            guest.end = guest.end or self.clock.read(text)

    def _known(self, guest: _Guest) -> GuestInLog:
        text = _error(guest) if guest.step is GuestStep.FAILED else guest.warning
        return GuestInLog(
            vmid=guest.vmid,
            type=guest.type,
            step=guest.step,
            start=guest.start,
            end=guest.end if guest.end is None or guest.start is None or guest.end >= guest.start else None,
            text=(shown(text, self.secrets) or None) if text else None,
        )


def _error(guest: _Guest) -> str:
    """The error of a guest. A command's own words are short, and what it wrote before says why."""
    error = _COMMAND.sub(r"\1", guest.error or "")
    if guest.cause is None or _SYSTEM_ERROR.search(error):
        return error
    return f"{guest.cause} ({error})" if error else guest.cause


# --- the command of the first line ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Command:
    """The options that matter. They come in any order, and any of them may be missing."""

    storage: str | None = None
    elsewhere: bool = False
    named: tuple[int, ...] | None = None
    excluded: tuple[int, ...] = ()


def _command(text: str) -> _Command:
    """A command line as vzdump prints it: guests first, then options; values may be quoted as for a shell."""
    try:
        words = shlex.split(text)
    except ValueError:
        return _Command()
    named: list[int] = []
    options: dict[str, str] = {}
    while words and _VMID.fullmatch(words[0]):
        named.append(int(words.pop(0)))
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            options.setdefault(name, value if equals else following)
    storage = options.get("storage", "")
    return _Command(
        storage=storage if _STORAGE.fullmatch(storage) and "dumpdir" not in options else None,
        elsewhere="dumpdir" in options,
        named=tuple(dict.fromkeys(named)) or None,
        excluded=_vmids(options.get("exclude", "")),
    )


def _vmids(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in re.split(r"[,; ]+", text) if _VMID.fullmatch(word))
