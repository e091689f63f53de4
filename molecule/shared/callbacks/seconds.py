"""Writes how long each play took into .cache/rollout-seconds.tsv, one line a play: scenario, step of Molecule, play, seconds.

A plugin of Ansible, switched on in base.yml; `scripts/minutes` prints the sums.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
    name: seconds
    type: aggregate
    short_description: Writes how long each play took
    description: One line a play in .cache/rollout-seconds.tsv of the checkout.
    requirements: [MOLECULE_PROJECT_DIRECTORY in the environment]
"""


class CallbackModule(CallbackBase):  # type: ignore[misc] # ansible ships no types
    """Notes the start of each play; a play ends when the next one starts."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "seconds"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._step, self._play, self._since = "", "", time.monotonic()

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """The playbook's name is the step; a dry run is Molecule's `check`."""
        name = Path(playbook._file_name).stem
        self._step = "check" if context.CLIARGS.get("check") else name

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """A play begins."""
        self._end_play()
        self._play = play.get_name().strip()

    def v2_playbook_on_stats(self, stats: Any) -> None:  # noqa: ARG002
        """The playbook ends."""
        self._end_play()

    def _end_play(self) -> None:
        now = time.monotonic()
        if self._play:
            file = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"], ".cache", "rollout-seconds.tsv")
            file.parent.mkdir(exist_ok=True)
            scenario = Path(os.environ.get("MOLECULE_SCENARIO_DIRECTORY", "")).name
            with file.open("a", encoding="utf-8") as lines:
                lines.write(f"{scenario}\t{self._step}\t{self._play}\t{now - self._since:.1f}\n")
        self._play, self._since = "", now
