"""`oasis mcp` through the SDK's own client over stdio: every tool, paging, budgets, errors as sentences."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from mcp import Client, StdioServerParameters

from oasis_search.errors import WorkspaceError
from oasis_search.mcp.answers import Page, search_text
from oasis_search.mcp.server import Tools
from oasis_search.settings import IndexSettings, Settings
from oasis_search.workspace.session import Session
from oasis_search.workspace.status import Coverage, SearchAnswer
from tests.unit.test_cli_similar import WORKSPACE

pytestmark = pytest.mark.asyncio(loop_scope="module")

OASIS = str(Path(sys.executable).with_name("oasis"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("agents") / "workspace"
    for name, text in (WORKSPACE | {"copies/retry.py": WORKSPACE["net/retry.py"]}).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agent(root: Path) -> AsyncIterator[Client]:
    environment = {**os.environ, "OASIS_CACHE_DIR": str(root.parent / "cache")}
    server = StdioServerParameters(command=OASIS, args=["mcp", str(root)], env=environment)
    found: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
    leave = asyncio.Event()

    async def hold() -> None:
        """One task enters and leaves the client, as its cancel scopes ask."""
        async with Client(server, read_timeout_seconds=60) as client:
            found.set_result(client)
            await leave.wait()

    task = asyncio.create_task(hold())
    while not found.done():
        assert not task.done(), task.exception()
        await asyncio.sleep(0.02)
    yield found.result()
    leave.set()
    await task


async def call(agent: Client, name: str, **arguments: object) -> str:
    result = await agent.call_tool(name, arguments)
    assert not result.is_error, result.content
    return "".join(getattr(part, "text", "") for part in result.content)


async def refusal(agent: Client, name: str, **arguments: object) -> str:
    result = await agent.call_tool(name, arguments)
    assert result.is_error
    return "".join(getattr(part, "text", "") for part in result.content)


async def test_tools_say_what_they_do(agent: Client) -> None:
    tools = (await agent.list_tools()).tools
    assert [tool.name for tool in tools] == ["search", "similar", "duplicates", "status", "read_unit"]
    assert all(tool.description for tool in tools)
    assert "query" in tools[0].input_schema["required"]
    assert agent.instructions is not None
    assert "lang:" in agent.instructions


async def test_search_answers_in_words_and_pages(agent: Client) -> None:
    text = await call(agent, "search", query="try again after a failure with longer pauses", limit=1)
    first, *rest = text.splitlines()
    assert "retry.py:1-10  function call_patiently" in first or "again.py" in first
    assert rest[-1] == "(more on page 2)"
    second = await call(
        agent, "search", query="try again after a failure with longer pauses", limit=1, page=2
    )
    assert second.splitlines()[0] != first
    assert "beyond the end" in await call(agent, "search", query="retry", limit=50, page=2)
    only = await call(agent, "search", query="path:colours.py name to red green blue")
    assert only.startswith("colours.py:1-3  function to_rgb")


async def test_similar_and_duplicates_know_copies(agent: Client) -> None:
    text = await call(agent, "similar", path="net/retry.py", line=3)
    assert "copies/retry.py:1-10  function call_patiently  copy" in text
    assert "old/again.py:1-9  function again  renamed" in text
    pasted = await call(
        agent, "similar", code="def rgb(n):\n    r, g, b = TABLE[n]\n    return r, g, b", language="python"
    )
    assert pasted.startswith("colours.py:1-3  function to_rgb  ")
    groups = await call(agent, "duplicates")
    assert groups.startswith("renamed, worth ")
    assert "copies/retry.py:1 call_patiently" in groups


async def test_a_unit_is_read_whole_or_cut_to_the_budget(agent: Client) -> None:
    whole = await call(agent, "read_unit", path="net/retry.py", symbol="call_patiently")
    assert whole == "net/retry.py:1-10  function call_patiently\n" + WORKSPACE["net/retry.py"].rstrip("\n")
    by_line = await call(agent, "read_unit", path="net/retry.py", line=7)
    assert by_line == whole
    cut = await call(agent, "read_unit", path="net/retry.py", line=7, budget_tokens=20)
    assert cut.endswith("... (cut at the token budget)")
    assert "files" in await call(agent, "status")


async def test_what_cannot_be_answered_is_a_sentence(agent: Client) -> None:
    assert "no language" in await refusal(agent, "search", query="lang:klingon x")
    assert "limit is 0" in await refusal(agent, "search", query="x", limit=0)
    assert "no file" in await refusal(agent, "similar", path="../secret.py", line=1)
    assert "path and a line" in await refusal(agent, "similar")
    assert "defines no nothing" in await refusal(agent, "read_unit", path="colours.py", symbol="nothing")
    assert "not in the index" in await refusal(agent, "read_unit", path="x.py", line=1)
    assert "type some words" in await call(agent, "search", query=" ")


async def test_a_file_that_is_added_meanwhile_is_found(agent: Client, root: Path) -> None:
    path = root / "banking.py"
    path.write_text("def amortise_loan(years, rate):\n    return years * rate\n")
    question = "kind:function amortise a loan over years"
    for _ in range(300):
        if "banking.py:1-2  function amortise_loan" in await call(agent, "search", query=question):
            break
        await asyncio.sleep(0.1)
    else:
        pytest.fail(await call(agent, "status"))
    assert "return years * rate" in await call(agent, "read_unit", path="banking.py", line=2)


async def test_an_answer_from_a_part_of_the_folder_says_so(root: Path, tmp_path: Path) -> None:
    whole = Settings(cache_dir=str(tmp_path))
    with Session(whole) as session:
        session.add_folder(root)
        assert session.wait_ready(60)
    with Session(replace(whole, index=IndexSettings(enabled=False))) as session:
        session.add_folder(root)
        tools = Tools(session, root)
        said = "\nIndexing is off (index.enabled), so at most what was indexed before is found."
        found = tools.search("try again after a failure", limit=1)
        assert "function" in found
        assert found.endswith(said)
        assert tools.similar("net/retry.py", 3, limit=1).endswith(said)
        assert tools.duplicates().startswith("renamed, worth ")
        assert tools.duplicates().endswith(said)
        with pytest.raises(WorkspaceError, match="Indexing is off"):
            tools.read_unit("x.py", line=1)


async def test_nothing_found_is_said() -> None:
    empty = SearchAnswer((), Coverage(0, 0.0, 0.0, 0.0), "static", 0.1, 0)
    assert search_text(empty, Page()).startswith("Nothing found")
