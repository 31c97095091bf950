"""The journal's events in the forms that PostHog knows: ids, hashes, numbers and labels, never words."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from shipmate.flags.exposures import EXPOSURE
from shipmate.messages import Event

__all__ = ["shaped"]

MATURED = "assistant.issue.matured"
FEEDBACK = "assistant.feedback"
COMPLETED = "assistant.turn.completed"
# Of the journal's own data, what may leave the house: a field that is added later stays until it is named here.
LABELS = {
    MATURED: ("ftr_label", "rule", "kind", "window", "label_version", "revises", "intent"),
    FEEDBACK: ("value",),
}


def shaped(event: Event, flag: str) -> dict[str, Any] | None:
    """Return an event as PostHog takes it; nothing for one that it is not told. `flag` is the flag's key there."""
    make = SHAPES.get(event.name)
    if make is None or not event.user_hash:
        return None
    name, properties = make(event, flag)
    return {
        "event": name,
        "distinct_id": event.user_hash,
        # The same for the same event: what is sent twice counts once.
        "uuid": str(uuid5(NAMESPACE_OID, event.event_id)),
        "timestamp": datetime.fromtimestamp(event.ts, UTC).isoformat(),
        "properties": {
            **{key: value for key, value in {**_common(event, flag), **properties}.items() if value not in ("", None)},
            # Nobody's profile is made, and the server's own address is nobody's place.
            "$process_person_profile": False,
            "$geoip_disable": True,
            "$lib": "shipmate",
        },
    }


def _common(event: Event, flag: str) -> dict[str, Any]:
    return {
        "release": event.release,
        "charter_sha": event.charter_sha,
        "index_sha": event.index_sha,
        "lang": event.lang,
        "run": event.flag_key,
        "issue_id": event.issue_id,
        "turn_id": event.turn_id,
        f"$feature/{flag}": event.variant,
    }


def _exposed(event: Event, flag: str) -> tuple[str, dict[str, Any]]:
    return "$feature_flag_called", {"$feature_flag": flag, "$feature_flag_response": event.variant}


def _generated(event: Event, _: str) -> tuple[str, dict[str, Any]]:
    data = event.data
    return "$ai_generation", {
        "$ai_trace_id": event.turn_id,
        "$ai_session_id": event.conversation_id,
        "$ai_model": event.model or "extractive",
        "$ai_latency": _seconds(data.get("latency_ms")),
        "$ai_time_to_first_token": _seconds(data.get("ttft_ms")),
        "$ai_input_tokens": data.get("tokens_in"),
        "$ai_output_tokens": data.get("tokens_out"),
        "$ai_total_cost_usd": data.get("cost_usd"),
        "$ai_is_error": bool(data.get("faulty")),
        "intent": data.get("intent"),
        "kind": data.get("kind"),
    }


def _labelled(event: Event, _: str) -> tuple[str, dict[str, Any]]:
    named = {key: event.data[key] for key in LABELS[event.name] if key in event.data}
    return event.name, {**named, "$ai_trace_id": event.turn_id}


def _seconds(ms: object) -> float | None:
    return ms / 1000 if isinstance(ms, int | float) else None


SHAPES: dict[str, Callable[[Event, str], tuple[str, dict[str, Any]]]] = {
    EXPOSURE: _exposed,
    COMPLETED: _generated,
    MATURED: _labelled,
    FEEDBACK: _labelled,
}
