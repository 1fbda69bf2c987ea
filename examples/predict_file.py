"""One clip, from whichever recordings exist: the answer, and what each sensor adds to it.

Run it: `.venv/bin/python examples/predict_file.py MODEL rgb=clip.mp4 depth=clip_depth/`; leave out what is missing.
"""

import sys

import actionmae


def main() -> None:
    """Read, predict, print."""
    model, *words = sys.argv[1:]
    files = dict(word.split("=", 1) for word in words)
    predictor = actionmae.Predictor.load(model)
    (prediction,) = predictor.predict_many([files], top=3, why=True)
    for name, probability in zip(prediction.classes, prediction.probabilities, strict=True):
        print(f"{probability:6.1%}  {name}")
    for vote in prediction.votes:
        print(f"{vote.modality} alone says {vote.label}; without it the answer loses {vote.leave_one_out or 0:.1%}")
    for name in prediction.missing:
        print(f"{name} is missing")
    for name, reason in prediction.broken.items():
        print(f"{name} was not used: {reason}")


if __name__ == "__main__":
    main()
