"""The two of PostHog's public endpoints that are used: `/flags` and `/batch`, with a project's key."""

import os
from typing import Annotated, Any

import aiohttp
import msgspec
from msgspec import Meta

from shipmate.errors import UsageError
from shipmate.messages import Record

__all__ = ["PostHogClient", "PostHogError", "PostHogSettings"]

MOST_BYTES = 1024 * 1024
Seconds = Annotated[float, Meta(gt=0, le=60)]


class PostHogSettings(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands beside `adapter: posthog` below `flags` in `stack.yml`."""

    url: Annotated[
        str,
        Meta(
            pattern=r"^https?://[^\s/?#@]+(/[^\s?#@]*)?$",
            description="The address that takes events; there is no default, and nothing is sent anywhere else.",
            extra_json_schema={"examples": ["https://posthog.example.com"]},
        ),
    ]
    flag: Annotated[str, Meta(min_length=1, description="The key of the feature flag that splits the users.")]
    project_key_env: Annotated[
        str, Meta(min_length=1, description="The environment variable that holds the project's key.")
    ] = "POSTHOG_PROJECT_KEY"
    wait_s: Annotated[Seconds, Meta(description="What a turn of a new user waits at most.")] = 0.25
    fresh_s: Annotated[
        float, Meta(gt=0, le=3600, description="How old an answer may be before it is asked for again.")
    ] = 60.0
    timeout_s: Annotated[Seconds, Meta(description="For one request.")] = 5.0
    export: Annotated[bool, Meta(description="Whether exposures and outcomes are sent there.")] = True
    without_consent: Annotated[
        bool, Meta(description="Whether that includes what people did who gave no consent id.")
    ] = False

    def project_key(self) -> str:
        """Return the project's key; raise `UsageError` where it is not set."""
        key = os.environ.get(self.project_key_env, "").strip()
        if not key:
            raise UsageError(
                f"stack.yml takes the key of the PostHog project from {self.project_key_env}, and that is not set.",
                do=f"export {self.project_key_env}=...",
            )
        return key


class PostHogError(Exception):
    """A request failed: `status` is 0 where no whole answer came."""

    def __init__(self, what: str, *, status: int = 0, retry_after_s: float = 0.0) -> None:
        super().__init__(what)
        self.status = status
        self.retry_after_s = retry_after_s


class PostHogClient:
    """Sends JSON and reads JSON; opens its connections with the first request."""

    def __init__(self, url: str, key: str, *, timeout_s: float = 5.0) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return what the server answers; raises `PostHogError`."""
        if self._session is None:
            headers = {"Content-Type": "application/json", "User-Agent": "shipmate"}
            self._session = aiohttp.ClientSession(timeout=self._timeout, headers=headers)
        content = msgspec.json.encode({"api_key": self._key, **body})
        try:
            async with self._session.post(f"{self._url}{path}", data=content, allow_redirects=False) as response:
                said = await response.content.read(MOST_BYTES)
                if response.status != 200:
                    wait = response.headers.get("Retry-After", "")
                    raise PostHogError(
                        f"HTTP {response.status}",
                        status=response.status,
                        retry_after_s=float(wait) if wait.isdecimal() else 0.0,
                    )
        except TimeoutError:
            raise PostHogError("timeout") from None
        except aiohttp.ClientError as error:
            raise PostHogError(type(error).__name__) from error
        try:
            return msgspec.json.decode(said, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise PostHogError("no JSON object") from error

    async def close(self) -> None:
        """Drop the connections."""
        session, self._session = self._session, None
        if session:
            await session.close()
