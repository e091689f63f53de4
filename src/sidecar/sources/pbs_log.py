"""What the log of an upkeep task says beside its status: which snapshots, which remote, in words (PBS-34).

Only known forms count; whatever else stands in a log is ignored. Its text is hostile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from sidecar.core import words
from sidecar.core.reports.facts import Task, TaskResult
from sidecar.upstream.redaction import shown

from .task_logs import Lines

#: Characters of a line that are looked at.
_LOOKED_AT = 1000

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S{0,8}: ")
_FAILED_HEADER = "Failed to verify the following snapshots/groups:"

_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,255}"
_GROUP = rf"((?:ns/{_NAME}/){{0,8}})((?:vm|ct|host)/{_NAME})"
_TIME = r"/(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"
_FAILED_PATH = re.compile(rf"\t{_GROUP}(?:{_TIME})?")
_CHUNK_PATH = re.compile(rf"\b{_GROUP}{_TIME}/")
_NO_MANIFEST = re.compile(
    rf"verify {_NAME}:((?:vm|ct|host)/{_NAME}/[0-9TZ:-]{{20}}) - manifest load error: .*No such file or directory"
)
_SYNC_JOB = re.compile(rf"Starting datastore sync job '({_NAME}|-):({_NAME}):")
_SYNC_PART = re.compile(rf"(?:ERROR: |WARN: )?sync (?:group|snapshot) \"?({_NAME}/\S{{1,300}}?)\"? failed - (.*)")
_SYNC_NAMESPACE = re.compile(
    rf"Cannot sync datastore '{_NAME}', (?:namespace '([^']{{1,256}})'|root namespace) into .*? - (.*)"
)
_MISSING_CHUNK = re.compile(r"unable to access non-existent chunk \S{1,80}, required by \"?(.*?)\"?$")
_COMPLAINT = re.compile(r"(?:WARN(?:ING)?|ERROR): (?:warning: )?(.*)")

#: What PBS adds to a status when it has no words of its own.
_SEE_LOG = re.compile(r"(?: - please check the log for details|\.)$")


def status_with_log(task: Task, lines: Lines, secrets: Iterable[str] = ()) -> str | None:
    """Of a task that failed its status and what the log adds; of one that warned the warning. None where it adds nothing."""
    read = _KINDS.get(task.type)
    texts = [_STAMP.sub("", line[:_LOOKED_AT], count=1) for line in (*lines.head, *lines.tail)]
    detail = read(texts) if read else None
    if detail is None:
        return None
    if task.result is TaskResult.WARNINGS:
        return shown(detail, secrets)
    return shown(f"{_SEE_LOG.sub('', task.status or '')}: {detail}", secrets)


def _verify(texts: Sequence[str]) -> str | None:
    """The snapshots that failed; of those whose upload never ended no data is bad (PBS-17)."""
    begin = texts.index(_FAILED_HEADER) + 1 if _FAILED_HEADER in texts else len(texts)
    failed = list(dict.fromkeys(_name(match) for text in texts[begin:] if (match := _FAILED_PATH.fullmatch(text))))
    if not failed:
        return _complaint(texts)
    unfinished = {match[1] for text in texts if (match := _NO_MANIFEST.match(text))}
    if all(_without_namespace(name) in unfinished for name in failed):
        return f"only uploads that never finished: {words.listed(failed, most=2)}"
    return words.listed(failed, most=2)


def _sync(texts: Sequence[str]) -> str | None:
    """The other side, and which group or namespace failed. A job may pull or push, which this line does not tell."""
    job = next((match for text in texts if (match := _SYNC_JOB.match(text))), None)
    origin = None
    if job is not None:
        origin = f"datastore {job[2]}" if job[1] == "-" else f"remote {job[1]}, datastore {job[2]}"
    causes = list(dict.fromkeys(_sync_causes(texts)))
    what = causes[0] if causes else _complaint(texts)
    if len(causes) > 1:
        what = f"{what} (and {len(causes) - 1} more)"
    return ": ".join(part for part in (origin, what) if part) or None


def _sync_causes(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        if match := _SYNC_PART.fullmatch(text):
            yield f"{match[1]}: {match[2]}"
        elif match := _SYNC_NAMESPACE.fullmatch(text):
            yield f"{f'namespace {match[1]}' if match[1] else 'root namespace'}: {match[2]}"


def _collection(texts: Sequence[str]) -> str | None:
    """The snapshots whose chunks are missing."""
    paths = (match[1] for text in texts if (match := _MISSING_CHUNK.search(text)))
    snapshots = list(dict.fromkeys(_name(match) for path in paths if (match := _CHUNK_PATH.search(path))))
    return f"chunks are missing of {words.listed(snapshots, most=2)}" if snapshots else _complaint(texts)


def _complaint(texts: Sequence[str]) -> str | None:
    """The first warning or error; "TASK ERROR" is only the status again."""
    return next((match[1] for text in texts if (match := _COMPLAINT.match(text)) and match[1]), None)


def _name(match: re.Match[str]) -> str:
    """A path below a datastore as people name it: "vm/100/2026-11-23T01:30:00Z in clusterB"."""
    namespace = "/".join(match[1].split("/")[1::2])
    name = f"{match[2]}/{match[3]}" if match[3] else match[2]
    return f"{name} in {namespace}" if namespace else name


def _without_namespace(name: str) -> str:
    return name.partition(" ")[0]


_KINDS: dict[str, Callable[[Sequence[str]], str | None]] = {
    "verificationjob": _verify,
    "syncjob": _sync,
    "prunejob": _complaint,
    "garbage_collection": _collection,
}
