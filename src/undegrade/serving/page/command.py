"""The same on the command line."""

import shlex

from undegrade.serving.forms import RestoreForm


def command_line(form: RestoreForm, name: str) -> str:
    """Return the command that does what a form asks for, quoted for a POSIX shell.

    Args:
        form: The form; what it leaves as it is is not named.
        name: Of the photo's file.
    """
    words = ["undegrade", "restore", f"./{name}" if name.startswith("-") else name]
    for key, field in RestoreForm.model_fields.items():
        value = getattr(form, key)
        if value == field.default:
            continue
        words.append("--" + (field.alias or key).replace("_", "-"))
        if value is not True:
            words.append(f"{value:g}" if isinstance(value, float) else str(value))
    return shlex.join(words)
