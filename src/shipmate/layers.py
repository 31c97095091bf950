"""The layers of the stack: which adapter serves each, opened with the settings that `stack.yml` gives it.

A new system is one arm here, beside its file among the adapters.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shipmate import config
from shipmate.adapters.sqlite.store import SqliteSettings, SqliteStore
from shipmate.charter import Facts, Likeness, Tally
from shipmate.charter.overlap import BY_LETTERS
from shipmate.config import Project
from shipmate.errors import Problem, ProjectError, UsageError
from shipmate.flags.hashed import HashFlags
from shipmate.flags.remembered import Budget, FlagService, RememberedFlags
from shipmate.ports import ChatModel, Clock, Embedder, EventLog, FlagSource, Reranker
from shipmate.shape import Section

if TYPE_CHECKING:
    from shipmate.adapters.model_files import Files
    from shipmate.adapters.posthog import Exporter

__all__ = [
    "charter_facts",
    "check_fit",
    "embedder_settings",
    "flags_settings",
    "index_settings",
    "kept_folder",
    "open_embedder",
    "open_exporter",
    "open_flags",
    "open_model",
    "open_reranker",
    "open_store",
    "problems",
    "releases",
    "reranker_settings",
    "store_settings",
]

# Where models are kept that a hub has.
MODELS = "models"
# Whether the embedder knows the charter's language shows in so many examples, and in the share that it knows.
SAMPLE = 16
KNOWN_SHARE = 0.9
# Questions of different meaning are seldom more alike than this: 98 % of their pairs are less so.
CLOSE = 0.4


class NoSettings(Section, frozen=True, kw_only=True):
    """What an adapter takes that has nothing to be set."""


def charter_facts(
    project: Project, *, tally: Tally | None, documents: Collection[str] | None, is_release: bool = False
) -> Facts:
    """Return what the charter's lint looks at beyond the folder's files. No layer calls tools yet."""
    examples = [example for intent in project.charter.intents for example in intent.examples] if project.charter else []
    return Facts(tally=tally, documents=documents, tools=(), likeness=_likeness(examples), is_release=is_release)


def _likeness(examples: Sequence[str]) -> Likeness:
    """Measure likeness by the embedder that comes with the house, or by letters where it knows few of the examples."""
    from shipmate.adapters.static_embedder import StaticEmbedder

    embedder = StaticEmbedder()

    def by_meaning(texts: Sequence[str]) -> list[list[float]]:
        vectors = asyncio.run(embedder.embed(texts))
        table: list[list[float]] = (vectors @ vectors.T).tolist()
        return table

    if not examples:
        return BY_LETTERS
    known = asyncio.run(embedder.embed(examples[:SAMPLE])).any(axis=1)
    return Likeness(by_meaning, CLOSE) if known.mean() > KNOWN_SHARE else BY_LETTERS


async def open_embedder(project: Project) -> Embedder | None:
    """Open what `stack.yml` names; a model that a hub has is fetched when it is not here yet."""
    settings = embedder_settings(project)
    match project.stack.layer("embedder").adapter:
        case "static":
            from shipmate.adapters.static_embedder import StaticEmbedder

            return StaticEmbedder()
        case "onnx":
            from shipmate.adapters import onnx

            folder = await _model_folder(project, "embedder", settings, onnx.FILES)
            return onnx.OnnxEmbedder(folder, threads=settings.threads)
        case "sentence_transformers":
            from shipmate.adapters import sentence_transformer

            folder = await _model_folder(project, "embedder", settings, sentence_transformer.FILES)
            return sentence_transformer.TorchEmbedder(folder, threads=settings.threads)
        case "openai_compatible":
            from shipmate.adapters.openai_compatible import OpenAIEmbedder

            return OpenAIEmbedder.opened(settings)
    return None


def kept_folder(project: Project, settings: Any) -> Path:
    """Return where a model lies: in the folder that is named, or where one of that name is kept when it is fetched."""
    named: Path = project.folder / settings.model
    kept = project.state / MODELS / settings.model.replace("/", "--") / settings.revision
    return named if named.is_dir() else kept


def embedder_settings(project: Project) -> Any:
    match project.stack.layer("embedder").adapter:
        case "none" | "static":
            return config.settings(project, "embedder", NoSettings)
        case "onnx":
            from shipmate.adapters.onnx import OnnxSettings

            return config.settings(project, "embedder", OnnxSettings)
        case "sentence_transformers":
            from shipmate.adapters.sentence_transformer import SentenceTransformersSettings

            return config.settings(project, "embedder", SentenceTransformersSettings)
        case "openai_compatible":
            from shipmate.adapters.openai_compatible import OpenAIEmbedderSettings

            return config.settings(project, "embedder", OpenAIEmbedderSettings)
    known = ["none", "onnx", "openai_compatible", "sentence_transformers", "static"]
    raise config.unknown_adapter(project, "embedder", known)


async def open_reranker(project: Project) -> Reranker | None:
    """Open what `stack.yml` names; the light one is a part of every search."""
    settings = reranker_settings(project)
    match project.stack.layer("reranker").adapter:
        case "cross_encoder":
            from shipmate.adapters import onnx

            folder = await _model_folder(project, "reranker", settings, onnx.FILES)
            return onnx.OnnxCrossEncoder(folder, threads=settings.threads)
        case "sentence_transformers":
            from shipmate.adapters import sentence_transformer

            folder = await _model_folder(project, "reranker", settings, sentence_transformer.FILES)
            return sentence_transformer.TorchCrossEncoder(folder, threads=settings.threads)
    return None


def reranker_settings(project: Project) -> Any:
    match project.stack.layer("reranker").adapter:
        case "light":
            return config.settings(project, "reranker", NoSettings)
        case "cross_encoder":
            from shipmate.adapters.onnx import OnnxSettings

            return config.settings(project, "reranker", OnnxSettings)
        case "sentence_transformers":
            from shipmate.adapters.sentence_transformer import SentenceTransformersSettings

            return config.settings(project, "reranker", SentenceTransformersSettings)
    raise config.unknown_adapter(project, "reranker", ["cross_encoder", "light", "sentence_transformers"])


async def _model_folder(project: Project, layer: str, settings: Any, files: "Files") -> Path:
    """Return the folder of a layer's model; one that only a hub has is fetched."""
    folder = project.folder / settings.model
    if not folder.is_dir():
        try:
            from shipmate.adapters.model_hub import fetch_model
        except ImportError as error:
            do = f"pip install 'shipmate[{files.extra}]'"
            raise UsageError(f"fetching the model of `{layer}` needs {error.name}", do=do) from error
        folder = await fetch_model(settings.model, project.state / MODELS, files, revision=settings.revision)
    return Path(folder)


def index_settings(project: Project) -> NoSettings:
    match project.stack.layer("index").adapter:
        case "tantivy":
            return config.settings(project, "index", NoSettings)
    raise config.unknown_adapter(project, "index", ["tantivy"])


def open_store(project: Project) -> SqliteStore:
    return SqliteStore.open(project.state / "shipmate.db", durable=store_settings(project).durable)


def store_settings(project: Project) -> SqliteSettings:
    match project.stack.layer("store").adapter:
        case "sqlite":
            return config.settings(project, "store", SqliteSettings)
    raise config.unknown_adapter(project, "store", ["sqlite"])


def open_model(project: Project) -> ChatModel | None:
    match project.stack.layer("model").adapter:
        case "extractive":
            config.settings(project, "model", NoSettings)
            return None
        case "openai_compatible":
            from shipmate.adapters.openai_compatible import OpenAICompatible, OpenAICompatibleSettings

            return OpenAICompatible(config.settings(project, "model", OpenAICompatibleSettings))
    raise config.unknown_adapter(project, "model", ["extractive", "openai_compatible"])


def problems(project: Project) -> list[Problem]:
    """Return where the stack's settings are not what its adapters take."""
    found: list[Problem] = []
    settled = {
        "model": open_model,
        "index": index_settings,
        "embedder": embedder_settings,
        "reranker": reranker_settings,
        "store": store_settings,
        "flags": flags_settings,
    }
    for layer, settle in settled.items():
        try:
            settle(project)
        except ProjectError as error:
            found += error.problems
        except UsageError as error:
            # A key or an extra that is not here may be where the assistant is served.
            found.append(project.source("stack.yml").problem((layer,), error.what, error.do, warning=True))
    return found


def check_fit(project: Project, clock: Clock) -> None:
    """Raise `ProjectError` where what is to ship does not fit the stack of this installation, or the freeze of it."""
    found = [*config.check_stack_lock(project, clock, releases=releases(project), ships=True), *problems(project)]
    if stopping := [problem for problem in found if not problem.warning]:
        raise ProjectError(stopping)


def releases(project: Project) -> dict[str, str]:
    """Return the software that serves each layer, with its version."""
    from importlib import metadata

    # What a model's server runs cannot be seen from here.
    software = {"tantivy": "tantivy"}
    adapters = {layer: project.stack.layer(layer).adapter for layer in ("model", "index", "store")}
    return {
        layer: f"{software[adapter]} {metadata.version(software[adapter])}"
        for layer, adapter in adapters.items()
        if adapter in software
    }


def open_flags(
    project: Project, clock: Clock, *, name_of: Callable[[str], str], told: Callable[[str], None] = lambda _: None
) -> FlagSource:
    """Open what says who is in which arm; `name_of` makes the only name of a caller that leaves the house.

    `told` hears what went wrong when a service fails, and an empty text when it is back.
    """
    settings = flags_settings(project)
    service: FlagService
    match project.stack.layer("flags").adapter:
        case "posthog":
            from shipmate.adapters.posthog import PostHogClient, PostHogFlag

            client = PostHogClient(settings.url, settings.project_key(), timeout_s=settings.timeout_s)
            service = PostHogFlag(client, settings.flag)
        case "openfeature":
            from shipmate.adapters.openfeature import OpenFeatureFlag
            from shipmate.adapters.openfeature.source import provider_of

            service = OpenFeatureFlag(provider_of(settings), settings.flag)
        case _:
            return HashFlags()
    budget = Budget(wait_s=settings.wait_s, fresh_s=settings.fresh_s)
    return RememberedFlags(service, name_of=name_of, elapsed=clock.elapsed, budget=budget, told=told)


def open_exporter(project: Project, journal: EventLog) -> "Exporter | None":
    """Open what tells a server of exposures and outcomes, where `stack.yml` names one."""
    settings = flags_settings(project)
    if project.stack.layer("flags").adapter != "posthog" or not settings.export:
        return None
    from shipmate.adapters.posthog import Exporter, PostHogClient

    client = PostHogClient(settings.url, settings.project_key(), timeout_s=settings.timeout_s)
    return Exporter(journal, client, project.state, flag=settings.flag, without_consent=settings.without_consent)


def flags_settings(project: Project) -> Any:
    match project.stack.layer("flags").adapter:
        case "hash":
            return config.settings(project, "flags", NoSettings)
        case "openfeature":
            with _extra("flags", "openfeature"):
                from shipmate.adapters.openfeature import OpenFeatureSettings

            return config.settings(project, "flags", OpenFeatureSettings)
        case "posthog":
            with _extra("flags", "posthog"):
                from shipmate.adapters.posthog import PostHogSettings

            return config.settings(project, "flags", PostHogSettings)
    raise config.unknown_adapter(project, "flags", ["hash", "openfeature", "posthog"])


@contextmanager
def _extra(layer: str, extra: str) -> Iterator[None]:
    """Say which extra holds a package that is not installed."""
    try:
        yield
    except ImportError as error:
        what = f"`{layer}: {extra}` needs {error.name}, which is not installed"
        raise UsageError(what, do=f"pip install 'shipmate[{extra}]'") from error
