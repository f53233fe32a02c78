"""A small soak, so that `make soak` itself is known to work: the real thing takes minutes."""

from pathlib import Path

import pytest
from chain import need_release
from soaking.play import soak
from soaking.table import problems


@pytest.mark.usefixtures("needs_control_plane")
def test_a_small_soak_with_every_fault_and_kill_loses_and_doubles_nothing(tmp_path: Path) -> None:
    result = soak(tmp_path, need_release("packaged"), seed=27, seconds=20)

    assert problems(result) == []
    assert result.kills >= 3
    assert result.retries > 10
    tally = result.tally
    assert tally.episodes > 30
    assert tally.episodes == tally.jobs + tally.held_back
    assert tally.ends == tally.jobs_of_ends + tally.untold > 0
