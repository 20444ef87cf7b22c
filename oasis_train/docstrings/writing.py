"""How one function gets its docstring: ask, ask again, read prose, take the authors' words, or none."""

from collections.abc import Mapping
from dataclasses import dataclass

from oasis_train.chat import Answer, ChatClient, ChatRequest, PromptTooLongError
from oasis_train.data import Docstring, Function
from oasis_train.docstrings.config import DocstringConfig
from oasis_train.docstrings.human import human_docstring
from oasis_train.docstrings.problems import find_problem
from oasis_train.docstrings.prompt import PromptTexts, build_request, repair_request
from oasis_train.docstrings.replies import Reading, cut_sentences, join_fields, read_prose, read_reply

OUTCOMES = ("written", "mended", "asked again", "prose", "human", "failed")
"""As asked; with its JSON repaired; at the second request; from what could be read; the authors'; none."""


@dataclass(frozen=True, slots=True)
class Task:
    """A function to describe, with what its prompt may show."""

    function: Function
    neighbours: Mapping[str, Function]
    """Functions of its repository by id; its own callers and callees at least."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one function; kept for audit."""

    function: str
    outcome: str
    """One of `OUTCOMES`."""
    problem: str
    """What was wrong with the first reply; empty when nothing was."""
    requests: int
    """Answers that were used, recorded ones included."""
    prompt_tokens: int
    answer_tokens: int


def write_human(config: DocstringConfig, function: Function) -> tuple[Docstring | None, Outcome]:
    """The authors' documentation as docstring."""
    docstring = human_docstring(function, config.max_chars)
    problem = "" if docstring else "its documentation describes nothing"
    return docstring, Outcome(function.id, "human" if docstring else "failed", problem, 0, 0, 0)


class Writer:
    """Has a chat model describe functions."""

    def __init__(self, config: DocstringConfig, texts: PromptTexts, chat: ChatClient) -> None:
        self._config = config
        self._texts = texts
        self._chat = chat

    async def write(self, task: Task) -> tuple[Docstring | None, Outcome]:
        """The docstring, or None when no reply could be used, and how it came about."""
        answers: list[Answer] = []
        docstring, outcome, problem = await self._ask(task, answers)
        if docstring is None and self._config.source == "llm-or-human":
            docstring = human_docstring(task.function, self._config.max_chars)
            outcome = "human" if docstring else outcome
        return docstring, Outcome(
            task.function.id,
            outcome,
            problem,
            len(answers),
            sum(answer.prompt_tokens for answer in answers),
            sum(answer.answer_tokens for answer in answers),
        )

    async def _ask(self, task: Task, answers: list[Answer]) -> tuple[Docstring | None, str, str]:
        request = first_request(self._config, self._texts, task)
        try:
            try:
                first = await self._chat.ask(request)
            except PromptTooLongError:  # the function alone may fit
                request = first_request(self._config, self._texts, Task(task.function, {}))
                first = await self._chat.ask(request)
        except PromptTooLongError:
            return None, "failed", "its prompt is too long for the server"
        answers.append(first)
        reading, text, problem = self._read(task.function, first)
        if not problem:
            return self._docstring(task, text, request), "mended" if reading.is_mended else "written", ""
        again = repair_request(self._texts, request, first.said, problem)
        try:
            second = await self._chat.ask(again)
        except PromptTooLongError:
            return self._salvage(task, problem, [(request, first)])
        answers.append(second)
        _, text, second_problem = self._read(task.function, second)
        if not second_problem:
            return self._docstring(task, text, again), "asked again", problem
        return self._salvage(task, problem, [(request, first), (again, second)])

    def _salvage(
        self, task: Task, problem: str, replies: list[tuple[ChatRequest, Answer]]
    ) -> tuple[Docstring | None, str, str]:
        """Some of the fields of a reply, or its prose."""
        for request, answer in replies:
            fields = read_reply(answer.said).fields
            for text in (join_fields(fields, self._config.fields), read_prose(answer.said)):
                text = cut_sentences(text, self._config.max_chars)
                if not self._problem(task.function, text):
                    return self._docstring(task, text, request), "prose", problem
        return None, "failed", problem

    def _read(self, function: Function, answer: Answer) -> tuple[Reading, str, str]:
        reading = read_reply(answer.said)
        text = cut_sentences(join_fields(reading.fields, self._config.fields), self._config.max_chars)
        return reading, text, reading.problem or self._problem(function, text)

    def _problem(self, function: Function, text: str) -> str:
        sent = (self._texts.system, self._texts.user, self._texts.repair)
        return find_problem(text, name=function.name, code=function.code, prompt=sent)

    def _docstring(self, task: Task, text: str, request: ChatRequest) -> Docstring:
        model = self._chat.config.model
        return Docstring(task.function.id, text, model, request.key(self._chat.config))


def first_request(config: DocstringConfig, texts: PromptTexts, task: Task) -> ChatRequest:
    """What a model is asked first for one function."""
    return build_request(
        texts,
        task.function,
        task.neighbours,
        most_neighbours=config.neighbours,
        prompt_chars=config.prompt_chars,
        wants_json=config.force_json,
    )
