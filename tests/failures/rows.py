"""Which rows of the board rest on what."""

from __future__ import annotations

#: Services with a guest in the job backup-critical.
CRITICAL = (
    "service vaultwarden",
    "service vault",
    "service databasement",
    "service paperless",
    "service n8n",
    "service home-assistant",
    "service nextcloud",
    "service immich",
    "service forgejo",
)

#: Services with a guest in any job.
WITH_GUESTS = (*CRITICAL, "service jellyfin", "service grafana")

ON_MARIADB = ("service vaultwarden", "service home-assistant", "service nextcloud")
ON_POSTGRES = ("service forgejo", "service immich", "service n8n", "service paperless")
WITH_DATABASES = (*ON_MARIADB, *ON_POSTGRES)

WITH_PLANS = ("service vault", "service databasement", "service app-configs")

UPKEEP_OF_PBS = ("job pbs/prune/prune-main", "job pbs/gc/main")
UPKEEP_OF_BACKREST = ("job backrest/prune/b2", "job backrest/check/b2")
