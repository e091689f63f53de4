"""The only way to call an upstream: the list of allowed calls, the connection, and the limits on answers."""

import sys
from importlib.util import find_spec

# To tell trio from asyncio, httpcore imports sniffio several times in each request. Where that is not installed, it is searched
# for in every folder of Python's path each time, which took a tenth of a request.
if find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # Python takes None for "there is none".
