import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from actionmae.data.transforms.config import AugmentConfig
from actionmae.experiments.cells import Cells, NotRunError, table_data
from actionmae.experiments.claims import _subsets
from actionmae.experiments.models import Models
from actionmae.experiments.paper import paper_tables
from actionmae.experiments.reproduce import needed_cells, select, shard_of
from actionmae.experiments.results import claims_of, rows_of
from actionmae.methods import config
from actionmae.methods.config.pairs import PairConfig
from actionmae.nn.config import ClassifierConfig
from actionmae.training.train import train

LETTERS = {"R": "L", "D": "T", "I": "U"}


@pytest.fixture
def cells(manifest: Path, tmp_path: Path) -> Cells:
    return Cells(manifest, tmp_path, scale=str(manifest.with_name("tiny.yaml")), letters=LETTERS)


def test_every_row_of_the_paper_has_its_model() -> None:
    for name, table in paper_tables().items():
        rows = rows_of(name)
        for row in table.rows:
            assert row.rpartition(" → ")[0] in rows if name == "6" else row in rows, row


def test_a_method_for_a_fixed_pair_has_a_row_for_each_pair_in_both_directions() -> None:
    pairs = {name for name in config.METHODS if issubclass(config.config_class(name), PairConfig)}
    assert pairs
    models = set(rows_of("6").values())
    assert {f"{name} {kept}+{lost}" for name in pairs for kept, lost in itertools.permutations("RDI", 2)} <= models


@pytest.mark.parametrize("scale", ["small", "full"])
def test_every_model_is_a_cell_or_says_why_not(scale: str, manifest: Path, tmp_path: Path) -> None:
    models = Models(Cells(manifest, tmp_path, scale=scale, letters=LETTERS), 1)
    not_run = {}
    for name in dict.fromkeys(model for table in select("all") for model in rows_of(table).values()):
        try:
            models.cells_of(name)
        except NotRunError as error:
            not_run[name] = str(error)
    lost = {"with_imagenet R+D", "with_imagenet R+D+I"} if scale == "small" else set()
    no_flow = {"dmcl R+D+F", "graph_distillation R+D+F+S"}
    no_frames, no_skeleton = {"3dfcnn D", "ren R+D"}, {"deep_bilinear R+D+S"}
    assert set(not_run) == lost | no_flow | no_frames | no_skeleton
    assert {not_run[name].split(" reads")[0] for name in no_frames} == {"encoder fcn3d", "encoder dynamic_image"}
    assert {not_run[name] for name in no_skeleton} == {"the data has no S"}
    assert {not_run[name] for name in no_flow} == {"the data has no F"}
    assert all("it needs ImageNet weights" in not_run[name] for name in lost)


def test_tables_share_cells_and_a_cells_name_is_its_content(cells: Cells, manifest: Path, tmp_path: Path) -> None:
    assert cells.cell("action_mae", "R+D", 0) == cells.cell("action_mae", "R+D", 0)
    left_out = ("with_imagenet", "with_label_smoothing", "3dfcnn", "ren")  # the last two read frames, of which none is
    recipes = [recipe for recipe in table_data()["recipes"] if recipe not in left_out]
    names = {cells.cell(recipe, "R+D", 0).folder.name for recipe in recipes}
    assert len(names) == len(recipes)
    assert cells.cell("with_label_smoothing", "R+D", 0) == cells.cell("sum", "R+D", 0), "at this scale they are equal"
    assert cells.cell("sum", "R+D", 0).folder.name.startswith("plain-sum-L+T-seed0-")
    assert cells.cell("sum", "D+R", 0) != cells.cell("sum", "R+D", 0)
    moved = Cells(
        manifest, tmp_path / "elsewhere", scale=str(manifest.with_name("tiny.yaml")), letters=LETTERS, protocol="split"
    )
    assert moved.cell("sum", "R+D", 0).folder.name == cells.cell("sum", "R+D", 0).folder.name
    tables = needed_cells(["4", "5"], Models(cells, 2))
    assert set(needed_cells(["4"], Models(cells, 2))) <= set(tables)
    rows = needed_cells(["4"], Models(cells, 2), ["concat", "sum"])
    assert {cell.recipe for cell in rows} == {"concat", "sum"}
    assert set(rows) < set(tables)
    # sum, concat, transformer, ActionMAE, 2 × modality dropout, ActionMAE with heads, 3 × 3 specialists; of 2 seeds
    assert len(tables) == 2 * (4 + 3 + 9)


def test_a_new_setting_renames_no_cell_until_it_is_set(cells: Cells) -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Extended(ClassifierConfig):
        hypothetical: float = 0.5

    def renamed(**fields: Any) -> str:
        cells.base = dataclasses.replace(base, **fields)
        return cells.cell("action_mae", "R+D", 0).folder.name

    base = cells.base
    name = renamed()
    own = {each.name: getattr(base.model, each.name) for each in dataclasses.fields(base.model)}
    assert renamed(model=Extended(**own)) == name
    others = [
        renamed(model=Extended(**own, hypothetical=0.6)),
        renamed(model=dataclasses.replace(base.model, mlp_dim=32)),
        renamed(optim=dataclasses.replace(base.optim, lr=0.02)),
        renamed(method=dataclasses.replace(base.method, drop_per="batch")),
        renamed(data=dataclasses.replace(base.data, batch_size=13)),
        renamed(data=dataclasses.replace(base.data, augment=AugmentConfig(flip=0.5))),
    ]
    assert len({name, *others}) == 7
    machine = {"num_workers": 3, "cache": True, "eval_batch_size": 5, "skip_broken": True}
    assert renamed(data=dataclasses.replace(base.data, **machine), device="auto", num_devices=2) == name
    assert renamed(engine=dataclasses.replace(base.engine, threads=2)) == name


def test_a_cell_of_another_default_is_not_taken_for_done(cells: Cells) -> None:
    cell = cells.cell("sum", "R", 0)
    train(cell.folder, cell.settings)
    assert cell.done
    config = cell.folder / "model" / "config.json"
    stored = json.loads(config.read_text(encoding="utf-8"))
    del stored["provenance"]["settings"]["model"]["final_norm"]  # as if it were newer than the model
    config.write_text(json.dumps(stored), encoding="utf-8")
    assert cell.done
    stored["provenance"]["settings"]["model"]["positions"] = "attention"  # as if the default had been another
    config.write_text(json.dumps(stored), encoding="utf-8")
    assert not cell.done


def test_shards_are_disjoint_complete_and_keep_together_what_starts_from_one_another(cells: Cells) -> None:
    needed = needed_cells(["7d", "4"], Models(cells, 2))
    shards = [shard_of(needed, at, 3) for at in (1, 2, 3)]
    assert sorted(cell.folder for shard in shards for cell in shard) == sorted(cell.folder for cell in needed)
    for shard in shards:
        for at, cell in enumerate(shard):
            assert all(need in shard[:at] for need in cell.needs)
    assert sum(bool(shard) for shard in shards) == 3
    assert set(shard_of(needed, 1, 1)) == set(needed)


def test_pretrained_cells_start_from_specialists_of_their_seed(cells: Cells) -> None:
    cell = cells.cell("pretrained_space", "R+D", 1)
    assert [need.folder for need in cell.needs] == [cells.cell("transformer", each, 1).folder for each in ("R", "D")]
    assert cell.settings.init == tuple(need.folder / "model" for need in cell.needs)
    assert (cell.settings.init_parts, cell.settings.method.name) == ("space", "action_mae")


def test_a_registered_method_becomes_a_row(cells: Cells, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotRunError, match="method elsewhere is not available"):
        cells.cell("elsewhere", "R+D+I", 0)
    monkeypatch.setitem(config.METHODS, "elsewhere", config.METHODS["modality_dropout"])
    assert cells.cell("elsewhere", "R+D+I", 0).settings.method.name == "elsewhere"


def test_imagenet_weights_from_a_file_are_for_all_steps_of_table_3(manifest: Path, tmp_path: Path) -> None:
    file = tmp_path / "lite0.safetensors"
    with pytest.raises(FileNotFoundError, match=r"imagenet efficientnet_lite0=.*: there is no such file"):
        Cells(manifest, tmp_path, imagenet={"efficientnet_lite0": file})
    file.touch()
    cells = Cells(manifest, tmp_path, letters=LETTERS, imagenet={"efficientnet_lite0": file})
    start, after = (cells.cell(recipe, "R+D", 0).settings.model for recipe in ("center_crop", "with_dropout"))
    assert {start.space_encoder, after.space_encoder} == {"efficientnet_lite0"}
    assert (start.pretrained, after.pretrained, start.weights) == (False, False, {})
    assert cells.notes("with_dropout") == ""
    assert cells.cell("action_mae", "R+D", 0).settings.model.space_encoder is None
    full = Cells(manifest, tmp_path, scale="full", letters=LETTERS)
    assert full.cell("action_mae", "R+D", 0).settings.model.pretrained
    assert not full.cell("center_crop", "R+D", 0).settings.model.pretrained
    assert full.cell("resnet18", "R+D", 0).settings.model.space_encoder == "resnet18"


def test_validation_subjects_are_training_subjects(cells: Cells) -> None:
    assert cells.held_out() == ("2",)
    cell = cells.cell("transformer", "R", 0, held_out=("2",))
    assert (cell.settings.data.val_subjects, cell.settings.score) == (("2",), False)


def test_every_claim_speaks_of_models_and_test_sets_that_exist(cells: Cells) -> None:
    for table in select("all"):
        assert claims_of(table), table
        for claim in claims_of(table):
            for term in claim.terms:
                sign, _, train, measure = term.split()
                assert sign in "+-"
                assert all(set(name.split("+")) <= set(train.split("+")) for name in _subsets(train, measure)), term
