"""A feature flag as the server evaluates it, with all the targeting that it knows."""

import msgspec

from shipmate.adapters.posthog.client import PostHogClient, PostHogError
from shipmate.flags.remembered import FlagFault

__all__ = ["PostHogFlag"]


class _Flag(msgspec.Struct, frozen=True):
    enabled: bool = False
    variant: str | None = None
    failed: bool = False


class _Answer(msgspec.Struct, frozen=True):
    flags: dict[str, _Flag] = {}
    errors: bool = msgspec.field(default=False, name="errorsWhileComputingFlags")
    limited: list[str] = msgspec.field(default=[], name="quotaLimited")


class PostHogFlag:
    """A `FlagService`: one flag of a project; a user's `distinct_id` is the journal's name, a keyed hash."""

    def __init__(self, client: PostHogClient, flag: str) -> None:
        self._client = client
        self._flag = flag

    @property
    def name(self) -> str:
        """Return the flag's name at the server."""
        return f"posthog:{self._flag}"

    async def value(self, user: str) -> str | bool | None:
        """Return the variant, or whether the flag is on for the user; nothing for a flag that is not on at all."""
        asked = {"distinct_id": user, "flag_keys_to_evaluate": [self._flag], "geoip_disable": True}
        try:
            said = await self._client.post("/flags?v=2", asked)
            answer = msgspec.convert(said, _Answer)
        except PostHogError as error:
            raise FlagFault(str(error), retry_after_s=error.retry_after_s) from error
        except msgspec.ValidationError as error:
            raise FlagFault("an answer that does not read as flags") from error
        if "feature_flags" in answer.limited:
            raise FlagFault("the project's quota of flags is used up")
        flag = answer.flags.get(self._flag)
        if flag is None or flag.failed:
            if answer.errors or flag:
                raise FlagFault("the server could not compute the flag")
            return None
        return (flag.variant or True) if flag.enabled else False

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()
