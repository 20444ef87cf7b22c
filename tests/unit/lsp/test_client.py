"""What is read from `initialize`."""

import pytest

from oasis_search.lsp.client import ClientProfile, parse_client


def test_nothing_said_means_the_least() -> None:
    assert parse_client({}) == ClientProfile()


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["utf-8", "utf-16"], "utf-8"),
        (["utf-32", "utf-8", "utf-16"], "utf-32"),
        (["utf-7", "utf-16"], "utf-16"),
        (["utf-7"], "utf-16"),
        ([], "utf-16"),
        ("utf-8", "utf-16"),
    ],
)
def test_first_choice_of_the_client_is_taken(offered: object, chosen: str) -> None:
    assert parse_client({"capabilities": {"general": {"positionEncodings": offered}}}).encoding == chosen


@pytest.mark.parametrize(
    ("params", "uris"),
    [
        ({"workspaceFolders": [{"uri": "file:///a"}, {"uri": "file:///b"}], "rootUri": "file:///c"}, 2),
        ({"workspaceFolders": []}, 0),
        ({"workspaceFolders": None, "rootUri": "file:///c", "rootPath": "/d"}, ("file:///c",)),
        ({"rootUri": None, "rootPath": "/my code"}, ("file:///my%20code",)),
        ({"workspaceFolders": [{"name": "no uri"}, 7]}, 0),
        ({"rootUri": None, "rootPath": None}, 0),
    ],
)
def test_folders_win_over_the_root(params: dict[str, object], uris: object) -> None:
    found = parse_client(params).folder_uris
    assert (len(found) if isinstance(uris, int) else found) == uris


def test_capabilities_count_only_when_true() -> None:
    able = parse_client(
        {
            "clientInfo": {"name": "Helix"},
            "processId": 7,
            "capabilities": {
                "window": {"workDoneProgress": True, "showDocument": {"support": True}},
                "workspace": {
                    "configuration": True,
                    "didChangeWatchedFiles": {"dynamicRegistration": True},
                    "didChangeConfiguration": {"dynamicRegistration": "yes"},
                },
            },
        }
    )
    assert able.has_progress
    assert able.has_show_document
    assert able.has_configuration
    assert able.has_watching
    assert not able.has_configuration_registration
    assert able.ignores_command_results
    assert able.process_id == 7
