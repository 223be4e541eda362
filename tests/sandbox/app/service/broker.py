# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Celery application, shared by the api (which only sends) and the worker."""

from __future__ import annotations

import os

from celery import Celery

REDIS_URL = os.environ["REDIS_URL"]
TASK = "worker.process_job"
# What the deployed service does: the queue is named by the priority, and the message carries a number besides.
ROUTES = {"low": ("low", 1), "normal": ("default", 5), "high": ("high", 9)}


def make_app(**options: object) -> Celery:
    """Make a Celery application on this deployment's Redis."""
    app = Celery("worker", broker=REDIS_URL, backend=REDIS_URL)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        result_serializer="json",
        timezone="UTC",
        enable_utc=True,
        result_expires=86400,
        **options,
    )
    return app
