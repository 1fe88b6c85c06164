"""What is asked of the Kubernetes API for one step's pod: a protocol, and it on Calrissian's client.

Pods are dicts here, as the API server writes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Protocol

from kubernetes.client.exceptions import ApiException
from kubernetes.watch import Watch
from urllib3.exceptions import HTTPError

from calrissian_dask.errors import CalrissianDaskError

Pod = dict[str, Any]

CONNECT = 10
"""Seconds for a connection to the API server; stock Calrissian waits for ever."""

ANSWER = 60
"""Seconds for an answer: the API server's own limit of a request (--request-timeout)."""

SILENCE = 3600
"""Seconds without a line after which a log is opened anew: a lost node never ends its stream."""

RETRIED = (429, 500, 502, 503, 504)

QUOTA = ("exceeded quota", "Operation cannot be fulfilled on resourcequotas")
"""Refusals that Calrissian relies on to queue a scatter: 403, and 409 where two asked at once."""


class PodApiError(CalrissianDaskError):
    """The API server refused, or was not reached; `status` is its HTTP code, 0 where it gave none."""

    def __init__(self, status: int, words: str) -> None:
        self.status, self.words = status, words
        code = f" ({status})" if status else ""
        super().__init__(f"the Kubernetes API refused{code}: {words}" if status else words)

    @property
    def is_final(self) -> bool:
        """Whether another try would hear the same."""
        queued = self.status in (403, 409) and any(words in self.words for words in QUOTA)
        return bool(self.status) and self.status not in RETRIED and not queued


class PodApi(Protocol):
    """The calls; each raises PodApiError."""

    def create(self, pod: Pod) -> Pod:
        """Create the pod; as it was admitted."""

    def read(self, name: str) -> tuple[Pod | None, str]:
        """The pod, or None where there is none (any more), and the version to watch from."""

    def watch(self, name: str, version: str, seconds: int) -> Iterator[tuple[str, Pod]]:
        """What happens to it after that resource version: (type of event, pod)."""

    def delete(self, name: str) -> None:
        """Ask for its deletion; done also where it is gone."""

    def log(self, name: str, container: str, *, follow: bool) -> Iterator[str]:
        """A container's lines, each with its time stamp in front; followed until it has ended."""


class KubernetesPodApi:
    """The protocol on the CoreV1Api that Calrissian has made; the types of its release are Any."""

    def __init__(self, core: Any, namespace: str) -> None:
        self._core, self._namespace = core, namespace

    def create(self, pod: Pod) -> Pod:
        """Create it; with the API server's own words where it refuses."""
        try:
            made = self._core.create_namespaced_pod(
                self._namespace, pod, _request_timeout=(CONNECT, ANSWER)
            )
        except (ApiException, HTTPError) as error:
            raise _translated(error) from error
        return self._plain(made)

    def read(self, name: str) -> tuple[Pod | None, str]:
        """By a list: Calrissian's documented role may not `get` pods.

        The version is the list's. The pod's own may be so old that every watch from it is refused
        (410), also where it is the pod's last (kubernetes/kubernetes#6489).
        """
        try:
            found = self._core.list_namespaced_pod(
                self._namespace,
                field_selector=f"metadata.name={name}",
                _request_timeout=(CONNECT, ANSWER),
            )
        except (ApiException, HTTPError) as error:
            raise _translated(error) from error
        version = str(found.metadata.resource_version)
        return (self._plain(found.items[0]) if found.items else None), version

    def watch(self, name: str, version: str, seconds: int) -> Iterator[tuple[str, Pod]]:
        """Ends by itself after those seconds, or when the version is too old to go on from."""
        try:
            for event in Watch().stream(
                self._core.list_namespaced_pod,
                self._namespace,
                field_selector=f"metadata.name={name}",
                resource_version=version,
                timeout_seconds=seconds,
                _request_timeout=(CONNECT, seconds + CONNECT),
            ):
                yield event["type"], event["raw_object"]
        except (ApiException, HTTPError, ValueError, KeyError) as error:
            # The client decodes chunks that may end within a character, and trusts error events.
            if isinstance(error, ApiException) and error.status == 410:
                return
            raise _translated(error) from error

    def delete(self, name: str) -> None:
        """With the pod's own grace."""
        try:
            self._core.delete_namespaced_pod(
                name, self._namespace, _request_timeout=(CONNECT, ANSWER)
            )
        except (ApiException, HTTPError) as error:
            if not (isinstance(error, ApiException) and error.status == 404):
                raise _translated(error) from error

    def log(self, name: str, container: str, *, follow: bool) -> Iterator[str]:
        """The same text as in stock Calrissian, without bytes that are no UTF-8."""
        try:
            answer = self._core.read_namespaced_pod_log(
                name,
                self._namespace,
                container=container,
                follow=follow,
                timestamps=True,
                _preload_content=False,
                _request_timeout=(CONNECT, SILENCE),
            )
            try:
                for line in _lines(answer.stream()):
                    yield line.decode("utf-8", errors="ignore").rstrip()
            finally:
                answer.close()
                answer.release_conn()
        except (ApiException, HTTPError) as error:
            raise _translated(error) from error

    def _plain(self, pod: Any) -> Pod:
        plain: Pod = self._core.api_client.sanitize_for_serialization(pod)
        return plain


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """A chunk of the stream is now a part of a line, now several."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _translated(error: Exception) -> PodApiError:
    if not isinstance(error, ApiException) or not error.status:
        return PodApiError(0, f"the Kubernetes API was not reached: {error}")
    try:
        words = json.loads(error.body or "")["message"]
    except (ValueError, TypeError, KeyError):
        words = str(error.reason)
    return PodApiError(int(error.status), words)
