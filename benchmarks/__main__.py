"""`python -m benchmarks`: run the benchmarks, print Markdown, write the raw times as JSON.

python -m benchmarks                     # all; half an hour or more on two free cores
python -m benchmarks throughput --threads 1
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks import (
    absent_sensors,
    all_subsets,
    latency,
    loading,
    many_sensors,
    replay,
    streaming,
    throughput,
    training_draws,
    training_loop,
    training_step,
)
from benchmarks.result import Result
from benchmarks.setup import TINY, Sizes

BENCHMARKS: dict[str, Callable[[Sizes, str], Result]] = {
    "all_subsets": all_subsets.run,
    "many_sensors": many_sensors.run,
    "absent_sensors": absent_sensors.run,
    "training_step": training_step.run,
    "training_draws": training_draws.run,
    "training_loop": training_loop.run,
    "throughput": throughput.run,
    "latency": latency.run,
    "loading": loading.run,
    "streaming": streaming.run,
    "replay": replay.run,
}


def machine(device: str) -> dict[str, Any]:
    """What the times depend on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = (line.split(":", 1)[1] for line in info.read_text().splitlines() if line.startswith("model name"))
        cpu = next(names, cpu).strip()
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_before": round(os.getloadavg()[0], 2),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Speed as ratios, each measured in one run.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"which (default: all): {', '.join(BENCHMARKS)}")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"), help="folder of the JSON file")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, help="torch's threads (default: its own choice)")
    parser.add_argument("--tiny", action="store_true", help="sizes that only show that everything runs")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"unknown benchmark {unknown[0]!r}: choose from {', '.join(BENCHMARKS)}")
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    facts = machine(options.device)
    started = datetime.now().astimezone()
    print(
        f"{facts['device'] if options.device == 'cuda' else facts['cpu']}, {facts['threads']} threads, "
        f"torch {facts['torch']}, {started:%Y-%m-%d}; load before the run {facts['load_before']}. "
        "Median (lowest–highest) of interleaved rounds; ratios are paired by round.\n"
    )
    results = {}
    for name in options.names or BENCHMARKS:
        results[name] = BENCHMARKS[name](TINY if options.tiny else Sizes(), options.device)
        print(results[name].markdown(), flush=True)
    seconds = (datetime.now().astimezone() - started).total_seconds()
    facts |= {"date": started.isoformat(timespec="seconds"), "seconds": round(seconds)}
    path = options.out / f"{started:%Y-%m-%d-%H%M%S}.json"
    write_json(path, {"machine": facts, "results": {name: result.to_dict() for name, result in results.items()}})
    print(f"{path} written after {seconds:.0f} s", file=sys.stderr)
    return 0


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Written beside and renamed into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".tmp")
    beside.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    beside.replace(path)


if __name__ == "__main__":
    sys.exit(main())
