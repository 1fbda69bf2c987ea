"""A whole command: words → a verb → an exit code, with one sentence on stderr for what cannot be done."""

import io
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout

from actionmae.cli.arguments import parse, sentence, summary
from actionmae.cli.join import join
from actionmae.cli.models import demo, embed, evaluate, predict, report, train
from actionmae.cli.recordings import check, prepare

VERBS: dict[str, Callable[..., int | None]] = {
    verb.__name__: verb for verb in (demo, prepare, check, train, join, evaluate, report, predict, embed)
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; 0 = done, 1 = check found errors, 2 = bad input (one sentence on stderr), 130 = interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if not words or words[0] in ("-h", "--help"):
        print(_overview())
        return 0
    if words[0] == "--version":
        import actionmae

        print(actionmae.__version__)
        return 0
    verb, *rest = words
    if verb not in VERBS:
        print(f"actionmae: unknown verb {verb!r}: choose one of {', '.join(VERBS)}", file=sys.stderr)
        return 2
    first = _is_first_process()
    _log_to_stderr(logging.DEBUG if debug else logging.INFO if first else logging.WARNING)
    try:
        with redirect_stdout(sys.stdout if first else io.StringIO()):
            return _run(verb, rest)
    except KeyboardInterrupt:
        print(f"actionmae {verb}: interrupted", file=sys.stderr)
        return 130
    except (ValueError, KeyError, OSError, ImportError) as error:
        if debug:
            raise
        print(f"actionmae {verb}: {sentence(error)}", file=sys.stderr)
        return 2


def _run(verb: str, words: list[str]) -> int:
    try:
        return VERBS[verb](**parse(VERBS[verb], words)) or 0
    except RuntimeError as error:
        if "DataLoader worker" in str(error):  # torch notices it wherever the program happens to be
            raise ChildProcessError(
                f"a process that reads clips has ended ({sentence(error).rstrip('.')}), perhaps for want of memory: "
                "use fewer num_workers or a smaller batch_size"
            ) from error
        from actionmae.core.install_check import check_install

        check_install()  # a torchvision that does not fit torch becomes one sentence
        raise


def _is_first_process() -> bool:
    """Several devices run the command once each; one of them speaks."""
    ranks = (os.environ.get(name, "0") for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return all(rank == "0" for rank in ranks)


class _Stderr(logging.StreamHandler):  # type: ignore[type-arg]  # generic in the stubs only
    """Writes to what stderr is at the moment: while it is drawn, a progress bar puts itself in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def _log_to_stderr(level: int) -> None:
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[_Stderr()])
    logging.getLogger("actionmae").setLevel(level)
    logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)  # it tells of every process that it ends


def _overview() -> str:
    lines = ["usage: actionmae VERB … (actionmae VERB --help lists its arguments)", ""]
    lines += [f"  {name:10}{summary(verb)}" for name, verb in VERBS.items()]
    return "\n".join([*lines, "", "  --debug shows the traceback of an error, --version the version"])
