# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of C(JOB_ARGUMENTS) in C(module_utils/_job_look.py) that are not of another fragment."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  job_ids:
    description:
      - Only these jobs.
    type: list
    elements: str
    default: []
  statuses:
    description:
      - Only jobs whose row has one of these statuses, in any case.
    type: list
    elements: str
    default: []
  older_than_s:
    description:
      - Only jobs whose row has not moved for so many seconds. One without any time is old.
    type: int
    default: 0
  api_key:
    description:
      - Only jobs of this API key, or of the one with this SHA-256 hash, whichever of both the rows hold.
    type: str
  api_key_id:
    description:
      - Only jobs of the API key with this id, in whatever form their rows hold the key.
    type: str
  operation:
    description:
      - Only jobs with an operation of this type.
    type: str
  queue:
    description:
      - Only jobs whose priority leads to this queue, see O(job_routes).
    type: str
  job_routes:
    description:
      - Where the api sends jobs of which priority, as dictionaries with C(queue) and C(priority).
    type: dict
    default:
      low: {queue: low, priority: 1}
      normal: {queue: default, priority: 5}
      high: {queue: high, priority: 9}
  min_age_s:
    description:
      - A row that moved less than so many seconds ago is left alone, as is a message that was delivered since.
    type: int
    default: 60
  stuck_after_s:
    description:
      - A row that says it is processed, and has not moved for so many seconds, has no worker any more, also where
        nothing else tells so. More than the longest time that a task may take; the deployed service allows 21600.
      - Sooner is decided only when the worker answers and does not have the job, or its container is gone or is a
        new one.
    type: int
    default: 22500
  hung_after_s:
    description:
      - A job that a worker runs hangs when its row has not moved for so many seconds.
    type: int
    default: 22500
  max_attempts:
    description:
      - A job that was sent anew so often is not sent again. V(0) is no limit.
    type: int
    default: 3
  visibility_timeout_s:
    description:
      - The C(visibility_timeout) of the broker settings, in seconds. It cannot be read from Redis.
    type: int
    default: 3600
  force:
    description:
      - What to override, each by its name.
      - V(unknown_census) takes a worker that does not answer for one that does nothing.
      - V(foreign_owner) takes a worker that nobody knows for dead.
      - V(unreadable) takes messages that only a worker can read for those of other jobs.
      - If that is wrong, the job runs twice.
    type: list
    elements: str
    choices: [unknown_census, foreign_owner, unreadable]
    default: []
  sample_size:
    description:
      - How many steps, refusals and the like to describe. Counts are always of all.
    type: int
    default: 20
  census_interval_s:
    description:
      - How many seconds lie between the two times that the workers are counted. Both times all must answer, and be
        the same, or what is missing is unknown.
    type: float
    default: 5.0
  census_timeout_s:
    description:
      - How many seconds the workers have to answer. When all of them answer sooner, nothing is waited for.
    type: float
    default: 2.0
  postgres_timeout_s:
    description:
      - How many seconds one statement may take.
    type: int
    default: 60
  redis_timeout_s:
    description:
      - How many seconds one answer of Redis may take.
    type: int
    default: 10
requirements:
  - psycopg2 and redis on the managed host
  - PostgreSQL 11 or newer, and the right to make temporary tables
notes:
  - What is not proven is V(unknown), and says what is missing. A message may be without a row, as the api sends it
    before it keeps the row; nothing is ever removed for that.
  - Rows are compared in the version in which they were judged. Whatever moved meanwhile is left alone.
"""
