"""A flag behind any OpenFeature provider: LaunchDarkly, flagd, Unleash, a file, or a team's own."""

import asyncio
import importlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason
from openfeature.provider import FeatureProvider
from openfeature.provider.no_op_provider import NoOpProvider

from shipmate.errors import UsageError
from shipmate.flags.remembered import FlagFault
from shipmate.messages import Record

__all__ = ["OpenFeatureFlag", "OpenFeatureSettings", "provider_of"]

DOMAIN = "shipmate"
# A provider may ask a server; such calls hold up each other, and no turn.
THREADS = 4


class OpenFeatureSettings(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands beside `adapter: openfeature` below `flags` in `stack.yml`."""

    provider: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
            description="What makes the provider, as module:name.",
            extra_json_schema={"examples": ["openfeature.contrib.provider.flagd:FlagdProvider"]},
        ),
    ]
    flag: Annotated[str, Meta(min_length=1, description="The key of the flag that splits the users.")]
    options: Annotated[Mapping[str, Any], Meta(description="What the provider is made with.")] = msgspec.field(
        default_factory=dict
    )
    wait_s: Annotated[float, Meta(gt=0, le=60, description="What a turn of a new user waits at most.")] = 0.25
    fresh_s: Annotated[
        float, Meta(gt=0, le=3600, description="How old an answer may be before it is asked for again.")
    ] = 60.0


def provider_of(settings: OpenFeatureSettings) -> FeatureProvider:
    """Make the provider that `stack.yml` names; raise `UsageError` where that does not work."""
    module, _, name = settings.provider.partition(":")
    try:
        made: FeatureProvider = getattr(importlib.import_module(module), name)(**settings.options)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"The provider {settings.provider} is not there: {error}", do="Install its package."
        ) from error
    except Exception as error:
        do = "Look at `options` below `flags` in stack.yml."
        raise UsageError(f"The provider {settings.provider} does not open: {error}", do=do) from error
    return made


class OpenFeatureFlag:
    """A `FlagService`: one flag, boolean or with variants; the targeting key is the journal's name of a user."""

    def __init__(self, provider: FeatureProvider, flag: str) -> None:
        self._flag = flag
        self._threads = ThreadPoolExecutor(THREADS, "openfeature")
        self._domain = f"{DOMAIN}-{id(self)}"
        # A provider that does not open says so when it is asked.
        self._opening = self._threads.submit(api.set_provider_and_wait, provider, self._domain)
        self._client = api.get_client(self._domain)
        self._name = provider.get_metadata().name

    @property
    def name(self) -> str:
        """Return the provider's name, and the flag's."""
        return f"{self._name}:{self._flag}"

    async def value(self, user: str) -> str | bool | None:
        """Return the flag's value for a user, in a thread: a provider may take its time."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._value, user)

    async def close(self) -> None:
        """Let the provider go; what it still does ends by itself."""
        api.set_provider(NoOpProvider(), self._domain)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _value(self, user: str) -> str | bool | None:
        wait([self._opening])
        context = EvaluationContext(targeting_key=user)
        try:
            details: Any = self._client.get_string_details(self._flag, "", context)
            if details.error_code == ErrorCode.TYPE_MISMATCH:
                details = self._client.get_boolean_details(self._flag, False, context)  # noqa: FBT003 - the SDK's
        except Exception as error:
            raise FlagFault(type(error).__name__) from error
        if details.error_code == ErrorCode.FLAG_NOT_FOUND or details.reason == Reason.DISABLED:
            return None
        if details.error_code:
            raise FlagFault(str(details.error_code.value))
        value: str | bool = details.value
        return value
