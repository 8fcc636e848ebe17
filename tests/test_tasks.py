"""Tasks by the names of what they undo."""

from undegrade.degradations import REGISTRY
from undegrade.methods.eedtp_options import PUBLISHED_TIMES
from undegrade.tasks import TASK_OF, own_name


def test_all_that_can_be_done_to_a_photo_can_be_undone_by_its_name() -> None:
    """But for smoothing, which takes away what was in the photo: its task is called the same."""
    assert {*TASK_OF} == {*REGISTRY.names()} - {"texture"}
    assert {*TASK_OF.values()} == {*PUBLISHED_TIMES}


def test_own_names_stay() -> None:
    assert own_name("rain") == own_name("derain") == "derain"
    assert own_name("rain", ["rain"]) == "rain"
    assert own_name("auto") == "auto"
    assert own_name("descan") == "descan"
