# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of C(THRESHOLD_ARGUMENTS) in C(module_utils/_thresholds.py), each with the reason for its default."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  required_extensions:
    description:
      - Extensions that the database must have. Others that are missing are told among the measurements only.
    type: list
    elements: str
    default: []
  thresholds:
    description:
      - From which measure on something is a finding. What is not given has its default.
    type: dict
    default: {}
    suboptions:
      api_p95_s:
        description: Seconds for 95 of 100 answers. Five seconds are what the runbook calls high.
        type: float
        default: 5.0
      container_memory:
        description: Share of a container's memory limit. Above nine tenths one larger job is enough for a kill.
        type: float
        default: 0.9
      container_cpu:
        description: Share of a container's CPU limit.
        type: float
        default: 0.95
      connections_warning:
        description: Share of the connections that ordinary roles may open.
        type: float
        default: 0.8
      connections_critical:
        description: The same. At this share the next burst of requests is refused.
        type: float
        default: 0.95
      transaction_s:
        description: Seconds that a transaction may be open. The service's own take milliseconds, a dump takes minutes.
        type: int
        default: 600
      idle_in_transaction_s:
        description: Seconds that a session may sit idle inside a transaction, where it only holds locks.
        type: int
        default: 60
      lock_wait_s:
        description: Seconds that a session may wait for a lock. Above it requests time out.
        type: int
        default: 10
      slot_retained_bytes:
        description: Bytes of write-ahead log that a replication slot may keep on the disk of the database.
        type: int
        default: 4294967296
      dead_tuples:
        description: Share of dead rows in a table of size. Autovacuum acts at a fifth, so this says that it does not.
        type: float
        default: 0.3
      broker_memory:
        description: Share of the broker's memory limit, and of its container's that this limit may be.
        type: float
        default: 0.75
      unacked_age_s:
        description: Seconds since a delivery. After Celery's visibility timeout, one hour, it is delivered again.
        type: int
        default: 3600
      job_wait_s:
        description: Seconds that a job may wait before it is begun.
        type: int
        default: 900
      job_stuck_s:
        description: Seconds without a sign of life, where no worker can be asked. The service ends a job at six hours.
        type: int
        default: 21900
      job_failures:
        description: Share of failed jobs within the last hour, from the third failure on.
        type: float
        default: 0.2
      storage_warning:
        description: Share of the storage in use, in bytes or in inodes.
        type: float
        default: 0.85
      storage_critical:
        description: The same. The output of one long video may need the rest.
        type: float
        default: 0.95
      storage_full_within_h:
        description: Hours until the storage is full, at the rate since earlier reports. A day leaves time to act.
        type: int
        default: 24
      certificate_warning_d:
        description: Days that a certificate is still good for. Automatic renewal happens at thirty.
        type: int
        default: 21
      certificate_critical_d:
        description: The same. Fewer than these do not outlast a weekend.
        type: int
        default: 3
      log_errors:
        description: Errors that one container tells of within O(log_window_s).
        type: int
        default: 10
      drill_age_s:
        description: Seconds since the last restore drill. Eight days miss one weekly drill.
        type: int
        default: 691200
"""
