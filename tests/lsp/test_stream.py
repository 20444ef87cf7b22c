"""Early answers of the table while a chosen model thinks, for who asks for them."""

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from tests.lsp.conftest import Connect, Editor

QUESTION = "how far apart are two places on earth"


def listen(editor: "Editor") -> list[dict[str, Any]]:
    streamed: list[dict[str, Any]] = []

    def keep(params: dict[str, Any]) -> None:
        streamed.append(params)

    editor.client.feature("oasis/searchStream")(keep)
    return streamed


async def test_the_table_answers_first_and_the_model_after_it(connect: "Connect") -> None:
    editor = await connect("neovim", options={"search": {"model": "mini"}})
    streamed = listen(editor)

    async def is_covered() -> bool:
        return bool((await editor.search(QUESTION))["coverage"]["model"] == 1.0)

    await editor.until(is_covered)
    answer = await editor.search(QUESTION, streamToken="first")
    assert answer["model"] == "mini"
    assert [one["token"] for one in streamed] == ["first"]
    early = streamed[0]["result"]
    assert early["hits"][0]["name"] == answer["hits"][0]["name"] == "haversine"
    assert "message" not in early
    await editor.search(QUESTION)
    assert len(streamed) == 1


async def test_without_a_model_there_is_one_answer(connect: "Connect") -> None:
    editor = await connect("neovim")
    streamed = listen(editor)
    await editor.until_ready()
    assert (await editor.search(QUESTION, streamToken="t"))["hits"]
    await asyncio.sleep(0.1)
    assert streamed == []
    with pytest.raises(JsonRpcException, match="streamToken"):
        await editor.search(QUESTION, streamToken=7)
