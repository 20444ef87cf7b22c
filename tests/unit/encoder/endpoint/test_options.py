"""Options of an endpoint: what is refused before anything is sent, and what a user is told."""

import dataclasses
import re
from pathlib import Path

import pytest

from oasis_search.encoder.endpoint.options import EndpointOptions, describe_place, read_key
from oasis_search.errors import SettingError

URL = "https://api.openai.com/v1"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.openai.com/v1",
        "ftp://host/v1",
        "https://",
        "http://host:port/v1",
        "http://host:0/v1",
        "http://[::1",
    ],
)
def test_url_without_scheme_host_or_usable_port_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match="https://host:port/v1"):
        EndpointOptions(url, "m")


@pytest.mark.parametrize(
    "url", ["https://me:secret@host/v1", "https://host/v1?api-key=secret", "https://host/v1#secret"]
)
def test_url_with_a_secret_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SettingError, match="key_variable") as error:
        EndpointOptions(url, "m")
    assert "secret" not in str(error.value)


def test_url_of_the_method_itself_is_refused() -> None:
    with pytest.raises(SettingError, match="leave that out"):
        EndpointOptions(f"{URL}/embeddings/", "m")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dimensions", -1),
        ("max_chars", 255),
        ("batch", 0),
        ("batch_chars", 0),
        ("concurrency", 0),
        ("attempts", 0),
        ("requests_per_minute", -1),
        ("tokens_per_minute", -1),
        ("token_budget", -1),
        ("timeout_s", 0),
        ("timeout_s", float("nan")),
    ],
)
def test_number_that_cannot_be_honoured_is_named(name: str, value: float) -> None:
    with pytest.raises(SettingError, match=f"{name} is {value}"):
        EndpointOptions(URL, "m", **{name: value})  # type: ignore[arg-type]


def test_blank_model_is_refused() -> None:
    with pytest.raises(SettingError, match='no "model"'):
        EndpointOptions(URL, " ")


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (f"{URL}/", "sends text to https://api.openai.com/v1"),
        ("http://127.0.0.1:8080/v1", "sends text to http://127.0.0.1:8080/v1"),
        ("http://localhost:11434/v1", "sends text to http://localhost:11434/v1"),
        ("http://[::1]:8080/v1", "sends text to http://[::1]:8080/v1"),
        ("http://gpu.lan:8000/v1", "sends text to http://gpu.lan:8000/v1, unencrypted"),
        ("http://10.0.0.7:8000/v1", "sends text to http://10.0.0.7:8000/v1, unencrypted"),
    ],
)
def test_place_says_where_bytes_go_and_whether_others_can_read_them(url: str, place: str) -> None:
    assert describe_place(EndpointOptions(url, "m").url) == place


def test_key_comes_from_the_named_variable_only() -> None:
    environment = {"OPENAI_API_KEY": "sk-other", "MY_KEY": " sk-mine\n"}
    assert read_key("MY_KEY", environment) == "sk-mine"
    assert read_key(EndpointOptions(URL, "m").key_variable, environment) == ""
    assert read_key("UNSET", environment) == ""


@pytest.mark.parametrize("key", ["sk two", "sk-1\nsk-2", "sk-€", "sk-\0"])
def test_key_that_no_header_can_hold_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(SettingError, match="MY_KEY") as error:
        read_key("MY_KEY", {"MY_KEY": key})
    assert "sk-" not in str(error.value)


def test_documentation_names_every_option_with_its_default() -> None:
    page = (Path(__file__).parents[4] / "docs" / "endpoints.md").read_text(encoding="utf-8")
    section = page.split("## Options", 1)[1].split("\n## ", 1)[0]
    documented = dict(re.findall(r"^\| `(\w+)` \| (\S*) ?\|", section, re.MULTILINE))
    defaults = {
        option.name: "" if option.default in (dataclasses.MISSING, "") else str(option.default)
        for option in dataclasses.fields(EndpointOptions)
    }
    assert documented == defaults
