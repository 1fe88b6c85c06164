"""The exception tree of the whole distribution; the first split is whose fault it is.

    CalrissianDaskError
    ├── ConfigurationError          the operator's: settings, environment, ports, credentials' form
    ├── GatewayError                the peer's: it said no, and asking again will not help
    │   ├── NoAnswerError           ... nobody knows whether it acted on the request to create
    │   └── GatewayUnavailableError ... it may say yes later: retried with back-off
    ├── RequirementError            the author's   (calrissian_dask.errors)
    └── PodError                    the pod's      (calrissian_dask.errors)

Rules: an error is raised with what it is about and reads as one sentence with the place, the
value and the remedy. It is translated once, at each edge: an exit code, a termination message,
an AdmissionReview.
"""

from __future__ import annotations


class CalrissianDaskError(Exception):
    """Whatever this distribution raises on purpose."""


class ConfigurationError(CalrissianDaskError):
    """The operator's settings, or what the pod made of them, cannot work."""


class GatewayError(CalrissianDaskError):
    """Dask Gateway refused, and would refuse again.

    `status` is the HTTP status, or None where there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class NoAnswerError(GatewayError):
    """The request to create a cluster was sent and its answer never came.

    Dask Gateway knows no idempotency key, so a second request could make a second cluster.
    """


class GatewayUnavailableError(GatewayError):
    """Dask Gateway could not be reached, was overloaded, or broke: the same call may succeed later.

    `sent` is False where the request certainly did not reach the gateway; only then, or when
    `refused` (429 and 503 say that nothing was done), may a request that creates be repeated.
    """

    def __init__(self, message: str, status: int | None = None, *, sent: bool) -> None:
        super().__init__(message, status)
        self.sent = sent

    @property
    def refused(self) -> bool:
        """Whether the gateway certainly did nothing."""
        return not self.sent or self.status in (429, 503)
