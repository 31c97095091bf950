"""LangGraph in FastAPI: a graph of two nodes, retrieve and generate."""

from collections.abc import AsyncIterator
from typing import TypedDict

from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph

from benchmarks.serving.peers.api import SYSTEM, Answer, serve
from benchmarks.serving.peers.passages import Passages

PROMPT = ChatPromptTemplate.from_messages([("system", SYSTEM + "\n\nContext:\n{context}"), ("human", "{question}")])


class State(TypedDict, total=False):
    question: str
    context: list[Document]
    answer: str


class Graph:
    """The compiled graph."""

    def __init__(self, passages: Passages, model_url: str) -> None:
        self._passages = passages
        self._model = ChatOpenAI(model="fake", base_url=model_url, api_key="none")
        graph = StateGraph(State)
        graph.add_node("retrieve", self._retrieve)
        graph.add_node("generate", self._generate)
        graph.add_edge(START, "retrieve")
        graph.add_edge("retrieve", "generate")
        graph.add_edge("generate", END)
        self._graph = graph.compile()

    async def answer(self, question: str) -> Answer:
        """Return the whole answer."""
        state = await self._graph.ainvoke({"question": question})
        return Answer(answer=state["answer"], sources=[document.metadata["source"] for document in state["context"]])

    async def stream(self, question: str) -> AsyncIterator[str]:
        """Yield the answer's text as it comes."""
        async for message, _ in self._graph.astream({"question": question}, stream_mode="messages"):
            if message.content:
                yield message.content

    async def _retrieve(self, state: State) -> State:
        found = self._passages.search(state["question"])
        return {"context": [Document(passage.text, metadata={"source": passage.source}) for passage in found]}

    async def _generate(self, state: State) -> State:
        context = "\n\n".join(document.page_content for document in state["context"])
        prompt = await PROMPT.ainvoke({"question": state["question"], "context": context})
        reply = await self._model.ainvoke(prompt)
        return {"answer": reply.content}


if __name__ == "__main__":
    serve(Graph)
