"""What the description of the API says beyond the code: forms, errors, examples that can be run."""

from http import HTTPStatus
from typing import Any

from undegrade.serving.answers import ProblemAnswer
from undegrade.serving.forms import PHOTO, DetectForm
from undegrade.serving.problems import MEDIA_TYPE

REPORT_HEADER = "Undegrade-Report"
HERE = "http://127.0.0.1:8000"

_EXAMPLE_FORM = {"task": "denoise", "steps": 1, "seed": 7}
_BINARY = {"schema": {"type": "string", "format": "binary"}}

Responses = dict[int | str, dict[str, Any]]


def curl(route: str, options: str = "") -> str:
    """Return a command line that asks for a route, for a description."""
    return f"    curl {options + ' ' if options else ''}{HERE}{route}"


def form(kind: type[DetectForm], route: str, options: str = "") -> dict[str, Any]:
    """Return the description of a form with a photo, with an example.

    Args:
        kind: The form.
        route: Where it is sent to.
        options: Further ones of curl.
    """
    schema = kind.model_json_schema(by_alias=True)
    photo = {"type": "string", "format": "binary", "description": "The photo's file."}
    schema["properties"] = {PHOTO: photo} | schema.get("properties", {})
    schema["required"] = [PHOTO]
    fields = {key: value for key, value in _EXAMPLE_FORM.items() if key in schema["properties"]}
    schema["examples"] = [fields | {PHOTO: "photo.jpg"}]
    sent = " ".join(f"-F {key}={value}" for key, value in fields.items())
    words = (part for part in (f"-F {PHOTO}=@photo.jpg", sent, options) if part)
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}},
        "x-codeSamples": [{"lang": "Shell", "source": curl(route, " ".join(words)).strip()}],
    }


def problems(*statuses: HTTPStatus) -> Responses:
    """Return the description of the errors of a route; the key may be missing from any."""
    return {
        int(status): {
            "description": status.phrase,
            "content": {
                MEDIA_TYPE: {
                    "schema": ProblemAnswer.model_json_schema(),
                    "example": {
                        "type": "about:blank",
                        "title": status.phrase,
                        "status": int(status),
                        "reason": "what happened",
                    },
                }
            },
        }
        for status in (*statuses, HTTPStatus.UNAUTHORIZED)
    }


TAKING = problems(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
    HTTPStatus.INSUFFICIENT_STORAGE,
)
NAMING = problems(HTTPStatus.NOT_FOUND)
FETCHING = problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
PICTURES: Responses = {
    200: {
        "description": "The restored photo; several results come as a ZIP archive.",
        "content": {"image/*": _BINARY, "application/zip": _BINARY},
        "headers": {
            REPORT_HEADER: {
                "description": "JSON: how it was restored.",
                "schema": {"type": "string"},
            }
        },
    }
}
EVENTS: Responses = {
    200: {
        "description": "The job, whenever it changes; each event is named after its state.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
MEASURES: Responses = {
    200: {
        "description": "Numbers as Prometheus reads them.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}


def example(text: str, route: str, options: str = "") -> str:
    """Return the description of a route, with a line that asks it."""
    return f"{text}\n\n{curl(route, options)}"
