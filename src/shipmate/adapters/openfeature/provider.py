"""An OpenFeature provider that serves what is live in an assistant's folder; no service is asked."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata
from openfeature.track import TrackingEventDetails

from shipmate.flags.hashed import HashFlags
from shipmate.live import FollowedLive, Live, Trial

__all__ = ["FAQ_ONLY", "RELEASE", "ShipmateProvider", "Tracked"]

# The flags that are always there; a trial has its own besides: its mode, such as `canary`, the id of its run, and a pilot's flag.
FAQ_ONLY = "faq_only"
RELEASE = "release"
MODES = ("canary", "pilot", "shadow")

T = TypeVar("T")
Tracked = Callable[[str, str, Mapping[str, object]], None]
Tree = Sequence[FlagValueType] | Mapping[str, FlagValueType]


class ShipmateProvider(AbstractProvider):
    """Says who is in which arm, just as the server does; the targeting key is the caller, as the server names it."""

    def __init__(self, state: Path, *, tracked: Tracked = lambda *_: None) -> None:
        """`state` is the folder `.shipmate` of an assistant.

        `tracked` is called with the name, the targeting key and the details of everything that is tracked.
        """
        super().__init__()
        self._followed = FollowedLive(state)
        self._tracked = tracked

    def get_metadata(self) -> Metadata:
        """Return the provider's name."""
        return Metadata(name="shipmate")

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 - the interface's
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Return whether a caller is in the candidate of a trial, or whether nothing but the FAQ answers."""
        live = self._live()
        if flag_key == FAQ_ONLY:
            return FlagResolutionDetails(value=live.faq_only, reason=Reason.STATIC)
        return self._of_trial(flag_key, default_value, evaluation_context, _is_in)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """Return the name of a caller's arm, or the release that answers those in no trial."""
        live = self._live()
        if flag_key == RELEASE:
            return FlagResolutionDetails(value=live.release, reason=Reason.STATIC)
        return self._of_trial(flag_key, default_value, evaluation_context, lambda _, arm: arm)

    def resolve_object_details(
        self, flag_key: str, default_value: Tree, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Tree]:
        """Return a caller's arm with its run and the release that it answers from."""
        return self._of_trial(flag_key, default_value, evaluation_context, self._described)

    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002 - the interface's
    ) -> FlagResolutionDetails[int]:
        """Return the default: no flag is a number."""
        return self._no_number(flag_key, default_value)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002 - the interface's
    ) -> FlagResolutionDetails[float]:
        """Return the default: no flag is a number."""
        return self._no_number(flag_key, default_value)

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """Hand on what came of it for a caller; without a targeting key it belongs to nobody, and is dropped."""
        caller = evaluation_context.targeting_key if evaluation_context else None
        if caller:
            details: dict[str, object] = dict(tracking_event_details.attributes) if tracking_event_details else {}
            if tracking_event_details and tracking_event_details.value is not None:
                details["value"] = tracking_event_details.value
            self._tracked(tracking_event_name, caller, details)

    def _live(self) -> Live:
        self._followed.changed()
        return self._followed.live

    def _of_trial(
        self, flag_key: str, default: T, context: EvaluationContext | None, value: Callable[[Trial, str], T]
    ) -> FlagResolutionDetails[T]:
        """Return what a trial gives a caller; the default without a caller, or without such a trial."""
        trial = self._live().trial
        if trial is None or flag_key not in _names(trial):
            if flag_key in MODES:
                return FlagResolutionDetails(value=default, reason=Reason.DEFAULT)
            if flag_key in (FAQ_ONLY, RELEASE):
                return _failed(default, ErrorCode.TYPE_MISMATCH, f"{flag_key} is of another type")
            return _failed(default, ErrorCode.FLAG_NOT_FOUND, f"there is no flag {flag_key}")
        caller = context.targeting_key if context else None
        if not caller:
            return _failed(default, ErrorCode.TARGETING_KEY_MISSING, "the targeting key is the caller")
        arm = HashFlags().arm(trial, caller)
        split = Reason.SPLIT if trial.mode == "canary" else Reason.DEFAULT
        return FlagResolutionDetails(
            value=value(trial, arm),
            variant=arm,
            reason=Reason.TARGETING_MATCH if trial.mode == "pilot" and _is_in(trial, arm) else split,
            flag_metadata={"run": trial.run, "mode": trial.mode},
        )

    def _described(self, trial: Trial, arm: str) -> Tree:
        release = trial.release if _is_in(trial, arm) else self._followed.live.release
        return {"variant": arm, "run": trial.run, "release": release}

    def _no_number(self, flag_key: str, default: T) -> FlagResolutionDetails[T]:
        trial = self._live().trial
        known = {FAQ_ONLY, RELEASE, *MODES, *(_names(trial) if trial else ())}
        code = ErrorCode.TYPE_MISMATCH if flag_key in known else ErrorCode.FLAG_NOT_FOUND
        return _failed(default, code, "no flag is a number")


def _names(trial: Trial) -> tuple[str, ...]:
    """Return the keys of a trial's flag; a pilot's run begins with the flag of `pilot.yml`."""
    return trial.mode, trial.run, trial.run.rpartition("-")[0] if trial.mode == "pilot" else trial.run


def _is_in(trial: Trial, arm: str) -> bool:
    return arm == trial.candidate


def _failed(default: Any, code: ErrorCode, message: str) -> FlagResolutionDetails[Any]:
    return FlagResolutionDetails(value=default, error_code=code, error_message=message, reason=Reason.ERROR)
