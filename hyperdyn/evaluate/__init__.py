"""Evaluation on systems never trained on: prediction error, planning return, and the records of both."""

from hyperdyn.evaluate.manifest import EvaluationManifest
from hyperdyn.evaluate.planning import ceiling, floor, planning_episodes, random_outcome, simulator_outcome
from hyperdyn.evaluate.prediction import rollout_error
from hyperdyn.evaluate.results import MethodFacts, PlanningScore, PredictionScore, Results, UncertaintyScore
from hyperdyn.evaluate.task import Task
from hyperdyn.evaluate.uncertainty import calibration
from hyperdyn.evaluate.undisturbed import undisturbed
from hyperdyn.evaluate.windows import Windows

__all__ = [
    "EvaluationManifest",
    "MethodFacts",
    "PlanningScore",
    "PredictionScore",
    "Results",
    "Task",
    "UncertaintyScore",
    "Windows",
    "calibration",
    "ceiling",
    "floor",
    "planning_episodes",
    "random_outcome",
    "rollout_error",
    "simulator_outcome",
    "undisturbed",
]
