"""What is in flight is weighed, and what memory has no room for is not taken."""

from function.scales import MAX_BYTES, Scales


def test_what_fits_beside_the_others_is_taken_and_more_is_not() -> None:
    scales = Scales()

    assert scales.take(MAX_BYTES - 1)
    assert not scales.take(2)
    assert scales.take(1)


def test_what_was_not_taken_weighs_nothing() -> None:
    scales = Scales()

    assert not scales.take(MAX_BYTES + 1)
    assert scales.take(MAX_BYTES)


def test_what_is_given_back_makes_room() -> None:
    scales = Scales()
    scales.take(MAX_BYTES)

    scales.give_back(10)

    assert scales.take(10)
    assert not scales.take(1)
