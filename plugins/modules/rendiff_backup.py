# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rendiff_backup
short_description: Back up the database, and list only what was read back as a whole
version_added: 0.1.0
description:
  - Dumps the database in PostgreSQL's custom format with the client of the database's own image, in a container of its
    own, so that nothing is installed on the host and the memory of the database is left alone.
  - In the very snapshot that is dumped, the rows of each table are counted, and with the head of the schema, the roles,
    the settings and the newest times of jobs they are written into a manifest. The dump is read as a whole, encrypted
    where that is wished, and stored in a folder of the host, in S3, or in both.
  - What goes to S3 is read back. Only then the manifest is stored, and a backup without a manifest is in no list. So a
    run that fails or is killed leaves nothing that looks like a backup.
  - The ledgers that must outlive the host, of revoked keys and of drills, are kept beside the backups and merged with
    the host's.
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
  diff_mode:
    support: full
  action_group: {}
options:
  state:
    description:
      - V(present) takes a backup, unless there is one that is new enough, and brings the ledgers up to date.
      - V(ledgers) brings only the ledgers up to date. That is quick, so that it can follow every revocation of a key.
    type: str
    choices: [present, ledgers]
    default: present
  encryption:
    description:
      - How the dump and the roles are encrypted. V(age) for recipients, so that the host cannot decrypt what it stores.
        V(gpg) by a passphrase. The manifest is never encrypted; it holds names and counts.
    type: str
    choices: [none, age, gpg]
    default: none
  age_recipients:
    description:
      - Public keys that may decrypt it, such as C(age1...) or C(ssh-ed25519 ...).
    type: list
    elements: str
    default: []
  keep_local:
    description:
      - Whether the host keeps it too. While it is taken it needs the room either way.
    type: bool
    default: true
  keep:
    description:
      - How many of the newest backups of this database stay in each place, whatever their age.
    type: int
    default: 7
  keep_days:
    description:
      - Older ones are removed when they are beyond O(keep) and older than so many days. The newest one that passed a
        drill stays always, and so do those of the service's own scripts.
    type: int
    default: 30
  max_age_s:
    description:
      - When every place has a backup that is not older than so many seconds, nothing is done. V(0) takes one in any
        case.
    type: int
    default: 0
  client_image:
    description:
      - Image whose clients of PostgreSQL are used, where the project has no database of its own. It must be on the
        host, and not be older than the server.
    type: str
  timeout_s:
    description:
      - How many seconds each step may take.
    type: int
    default: 21600
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
  - age or gpg on the managed host, for encryption
notes:
  - The disk must have room for the dump, twice where it is encrypted. That is seen before anything is done.
  - Roles are stored with the hashes of their passwords where the login is a superuser, and without them otherwise.
seealso:
  - module: rendiff.ops.rendiff_backup_info
"""

EXAMPLES = r"""
- name: Take a backup into a folder of the host
  rendiff.ops.rendiff_backup:

- name: Take one into S3 as well, which only the holder of another key can decrypt
  rendiff.ops.rendiff_backup:
    s3_bucket: rendiff-backups
    encryption: age
    age_recipients:
      - age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p

- name: Let the revoked keys be known beside the backups
  rendiff.ops.rendiff_backup:
    state: ledgers
    s3_bucket: rendiff-backups
"""

RETURN = r"""
backup:
  description: The backup, or in check mode what it would hold. None with O(state=ledgers).
  returned: success
  type: dict
  contains:
    name:
      description: Its name, none in check mode.
      type: str
      sample: rendiff-20260120T031500Z
    database:
      description: The database.
      type: str
      sample: rendiff
    taken_at:
      description: When its snapshot was taken, by the clock of the server.
      type: str
      sample: "2026-01-20T03:15:00Z"
    bytes:
      description: How much its files take.
      type: int
      sample: 18350080
    encryption:
      description: How it is encrypted.
      type: str
      sample: age
    places:
      description: Where it is.
      type: list
      elements: str
      sample: ["/var/lib/rendiff-ops/backups/rendiff", "s3://rendiff-backups/rendiff-ops/rendiff"]
    tables:
      description: The rows of each table.
      type: dict
      sample: {"public.api_keys": 12, "public.jobs": 201342}
    rows:
      description: The rows of all tables.
      type: int
      sample: 201354
    newest:
      description: The newest time in each column of times of the table of jobs, as the database writes it.
      type: dict
      sample: {"created_at": "2026-01-20 03:14:58.123456"}
    schema_head:
      description: The heads of the migrations.
      type: list
      elements: str
      sample: ["003"]
    files:
      description: The files, with their sizes in bytes and SHA-256, as they are stored and as they are decrypted.
      type: list
      elements: dict
      sample:
        - name: database.dump.age
          bytes: 18349000
          sha256: 8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4
          plain_bytes: 18348600
          plain_sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
    seconds:
      description: How long all of it took.
      type: float
      sample: 14.2
ledgers:
  description: The ledgers that were brought up to date, and where.
  returned: success
  type: list
  elements: str
  sample: ["revocations.jsonl in s3://rendiff-backups/rendiff-ops/rendiff"]
msg:
  description: What was done, in sentences.
  returned: success
  type: str
  sample: >-
    Backup 'rendiff-20260120T031500Z': 9 tables, 201354 rows, 18350080 bytes, in
    /var/lib/rendiff-ops/backups/rendiff. It was read as a whole.
plan_id:
  description: Identity of the plan.
  returned: success
  type: str
  sample: 6d0b2a9c1f3e4d5a
plan:
  description: The steps.
  returned: success
  type: list
  elements: str
  sample: ["local: gets a backup", "local/rendiff-20251201T031500Z: is removed"]
project:
  description: Name of the Compose project.
  returned: success
  type: str
  sample: rendiff
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rendiff.ops.plugins.module_utils._backup_take import (
    TAKE_ARGUMENTS,
    keep_only_ledgers,
    take_backup,
)
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError


def main() -> None:
    module = AnsibleModule(supports_check_mode=True, **TAKE_ARGUMENTS.to_kwargs())
    act = keep_only_ledgers if module.params["state"] == "ledgers" else take_backup
    try:
        result = act(module.params, module.run_command, module.check_mode)
    except OpsError as error:
        module.fail_json(msg=str(error))
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
