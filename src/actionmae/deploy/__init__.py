"""Using a trained model: no Lightning, no methods."""

from actionmae.deploy.predictor import Prediction, Predictor

__all__ = ["Prediction", "Predictor"]
