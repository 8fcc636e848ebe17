"""Tasks by the names of what they undo."""

from undegrade.degradations import REGISTRY
from undegrade.inference.options import RestoreOptions
from undegrade.methods.eedtp_options import PUBLISHED_TIMES
from undegrade.serving.forms import RestoreForm
from undegrade.tasks import TASK_OF, own_name, plain_auto, plain_words, task_advice


def test_all_that_can_be_done_to_a_photo_can_be_undone_by_its_name() -> None:
    """But for smoothing, which takes away what was in the photo: its task is called the same."""
    assert {*TASK_OF} == {*REGISTRY.names()} - {"texture"}
    assert {*TASK_OF.values()} == {*PUBLISHED_TIMES}


def test_own_names_stay() -> None:
    assert own_name("rain") == own_name("derain") == "derain"
    assert own_name("rain", ["rain"]) == "rain"
    assert own_name("auto") == "auto"
    assert own_name("descan") == "descan"


def test_capital_letters_are_the_same_unless_they_tell_tasks_apart() -> None:
    for task in ("Rain", "RAIN", "Derain"):
        assert own_name(task) == own_name(task, ["derain"]) == "derain"
    assert own_name("Low-Light") == "brighten"
    assert own_name("DESCAN", ["Descan"]) == own_name("descan", ["Descan"]) == "Descan"
    assert own_name("Descan") == "Descan"
    assert own_name("rain", ["Rain"]) == "derain"
    assert own_name("Rain", ["Rain"]) == "Rain"


def test_advice_is_in_the_words_that_users_know() -> None:
    assert plain_words() == [
        *("noise", "rain", "jpeg", "snow", "holes", "raindrops", "shadow", "low-light", "haze"),
        "blur",
    ]
    known = ["auto", "derain", "brighten", "descan"]
    listed = "Known: auto, rain, low-light, descan"
    assert task_advice("Raim", known) == f"did you mean 'rain'? {listed}"
    assert task_advice("deraim", known) == f"did you mean 'derain'? {listed}"
    assert task_advice("zzz", known) == f"k{listed[1:]}"


def test_auto_in_capitals_is_auto() -> None:
    assert [*map(plain_auto, ("auto", "AUTO", "Auto", "Rain"))] == ["auto", "auto", "auto", "Rain"]
    assert RestoreOptions(task="AUTO").task == "auto"
    assert RestoreForm(task="AUTO").task == "auto"
