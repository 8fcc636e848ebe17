"""All that can be done on the page, in one hand."""

from dataclasses import dataclass
from typing import Self

from undegrade.serving.intake import Intake
from undegrade.serving.page.choosing import Choosing
from undegrade.serving.page.drawing import Drawing
from undegrade.serving.page.page_jobs import PageJobs
from undegrade.serving.page.restoring import Restoring
from undegrade.serving.page.viewing import Viewing
from undegrade.serving.service import JobService


@dataclass(frozen=True)
class PageActions:
    """What the page does.

    Args:
        choosing: With photos that are chosen.
        restoring: To have them restored.
        viewing: To look at what came of them.
    """

    choosing: Choosing
    restoring: Restoring
    viewing: Viewing

    @classmethod
    def of(cls, service: JobService, intake: Intake, drawing: Drawing) -> Self:
        """Return the actions of a server's page.

        Args:
            service: Does the jobs.
            intake: Takes the photos in.
            drawing: Draws what is shown of them.
        """
        jobs = PageJobs(service, intake)
        choosing = Choosing(jobs, drawing)
        viewing = Viewing(drawing, service.limits.max_megapixels)
        return cls(choosing, Restoring(jobs, choosing, drawing), viewing)
