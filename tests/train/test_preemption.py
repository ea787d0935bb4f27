"""Ranks in step, of which some are told to end."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from hyperdyn.errors import PREEMPTED
from hyperdyn.preemption import EVERY, Preemption

EPOCH = 2 * EVERY + 3


class Team:
    """Ranks that make the same steps, and wait for each other where they agree; `agreed` are the steps of that."""

    def __init__(self, world: int) -> None:
        self.ranks = [Preemption(Path("last.ckpt")) for _ in range(world)]
        self.agreed: list[list[int]] = [[] for _ in range(world)]
        self.saved: list[int] = []
        self.told: set[int] = set()

    def tell(self, rank: int) -> None:
        self.ranks[rank]._take_note()
        self.told.add(rank)

    def leaves(self, rank: int, step: int) -> bool:
        """Whether a rank ends the run after a step."""

        def any_of_all(decision: bool, all: bool) -> bool:
            assert (decision, all) == (rank in self.told, False)
            self.agreed[rank].append(step)
            return bool(self.told)

        last = step % EPOCH == 0
        trainer = SimpleNamespace(
            world_size=len(self.ranks),
            global_step=step,
            max_steps=-1,
            is_last_batch=last,
            strategy=SimpleNamespace(reduce_boolean_decision=any_of_all),
            save_checkpoint=lambda path, weights_only: self.saved.append(rank),
        )
        try:
            self.ranks[rank].on_train_batch_end(trainer, None, None, None, 0)  # type: ignore[arg-type]
            if last:
                self.ranks[rank].on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
            self.ranks[rank].on_train_batch_start(trainer, None, None, 0)  # type: ignore[arg-type]
        except SystemExit as end:
            return end.code == PREEMPTED
        return False

    def end(self, told_at: int, rank: int) -> int:
        """The step after which all leave, a rank having been told in one; all or none leave after any."""
        for step in range(1, told_at + 2 * EPOCH):
            if step == told_at:
                self.tell(rank)
            left = [self.leaves(r, step) for r in range(len(self.ranks))]
            assert len(set(left)) == 1
            if left[0]:
                assert self.saved == list(range(len(self.ranks)))
                return step
        raise AssertionError("nobody left")


@pytest.mark.parametrize("rank", [0, 1, 2])
@pytest.mark.parametrize("told_at", [1, EVERY - 1, EVERY, EVERY + 1, 2 * EVERY + 1, EPOCH, EPOCH + 1, 3 * EVERY])
def test_a_told_rank_makes_all_stop_together_and_soon(told_at: int, rank: int) -> None:
    team = Team(3)
    end = team.end(told_at, rank)
    assert told_at <= end < told_at + EVERY
    due = [step for step in range(1, end + 1) if step % EVERY == 0 or step % EPOCH == 0]
    assert team.agreed == [due] * 3  # and no more often


@pytest.mark.parametrize("told_at", [1, EVERY + 1, EPOCH])
def test_one_alone_stops_at_once(told_at: int) -> None:
    team = Team(1)
    assert team.end(told_at, 0) == told_at
    assert team.agreed == [[]]
