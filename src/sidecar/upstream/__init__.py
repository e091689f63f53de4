"""The only way to call an upstream: the list of allowed calls, the connection, and the limits on answers."""

import sys

# To tell trio from asyncio, httpcore imports sniffio several times in each request. Nobody needs it here; but a module that
# isn't there is searched for in every folder of Python's path each time, which took a tenth of a request.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]  # Python takes None for "there is none".
