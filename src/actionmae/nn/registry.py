"""Encoders, fusions and completions by name: the project's own, and whatever a user adds without touching the package.

::

    @register_encoder("my_network", kinds=("frames",))
    def build(spec, config):
        return MyNetwork(...)       # frames [R, T, C_in, H, W], frame_available=[R, T] → features [R, T, C]

A saved model names its encoders, fusion and completion: register them before `load_model`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from torch import nn

from actionmae.core.choices import did_you_mean
from actionmae.core.modality import Kind, ModalitySpec
from actionmae.nn.config import ClassifierConfig

BuildEncoder = Callable[[ModalitySpec, ClassifierConfig], nn.Module]
BuildFusion = Callable[[int, int, ClassifierConfig], nn.Module]
BuildCompletion = Callable[[int, ClassifierConfig], nn.Module]
_E = TypeVar("_E", bound=BuildEncoder)
_F = TypeVar("_F", bound=BuildFusion)
_C = TypeVar("_C", bound=BuildCompletion)


@dataclass(frozen=True, kw_only=True)
class EncoderEntry:
    """A registered encoder.

    Attributes:
        build: (spec, config) → a module that maps a clip [R, T, …] with the keyword frame_available ([R, T] bool or
            None; for joints also person_available [R, T, P]) to features [R, T, C], C = config.embed_dim, zero where a
            frame does not exist. With `whole_clip` it gives one vector a clip, [R, C], and no time transformer follows.
            The module's attribute `streamable` (default False) says that a frame's features depend on it alone.
        kinds: Of modalities that it reads.
        whole_clip: Reads space and time at once (Table 2: R(2+1)D).
    """

    build: BuildEncoder
    kinds: tuple[Kind, ...]
    whole_clip: bool = False


_ENCODERS: dict[str, EncoderEntry] = {}
_FUSIONS: dict[str, BuildFusion] = {}
_COMPLETIONS: dict[str, BuildCompletion] = {}


def register_encoder(name: str, *, kinds: tuple[Kind, ...], whole_clip: bool = False) -> Callable[[_E], _E]:
    """Make an encoder known by a name; decorates its builder. See `EncoderEntry`.

    Raises:
        ValueError: If the name is taken.
    """

    def add(build: _E) -> _E:
        _refuse_taken("encoder", name, _ENCODERS)
        _ENCODERS[name] = EncoderEntry(build=build, kinds=kinds, whole_clip=whole_clip)
        return build

    return add


def register_fusion(name: str) -> Callable[[_F], _F]:
    """Make a fusion known by a name; decorates its builder.

    The builder gets (M, number of classes, config) and returns a module that maps tokens [B, M, C] and filled [B, M]
    bool to logits [B, number of classes], reading only filled slots.

    Raises:
        ValueError: If the name is taken.
    """

    def add(build: _F) -> _F:
        _refuse_taken("fusion", name, _FUSIONS)
        _FUSIONS[name] = build
        return build

    return add


def register_completion(name: str) -> Callable[[_C], _C]:
    """Make known what fills missing tokens in place of ActionMAE; decorates its builder.

    The builder gets (M, config) and returns a module that maps tokens [B, M, C] and visible [B, M] bool to an estimate
    of every slot's token [B, M, C], reading only visible slots.

    Raises:
        ValueError: If the name is taken.
    """

    def add(build: _C) -> _C:
        _refuse_taken("completion", name, _COMPLETIONS)
        _COMPLETIONS[name] = build
        return build

    return add


def find_encoder(name: str, spec: ModalitySpec) -> EncoderEntry:
    """The entry of a name; for frames, a timm network of that name.

    Raises:
        ValueError: If the name is unknown, or its encoder cannot read the modality's kind.
    """
    entry = _ENCODERS.get(name)
    if entry is None and spec.kind == "frames":
        from actionmae.nn.timm_network import check_timm_name

        check_timm_name(name)
        return EncoderEntry(build=_ENCODERS["timm"].build, kinds=("frames",))
    if entry is None or spec.kind not in entry.kinds:
        fit = [known for known, each in _ENCODERS.items() if spec.kind in each.kinds]
        also = ", or any timm name" if spec.kind == "frames" else ""
        hint = "" if entry else did_you_mean(name, fit)
        raise ValueError(
            f"encoder {name!r}{hint} cannot read modality {spec.name!r} ({spec.kind}): use {', '.join(fit)}{also}"
        )
    return entry


def find_fusion(name: str) -> BuildFusion:
    """The builder of a registered fusion.

    Raises:
        ValueError: If the name is unknown.
    """
    if name not in _FUSIONS:
        known = ", ".join(sorted(_FUSIONS))
        raise ValueError(f"model.fusion is {name!r}{did_you_mean(name, _FUSIONS)}: registered are {known}")
    return _FUSIONS[name]


def find_completion(name: str) -> BuildCompletion:
    """The builder of a registered completion.

    Raises:
        ValueError: If the name is unknown.
    """
    if name not in _COMPLETIONS:
        known = ", ".join(sorted(_COMPLETIONS)) or "none"
        raise ValueError(f"model.completion is {name!r}{did_you_mean(name, _COMPLETIONS)}: registered are {known}")
    return _COMPLETIONS[name]


def _refuse_taken(what: str, name: str, known: Mapping[str, object]) -> None:
    if name in known:
        raise ValueError(f"{what} {name!r} is already registered: choose another name")
