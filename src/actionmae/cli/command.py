"""A whole command: words → a verb → an exit code, with one sentence on stderr for what cannot be done."""

import importlib
import io
import logging
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from actionmae.cli.app import app
from actionmae.cli.arguments import parse, sentence, summary
from actionmae.cli.calibrate import calibrate
from actionmae.cli.deploy import export, push, stream
from actionmae.cli.experiments import reproduce
from actionmae.cli.faults import faults
from actionmae.cli.join import join
from actionmae.cli.models import demo, embed, evaluate, report, train
from actionmae.cli.predict import predict
from actionmae.cli.recordings import check, prepare, show

VERBS: dict[str, Callable[..., int | None]] = {
    verb.__name__: verb
    for verb in (
        demo,
        prepare,
        check,
        show,
        train,
        join,
        calibrate,
        evaluate,
        faults,
        report,
        predict,
        embed,
        stream,
        app,
        export,
        push,
        reproduce,
    )
}

_GOES_ON = {
    "train": ": the same command with --resume true goes on after the last finished epoch",
    "prepare": ": the same command goes on where it stopped",
    "reproduce": ": the same command goes on where it stopped",
}


class Terminated(BaseException):
    """SIGTERM has arrived: the verb ends as after Ctrl-C, so that locks, files and processes are left in order."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Returns:
        0 = done, 1 = check found errors or predict could not use everything, 2 = bad input (one sentence on stderr),
        130 = interrupted (Ctrl-C), 141 = nobody reads the output any more, 143 = terminated (SIGTERM).
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    words, modules = _take_modules(words)
    _print_anything()
    if not words or words[0] in ("-h", "--help"):
        print(_overview())
        return 0
    if words[0] == "--version":
        import actionmae

        print(actionmae.__version__)
        return 0
    verb, *rest = words
    _share_cores()
    if verb not in VERBS:
        print(f"actionmae: unknown verb {verb!r}: choose one of {', '.join(VERBS)}", file=sys.stderr)
        return 2
    _log_to_stderr(logging.DEBUG if debug else logging.INFO)
    try:
        with _terminable():
            _import_modules(modules)
            code = _run(verb, rest)
            sys.stdout.flush()
            return code
    except (KeyboardInterrupt, Terminated) as stop:
        how, code = ("interrupted", 130) if isinstance(stop, KeyboardInterrupt) else ("terminated", 143)
        print(f"actionmae {verb}: {how}{_GOES_ON.get(verb, '')}", file=sys.stderr)
        return code
    except (ValueError, KeyError, OSError, ImportError) as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            return 141
        if debug:
            raise
        print(f"actionmae {verb}: {sentence(error)}", file=sys.stderr)
        return 2


def _take_modules(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words without each --import MODULE, and these modules."""
    rest, modules = [], []
    left = iter(words)
    for word in left:
        name, equals, value = word.partition("=")
        if name == "--import":
            modules.append(value if equals else next(left, ""))
        else:
            rest.append(word)
    return rest, modules


def _import_modules(names: Sequence[str]) -> None:
    """Import a user's modules, which register methods, encoders and the like; from the working folder, too."""
    here = str(Path.cwd())
    if names and here not in sys.path:
        sys.path.insert(0, here)
    for name in names:
        if name.endswith(".py") or not all(part.isidentifier() for part in name.split(".")):
            raise ImportError(f"--import {name!r} is no module: write its name without .py, as in --import my_method")
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise ImportError(
                f"--import {name}: {here} has no {name.replace('.', '/')}.py, and no such package is installed"
            ) from error


def _nobody_reads() -> bool:
    """Whether the reader of the output has gone, as `| head` does; then the rest of it goes nowhere."""
    output = select.poll()
    output.register(sys.stdout, 0)
    gone = any(event & select.POLLERR for _, event in output.poll(0))
    if gone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return gone


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


@contextmanager
def _terminable() -> Iterator[None]:
    """Raise `Terminated` at SIGTERM."""
    process = os.getpid()

    def stop(number: int, _: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one ends the process at once
        if os.getpid() != process:  # a forked process just ends
            os.kill(os.getpid(), number)
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _share_cores() -> None:
    """Let idle threads spin for a moment only, then sleep; OpenMP reads this when torch is imported.

    By default they spin for long, and where other programs use the cores, too, a training waits for threads that wait
    for it: docs/results.md, "Two trainings on two cores".
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        for name, value in (("GOMP_SPINCOUNT", "2000"), ("KMP_BLOCKTIME", "1")):
            os.environ.setdefault(name, value)


def _print_anything() -> None:
    """A terminal that cannot show a character, such as Δ, gets a question mark instead of ending the verb."""
    for out in (sys.stdout, sys.stderr):
        if isinstance(out, io.TextIOWrapper):
            out.reconfigure(errors="replace")


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
    lines += [
        "",
        "  --import MODULE first imports a module of yours that registers a method, encoder, fusion or modality",
    ]
    return "\n".join([*lines, "  --debug shows the traceback of an error, --version the version"])
