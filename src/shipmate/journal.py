"""What the journal says of a turn: immutable events that carry ids, numbers and labels, never anybody's words."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

from shipmate.messages import Citation, Conversation, Event, Heard, Reask, ReplyKind, Route, Trace
from shipmate.ports import Clock

__all__ = ["EPISODE_IDLE_S", "Journal", "user_hash"]

# A pause after which the next message is a new problem.
EPISODE_IDLE_S = 30 * 60
USER_HASH_BYTES = 12
EXPOSED_KEPT = 200_000
# The rules by which a question is known to be put again.
REASK_DETECTOR = "reask/1"
HEARD_NOTHING = Heard()


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """Makes the events of one release on one installation."""

    clock: Clock
    # Keys the hash of callers: without it nobody can tell who a hash stands for.
    key: bytes
    charter_sha: str = ""
    index_sha: str = ""
    release: str = ""
    # Of the trial's arm that answers.
    variant: str = ""
    flag_key: str = ""
    # Who is known to have been shown an answer in this trial, as far as this process remembers.
    exposed: set[str] = field(default_factory=set)

    def episode(self, conversation: Conversation, route: Route, now: float, *, followup: bool = False) -> str:
        """Return the id of the episode that a message at `now` belongs to, which may begin with it.

        A new one begins with the conversation, after half an hour of silence, or when the message turns to another
        intent and does not follow up. A message without an intent, such as thanks, stays where it is.
        """
        turns_away = bool(route.intent and conversation.last_intent) and route.intent != conversation.last_intent
        is_new = (
            not conversation.issue_id or now - conversation.last_at >= EPISODE_IDLE_S or (turns_away and not followup)
        )
        return self.clock.new_id() if is_new else conversation.issue_id

    def turn_completed(
        self,
        conversation: Conversation,
        trace: Trace,
        *,
        ttft_ms: float | None = None,
        heard: Heard = HEARD_NOTHING,
    ) -> tuple[Event, ...]:
        """Return the events of a turn whose reply is known, in order; its message was `heard` to say so much."""
        events = [
            *self._exposure(conversation, trace),
            self._event("assistant.turn.completed", conversation, trace, _completed(trace, ttft_ms, heard)),
        ]
        if heard.reask:
            events.append(self._event("assistant.reask", conversation, trace, _reasked(heard.reask)))
        if trace.reply.kind is ReplyKind.FALLBACK:
            reason = "model_failed" if trace.fault else "nothing_supported"
            events.append(self._event("assistant.fallback", conversation, trace, {"reason": reason}))
        return tuple(events)

    def _exposure(self, conversation: Conversation, trace: Trace) -> Iterator[Event]:
        """Yield the event of somebody's first answer in a trial; who reads it counts each of them once."""
        if not self.flag_key or trace.abandoned:
            return
        exposure = self._event("flag.exposure", conversation, trace, {})
        if exposure.user_hash not in self.exposed:
            if len(self.exposed) >= EXPOSED_KEPT:
                self.exposed.clear()
            self.exposed.add(exposure.user_hash)
            yield exposure

    def feedback(self, trace: Trace, caller: str, *, value: int, reason: str = "") -> Event:
        """Return the event of what a caller thinks of a reply; the last one of a turn counts."""
        return Event(
            name="assistant.feedback",
            ts=self.clock.now(),
            event_id=self.clock.new_id(),
            conversation_id=trace.conversation_id,
            turn_id=trace.turn_id,
            user_hash=self.user_hash(caller),
            charter_sha=self.charter_sha,
            index_sha=self.index_sha,
            release=trace.reply.release,
            data={"value": value, "reason": reason},
        )

    def limit_hit(self, caller: str, *, limit: str, retry_after_s: float) -> Event:
        """Return the event of a caller whom a limit has stopped before a turn began."""
        return Event(
            name="assistant.limit",
            ts=self.clock.now(),
            event_id=self.clock.new_id(),
            user_hash=self.user_hash(caller),
            charter_sha=self.charter_sha,
            index_sha=self.index_sha,
            release=self.release,
            variant=self.variant,
            flag_key=self.flag_key,
            data={"limit": limit, "retry_after_s": retry_after_s},
        )

    def user_hash(self, caller: str) -> str:
        """Return the name under which the journal knows a caller: the same every time, on this installation only."""
        return user_hash(self.key, caller)

    def _event(self, name: str, conversation: Conversation, trace: Trace, data: dict[str, object]) -> Event:
        return Event(
            name=name,
            ts=self.clock.now(),
            event_id=self.clock.new_id(),
            conversation_id=conversation.conversation_id,
            issue_id=conversation.issue_id,
            turn_id=trace.turn_id,
            user_hash=self.user_hash(conversation.caller),
            lang=conversation.language,
            charter_sha=self.charter_sha,
            index_sha=self.index_sha,
            release=trace.reply.release,
            variant=self.variant,
            flag_key=self.flag_key,
            model=trace.reply.usage.model,
            consent=conversation.consent_id,
            data=data,
        )


def user_hash(key: bytes, caller: str) -> str:
    """Return the name under which the journal knows a caller, on the installation that has this key."""
    return blake2b(caller.encode(), key=key, digest_size=USER_HASH_BYTES).hexdigest()


def _completed(trace: Trace, ttft_ms: float | None, heard: Heard) -> dict[str, object]:
    reply = trace.reply
    said: dict[str, object] = {
        "out_of_scope": bool(trace.route.out_of_scope),
        "sign": heard.sign,
        "prev_issue_id": heard.prev_issue_id,
    }
    return {name: value for name, value in said.items() if value} | {
        "intent": reply.intent,
        "intent_conf": trace.route.confidence,
        "kind": reply.kind.value,
        "confidence": reply.confidence,
        "citations": [_span(citation) for citation in reply.citations],
        "cuts": dict(Counter(cut.rule for cut in trace.cuts)),
        "faulty": bool(trace.fault),
        "abandoned": trace.abandoned,
        "ttft_ms": ttft_ms,
        "latency_ms": reply.latency_ms,
        "tokens_in": reply.usage.input_tokens,
        "tokens_out": reply.usage.output_tokens,
        "cost_usd": reply.usage.cost_usd,
    }


def _reasked(reask: Reask) -> dict[str, object]:
    return {
        "prev_turn_id": reask.turn_id,
        "prev_issue_id": reask.issue_id,
        "same_intent_p": round(reask.same_intent, 3),
        "dissatisfied_p": round(reask.dissatisfied, 3),
        "gap_s": round(reask.gap_s, 3),
        "detector_version": REASK_DETECTOR,
    }


def _span(citation: Citation) -> str:
    return f"{citation.source}#{citation.start}-{citation.end}"
