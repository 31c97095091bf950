"""The command that talks: chat."""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from shipmate import bootstrap
from shipmate.cli.options import command, folder, index_first, release_option
from shipmate.cli.prose import Prose
from shipmate.cli.reports import show_trace
from shipmate.cli.screen import complain, say
from shipmate.cli.turns import print_turn, show_citations
from shipmate.errors import ShipmateError
from shipmate.messages import LOCAL, Ask, Reply
from shipmate.turn import Assistant

__all__ = ["chat"]

KEYS = "/new begins anew, /why explains the last answer, Ctrl-D leaves"


@command("shipmate chat my-assistant")
@folder
@release_option
def chat(folder: Path, *, release: str) -> None:
    """Talk with the assistant; follow-ups are understood.

    /new begins a new conversation, /why explains the last answer, Ctrl-D or /quit leaves. Ctrl-C ends a running answer.
    """
    project = index_first(folder)
    opening = bootstrap.open_assistant(project, shared=False, release=bootstrap.meant_release(project, release))
    with asyncio.Runner() as runner:
        opened = AsyncExitStack()
        assistant = runner.run(opened.enter_async_context(opening))
        try:
            Talk(assistant, runner).run()
        finally:
            runner.run(opened.aclose())


class Talk:
    """One person's chat. Lines are read outside the event loop, so that Ctrl-C works at the prompt too."""

    def __init__(self, assistant: Assistant, runner: asyncio.Runner) -> None:
        self._assistant = assistant
        self._runner = runner
        self._last: Reply | None = None
        self._is_watched = sys.stdin.isatty()

    def run(self) -> None:
        """Answer line by line until the person leaves."""
        if self._is_watched:
            import readline  # noqa: F401 - gives the prompt editing and history

            say((self._assistant.name, "bold"))
            with Prose() as prose:
                prose.write(self._assistant.disclosure)
            say((KEYS, "dim"))
        while (line := self._read()) is not None:
            try:
                self._answer(line)
            except ShipmateError as error:
                complain(error)
            except KeyboardInterrupt:
                say(("Stopped.", "dim"))

    def _read(self) -> str | None:
        """Return the next line, or None at the end."""
        if self._is_watched:
            say()
        try:
            line = input("> " if self._is_watched else "").strip()
        except EOFError:
            line = "/quit"
            if self._is_watched:
                say()
        return None if line == "/quit" else line

    def _answer(self, line: str) -> None:
        match line:
            case "":
                pass
            case "/new":
                self._last = None
                say(("A new conversation begins.", "dim"))
            case "/why":
                self._explain()
            case _ if line.startswith("/"):
                say(f"There is no {line}: {KEYS}.")
            case _:
                self._ask(line)

    def _explain(self) -> None:
        if self._last is None:
            say("There is no answer yet.")
        else:
            show_trace(self._runner.run(self._assistant.trace(self._last.turn_id, LOCAL)))

    def _ask(self, line: str) -> None:
        conversation_id = self._last.conversation_id if self._last else ""
        ask = Ask(text=line, conversation_id=conversation_id)
        self._last = self._runner.run(print_turn(self._assistant, ask))
        show_citations(self._last)
