"""Text that an upstream wrote for people, made safe to keep and to show: no secrets, one line, no hidden characters.

A log repeats whatever a command printed: command lines with passwords, addresses with logins, headers. What looks like a
secret is replaced. It is better to hide a harmless word than to show a token.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sidecar.texts.known_secrets import KnownSecrets

from .error_text import clean, one_line

#: What stands for something that looks like a secret; for one of ours stands what KnownSecrets puts there.
HIDDEN = "…"

#: Characters that are looked at; what is shown is shorter by far.
_LOOKED_AT = 4000

_KEY = r"[\w.-]{0,40}(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|private[_-]?key|auth[_-]?key|credentials?)[\w.-]{0,40}"
_VALUE = r"(?:\"[^\"]*\"?|'[^']*'?|[^\s,;\"']+)"

_PATTERNS = (
    # A private key, whatever comes behind its first line.
    (re.compile(r"-----BEGIN [A-Z ]*-----.*"), HIDDEN),
    # Headers: "Authorization: Bearer x", "PBSAPIToken=monitor@pbs!glance:x".
    (re.compile(r"(?i)\b((?:proxy-)?authorization\s*[:=]\s*).*"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(P[BV]E?S?APIToken|Bearer|Basic)[=: ]+\S+"), rf"\1 {HIDDEN}"),
    # Cookies: a session is as good as a password.
    (re.compile(r"(?i)\b((?:set-)?cookie\s*[:=]\s*).*"), rf"\1{HIDDEN}"),
    (re.compile(r"\b(P(?:VE|BS|MG)(?:AuthCookie)?[:=]\s?)\S*::\S+"), rf"\1{HIDDEN}"),
    # A login in an address; a careless one has "/" or "@" in its password.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)\S*@"), rf"\1{HIDDEN}@"),
    # "curl -u admin:x", "sshpass -p x", "mysqldump -px".
    (re.compile(rf"((?:^|\s)(?:-u|--user)[ =]*[\"']?[\w.@!-]{{1,64}}:){_VALUE}"), rf"\1{HIDDEN}"),
    (re.compile(rf"\b((?:sshpass|mysql\w*|mariadb[\w-]*)\b(?:\s+\S+){{0,8}}?\s+-p)\s?{_VALUE}"), rf"\1 {HIDDEN}"),
    # Options and settings: "--password x", "password=x", '"secret": "x"'.
    (re.compile(rf"(?i)(--?{_KEY})[ =]+{_VALUE}"), rf"\1 {HIDDEN}"),
    (re.compile(rf"(?i)\b({_KEY}[\"']?\s{{0,3}}[=:]\s{{0,3}}){_VALUE}"), rf"\1{HIDDEN}"),
    # The secret behind a token's name: "monitor@pve!glance=x".
    (re.compile(r"([\w.+-]{1,64}@[\w.-]{1,64}![\w.-]{1,64})[:=]\S+"), rf"\1 {HIDDEN}"),
    # The form of Proxmox's token secrets.
    (re.compile(r"(?i)\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), HIDDEN),
)

#: Long words of letters and digits: keys, hashes, encoded data.
_LONG_WORD = re.compile(r"(?<![\w+=])[A-Za-z0-9+=_]{32,}(?![\w+=])")


def shown(text: str, secrets: Iterable[str] | KnownSecrets = ()) -> str:
    """The text as one short line without anything that looks like a secret.

    Args:
        secrets: our own, which are replaced wherever they stand.
    """
    line = one_line(KnownSecrets.of(secrets).withheld(text)[:_LOOKED_AT])
    for pattern, replacement in _PATTERNS:
        line = pattern.sub(replacement, line)
    return clean(_LONG_WORD.sub(_long_word, line))


def _long_word(match: re.Match[str]) -> str:
    word = match[0]
    return HIDDEN if any(letter.isdigit() for letter in word) and any(letter.isalpha() for letter in word) else word
