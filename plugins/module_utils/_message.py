# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PRIVATE to this collection: one Celery message as it lies in Redis: read, judged, made, redirected. Pure."""

from __future__ import annotations

import base64
import dataclasses
import json
import typing as t

TASK = "worker.process_job"


@dataclasses.dataclass(frozen=True)
class Message:
    """What can be told of a message. ``problems``: why a worker would choke on it, a few words each.

    ``job_id`` is empty where the body is written in a way that is not ours to read; that is not a problem in itself,
    and never proof that the message is for no job.
    """

    raw: bytes
    document: t.Mapping[str, t.Any]
    problems: tuple[str, ...]
    task: str = ""
    task_id: str = ""
    job_id: str = ""
    exchange: str = ""
    queue: str = ""
    priority: int = 0
    delivery_tag: str = ""

    @property
    def poison(self) -> bool:
        """Tell whether a worker would stop at it, or throw it away."""
        return bool(self.problems)

    @property
    def foreign(self) -> bool:
        """Tell whether it is written in a way that only a worker reads, so that it may be for any job."""
        return not self.problems and not self.job_id and self.document.get("content-type") != "application/json"


def parse_message(raw: bytes, known_tasks: t.Collection[str] = ()) -> Message:
    """Read a message leniently; nothing in it is trusted. With ``known_tasks`` a task of another name is a problem.

    Required are the fields without which Celery 5.4 to 5.7 was seen to stop, or to lose the message.
    """
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return Message(raw, {}, ("it is not JSON",))
    if not isinstance(document, dict):
        return Message(raw, {}, ("it is not a JSON object",))
    headers, properties = _mapping(document, "headers"), _mapping(document, "properties")
    delivery = _mapping(properties, "delivery_info")
    required = (
        ("the header 'task'", headers.get("task")),
        ("the header 'id'", headers.get("id")),
        ("the body", document.get("body")),
        ("the content-type", document.get("content-type")),
        ("the exchange", "x" if isinstance(delivery.get("exchange"), str) else None),
        ("the routing_key", delivery.get("routing_key")),
        ("the delivery_tag", properties.get("delivery_tag")),
    )
    problems = [f"{name} is missing" for name, value in required if not value]
    task = str(headers.get("task") or "")
    # Celery's own tasks are known to every worker, and named by none.
    if known_tasks and task and task not in known_tasks and not task.startswith("celery."):
        problems.append(f"no worker knows the task '{task[:60]}'")
    body = _body(document, properties)
    if body is None and document.get("body") and document.get("content-type") == "application/json":
        problems.append("the body cannot be decoded")
    priority = properties.get("priority")
    return Message(
        raw=raw,
        document=document,
        problems=tuple(problems),
        task=task,
        task_id=str(headers.get("id") or ""),
        job_id=job_of(body),
        exchange=str(delivery.get("exchange") or ""),
        queue=str(delivery.get("routing_key") or ""),
        priority=priority if isinstance(priority, int) else 0,
        delivery_tag=str(properties.get("delivery_tag") or ""),
    )


def priority_of(raw: bytes) -> int:
    """Return the priority of a message, 0 where it cannot be read; its list is that of the first step then."""
    return parse_message(raw).priority


def job_of(body: t.Any) -> str:
    """Return the job that the body of a message is for: its first argument, or the one called ``job_id``."""
    if not isinstance(body, list) or len(body) < 2:
        return ""
    arguments, named = body[0], body[1]
    if isinstance(arguments, list) and arguments and isinstance(arguments[0], (str, int)):
        return str(arguments[0])
    if isinstance(named, dict) and isinstance(named.get("job_id"), (str, int)):
        return str(named["job_id"])
    return ""


def make_message(task: str, task_id: str, job_id: str, queue: str, priority: int, delivery_tag: str) -> bytes:
    """Return the message that the api itself would send for a job. The same arguments give the same bytes."""
    body = json.dumps([[job_id], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    document = {
        "body": base64.b64encode(body.encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": task,
            "id": task_id,
            "shadow": None,
            "eta": None,
            "expires": None,
            "group": None,
            "group_index": None,
            "retries": 0,
            "timelimit": [None, None],
            "root_id": task_id,
            "parent_id": None,
            "argsrepr": repr((job_id,)),
            "kwargsrepr": "{}",
            "origin": "rendiff.ops",
            "ignore_result": False,
        },
        "properties": {
            "correlation_id": task_id,
            "reply_to": "",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": priority,
            "body_encoding": "base64",
            "delivery_tag": delivery_tag,
        },
    }
    return json.dumps(document).encode()


def redirect(message: Message, queue: str, priority: int) -> bytes:
    """Return a message for another queue and priority, all else kept: what a broker restores goes where it says."""
    document = dict(message.document)
    properties = dict(_mapping(document, "properties"))
    properties["delivery_info"] = {**_mapping(properties, "delivery_info"), "exchange": "", "routing_key": queue}
    properties["priority"] = priority
    document["properties"] = properties
    return json.dumps(document).encode()


def _mapping(parent: t.Mapping[str, t.Any], name: str) -> t.Mapping[str, t.Any]:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def _body(document: t.Mapping[str, t.Any], properties: t.Mapping[str, t.Any]) -> t.Any:
    body = document.get("body")
    try:
        if properties.get("body_encoding") == "base64" and isinstance(body, str):
            body = base64.b64decode(body, validate=True)
        return json.loads(body) if isinstance(body, (str, bytes)) else None
    except (ValueError, RecursionError):
        return None
