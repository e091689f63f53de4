"""docs/proxy.md: what is passed on of each source, written from the lists in the code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from sidecar.proxy.passed_on import PassedOn
from sidecar.proxy.proxy import CONNECTIONS, LIMITS
from sidecar.proxy.shape import Each, Leaf, Shape
from sidecar.proxy.shared_answers import KEPT_FOR
from sidecar.sources import databasement_passed_on, pbs_passed_on, pve_passed_on

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "proxy.md"

LISTS = {
    "Proxmox Backup Server": pbs_passed_on.PASSED_ON,
    "Proxmox VE": pve_passed_on.PASSED_ON,
    "Databasement": databasement_passed_on.PASSED_ON,
}

_HEAD = f"""# Ask an upstream through backup-glance

`/proxy/{{source}}/{{path}}` gives a program what a source itself answers, without its credential. It is off unless the
configuration says otherwise:

```yaml
proxy: {{enabled: true}}
tokens:
  - {{name: grafana, token: {{file: /etc/backup-glance/grafana.token}}, for: [api, proxy]}}
```

```sh
curl -H "X-Backup-Glance-Token: $(cat grafana.token)" \\
  https://backup.lan/proxy/pbs/api2/json/admin/datastore/main/snapshots?ns=archive
```

`{{source}}` is the name of a source in the configuration, `{{path}}` the path of the upstream's own API. Readers who may see
the page may ask too. For most programs `/api/v1/status` is the better answer: it is judged, and asks nobody.
[Tokens](configuration.md#tokens-programs-that-ask).

[proxy-example/](proxy-example/index.html) is a page that uses it with `fetch()`. [Its Caddyfile](proxy-example/Caddyfile) is for
the Caddy that serves this page: that adds the token, so no token stands in the page.

## What may pass

- Only the calls in the tables below, by GET or HEAD. Everything else is 404, and the upstream is not asked. No call changes
  anything; permissions and the logs of tasks are never passed on. Of Backrest nothing is: its calls are no reads by their form.
- What stands for a `{{name}}` in a path is one name of letters, digits and `. _ @ : + -`. Query keys that are not in the table,
  stand twice or have odd values are 422.
- Of an answer only the fields in the table. Left out is what names hosts, users and how they are reached, such as
  Databasement's `metadata` and the texts of its errors. Texts for people (*in italics*) lose addresses and what looks like a
  password or a token, and have one line of 200 characters. The name of a task loses its user.
- Hidden characters are written as escapes, our own secrets as `[withheld]`.
- No cookies and no headers of the upstream, no redirects.

## How often an upstream is asked

- An answer is kept for {KEPT_FOR:.0f} seconds, a refusal too. Who asks the same meanwhile gets it; many at once cause one call.
- At most {CONNECTIONS} connections to a source. They are the proxy's own: it neither delays the rounds in which backup-glance
  reads, nor changes a verdict.
- After 429 and 503 the source is left alone for as long as it says, at most 10 minutes; after a refused credential for 30
  seconds.

| answer | means |
|---|---|
| 200 | the upstream's answer, at most {LIMITS.document // 2**20} MiB |
| 403 | the source's own token may not ask for this |
| 404 | the proxy is off; no such source; a call that is not in the tables; the upstream knows no such thing |
| 422 | a query that is not passed on, or that the upstream rejected |
| 502 | the upstream can't be reached, can't be trusted, refused, or its answer is no good |
| 503 | it is busy or left alone; `Retry-After` says for how long |
| 504 | no answer within {LIMITS.total:.0f} seconds |
"""

_FOOT = "\nThis page is written by `.venv/bin/python -m tests.proxy`; a test compares it with the code.\n"


def document() -> str:
    """The whole page."""
    parts = [_HEAD]
    for product, every in LISTS.items():
        parts.append(f"## {product}\n\n" + "\n".join(_table(every)) + "\n")
    return "\n".join(parts) + _FOOT


def _table(every: tuple[PassedOn, ...]) -> Iterator[str]:
    yield "| path | query | fields |"
    yield "|---|---|---|"
    for passed_on in every:
        query = ", ".join(f"`{key}`" for key in sorted(passed_on.call.query))
        yield f"| `{passed_on.call.path.removeprefix('/')}` | {query} | {_fields(passed_on.shape)} |"


def _fields(shape: Mapping[str, Shape]) -> str:
    return ", ".join(_field(key, inner) for key, inner in shape.items())


def _field(key: str, shape: Shape) -> str:
    if isinstance(shape, Each):
        return _field(f"{key}[]", shape.entry)
    if isinstance(shape, Leaf):
        return f"*`{key}`*" if shape is Leaf.WORDS else f"`{key}`"
    return f"`{key}` ({_fields(shape)})"
