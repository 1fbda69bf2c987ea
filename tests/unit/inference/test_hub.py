"""Sharing, against a stand-in for the hub's HTTP interface on this machine."""

import base64
import hashlib
import json
import re
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from actionmae.cli import main
from actionmae.core.subsets import all_subsets
from actionmae.evaluation import RobustnessTable, SubsetScores
from actionmae.inference.hub import from_pretrained, hub_card, push_to_hub, save_pretrained
from actionmae.nn.checkpoint import load_model
from helpers.processes import ROOT
from helpers.tiny_models import tiny_classifier, vectors

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Repositories by name, files by path.

    Args:
        large: Ends of names that go by LFS, as on the real hub; all else is taken inline.
    """

    def __init__(self, large: tuple[str, ...] = ()) -> None:
        super().__init__(("127.0.0.1", 0), Requests)
        self.large = large
        self.stored: dict[str, bytes] = {}
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.created: list[dict[str, Any]] = []
        self.address = f"http://127.0.0.1:{self.server_port}"


class Requests(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, content: Any, status: int = 200, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def missing(self) -> None:
        self.answer({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
            self.server.created.append(asked)
            self.server.repositories.setdefault(name, {})
            self.answer({"url": f"{self.server.address}/{name}"})
        elif self.path == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            files = [
                {"path": path, "uploadMode": "lfs" if path.endswith(self.server.large) else "regular"}
                for path in (file["path"] for file in json.loads(body)["files"])
            ]
            self.answer({"files": [file | {"shouldIgnore": False} for file in files]})
        elif self.path.endswith("/info/lfs/objects/batch"):
            wanted = json.loads(body)["objects"]
            self.answer({
                "transfer": "basic",
                "objects": [
                    each | {"actions": {"upload": {"href": f"{self.server.address}/store/{each['oid']}"}}}
                    for each in wanted
                ],
            })  # fmt: skip
        elif match := re.fullmatch(r"/api/models/(.+)/commit/main(?:\?.*)?", self.path):
            for line in body.splitlines():
                step = json.loads(line)
                if step["key"] == "file":
                    content = base64.b64decode(step["value"]["content"])
                    self.server.repositories[match[1]][step["value"]["path"]] = content
                elif step["key"] == "lfsFile":
                    stored = self.server.stored[step["value"]["oid"]]
                    self.server.repositories[match[1]][step["value"]["path"]] = stored
            url = f"{self.server.address}/{match[1]}/commit/{COMMIT}"
            self.answer({"commitUrl": url, "commitOid": COMMIT, "pullRequestUrl": None})
        else:
            self.missing()

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        assert hashlib.sha256(body).hexdigest() == self.path.removeprefix("/store/")
        self.server.stored[self.path.removeprefix("/store/")] = body
        self.answer({})

    def do_GET(self) -> None:
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(?:revision/(main|v9)|tree/\w+))?(?:\?.*)?", self.path):
            files = self.server.repositories.get(match[1])
            if files is None:
                return self.missing()
            if match[2] == "v9":
                return self.answer({"error": "no"}, 404, X_Error_Code="RevisionNotFound")
            if "/tree/" in self.path:
                return self.answer(
                    [
                        {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                        for path, content in files.items()
                    ]
                )
            siblings = [{"rfilename": path} for path in files]
            return self.answer({"id": match[1], "sha": COMMIT, "siblings": siblings})
        if match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/\w+/(.+)", self.path):
            content = self.server.repositories.get(match[1], {}).get(match[2])
            if content is not None:
                etag = f'"{hashlib.sha1(content).hexdigest()}"'
                return self.answer(content, ETag=etag, X_Repo_Commit=COMMIT)
        return self.missing()

    def do_HEAD(self) -> None:
        self.do_GET()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)  # nothing but this machine is asked
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    facts = {"settings": {"data": {"protocol": "utd_mhad/cross-subject"}}}
    return save_pretrained(tiny_classifier(vectors(), action_mae=True), tmp_path / "mine/model", provenance=facts)


def scores(model: Any) -> SubsetScores:
    """Of six clips that have everything."""
    rng = np.random.default_rng(0)
    return SubsetScores(
        modalities=model.modalities,
        classes=model.classes,
        sample_ids=tuple(f"clip{at}" for at in range(6)),
        subjects=("",) * 6,
        labels=np.arange(6) % 5,
        available=np.ones((6, 3), dtype=bool),
        logits={subset: rng.normal(size=(6, 5)).astype(np.float32) for subset in all_subsets(3)},
    )


def head(card: str) -> dict[str, Any]:
    return yaml.safe_load(card.split("---\n")[1])


def test_a_model_goes_to_the_hub_and_comes_back(
    hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    table = RobustnessTable.from_scores(scores(load_model(folder)))
    (folder.parent / "robustness.json").write_text(table.to_json())
    (folder / "secret.txt").write_text("not for others")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    page = (ROOT / "docs/how_to/share.md").read_text()
    (command,) = re.findall(r"```bash\nactionmae (.*?)\n```", page)
    words = [word.replace("runs/mine/model", str(folder)) for word in command.split()]
    assert main([*words, "--endpoint", hub.address]) == 0
    assert capsys.readouterr().out.strip() == f"{hub.address}/me/my-model/commit/{COMMIT}"
    files = hub.repositories["me/my-model"]
    assert sorted(files) == ["README.md", "config.json", "model.safetensors"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    model = from_pretrained("me/my-model", endpoint=hub.address, cache_dir=tmp_path / "cache", revision="main")
    for name, value in load_model(folder).state_dict().items():
        assert torch.equal(value, model.state_dict()[name])
    facts = head(files["README.md"].decode())
    assert (facts["library_name"], facts["pipeline_tag"], facts["license"]) == (
        "actionmae",
        "video-classification",
        "apache-2.0",
    )
    assert facts["datasets"] == ["utd_mhad"]
    found = {
        each["dataset"]["config"]: each["metrics"][0]["value"]
        for entry in facts["model-index"]
        for each in entry["results"]
    }
    assert found == {row.subset: round(row.top1, 2) for row in table.rows}
    assert len(found) == 7


def test_weights_go_by_lfs_where_the_hub_asks_for_it(
    hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # its chunk store is the real hub's own
    hub.large = (".safetensors",)
    push_to_hub(folder, "me/large", endpoint=hub.address)
    assert list(hub.stored.values()) == [(folder / "model.safetensors").read_bytes()]
    assert hub.repositories["me/large"]["model.safetensors"] == (folder / "model.safetensors").read_bytes()
    model = from_pretrained("me/large", endpoint=hub.address, cache_dir=tmp_path / "cache")
    for name, value in load_model(folder).state_dict().items():
        assert torch.equal(value, model.state_dict()[name])


def test_the_page_loads_a_shared_model(hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    push_to_hub(folder, "me/my-model", endpoint=hub.address)
    here = partial(from_pretrained, endpoint=hub.address, cache_dir=tmp_path / "cache")
    monkeypatch.setattr("actionmae.inference.hub.from_pretrained", here)
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/how_to/share.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["predictor"].model.classes == load_model(folder).classes


def test_a_card_keeps_its_text_and_has_one_head(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    card = hub_card(folder, datasets=["mine"])
    assert card.endswith(text)
    assert head(card)["datasets"] == ["mine"]
    assert "model-index" not in head(card)
    (folder / "README.md").write_text(card)
    assert hub_card(folder, datasets=["mine"]) == card


def test_what_is_damaged_is_neither_sent_nor_used(hub: Hub, folder: Path, tmp_path: Path) -> None:
    push_to_hub(folder, "me/good", endpoint=hub.address, token="hf_test")
    hub.repositories["me/bad"] = hub.repositories["me/good"] | {"model.safetensors": b"\x00" * 100}
    with pytest.raises(ValueError, match="its SHA-256 is not the one that config"):
        from_pretrained("me/bad", endpoint=hub.address, cache_dir=tmp_path / "cache")
    bad = Path(shutil.copytree(folder, tmp_path / "bad"))
    (bad / "model.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(ValueError, match="its SHA-256 is not the one that config"):
        push_to_hub(bad, "me/worse", endpoint=hub.address, token="hf_test")
    assert "me/worse" not in hub.repositories


def test_a_pickle_is_not_even_fetched(hub: Hub, folder: Path, tmp_path: Path) -> None:
    push_to_hub(folder, "me/good", endpoint=hub.address, token="hf_test")
    hub.repositories["me/good"]["pytorch_model.bin"] = b"cos\nsystem\n"
    from_pretrained("me/good", endpoint=hub.address, cache_dir=tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.bin"))


def test_bad_input_is_one_sentence(hub: Hub, folder: Path, tmp_path: Path) -> None:
    cache: dict[str, Any] = {"endpoint": hub.address, "cache_dir": tmp_path / "cache"}
    with pytest.raises(FileNotFoundError, match="the hub has no model me/nothing, or no such revision"):
        from_pretrained("me/nothing", **cache)
    hub.repositories["me/empty"] = {}
    with pytest.raises(FileNotFoundError, match="the hub has no model me/empty, or no such revision"):
        from_pretrained("me/empty", revision="v9", **cache)
    with pytest.raises(FileNotFoundError, match=r"it has no config\.json"):
        from_pretrained("me/empty", **cache)
    with pytest.raises(FileNotFoundError, match="a/b/c is no folder, and no name on a hub: write owner/name"):
        from_pretrained("a/b/c")
    with pytest.raises(ValueError, match="'model' is no name on a hub: write owner/name"):
        push_to_hub(folder, "model")
    with pytest.raises(ValueError, match="'me/a model' is no name on a hub"):
        from_pretrained("me/a model", **cache)
    gone = f"http://127.0.0.1:{hub.server_port + 1 if hub.server_port < 65535 else 9}"
    with pytest.raises(OSError, match="the hub did not serve me/good"):
        push_to_hub(folder, "me/good", endpoint=gone, token="hf_test")


def test_a_table_that_is_none_is_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["push", str(folder), "me/mine", "--table", "nothere.json"]) == 2
    assert "table nothere.json does not exist: give the robustness.json that evaluate" in capsys.readouterr().err
    (tmp_path / "m.csv").write_text("sample,label")
    assert main(["push", str(folder), "me/mine", "--table", f"{tmp_path}/m.csv"]) == 2
    assert f"{tmp_path}/m.csv: this JSON is no robustness table (" in capsys.readouterr().err


def test_the_working_folder_finds_its_table(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = RobustnessTable.from_scores(scores(load_model(folder)))
    (folder.parent / "robustness.json").write_text(table.to_json())
    expected = hub_card(folder)
    monkeypatch.chdir(folder)
    assert hub_card(Path()) == expected
    assert "model-index" in head(expected)


def test_an_error_without_words_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise TimeoutError

    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", fail)
    with pytest.raises(OSError, match=r"the hub did not serve me/mine \(TimeoutError\): check the connection"):
        push_to_hub(folder, "me/mine", token="hf_test")
