"""The verb reproduce: the paper's tables."""


def reproduce(*, table: str = "all", list: bool = False) -> None:
    """Print the paper's tables.

    Args:
        table: all, or one of 1, 2, 3, 4, 5, 6, 7, 7a, 7b, 7c, 7d, 8, 9.
        list: Print the paper's figures; nothing is trained.
    """
    from actionmae.experiments.paper import inconsistencies, paper_tables, select_tables

    if not list:
        raise ValueError("nothing was asked for: give --list to print the paper's figures")
    print("\n\n".join(paper_tables()[name].to_text() for name in select_tables(table)))
    if table == "all":
        print("\nWhat does not follow from the paper's other numbers:")
        print("\n".join(f"- {text}" for text in inconsistencies()))
