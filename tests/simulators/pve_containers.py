"""Containers that are created, changed and started at the simulated PVE: the only calls of all simulators that change something.

For the test of playbooks/create-container.yml alone; the sidecar makes none of them.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.simulators import pve_answers as answers
from tests.simulators.acl import PVE_AUDITOR, Acl, Grant
from tests.simulators.calls import Answer, Call, Json, Question, RefusedError, call

TEMPLATES = (
    "local:vztmpl/debian-12-standard_12.12-1_amd64.tar.zst",
    "local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst",
)

_RUNNING_FOR = 2
"""How often a task is asked for until it has ended."""

_PRIVILEGES = {
    "cores": "VM.Config.CPU",
    "rootfs": "VM.Config.Disk",
    "memory": "VM.Config.Memory",
    "swap": "VM.Config.Memory",
    "hostname": "VM.Config.Network",
    "nameserver": "VM.Config.Network",
    "net0": "VM.Config.Network",
    "searchdomain": "VM.Config.Network",
    "features": "VM.Allocate",
    "cmode": "VM.Config.Options",
    "onboot": "VM.Config.Options",
    "tags": "VM.Config.Options",
}
"""What may be set, and the privilege on the guest that each needs (PVE-21)."""

_AT_CREATION = ("force", "vmid", "ostemplate", "storage", "unprivileged", "ssh-public-keys")
_NUMBERS = ("cores", "memory", "swap", "onboot", "unprivileged")
_FORMS = {
    "cmode": "shell|console|tty",
    "cores": r"\d+",
    "features": "(keyctl|nesting|fuse)=[01](,(keyctl|nesting|fuse)=[01])*",
    "hostname": "[a-z0-9-]+",
    "memory": r"\d+",
    "net0": "([a-z0-9]+=[^,=]+)(,[a-z0-9]+=[^,=]+)*",
    "onboot": "[01]",
    "rootfs": r"[a-z-]+:\d+",
    "ssh-public-keys": r"(ssh-\S+ \S+( .*)?\n?)+",
    "swap": r"\d+",
    "tags": r"[a-z0-9_][a-z0-9_.+-]*(;[a-z0-9_][a-z0-9_.+-]*)*",
    "unprivileged": "[01]",
}


def access(vmid: int, privileges: Iterable[str], *, storage: str, template_storage: str, bridge: str) -> Acl:
    """What a token needs to create and start one container: ``privileges`` on it, and three roles of PVE's own elsewhere."""
    return Acl(
        {
            f"/vms/{vmid}": Grant(frozenset(privileges)),
            f"/storage/{storage}": Grant(frozenset({"Datastore.AllocateSpace", "Datastore.Audit"})),
            f"/storage/{template_storage}": Grant(PVE_AUDITOR),
            f"/sdn/zones/localnetwork/{bridge}": Grant(frozenset({"SDN.Audit", "SDN.Use"})),
        }
    )


@dataclass
class Container:
    """What is set of it, and whose keys may log in. Stopped until somebody starts it."""

    node: str
    settings: dict[str, Json]
    keys: str = ""
    running: bool = False


@dataclass
class Containers:
    """The containers that were created here, by their ids, and the tasks that did it.

    Attributes:
        written: calls that changed something, as method, path and what was sent.
    """

    there: dict[int, Container] = field(default_factory=dict)
    written: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    _tasks: dict[str, int] = field(default_factory=dict)

    @property
    def calls(self) -> tuple[Call, ...]:
        """For ``pve.app``, before the calls that change nothing."""
        lxc = "/nodes/{node}/lxc"
        guest = lxc + "/{vmid}"
        changing = (*_PRIVILEGES, "node", "vmid")
        return (
            call("/cluster/resources", self._resources, "type"),
            call("/nodes/{node}/storage/{storage}/content", _content, "content", "vmid"),
            call(lxc, self._listed),
            call(lxc, self._create, *_PRIVILEGES, *_AT_CREATION, method="POST"),
            call(guest + "/config", self._config, "current"),
            call(guest + "/config", self._change, *changing, method="PUT"),
            call(guest + "/status/current", self._status),
            call(guest + "/status/start", self._start, method="POST"),
            call("/nodes/{node}/tasks/{upid}/status", self._task),
        )

    def _resources(self, question: Question) -> Answer:
        rows = answers.resources(question).data
        assert isinstance(rows, list)
        return Answer([*rows, *(self._row(vmid) | {"id": f"lxc/{vmid}"} for vmid in self._seen(question))])

    def _listed(self, question: Question) -> Answer:
        on_node = [vmid for vmid in self._seen(question) if self.there[vmid].node == question.parts["node"]]
        return Answer([*map(self._row, on_node)])

    def _seen(self, question: Question) -> list[int]:
        return [vmid for vmid in self.there if question.acl.may(f"/vms/{vmid}", "VM.Audit")]

    def _row(self, vmid: int) -> dict[str, Json]:
        container = self.there[vmid]
        return {
            "vmid": vmid,
            "name": container.settings["hostname"],
            "node": container.node,
            "type": "lxc",
            "status": "running" if container.running else "stopped",
        }

    def _config(self, question: Question) -> Answer:
        container = self._container(question, "VM.Audit")
        return Answer({**container.settings, "digest": "5d0ba1e9", "arch": "amd64", "ostype": "debian"})

    def _create(self, question: Question) -> Answer:
        vmid, node, wanted = question.number("vmid", 0), question.parts["node"], _sent(question)
        _need(question, f"/vms/{vmid}", "VM.Allocate")
        if vmid in self.there or any(guest.vmid == vmid for guest in question.moment.homelab.guests):
            raise RefusedError(500, f"unable to create CT {vmid} - CT {vmid} already exists on node '{node}'")
        if wanted.get("unprivileged") != "1":
            _need(question, "/", "Sys.Modify")
        _check(question, vmid, wanted, {})
        if wanted.get("ostemplate") not in TEMPLATES:
            raise RefusedError(500, f"unable to create CT {vmid} - volume '{wanted.get('ostemplate')}' does not exist")
        _need(question, f"/storage/{wanted['ostemplate'].split(':')[0]}", "Datastore.AllocateSpace", "Datastore.Audit")
        storage, _, size = wanted["rootfs"].partition(":")
        _need(question, f"/storage/{storage}", "Datastore.AllocateSpace")
        container = Container(node, {"rootfs": f"{storage}:vm-{vmid}-disk-0,size={size}G", "unprivileged": 1})
        container.keys = wanted.get("ssh-public-keys", "")
        container.settings |= _stored(
            {name: text for name, text in wanted.items() if name in _PRIVILEGES and name != "rootfs"}
        )
        self.there[vmid] = container
        self._write("POST", f"/nodes/{node}/lxc", wanted)
        return self._begun(node, "vzcreate", vmid)

    def _change(self, question: Question) -> Answer:
        container = self._container(question, "VM.Audit")
        wanted = {name: text for name, text in _sent(question).items() if name in _PRIVILEGES}
        vmid = int(question.parts["vmid"])
        _check(question, vmid, wanted, container.settings)
        container.settings |= _stored(wanted)
        self._write("PUT", f"/nodes/{container.node}/lxc/{vmid}/config", wanted)
        return Answer(None)

    def _status(self, question: Question) -> Answer:
        container = self._container(question, "VM.Audit")
        return Answer({"status": "running" if container.running else "stopped"})

    def _start(self, question: Question) -> Answer:
        container = self._container(question, "VM.PowerMgmt")
        container.running = True
        vmid = int(question.parts["vmid"])
        self._write("POST", f"/nodes/{container.node}/lxc/{vmid}/status/start", {})
        return self._begun(container.node, "vzstart", vmid)

    def _container(self, question: Question, privilege: str) -> Container:
        vmid, node = int(question.parts["vmid"]), question.parts["node"]
        _need(question, f"/vms/{vmid}", privilege)
        container = self.there.get(vmid)
        if container is None or container.node != node:
            raise RefusedError(500, f"Configuration file 'nodes/{node}/lxc/{vmid}.conf' does not exist")
        return container

    def _write(self, method: str, path: str, sent: dict[str, str]) -> None:
        self.written.append((method, path, sent))

    def _begun(self, node: str, kind: str, vmid: int) -> Answer:
        upid = f"UPID:{node}:0004F1A2:0931C7D5:{len(self._tasks):08X}:{kind}:{vmid}:deployer@pve!create:"
        self._tasks[upid] = _RUNNING_FOR
        return Answer(upid)

    def _task(self, question: Question) -> Answer:
        """Its own tasks anybody may see."""
        upid = question.parts["upid"]
        self._tasks[upid] -= 1
        if self._tasks[upid] > 0:
            return Answer({"upid": upid, "status": "running"})
        return Answer({"upid": upid, "status": "stopped", "exitstatus": "OK"})


def _content(question: Question) -> Answer:
    if question.parts["storage"] != "local":
        return answers.content(question)
    _need(question, "/storage/local", "Datastore.Audit", "Datastore.AllocateSpace")
    return Answer([{"volid": volid, "content": "vztmpl", "format": "tzst", "size": 129_000_000} for volid in TEMPLATES])


def _sent(question: Question) -> dict[str, str]:
    """What was sent; a list is repeated parameters, which PVE keeps as one text."""
    return {name: ";".join(texts) for name, texts in question.parameters.items()}


def _check(question: Question, vmid: int, wanted: dict[str, str], now: dict[str, Json]) -> None:
    """Values have the form that PVE knows, and the token may set each of them."""
    for name, text in wanted.items():
        if name in _FORMS and not re.fullmatch(_FORMS[name], text):
            raise RefusedError(400, f"Parameter verification failed. - {name}: value '{text}' is not allowed")
        if name in _PRIVILEGES:
            _need(question, f"/vms/{vmid}", _PRIVILEGES[name])
    if "features" in wanted:
        has = set(str(now.get("features", "")).split(",")) - {""}
        if any(not feature.startswith("nesting=") for feature in has ^ set(wanted["features"].split(","))):
            raise RefusedError(403, "changing feature flags (except nesting) is only allowed for root@pam")
    if "net0" in wanted:
        network = dict(part.split("=") for part in wanted["net0"].split(","))
        tagged = f"/{network['tag']}" if "tag" in network else ""
        _need(question, f"/sdn/zones/localnetwork/{network['bridge']}{tagged}", "SDN.Use")


def _need(question: Question, path: str, *privileges: str) -> None:
    if not question.acl.may(path, *privileges):
        raise RefusedError(403, f"Permission check failed ({path}, {'|'.join(privileges)})")


def _stored(wanted: dict[str, str]) -> dict[str, Json]:
    """As PVE keeps it: numbers as numbers, and an interface with an address of its own if none was given."""
    stored: dict[str, Json] = {name: int(text) if name in _NUMBERS else text for name, text in wanted.items()}
    if "net0" in wanted and "hwaddr=" not in wanted["net0"]:
        parts = sorted([*wanted["net0"].split(","), f"hwaddr={_hardware_address()}", "type=veth"])
        stored["net0"] = ",".join(parts)
    return stored


def _hardware_address() -> str:
    return "BC:24:11:" + ":".join(secrets.token_hex(1).upper() for _ in range(3))
