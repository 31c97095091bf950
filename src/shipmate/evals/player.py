"""A language model that plays the person of a dialogue."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import msgspec

from shipmate.evals.cases import DialogueCase, DialogueUser
from shipmate.evals.runner import NextMessage
from shipmate.messages import Message, Role
from shipmate.ports import ChatModel

__all__ = ["ModelUser"]

DONE = "[done]"
MAX_TOKENS = 200
DEADLINE_S = 30.0
BEGIN = "Write your first message to the assistant."


class ModelUser:
    """Plays people one message at a time, until they have what they want or have written often enough."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model
        self.name = model.name

    def plays(self, case: DialogueCase) -> NextMessage:
        """Return what writes the messages of a case's person."""
        user = case.user or DialogueUser(goal="an answer")

        async def following(said: Sequence[tuple[str, str]]) -> str | None:
            if len(said) >= case.max_turns:
                return None
            text = await self._written(_conversation(user, said))
            return None if not text or DONE in text else text

        return following

    async def _written(self, messages: Sequence[Message]) -> str:
        stream = self._model.stream(messages, max_tokens=MAX_TOKENS, deadline_s=DEADLINE_S)
        return "".join([piece async for piece in stream if isinstance(piece, str)]).strip()


def _conversation(user: DialogueUser, said: Sequence[tuple[str, str]]) -> list[Message]:
    """Return the conversation as the player sees it: the assistant's replies are what the other side writes."""
    knows = msgspec.json.encode(user.knows).decode()
    rules = _prompt().format(persona=user.persona or "an ordinary person", goal=user.goal, knows=knows, done=DONE)
    messages = [Message(role=Role.SYSTEM, text=rules, at=0.0), Message(role=Role.USER, text=BEGIN, at=0.0)]
    for text, reply in said:
        messages += [
            Message(role=Role.ASSISTANT, text=text, at=0.0),
            Message(role=Role.USER, text=reply or "(nothing)", at=0.0),
        ]
    return messages


@cache
def _prompt() -> str:
    return (files("shipmate") / "prompts" / "play_person.md").read_text(encoding="utf-8")
