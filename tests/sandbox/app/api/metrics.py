# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Series under the names that the runbook greps for."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable

from fastapi import Request, Response
from prometheus_client import Histogram
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector
from service import database

JOB_BOUNDS = [0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0]

REQUESTS = Histogram("http_request_duration_seconds", "Time to answer HTTP requests", ["method", "handler", "status"])


async def measure(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Time one request under its route, not its path: ids would make a series each."""
    started = time.perf_counter()
    response = await call_next(request)
    route = request.scope.get("route")
    handler = getattr(route, "path", "none")
    REQUESTS.labels(request.method, handler, response.status_code).observe(time.perf_counter() - started)
    return response


class JobDurations(Collector):
    """Durations of all completed jobs, from their rows: workers come and go, rows stay."""

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        try:
            counts, seconds = database.duration_counts(JOB_BOUNDS)
        except database.Error:
            # No series is honest; zeros would not be.
            return
        labels = [str(bound) for bound in JOB_BOUNDS] + ["+Inf"]
        text = "Time of completed conversions; every replica shows the same, so take the max over replicas, not the sum"
        yield HistogramMetricFamily(
            "ffmpeg_job_duration_seconds", text, buckets=list(zip(labels, counts)), sum_value=seconds
        )


REGISTRY.register(JobDurations())
