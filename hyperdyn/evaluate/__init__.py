"""Evaluation on systems never trained on: prediction error, planning return, and the records of both."""

from hyperdyn.evaluate.manifest import EvaluationManifest
from hyperdyn.evaluate.planning import Task, compare, planning_return, random_return, simulator_return
from hyperdyn.evaluate.results import MethodFacts, PlanningScore, PredictionScore, Results

__all__ = [
    "EvaluationManifest",
    "MethodFacts",
    "PlanningScore",
    "PredictionScore",
    "Results",
    "Task",
    "compare",
    "planning_return",
    "random_return",
    "simulator_return",
]
