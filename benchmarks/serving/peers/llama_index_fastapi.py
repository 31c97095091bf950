"""LlamaIndex in FastAPI: a retriever over the index and a query engine."""

from collections.abc import AsyncIterator

from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.llms.openai_like import OpenAILike

from benchmarks.serving.peers.api import Answer, serve
from benchmarks.serving.peers.passages import Passages


class PassageRetriever(BaseRetriever):
    """LlamaIndex's view of the index."""

    def __init__(self, passages: Passages) -> None:
        super().__init__()
        self._passages = passages

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [
            NodeWithScore(node=TextNode(text=passage.text, metadata={"source": passage.source}), score=passage.score)
            for passage in self._passages.search(query_bundle.query_str)
        ]


class Engine:
    """Two query engines: one for whole answers, one that streams."""

    def __init__(self, passages: Passages, model_url: str) -> None:
        model = OpenAILike(model="fake", api_base=model_url, api_key="none", is_chat_model=True, context_window=128_000)
        retriever = PassageRetriever(passages)
        self._whole = RetrieverQueryEngine.from_args(retriever, llm=model)
        self._streaming = RetrieverQueryEngine.from_args(retriever, llm=model, streaming=True)

    async def answer(self, question: str) -> Answer:
        """Return the whole answer."""
        response = await self._whole.aquery(question)
        return Answer(answer=str(response), sources=[node.metadata["source"] for node in response.source_nodes])

    async def stream(self, question: str) -> AsyncIterator[str]:
        """Yield the answer's text as it comes."""
        response = await self._streaming.aquery(question)
        async for token in response.async_response_gen():
            yield token


if __name__ == "__main__":
    serve(Engine)
