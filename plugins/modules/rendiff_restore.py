# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_restore
short_description: Restore the database beside the live one, prove it, and swap the two, with a way back
version_added: 0.1.0
description:
  - With O(state=beside) a backup is loaded into a database of its own, C(<name>_restore), by C(pg_restore) that stops
    at the first error. It is proven there. Every table has exactly the rows that the backup tells, the schema has its
    revision, every index agrees with its table, and the application's own queries answer. Keys that were revoked since
    the backup are revoked in it again. Then it is compared with the live database, and what would be lost is told.
  - With O(state=swapped) it takes the place of the live database, by renaming both in one transaction. From its first
    renaming on, whoever connects waits, and who is connected is ended. There is no moment in which there is no live
    database, and a run that is killed leaves everything as it was. The old one is kept as C(<name>_before_<time>).
    Nobody can connect to it, so that no writer finds it by accident.
  - O(state=undone) swaps back, and O(state=dropped) removes what is kept.
  - The live database is never dropped, and nothing is written into it. A failure leaves it untouched.
  - A run that was killed is run again. What it left half loaded is recognised by its comment and loaded anew.
author:
  - Rendiff contributors (@rendiff)
extends_documentation_fragment:
  - rendiff.ops.attributes
  - rendiff.ops.stack
  - rendiff.ops.postgres
  - rendiff.ops.state
  - rendiff.ops.backup
  - rendiff.ops.backup.crypt
attributes:
  check_mode:
    support: full
    details:
      - With O(state=beside) the backup is fetched and its schema is read where it would be loaded, to see that it can
        be. The copy is removed again.
  diff_mode:
    support: full
  action_group: {}
options:
  state:
    description:
      - V(beside) has the backup loaded and proven beside the live database, unless it is, or is the live one already.
      - V(swapped) lets what is beside take the live database's place.
      - V(undone) gives the place back to the database that was there before, or to O(previous).
      - V(dropped) removes the database O(previous) for good. It must be one that a restore of this database kept or
        left beside, which its comment tells.
    type: str
    choices: [beside, swapped, undone, dropped]
    required: true
  backup:
    description:
      - Which backup is meant. V(latest), or the name or the time of one as M(rendiff.ops.rendiff_backup_info) lists
        them, or the path of a dump in PostgreSQL's custom format on the host.
      - With O(state=swapped), V(latest) is the one that is beside.
    type: str
    default: latest
  work_dir:
    description:
      - Folder of the host in which the backup is made ready. It must have room for the plain dump. The folder of the
        backups when it is not given.
    type: path
  previous:
    description:
      - Name of a database that a restore kept, as RV(restore.may_be_dropped) tells them.
    type: str
  confirm:
    description:
      - Name of the database that is changed, so that none is by accident. That is the live database, and O(previous)
        with O(state=dropped). Needed when something would change, other than in check mode and with O(state=beside).
    type: str
  again:
    description:
      - Whether a backup that is live already is restored once more.
    type: bool
    default: false
  jobs:
    description:
      - How many tables and indexes are loaded at the same time.
    type: int
    default: 2
  amcheck:
    description:
      - Whether every index is compared with its table by C(pg_amcheck). Where that is not to be had,
        RV(restore.not_checked) says so.
    type: bool
    default: true
  timeout_s:
    description:
      - How many seconds loading and proving may take.
    type: int
    default: 21600
  postgres_timeout_s:
    description:
      - How many seconds any other answer of PostgreSQL may take.
    type: int
    default: 60
  client_image:
    description:
      - Image whose clients of PostgreSQL are used, where the project has no database of its own. It must be on the
        host, and not be older than the server.
    type: str
  progress_path:
    description:
      - File of the host in which the module tells how far it is, while it runs.
    type: path
  progress_interval_s:
    description:
      - Seconds between two lines that say how far it is. V(0) shows none.
    type: float
    default: 0
requirements:
  - psycopg2 on the managed host
  - rclone on the managed host, for S3
  - age or gpg on the managed host, for encrypted backups
notes:
  - The role that logs in must own the database and may make databases (C(CREATEDB)), or be a superuser. Another one is
    given by O(login_user).
  - The disk must have room for a second database. That is seen before anything is made, where the server runs in a
    container of the project.
  - Settings, rights, owner and limit of sessions that the live database has and the backup lacks are carried over in
    the swap, and RV(restore.notes) tells them.
  - Roles that the backup needs and the server lacks are made as the backup has them. Roles that exist are left alone.
  - The queue, and files of jobs, are not part of this. Reconcile them after a swap.
seealso:
  - module: rendiff.ops.rendiff_backup
  - module: rendiff.ops.rendiff_backup_info
  - module: rendiff.ops.rendiff_jobs
"""

EXAMPLES = r"""
- name: See what the newest backup would bring back and what would be lost, without touching the live database
  rendiff.ops.rendiff_restore:
    state: beside

- name: Let it take the place of the live database
  rendiff.ops.rendiff_restore:
    state: swapped
    confirm: rendiff

- name: Go back to the database as it was before
  rendiff.ops.rendiff_restore:
    state: undone
    confirm: rendiff

- name: Give the disk its room back, once nobody needs the old database
  rendiff.ops.rendiff_restore:
    state: dropped
    previous: rendiff_before_20261127T134500Z
    confirm: rendiff_before_20261127T134500Z
"""

RETURN = r"""
restore:
  description: What was found and done, or would be in check mode.
  returned: success
  type: dict
  contains:
    database:
      description: The live database.
      type: str
      sample: rendiff
    staging:
      description: The database into which a backup is loaded.
      type: str
      sample: rendiff_restore
    previous:
      description: The database that gave its place away, or would, none where there is none.
      type: str
      sample: rendiff_before_20261127T134500Z
    backup:
      description: The backup that it was about.
      type: str
      sample: rendiff-20261127T132000Z
    source:
      description:
        - What to pass as O(backup) to mean the same one again. That is the path of a dump that was given as a path, and
          the name of any other.
      type: str
      sample: rendiff-20261127T132000Z
    taken_at:
      description: When that was taken, UTC.
      type: str
      sample: "2026-11-27T13:20:00Z"
    verified_at:
      description: When it was proven, UTC, none where it was not.
      type: str
      sample: "2026-11-27T13:40:00Z"
    phases:
      description: Seconds that each phase took, of C(obtain), C(load), C(verify), C(compare) and C(swap).
      type: dict
      sample: {"obtain": 1.2, "load": 30.5, "verify": 8.1, "compare": 0.4}
    tables:
      description: Rows of each table that were counted when it was proven.
      type: dict
      sample: {"public.jobs": 20000, "public.api_keys": 3}
    jobs:
      description: Jobs by status, then.
      type: dict
      sample: {"completed": 19998, "queued": 2}
    keys_active:
      description: How many API keys the service accepts, then.
      type: int
      sample: 3
    checked_indexes:
      description: How many indexes were compared with their tables.
      type: int
      sample: 170
    not_checked:
      description: Why no index was checked, none where all were.
      type: str
      sample: the image has no pg_amcheck
    revoked_again:
      description: Ids of the keys that were revoked again.
      type: list
      elements: str
      sample: ["7939ccf4-f21e-4dff-90d8-12e939e7276d"]
    compared:
      description:
        - What the live database and the backup hold. C(tables) has rows of each, C(jobs) how many are only live and
          the newest of both, C(keys) the ids of those that are only live, that would be lost though they are active,
          and that would be accepted again.
      type: dict
      sample:
        tables: {"public.jobs": {"live": 20005, "backup": 20000}}
        jobs: {"only_live": 5, "newest_live": "2026-11-27T13:37:00Z", "newest_backup": "2026-11-27T13:19:58Z"}
        keys: {"only_live": [], "active_lost": [], "accepted_again": []}
    not_compared:
      description: What could not be compared, and why.
      type: list
      elements: str
      sample: []
    lost:
      description: What is lost by the swap, in sentences.
      type: list
      elements: str
      sample:
        - >-
          5 jobs of after the backup of 2026-11-27 13:20:00 UTC will be gone, the newest of 2026-11-27 13:37:00 UTC.
    notes:
      description: What else is worth knowing, such as settings that were carried over.
      type: list
      elements: str
      sample: ["The limit of sessions stays 50."]
    sessions_ended:
      description: How many sessions were ended by the swap.
      type: int
      sample: 8
    may_be_dropped:
      description: The databases that restores of this one have kept.
      type: list
      elements: str
      sample: ["rendiff_before_20261127T134500Z"]
msg:
  description: What was done, what is lost by it and what comes next, in sentences.
  returned: success
  type: str
  sample: >-
    Backup rendiff-20261127T132000Z of 2026-11-27 13:20:00 UTC is now 'rendiff', and what it was is kept as
    'rendiff_before_20261127T134500Z'. Ended: 8 sessions.
plan_id:
  description: Identity of the plan.
  returned: success
  type: str
  sample: bc7abd468f7be97b
plan:
  description: The steps, in their order.
  returned: success
  type: list
  elements: str
  sample: ["rendiff: is kept as rendiff_before_TIME", "rendiff_restore: becomes rendiff"]
project:
  description: Name of the Compose project.
  returned: success
  type: str
  sample: rendiff
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._restore import RESTORE_ARGUMENTS, restore


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **RESTORE_ARGUMENTS.to_kwargs())
    try:
        result = restore(module.params, module.run_command, module.check_mode)
    except OpsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
