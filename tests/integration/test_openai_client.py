"""The official client, unchanged: only its base address is ours."""

from collections.abc import Iterator

import openai
import pytest

from tests.integration.fake_assistant import CITATION, SENTENCES
from tests.integration.house import House, open_house

KEY = "desk-key-0123456789abc"


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with open_house(api_keys={"desk": KEY}) as opened:
        yield opened


@pytest.fixture
def client(house: House) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"http://127.0.0.1:{house.port}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def test_it_asks(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(
        model="harbour-help",
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What does a berth cost?"}],
        temperature=0,
    )
    message = completion.choices[0].message
    assert message.content == "".join(SENTENCES)
    assert message.model_extra is not None
    assert message.model_extra["citations"][0]["quote"] == CITATION.quote
    assert completion.usage is not None
    assert completion.usage.total_tokens == 0


def test_it_streams(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="harbour-help",
        messages=[{"role": "user", "content": "a question for the model"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == "".join(SENTENCES)
    last = chunks[-2].choices[0]
    assert last.finish_reason == "stop"
    assert last.delta.model_extra is not None
    assert last.delta.model_extra["citations"][0]["source"] == CITATION.source
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 19


def test_it_streams_with_its_own_accumulator(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="harbour-help", messages=[{"role": "user", "content": "What does a berth cost?"}]
    ) as stream:
        completion = stream.get_final_completion()
    assert completion.choices[0].message.content == "".join(SENTENCES)


def test_it_lists_and_finds_the_assistant(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["harbour-help"]
    assert client.models.retrieve("harbour-help").owned_by == "shipmate"


@pytest.mark.parametrize("stream", [False, True])
def test_it_understands_that_it_has_to_wait(client: openai.OpenAI, *, stream: bool) -> None:
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(
            model="harbour-help", messages=[{"role": "user", "content": "wait"}], stream=stream
        )
    assert refused.value.response.headers["retry-after"] == "3"


def test_it_understands_the_other_refusals(client: openai.OpenAI) -> None:
    def ask(text: str, client: openai.OpenAI = client) -> None:
        client.chat.completions.create(model="harbour-help", messages=[{"role": "user", "content": text}])

    with pytest.raises(openai.ConflictError):
        ask("busy")
    with pytest.raises(openai.BadRequestError, match="Send a question"):
        ask(" ")
    with pytest.raises(openai.AuthenticationError, match="API key"):
        ask("hi", client.with_options(api_key="wrong-key"))
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4o")


def test_it_raises_when_a_stream_breaks(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="harbour-help", messages=[{"role": "user", "content": "break"}], stream=True
    )
    with pytest.raises(openai.APIError, match="The disk went away"):
        list(stream)
