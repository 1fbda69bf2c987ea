"""Using a trained model: no Lightning, no methods."""

from actionmae.inference.predictor import Prediction, Predictor

__all__ = ["Prediction", "Predictor"]
