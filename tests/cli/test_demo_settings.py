"""The demo of a family has the settings that were written for it."""

from hyperdyn.config import compose


def test_the_settings_of_a_demo_are_chosen_by_its_family() -> None:
    usual, pushes = compose("demo"), compose("demo", ["env=pushing"])
    assert compose("demo", ["env=pendulum"]).train == usual.train == ["experiment=demo"]
    assert pushes.name == "demo-pushing"
    assert pushes.run_dir == "runs/demo-pushing"
    assert "experiment=pushing" in pushes.train
    assert compose("demo", ["env=pushing", "train=['seed=1']", "name=mine"]).train == ["seed=1"]


def test_the_settings_of_the_pushing_demo_are_those_of_commands() -> None:
    pushes = compose("demo", ["env=pushing"])
    train = compose("train", [*pushes.train, "env=pushing", "model=hyper"])
    assert train.trainer.max_steps == 3000
    assert train.callbacks.videos is None
    assert "systems.train=400" in train.collect[0]
    plan = compose("plan", ["runs=none", *pushes.plan])
    assert (plan.support, plan.history, plan.planner.periodic) == (5, 8, [0])
    assert compose("evaluate", ["runs=none", *pushes.evaluate]).horizon == 4
