import os

import pytest

from actionmae.core.process_limit import check_processes


@pytest.mark.parametrize(("cores", "most"), [(None, 64), (2, 64), (8, 128)])
def test_a_standstill_is_refused(monkeypatch: pytest.MonkeyPatch, cores: int | None, most: int) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    check_processes("workers", most)
    with pytest.raises(ValueError, match=f"workers is {most + 1}: this machine has {cores or 1} cores, give at most"):
        check_processes("workers", most + 1)
