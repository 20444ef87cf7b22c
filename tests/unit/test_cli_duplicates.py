"""`oasis duplicates` in this process: groups as text, JSON and SARIF, levels, and what is left out."""

import json
from pathlib import Path
from urllib.parse import unquote

import pytest

from oasis_search.cli import main

SUM = "def {0}({1}):\n    {2} = 0\n    for item in {1}:\n        {2} += item.price\n    return {2}\n"
FILES = {
    "shop/cart.py": SUM.format("total", "rows", "result"),
    "shop/bill (old).py": SUM.format("total", "rows", "result"),
    "shop/order.py": SUM.format("gross", "items", "amount"),
    "vendor/lib.py": SUM.format("total", "rows", "result"),
    "mail.py": "def send(mail):\n    with connect() as line:\n        line.write(mail.head)\n"
    "        line.write(mail.body)\n    log(mail)\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OASIS_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "duplicates-cache"))


def test_copies_are_one_group_and_vendored_code_is_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["duplicates", str(folder), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["groups", "n_groups", "units", "model"]
    (group,) = answer["groups"]
    assert group["level"] == "renamed"
    assert [member["path"] for member in group["members"]] == [
        "shop/bill (old).py",
        "shop/cart.py",
        "shop/order.py",
    ]
    assert group["members"][0] == {
        "path": "shop/bill (old).py",
        "start_line": 1,
        "end_line": 5,
        "symbol": "total",
        "kind": "function",
        "language": "python",
    }
    assert answer["units"] == 4


def test_text_lists_places_and_levels_restrict(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["duplicates", str(folder), "--level", "exact"]) == 0
    out = capsys.readouterr().out
    assert " 1  exact, 2 places\n      shop/bill (old).py:1-5  total\n      shop/cart.py:1-5  total\n" in out
    assert "1 group among 4 functions." in out
    assert main(["duplicates", str(folder), "--glob", "!shop/"]) == 1
    assert "0 groups among 1 function." in capsys.readouterr().out


def test_sarif_has_a_result_a_group_with_related_places(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["duplicates", str(folder), "--sarif"]) == 0
    log = json.loads(capsys.readouterr().out)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    (result,) = run["results"]
    assert result["ruleId"] in {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    place = result["locations"][0]["physicalLocation"]
    assert unquote(place["artifactLocation"]["uri"]) == "shop/bill (old).py"
    assert " " not in place["artifactLocation"]["uri"]
    assert place["region"] == {"startLine": 1, "endLine": 5}
    related = [each["physicalLocation"]["artifactLocation"]["uri"] for each in result["relatedLocations"]]
    assert related == ["shop/cart.py", "shop/order.py"]
    root = run["originalUriBaseIds"][place["artifactLocation"]["uriBaseId"]]["uri"]
    assert root == folder.resolve().as_uri() + "/"


def test_mistakes_are_answered_by_a_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["duplicates", str(folder), "--level", "near"]) == 2
    assert "There is no level 'near'" in capsys.readouterr().err
    assert main(["duplicates", str(folder), "-n", "0"]) == 2
