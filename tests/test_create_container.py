"""playbooks/create-container.yml, against a simulated Proxmox VE by HTTPS: what it creates, changes, keeps and refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.product import MORNING
from tests.simulators import HOMELAB, Rack, pve
from tests.simulators.acl import Acl, Grant
from tests.simulators.pve_containers import TEMPLATES, Container, Containers, access

pytestmark = pytest.mark.fortnight

ROOT = Path(__file__).parent.parent
MANUAL = (ROOT / "docs" / "deploy.md").read_text("utf-8")
ID = 120
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFakeFakeFake admin@laptop"


@pytest.fixture(scope="module")
def collection() -> Path:
    """The folder with the collection community.proxmox."""
    done = subprocess.run(
        [ROOT / "scripts" / "need-proxmox-collection", sys.executable], stdout=subprocess.PIPE, text=True, check=True
    )
    return Path(done.stdout.strip())


@dataclass
class Run:
    """How a run of the playbook ended."""

    code: int
    output: str
    changed: int

    @property
    def text(self) -> str:
        """What it printed, with one space wherever lines were broken."""
        return " ".join(self.output.split())

    def of(self, target: str) -> str:
        """Why it failed for one of several targets."""
        found = re.search(rf"^fatal: \[{target}(?: -> localhost)?\]: FAILED! => (.*)$", self.output, re.MULTILINE)
        return str(json.loads(found[1])["msg"]) if found else ""


@dataclass(kw_only=True)
class Controller:
    """Who runs the playbook, with the example's inventory, and the Proxmox VE in front of them."""

    folder: Path
    rack: Rack
    containers: Containers
    collections: Path | None
    variables: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *options: str, **changed: Any) -> Run:
        """Run it with these variables changed; from a directory where Ansible finds no ansible.cfg."""
        environment = {"PATH": os.defpath, "HOME": str(self.folder), "LC_ALL": "C.UTF-8", **self.environment}
        if self.collections:
            environment["ANSIBLE_COLLECTIONS_PATH"] = str(self.collections)
        command = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            "-i",
            str(self.folder / "inventory"),
            *options,
        ]
        command += ["-e", json.dumps(self.variables | changed), str(ROOT / "playbooks" / "create-container.yml")]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=self.folder
        )
        recap = re.search(r"changed=(\d+)", done.stdout)
        return Run(done.returncode, done.stdout, int(recap[1]) if recap else 0)

    @property
    def grants(self) -> Mapping[str, Grant]:
        """What the token may do."""
        return self.rack.site.access["pve"].acl.entries

    @property
    def container(self) -> Container:
        """The one that it creates."""
        return self.containers.there[ID]

    @property
    def network(self) -> dict[str, str]:
        """The parts of its interface."""
        return dict(part.split("=") for part in str(self.container.settings["net0"]).split(","))


@pytest.fixture
def controller(tmp_path: Path, collection: Path) -> Iterator[Controller]:
    shutil.copytree(ROOT / "inventory" / "example", tmp_path / "inventory")
    (tmp_path / "id.pub").write_text(f"{KEY}\n")
    with Rack(HOMELAB, lambda: MORNING, tmp_path / "rack") as rack, socket.create_server(("127.0.0.1", 0)) as ssh:
        containers = Containers()
        rack.stand_before("pve", lambda _: pve.app(rack.site, containers.calls))
        rack.site.access["pve"].name = "deployer@pve!create"
        rack.set_permissions("pve", documented_grants())
        yield Controller(
            folder=tmp_path,
            rack=rack,
            containers=containers,
            collections=collection,
            environment={"PROXMOX_TOKEN_SECRET": rack.token("pve")},
            variables={
                "ansible_host": "127.0.0.1",
                "ansible_port": ssh.getsockname()[1],
                "backup_glance_container_api_host": "localhost",
                "backup_glance_container_api_port": int(rack.url("pve").rpartition(":")[2]),
                "backup_glance_container_api_ca": str(trusted(rack)),
                "backup_glance_container_node": "pve1",
                "backup_glance_container_ssh_key": "../id.pub",
            },
        )


def trusted(rack: Rack) -> Path:
    """As docs/deploy.md says: Python 3.13 refuses Proxmox VE's own CA."""
    ca = rack.ca_file("pve")
    return ca if sys.version_info < (3, 13) else ca.with_name("pve.pem")


def documented_grants() -> Acl:
    """Those of docs/deploy.md, no more."""
    privileges = ",".join(re.findall(r'^privileges="(?:\$privileges,)?([A-Za-z.,]+)"$', MANUAL, re.MULTILINE))
    assert 'pveum role add ContainerOwner --privs "$privileges"' in MANUAL
    for place, role in (
        ("/storage/local-lvm", "PVEDatastoreUser"),
        ("/storage/local", "PVEAuditor"),
        ("/sdn/zones/localnetwork/vmbr0", "PVESDNUser"),
    ):
        assert re.search(rf"pveum acl modify {place} --users deployer@pve --roles {role}$", MANUAL, re.MULTILINE)
    return access(ID, privileges.split(","), storage="local-lvm", template_storage="local", bridge="vmbr0")


def test_it_is_created_and_started_and_a_second_run_changes_nothing(controller: Controller) -> None:
    first = controller.run("-vvv")

    assert first.code == 0, first.output
    assert first.changed == 2
    assert [method for method, _, _ in controller.containers.written] == ["POST", "POST"]
    created = controller.containers.written[0][2]
    assert created["ostemplate"] == TEMPLATES[-1]
    assert created["unprivileged"] == "1"
    assert controller.container.running
    assert controller.container.keys.strip() == KEY
    assert controller.container.settings | {"net0": None} == {
        "hostname": "backup-glance",
        "rootfs": f"local-lvm:vm-{ID}-disk-0,size=4G",
        "unprivileged": 1,
        "features": "nesting=1",
        "onboot": 1,
        "cmode": "tty",
        "cores": 1,
        "memory": 512,
        "swap": 512,
        "tags": "backup-glance",
        "net0": None,
    }
    assert controller.network.items() >= {
        "name": "eth0", "bridge": "vmbr0", "ip": "192.168.1.20/24", "gw": "192.168.1.1"
    }.items()  # fmt: skip
    assert controller.rack.token("pve") not in first.output

    second = controller.run()

    assert (second.code, second.changed) == (0, 0), second.output
    assert len(controller.containers.written) == 2


def test_what_differs_is_told_and_corrected_and_what_others_set_is_kept(controller: Controller) -> None:
    """Among that a feature that no token may change, and the hardware address."""
    network = "bridge=vmbr0,firewall=1,gw=192.168.1.1,hwaddr=BC:24:11:01:02:03,ip=192.168.1.21/24,name=eth0,type=veth"
    controller.containers.there[ID] = Container(
        "pve2",
        {
            "hostname": "backup-glance",
            "rootfs": f"local-lvm:vm-{ID}-disk-0,size=8G",
            "unprivileged": 1,
            "features": "keyctl=1,nesting=1",
            "cores": 1,
            "memory": 256,
            "swap": 512,
            "tags": "critical",
            "net0": network,
            "description": "in the cupboard",
        },
        running=True,
    )
    before = dict(controller.container.settings)

    told = controller.run("--check")

    assert (told.code, controller.containers.written) == (0, []), told.output
    assert "memory: 256 becomes 512" in told.text
    assert "tags: critical becomes critical;backup-glance" in told.text
    assert f"pct resize {ID} rootfs 4G" in told.text
    assert controller.container.settings == before

    corrected = controller.run(
        backup_glance_container_vlan=20,
        backup_glance_container_address6="fd00::20/64",
        backup_glance_container_nameserver="192.168.1.53",
    )

    assert (corrected.code, corrected.changed) == (0, 1), corrected.output
    assert [(method, path) for method, path, _ in controller.containers.written] == [
        ("PUT", f"/nodes/pve2/lxc/{ID}/config")
    ]
    after = dict(controller.container.settings)
    wanted = f"{network.replace('.21/', '.20/')},tag=20,ip6=fd00::20/64"
    assert set(str(after.pop("net0")).split(",")) == set(wanted.split(","))
    del before["net0"]
    assert after == before | {
        "memory": 512,
        "tags": "critical;backup-glance",
        "onboot": 1,
        "cmode": "tty",
        "nameserver": "192.168.1.53",
    }


#: What is wrong with each of these targets, and what the playbook says about it.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another-guest": (
        {"backup_glance_container_id": HOMELAB.guests[0].vmid},
        f"The id {HOMELAB.guests[0].vmid} belongs to the lxc guest {HOMELAB.guests[0].name}, not to another-guest.",
    ),
    "privileged": ({"backup_glance_container_id": 121}, "The container 121 is privileged, which can't be changed."),
    "odd-interface": (
        {"backup_glance_container_id": 123},
        'in its net0 "link_down" is not written as NAME=VALUE. Correct it on the node: pct set 123 --net0',
    ),
    "cores-as-true": ({"backup_glance_container_cores": True}, "backup_glance_container_cores must be a number of"),
    "no-template": (
        {"backup_glance_container_template": "local:vztmpl/debian-14-standard_"},
        "The node pve1 has no template local:vztmpl/debian-14-standard_. On the node: pveam update;",
    ),
    "no-privilege": ({"backup_glance_container_id": 122}, "403 Forbidden"),
    "stranger": (
        {"backup_glance_container_api_ca": "../rack/databasement-ca.pem"},
        "Check backup_glance_container_api_ca",
    ),
    "wrong-token": (
        {"backup_glance_container_api_token_secret": "wrong"},
        "Check backup_glance_container_api_token_id and PROXMOX_TOKEN_SECRET.",
    ),
    "no-token": ({"backup_glance_container_api_token_secret": ""}, "Export PROXMOX_TOKEN_SECRET on the controller"),
    "no-file": (
        {"backup_glance_container_ssh_key": "nowhere.pub"},
        "/inventory/nowhere.pub does not exist on the controller",
    ),
    "tags-as-text": (
        {"backup_glance_container_tags": "prod"},
        "backup_glance_container_tags must be a list, for example",
    ),
    "wrong-tag": ({"backup_glance_container_tags": ["Critical"]}, '"Critical" is not a tag in lower case.'),
}


def test_what_can_not_be_done_is_refused_with_what_to_do(controller: Controller) -> None:
    """All in one run, each target for itself."""
    example = controller.folder / "inventory" / "host_vars" / "backup-glance.yml"
    for name, (wrong, _) in REFUSED.items():
        own = yaml.safe_load(example.read_text("utf-8")) | controller.variables | wrong
        example.with_name(f"{name}.yml").write_text(yaml.safe_dump(own), "utf-8")
    names: dict[str, None] = dict.fromkeys([*REFUSED, "nothing-is-set"])
    (controller.folder / "inventory" / "hosts.yml").write_text(
        yaml.safe_dump({"backup_glance": {"hosts": names}}), "utf-8"
    )
    controller.variables = {}
    owner = controller.grants[f"/vms/{ID}"]
    more = {f"/vms/{vmid}": owner for vmid in (121, 123, HOMELAB.guests[0].vmid)}
    controller.rack.set_permissions("pve", Acl({**controller.grants, **more}))
    there = Container("pve1", {"hostname": "privileged", "rootfs": "local-lvm:vm-121-disk-0,size=4G"})
    odd = Container(
        "pve1",
        {
            "hostname": "odd-interface",
            "rootfs": "local-lvm:vm-123-disk-0,size=4G",
            "unprivileged": 1,
            "net0": "name=eth0,link_down",
        },
    )
    controller.containers.there |= {121: there, 123: odd}

    refused = controller.run()

    for name, (_, said) in REFUSED.items():
        assert said in refused.of(name), refused.output
    for said in (
        "backup_glance_container_api_token_id must be user, realm and name of a token",
        "backup_glance_container_node must be the name of a node, for example pve; it is not set.",
        "backup_glance_container_id must be the number of a guest, 100 or more; it is not set.",
        "backup_glance_container_address or backup_glance_container_address6 is needed",
        "host_vars/nothing-is-set.yml",
    ):
        assert said in refused.of("nothing-is-set")
    assert controller.containers.written == []
    assert controller.containers.there == {121: there, 123: odd}


def test_without_the_collection_one_line_says_how_to_install_it(controller: Controller) -> None:
    controller.collections = controller.folder / "nothing"

    refused = controller.run()

    assert refused.code != 0
    assert "The collection community.proxmox is not installed." in refused.text
    assert "ansible-galaxy collection install --upgrade 'community.proxmox:>=2.0.0'" in refused.text
    assert controller.rack.requests == []
