"""YAML settings: strict, bounded, one value where a list may stand."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from actionmae.core.settings_files import find_settings, load_settings, new_parser


@dataclass(frozen=True, kw_only=True)
class Inner:
    """Nested.

    Attributes:
        names: Some.
        table: By name.
        size: One.
    """

    names: tuple[str | int, ...] = ()
    table: dict[str, list[int]] = field(default_factory=dict)
    size: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Outer:
    """Top.

    Attributes:
        inner: Nested.
        paths: Some or none.
        pair: Two.
    """

    inner: Inner
    paths: list[Path] | None = None
    pair: tuple[int, int] = (1, 2)


def load(tmp_path: Path, text: str) -> Outer:
    path = tmp_path / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, Outer)


def test_values_get_their_types(tmp_path: Path) -> None:
    text = "inner: {names: [a, 7], table: {b: [1]}, size: 1e-3}\npaths: [x, y]\npair: [3, 4]\n"
    inner = Inner(names=("a", 7), table={"b": [1]}, size=1e-3)
    assert load(tmp_path, text) == Outer(inner=inner, paths=[Path("x"), Path("y")], pair=(3, 4))


def test_one_value_does_where_a_list_may_stand(tmp_path: Path) -> None:
    assert load(tmp_path, "inner: {names: a}\npaths: x\n") == Outer(inner=Inner(names=("a",)), paths=[Path("x")])


def test_nothing_is_no_list_of_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, "inner: {}\npaths: null\n").paths is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("inner:\n  size: 1\n  size: 2\n", "key 'size' is given twice in \"<unicode string>\", line 3"),
        ("inner: [", "cannot be read as YAML"),
        ("", "holds no settings"),
        ("[1]", "holds no settings"),
        ("inner: {size: large}", "inner.size"),
        ("inner: {sise: 1}", "there is no setting inner.sise (did you mean 'inner.size'?)"),
        ("inner: 5", "inner is 5: give its settings as name: value"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the sentence is checked below
        load(tmp_path, text)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "nowhere", tmp_path):
        with pytest.raises(FileNotFoundError, match="does not exist"):
            load_settings(path, Outer)


def test_a_recipe_of_the_package_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small").mkdir()
    assert find_settings("small").read_text(encoding="utf-8").startswith("# For small data")
    (tmp_path / "large").touch()
    assert find_settings("large") == Path("large")
    with pytest.raises(FileNotFoundError, match=r"settings file smal does not exist: .* the name of a recipe: small"):
        find_settings("smal")


@dataclass(frozen=True, kw_only=True)
class Method:
    """How.

    Attributes:
        name: Which.
        weight: How much.
    """

    name: str = "new"
    weight: float = 1.0


def test_what_a_file_sets_for_another_method_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("method: {name: old, weight: 2, other: 3}", encoding="utf-8")
    parser = new_parser()
    parser.add_class_arguments(Method, "method")
    parsed = parser.instantiate(parser.parse_args(["--config", str(path)]))
    assert parsed["method"] == Method(name="new", weight=2.0)
