"""YAML settings: strict, bounded, one value where a list may stand."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from actionmae.core.settings_files import load_settings, load_yaml


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


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]\n" for at in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("inner:\n  size: 1\n  size: 2\n", "key 'size' is given in line 2 and again in line 3: keep one"),
        ("inner: {size: 1, size: 2}", "key 'size' is given in line 1 and again in line 1"),
        (BOMB, "it stands for more than 100000 values: write it without aliases"),
        ("inner: &a [*a]", "it stands for more than 100000 values"),
        ("inner: " + "[" * 100_000, "line 1 is nested more than 20 levels deep"),
        ("inner: [", "it is no YAML"),
        ("inner: {size: 1}\n---\ninner: {size: 2}\n", "it is no YAML"),
        ("\0", "it is no YAML"),
        ("", "holds no settings"),
        ("[1]", "holds no settings"),
        ("inner: {size: large}", "inner.size"),
        ("inner: {sise: 1}", "sise"),
        ("inner: !!python/object/apply:os.getcwd []", "it is no YAML"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r"settings\.yaml") as refused:
        load(tmp_path, text)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_only_a_regular_file_of_some_size_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "nowhere", tmp_path, Path("/dev/zero")):
        with pytest.raises(FileNotFoundError, match="does not exist"):
            load_settings(path, Outer)
    (tmp_path / "large").write_text("#" * 2**21)
    with pytest.raises(ValueError, match="has 2097152 bytes: give a YAML file of at most 1 MiB"):
        load_settings(tmp_path / "large", Outer)


def test_an_alias_of_sensible_size_is_understood() -> None:
    assert load_yaml("a: &size [3, 32]\nb: *size") == {"a": [3, 32], "b": [3, 32]}
