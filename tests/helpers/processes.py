"""Run code in a fresh Python: without the shape-checking hook, and with nothing imported yet."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_python(code: str, *, timeout: float = 120.0, env: dict[str, str] | None = None) -> str:
    """Run `code` in a new interpreter of this environment; returns what it printed, raises with its errors.

    Args:
        code: Python source.
        timeout: Seconds.
        env: Variables to add to the environment.
    """
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | (env or {}),
    )
    if done.returncode:
        raise AssertionError(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout
