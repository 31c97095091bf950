"""Tells an address of the team's own: one POST of JSON, tried again while the other side is not well."""

import logging
import time
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from shipmate.errors import UsageError

__all__ = ["check_address", "post"]

log = logging.getLogger(__name__)

TIMEOUT_S = 5.0
# Before the second, the third and the fourth try.
WAITS_S = (1.0, 4.0, 16.0)
WORTH_TRYING_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class NoRedirect(HTTPRedirectHandler):
    """Goes nowhere else than to the address that was named."""

    def redirect_request(self, *_: object) -> None:
        """Follow nothing."""
        return


def check_address(address: str, variable: str) -> None:
    """Raise `UsageError` for an address that nothing can be posted to."""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        do = f"export {variable}=https://..."
        raise UsageError(f"The environment variable {variable} holds no address that can be posted to.", do=do)


def post(address: str, content: bytes, *, waits_s: tuple[float, ...] = WAITS_S, timeout_s: float = TIMEOUT_S) -> bool:
    """Post some JSON; return whether it was taken. Blocks, and raises nothing."""
    headers = {"content-type": "application/json", "user-agent": "shipmate"}
    # No proxy of the environment, and no other place that the address may point to.
    opener = build_opener(ProxyHandler({}), NoRedirect)
    for wait_s in (*waits_s, None):
        try:
            request = Request(address, data=content, headers=headers, method="POST")  # noqa: S310 - see check_address
            with opener.open(request, timeout=timeout_s) as response:
                response.read(1024)
                return True
        except HTTPError as error:
            error.close()
            log.warning("The alert was refused with status %d", error.code)
            if error.code not in WORTH_TRYING_AGAIN:
                return False
        except (OSError, HTTPException, ValueError) as error:
            log.warning("The alert was not taken: %s", type(error).__name__)
        if wait_s is not None:
            time.sleep(wait_s)
    return False
