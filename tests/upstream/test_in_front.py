"""Redirects: where they lead is named by scheme, host and port, and nothing of a path is ever part of a message."""

from __future__ import annotations

import pytest

from sidecar.upstream import in_front

SECRET = "s3cret-path"
ASKED = "https://pbs.lan:8007/api2/json/version"

OWN, UNREADABLE, OTHER = "another page of its own", "an address that can't be read", "https://other.lan"

LOCATIONS = {
    f"/{SECRET}": OWN,
    f"../{SECRET}": OWN,
    f"?{SECRET}": OWN,
    f"https:{SECRET}": OWN,
    f"https://pbs.lan:8007/{SECRET}": OWN,
    "": OWN,
    "https://": OWN,
    f"/login?next={SECRET}": "its login page",
    f"https://other.lan/{SECRET}": OTHER,
    f"https://other.lan?{SECRET}": OTHER,
    f"https://other.lan#{SECRET}": OTHER,
    f"https://{SECRET}@other.lan/": OTHER,
    f"https://user:{SECRET}@other.lan:8443/": f"{OTHER}:8443",
    f"HTTPS://OTHER.lan/{SECRET}": OTHER,
    f"https://[fd00::1]:1/{SECRET}": "https://[fd00::1]:1",
    f"https://other.lan/login/{SECRET}": f"a login at {OTHER}",
    **dict.fromkeys(
        (
            f"{SECRET}:foo",
            f"//{SECRET}/foo",
            f"http:{SECRET}",
            f"http:///{SECRET}",
            f"https://other.lan:{SECRET}/",
            f"https://other.lan:99999/{SECRET}",
            f"https://other.lan\\{SECRET}",
            f"http:\\\\other.lan\\{SECRET}",
            f"https://other.lan%2f{SECRET}/",
            f"https://other.lan;{SECRET}/",
            f"https://[{SECRET}]/",
            f"https://\u202eother.lan/{SECRET}",
            f"https://other lan/{SECRET}",
            f"https://{'a' * 300}/{SECRET}",
            f"javascript:{SECRET}",
            f"ftp://other.lan/{SECRET}",
            "http://[",
        ),
        UNREADABLE,
    ),
}


@pytest.mark.parametrize(("location", "where"), LOCATIONS.items())
def test_a_redirect_is_named_without_anything_of_a_path(location: str, where: str) -> None:
    error = in_front.redirect(302, location, ASKED)

    assert error.cause == f"HTTP 302: redirects to {where}"
    assert SECRET not in repr((error.cause, error.culprit, error.action))
