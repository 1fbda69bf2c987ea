import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from actionmae.cli import VERBS
from actionmae.cli.arguments import parse
from actionmae.core.settings_files import find_settings
from actionmae.core.yaml_files import read_yaml
from helpers.processes import run_python


def mix(first: Path, more: list[str], *, share: float = 0.5, quick_look: bool = False, last: int = 1) -> None:
    """Mix files.

    Args:
        first: The first file.
        more: The other files.
        share: Of the first.
        quick_look: Only look.
        last: The last one.
    """


def show(kind: str, where: Path | None = None) -> None:
    """Show something."""


DEFAULTS: dict[str, Any] = {"first": Path("a"), "more": ["b"], "share": 0.5, "quick_look": False, "last": 1}


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("a b", {}),
        ("a b c", {"more": ["b", "c"]}),
        ("--share 0.1 a b", {"share": 0.1}),
        ("a --share=0.1 b --last -2 c", {"share": 0.1, "more": ["b", "c"], "last": -2}),
        ("a b --quick-look", {"quick_look": True}),
        ("a --quick_look b", {"quick_look": True}),
        ("a b --quick-look false --last 3", {"quick_look": False, "last": 3}),
        ("a --quick-look --last 3 b", {"quick_look": True, "last": 3}),
    ],
)
def test_words_and_flags_in_any_order(words: str, changes: dict[str, Any]) -> None:
    assert parse(mix, words.split()) == DEFAULTS | changes


@dataclass(frozen=True, kw_only=True)
class Blend:
    """How.

    Attributes:
        tools: What with.
        speed: How fast.
        cold: Not warm.
    """

    tools: tuple[str, ...] = ()
    speed: float = 1.0
    cold: bool = False


def blend(blending: "Blend", what: str, *, into: list[Path] | None = None) -> None:
    """Blend.

    Args:
        blending: Settings.
        what: A thing.
        into: Where.
    """


@pytest.mark.parametrize(
    ("words", "settings", "into"),
    [
        ("x", Blend(), None),
        ("x --tools a --into b", Blend(tools=("a",)), [Path("b")]),
        ("--tools=a --into=b x", Blend(tools=("a",)), [Path("b")]),
        ("x --tools [a,b] --into [b,c] --speed 2", Blend(tools=("a", "b"), speed=2.0), [Path("b"), Path("c")]),
        ("--cold x --tools a", Blend(tools=("a",), cold=True), None),
        ("x --cold false", Blend(), None),
        ("x --tools a,b:c --into null", Blend(tools=("a,b:c",)), None),
    ],
)
def test_a_settings_class_gives_flags_and_one_value_does_for_a_list(
    words: str, settings: Blend, into: list[Path] | None
) -> None:
    assert parse(blend, words.split()) == {"blending": settings, "what": "x", "into": into}


def test_the_last_word_may_be_left_out() -> None:
    assert parse(show, ["x"]) == {"kind": "x", "where": None}
    assert parse(show, ["x", "y"]) == {"kind": "x", "where": Path("y")}


def test_a_file_of_settings_gives_any_argument(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("first: a\nmore: [b]\nlast: 7\n")
    for words in (["--config", str(file), "--share", "1.0"], ["--share", "1.0", "--config", str(file)]):
        assert parse(mix, words) == DEFAULTS | {"last": 7, "share": 1.0}, "wherever the file is named"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("a", r"required: more \(actionmae mix --help lists all arguments\)"),
        ("a b --shade 1", r"^there is no setting shade \(did you mean 'share'\?\) "),
        ("a b --share much", r"^share is much: give a number "),
        ("a b --share", r"share: expected one argument"),
    ],
)
def test_what_does_not_fit_is_one_sentence(words: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        parse(mix, words.split())
    assert "\n" not in str(caught.value)


RECIPE = read_yaml(find_settings("small"))
SETTINGS = [(group, key) for group, fields in RECIPE.items() for key in fields if key != "name"]


@pytest.mark.parametrize(("group", "key"), SETTINGS)
def test_every_setting_of_a_recipe_is_checked(group: str, key: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    words = ["--config", str(path), "--run", "runs/mine", "--data.manifest", "manifest.csv"]
    changed = {group: {**RECIPE[group], key: ["wrong"]}}
    path.write_text(json.dumps(changed))
    with pytest.raises(
        ValueError, match=rf"^{group}\.{key}.* is \['wrong'\]: give |^there is no setting {group}\.{key}"
    ):
        parse(VERBS["train"], words)
    path.write_text(json.dumps({group: {**RECIPE[group], f"{key}y": RECIPE[group][key]}}))
    with pytest.raises(ValueError, match=rf"^there is no setting {group}\.{key}y") as refused:
        parse(VERBS["train"], words)
    assert "\n" not in str(refused.value)


def test_help_explains_what_is_given_by_position(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(mix, ["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "Mix files." in said
    assert "first The first file." in said
    assert "more The other files." in said


@pytest.mark.parametrize("verb", VERBS)
def test_words_are_understood_without_anything_heavy(verb: str) -> None:
    """Otherwise help and mistakes take seconds."""
    heavy = run_python(
        "import contextlib, io, sys\nfrom actionmae.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        f"    main(['{verb}', '--help'])\n"
        "print(sorted({'torch', 'torchvision', 'timm', 'lightning', 'av', 'cv2', 'scipy'} & set(sys.modules)))"
    )
    assert heavy.strip() == "[]"
