"""Every source of flags keeps the promises of its port."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from shipmate.adapters.openfeature import OpenFeatureFlag
from shipmate.adapters.posthog import PostHogClient, PostHogFlag
from shipmate.adapters.system_clock import SystemClock
from shipmate.flags.hashed import HashFlags
from shipmate.flags.remembered import Budget, FlagService, RememberedFlags
from shipmate.ports import FlagSource
from shipmate.testing.conformance.flag_source import CHECKS
from shipmate.testing.posthog_server import PostHogServer

Check = Callable[[FlagSource], Awaitable[None]]
PATIENT = Budget(wait_s=10.0)


def is_odd(user: str) -> bool:
    return hashlib.sha256(user.encode()).digest()[0] % 2 == 1


def variant(user: str) -> str:
    return "v2" if is_odd(user) else "control"


def hidden(caller: str) -> str:
    return hashlib.sha256(caller.encode()).hexdigest()[:24]


def remembered(service: FlagService) -> RememberedFlags:
    return RememberedFlags(service, name_of=hidden, elapsed=SystemClock().elapsed, budget=PATIENT)


@asynccontextmanager
async def hashed() -> AsyncIterator[FlagSource]:
    yield HashFlags()


@asynccontextmanager
async def posthog() -> AsyncIterator[FlagSource]:
    async with PostHogServer({"split": variant}) as server:
        source = remembered(PostHogFlag(PostHogClient(server.url, server.key), "split"))
        try:
            yield source
        finally:
            await source.close()


@asynccontextmanager
async def posthog_boolean() -> AsyncIterator[FlagSource]:
    async with PostHogServer({"split": is_odd}) as server:
        source = remembered(PostHogFlag(PostHogClient(server.url, server.key), "split"))
        try:
            yield source
        finally:
            await source.close()


def by_variant(flag: InMemoryFlag[str], context: EvaluationContext) -> FlagResolutionDetails[str]:
    chosen = variant(context.targeting_key or "")
    return FlagResolutionDetails(value=flag.variants[chosen], variant=chosen, reason=Reason.SPLIT)


def by_boolean(flag: InMemoryFlag[bool], context: EvaluationContext) -> FlagResolutionDetails[bool]:
    return FlagResolutionDetails(value=flag.variants["on" if is_odd(context.targeting_key or "") else "off"])


@asynccontextmanager
async def openfeature() -> AsyncIterator[FlagSource]:
    flag = InMemoryFlag("control", {"control": "control", "v2": "v2"}, context_evaluator=by_variant)
    source = remembered(OpenFeatureFlag(InMemoryProvider({"split": flag}), "split"))
    try:
        yield source
    finally:
        await source.close()


@asynccontextmanager
async def openfeature_boolean() -> AsyncIterator[FlagSource]:
    flag = InMemoryFlag("off", {"on": True, "off": False}, context_evaluator=by_boolean)
    source = remembered(OpenFeatureFlag(InMemoryProvider({"split": flag}), "split"))
    try:
        yield source
    finally:
        await source.close()


SOURCES: dict[str, Callable[[], AbstractAsyncContextManager[FlagSource]]] = {
    "hash": hashed,
    "posthog": posthog,
    "posthog_boolean": posthog_boolean,
    "openfeature": openfeature,
    "openfeature_boolean": openfeature_boolean,
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_source_of_flags_keeps_its_promises(source: str, check: Check) -> None:
    async def run() -> None:
        async with SOURCES[source]() as opened:
            await check(opened)

    asyncio.run(run())
