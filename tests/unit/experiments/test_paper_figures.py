import pytest

from actionmae.experiments import paper
from actionmae.experiments.paper import PaperTable, inconsistencies, paper_tables, select_tables
from helpers.processes import run_python


def test_every_derived_number_is_computed_again_and_two_contradict_the_others() -> None:
    assert inconsistencies() == [
        "Table 5, Transformer w/ ActionMAE: Δ̄ is printed -8.3, its rows give -5.2",
        "Table 5, Transformer w/ ActionMAE and Table 6, ActionMAE, R+D+I are the same model: D is 89.7 and 90.1",
    ]


def test_each_table_has_all_of_its_numbers() -> None:
    """Counted in the paper."""
    counts = {name: sum(len(row) for row in table.rows.values()) for name, table in paper_tables().items()}
    assert counts == {
        "1": 10, "2": 5, "3": 15, "4": 42, "5": 20, "6": 69,
        "7a": 6, "7b": 9, "7c": 6, "7d": 9, "8": 5, "9": 12,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("table", "row", "column", "wrong"),
    [
        ("1", "Sum, R+D (NW-UCLA)", "Δ D", -21.5),
        ("3", "- Dropout", "gain", 0.7),
        ("3", "+ Label smoothing", "gain", 1.2),
        ("4", "Concat", "Δ̄", -33.6),
        ("9", "+ Imagenet initialization", "R", 39.6),
        ("7b", "1:1", "D", 90.6),
        ("6", "ActionMAE, R+D → R", "NTU60", 84.4),
    ],
)
def test_a_wrong_digit_is_found(
    table: str, row: str, column: str, wrong: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = dict(paper_tables())
    rows = {name: dict(values) for name, values in tables[table].rows.items()}
    rows[row][column] = wrong
    tables[table] = PaperTable(table, tables[table].title, rows)
    before = len(inconsistencies())
    monkeypatch.setattr(paper, "paper_tables", lambda: tables)
    assert len(inconsistencies()) > before


def test_list_prints_everything_without_torch() -> None:
    out = run_python(
        "import sys; from actionmae.cli import main; assert main(['reproduce', '--list']) == 0; "
        "heavy = {'torch', 'lightning', 'av'} & set(sys.modules); print('heavy:', heavy)"
    )
    assert "heavy: set()" in out
    assert out.count("Table ") >= len(paper_tables())
    assert "93.2  91.4  75.4  18.6" in out
    assert "Δ̄ is printed -8.3, its rows give -5.2" in out


def test_a_table_is_chosen_by_name() -> None:
    assert select_tables("7") == ["7a", "7b", "7c", "7d"]
    assert select_tables("4") == ["4"]
    for name in ("10", "figure2"):
        with pytest.raises(ValueError, match=rf"the paper prints no figures for '{name}'.*: choose all, 7 or 1, 2, 3"):
            select_tables(name)
