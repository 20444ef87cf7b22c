"""Identity: equal for what may share a process, different for all that could change a vector."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oasis_search.errors import EncoderError
from oasis_search.service import spec as spec_module
from oasis_search.service.budget import MOST_THREADS, choose_threads, library_environment
from oasis_search.service.spec import EncoderSpec, identity


def id_of(model: str = "static", *, threads: int = 0, options: dict[str, object] | None = None) -> str:
    return identity(EncoderSpec(model, threads, options or {}).resolved())


def test_equal_specs_share_a_process() -> None:
    assert id_of(options={"a": 1, "b": (2,)}) == id_of(options={"b": [2], "a": 1})
    assert id_of() == id_of(threads=choose_threads())
    assert identity(EncoderSpec("static", idle_s=60).resolved()) == identity(
        EncoderSpec("static", idle_s=60.0).resolved()
    )


@pytest.mark.parametrize(
    "change",
    [{"model": "other"}, {"options": {"device": "cpu"}}, {"idle_s": 1.0}, {"loader": "a:b"}, {"threads": 99}],
)
def test_different_specs_do_not(change: dict[str, Any]) -> None:
    spec = EncoderSpec("static").resolved()
    assert identity(replace(spec, **change)) != identity(spec)


def test_other_versions_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    before = id_of()
    monkeypatch.setattr(spec_module, "__version__", "999")
    assert id_of() != before


def test_other_key_in_the_environment_is_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, object] = {"endpoint": {"url": "x", "key_variable": "MY_KEY"}}
    monkeypatch.setenv("MY_KEY", "one")
    before = id_of(options=options)
    monkeypatch.setenv("MY_KEY", "two")
    assert id_of(options=options) != before
    assert "two" not in EncoderSpec("static", options=options).resolved().to_json()


def test_model_trained_anew_is_another_process(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("1")
    os.utime(tmp_path / "weights", ns=(0, 0))
    before = id_of(model=str(tmp_path))
    assert id_of(model=str(tmp_path)) == before
    os.utime(tmp_path / "weights", ns=(0, 1))
    assert id_of(model=str(tmp_path)) != before


def test_folder_is_found_from_any_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models" / "mine").mkdir(parents=True)
    (tmp_path / "static").mkdir()
    monkeypatch.chdir(tmp_path)
    assert EncoderSpec("models/mine").resolved().model == str(tmp_path / "models" / "mine")
    assert EncoderSpec("static").resolved().model == "static"  # a shipped name goes before a folder
    assert EncoderSpec("some/hub-name").resolved().model == "some/hub-name"


def test_spec_survives_its_json() -> None:
    resolved = EncoderSpec("größe", 1, {"a": [1, None, {"b": 2.5}]}, 3.0, 4.0, "m:f").resolved()
    assert EncoderSpec.from_json(resolved.to_json()) == resolved


def test_option_that_is_no_plain_data_is_named() -> None:
    with pytest.raises(EncoderError, match="'static'"):
        EncoderSpec("static", options={"device": object()}).resolved()


@pytest.mark.parametrize(
    ("n_cores", "wanted", "chosen"),
    [(1, 0, 1), (2, 0, 2), (4, 0, 2), (16, 0, 4), (128, 0, MOST_THREADS), (4, 3, 3), (4, 64, 4)],
)
def test_threads_are_a_share_of_the_cores(
    n_cores: int, wanted: int, chosen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cores: Callable[[int], set[int]] = lambda pid: set(range(n_cores))  # noqa: E731
    monkeypatch.setattr(os, "sched_getaffinity", cores, raising=False)
    assert choose_threads(wanted) == chosen
    assert set(library_environment(chosen).values()) == {str(chosen)}
