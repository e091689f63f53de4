"""Secrets in the configuration file: references only, to Vault, a systemd credential or a file; and the ``vault:`` section."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Discriminator, Field, Tag, ValidationInfo, field_validator

from .values import Flag, Model, WebAddress, written_as


class VaultSecret(Model):
    """A field of a KV entry in Vault."""

    vault: str = Field(description="Path of the entry below the KV mount, without the mount's name.")
    field: str = Field(description="Name of the field in the entry.")


class CredentialSecret(Model):
    """A systemd credential: a file in $CREDENTIALS_DIRECTORY."""

    credential: Annotated[
        str, written_as(r"[A-Za-z0-9_.-]+", "is not the name of a credential; use letters, digits, dots, - and _")
    ] = Field(description="Name of the credential.", json_schema_extra={"pattern": r"^[A-Za-z0-9_.-]+$"})


class FileSecret(Model):
    """A file; one final newline is stripped."""

    file: Path = Field(description="Absolute path of the file.")


#: In the place of a finding stands the tag of the form, too: it is no key, so that it is not taken for one.
_TAGS = {"vault": "<vault>", "credential": "<credential>", "file": "<file>"}


def _kind_of_secret(value: object) -> str | None:
    keys = value.keys() if isinstance(value, dict) else type(value).model_fields if isinstance(value, BaseModel) else ()
    return next((tag for key, tag in _TAGS.items() if key in keys), None)


def _one_of(*kinds: str) -> Discriminator:
    forms = {"vault": "{vault: PATH, field: NAME}", "credential": "{credential: NAME}", "file": "{file: PATH}"}
    return Discriminator(
        _kind_of_secret,
        custom_error_type="no_secret",
        custom_error_message=f"is not a reference to a secret; write {' or '.join(forms[kind] for kind in kinds)}",
    )


Secret = Annotated[
    Annotated[VaultSecret, Tag("<vault>")]
    | Annotated[CredentialSecret, Tag("<credential>")]
    | Annotated[FileSecret, Tag("<file>")],
    _one_of("vault", "credential", "file"),
]
LocalSecret = Annotated[
    Annotated[CredentialSecret, Tag("<credential>")] | Annotated[FileSecret, Tag("<file>")],
    _one_of("credential", "file"),
]


def plain_or_mapping(value: object) -> str:
    """Whether a value is written directly or as a mapping."""
    return "plain" if isinstance(value, str | int) else "mapping"


#: A value that is written directly or as a reference to a secret (token ids are not secret).
TextOrSecret = Annotated[
    Annotated[str, Tag("plain")] | Annotated[Secret, Tag("mapping")],
    Discriminator(plain_or_mapping),
]


class AppRole(Model):
    """How to log in to Vault."""

    mount: str = Field(default="approle", description="Where the AppRole method is mounted.")
    role_id: LocalSecret = CredentialSecret(credential="role_id")
    secret_id: LocalSecret = CredentialSecret(credential="secret_id")


class Vault(Model):
    """The Vault or OpenBao server with the upstreams' credentials."""

    # Stands before the address, whose check needs it.
    allow_http: Flag = Field(
        default=False,
        description="Whether the address may begin with http://: everybody on the way can read what is sent.",
    )
    address: WebAddress = Field(description="Address of the server.")
    ca_file: Path | None = Field(default=None, description="CA certificates to trust for it; default: the system's.")
    namespace: str | None = Field(default=None, description="Vault namespace, if the server has any.")
    approle: AppRole = AppRole()
    kv_mount: str = Field(default="secret", description="Mount of the KV version 2 engine.")

    @field_validator("address")
    @classmethod
    def _encrypted(cls, address: str, info: ValidationInfo) -> str:
        if not address.startswith("https://") and not info.data.get("allow_http"):
            raise ValueError(
                "must start with https://: logins and secrets of Vault would be sent without encryption; give Vault a "
                "certificate, or set vault.allow_http to true if everybody on the way may read them"
            )
        return address
