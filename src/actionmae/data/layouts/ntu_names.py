"""Names of NTU RGB+D: of the samples and of the classes. No torch."""

from __future__ import annotations

import re
from dataclasses import dataclass

CLASSES: tuple[str, ...] = (
    "drink water", "eat meal/snack", "brushing teeth", "brushing hair", "drop", "pickup", "throw", "sitting down",
    "standing up", "clapping", "reading", "writing", "tear up paper", "wear jacket", "take off jacket", "wear a shoe",
    "take off a shoe", "wear on glasses", "take off glasses", "put on a hat/cap", "take off a hat/cap", "cheer up",
    "hand waving", "kicking something", "reach into pocket", "hopping", "jump up", "make a phone call",
    "playing with phone/tablet", "typing on a keyboard", "pointing to something with finger", "taking a selfie",
    "check time", "rub two hands together", "nod head/bow", "shake head", "wipe face", "salute",
    "put the palms together", "cross hands in front", "sneeze/cough", "staggering", "falling", "touch head",
    "touch chest", "touch back", "touch neck", "nausea or vomiting condition", "use a fan",
    "punching other person", "kicking other person", "pushing other person", "pat on back of other person",
    "point finger at the other person", "hugging other person", "giving something to other person",
    "touch other person's pocket", "handshaking", "walking towards each other", "walking apart from each other",
    "put on headphone", "take off headphone", "shoot at the basket", "bounce ball", "tennis bat swing",
    "juggling table tennis balls", "hush", "flick hair", "thumb up", "thumb down", "make ok sign",
    "make victory sign", "staple book", "counting money", "cutting nails", "cutting paper", "snapping fingers",
    "open bottle", "sniff", "squat down", "toss a coin", "fold paper", "ball up paper", "play magic cube",
    "apply cream on face", "apply cream on hand back", "put on bag", "take off bag", "put something into a bag",
    "take something out of a bag", "open a box", "move heavy objects", "shake fist", "throw up cap/hat",
    "hands up", "cross arms", "arm circles", "arm swings", "running on the spot", "butt kicks",
    "cross toe touch", "side kick", "yawn", "stretch oneself", "blow nose", "hit other person with something",
    "wield knife towards other person", "knock over other person", "grab other person's stuff",
    "shoot at other person with a gun", "step on foot", "high-five", "cheers and drink",
    "carry something with other person", "take a photo of other person", "follow other person",
    "whisper in other person's ear", "exchange things with other person", "support somebody with hand",
    "finger-guessing game",
)  # fmt: skip
"""Class names in the order of the A numbers: A001 is the first, A120 the last; the first 60 are NTU RGB+D 60."""

PATTERN = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")
"""A sample's name; what follows it in a file's name says the modality."""


@dataclass(frozen=True, order=True)
class SampleName:
    """One recording's name, `SsssCcccPpppRrrrAaaa`.

    Attributes:
        setup: Camera height and distance, 1–32.
        camera: 1–3.
        subject: Performer, 1–106.
        repetition: 1 or 2.
        action: 1–120; `CLASSES[action - 1]` is its name.
    """

    setup: int
    camera: int
    subject: int
    repetition: int
    action: int

    def __str__(self) -> str:
        return f"S{self.setup:03d}C{self.camera:03d}P{self.subject:03d}R{self.repetition:03d}A{self.action:03d}"

    @property
    def label(self) -> str:
        """The class name of `action`."""
        return CLASSES[self.action - 1]


def parse_name(text: str) -> SampleName:
    """Read a sample name.

    Raises:
        ValueError: If it is not of the form SsssCcccPpppRrrrAaaa, or if the action is not one of 1–120.
    """
    match = PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no NTU RGB+D sample name: it must look like S001C002P003R002A013")
    name = SampleName(*map(int, match.groups()))
    if not 1 <= name.action <= len(CLASSES):
        raise ValueError(f"sample {text!r} has action {name.action}: NTU RGB+D has actions 1 to {len(CLASSES)}")
    return name
