# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of C(STORE_ARGUMENTS) in C(module_utils/_backup_store.py), and of C(CRYPT_ARGUMENTS)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  backup_dir:
    description:
      - Folder of the host that holds the backups, one folder for each project. It is made 0700.
    type: path
    default: /var/lib/rendiff-ops/backups
  backups_of:
    description:
      - Whose backups are meant, where the project was named differently then. The name of the project otherwise.
    type: str
  service_backup_dir:
    description:
      - Folder of the host in which the service's own scripts leave their backups. They are read, never changed.
    type: path
    default: /var/backups/rendiff
  s3_bucket:
    description:
      - Bucket that holds backups too. It must exist. Without it there is no S3.
    type: str
  s3_prefix:
    description:
      - What the keys of the backups begin with. The name of the project follows.
      - Hosts whose projects have the same name should have prefixes of their own. Where they have not, each only takes
        its own for the latest, and only removes its own.
    type: str
    default: rendiff-ops
  s3_endpoint:
    description:
      - URL of the S3 store as the host reaches it, for one that is not Amazon's.
    type: str
  s3_region:
    description:
      - Region of the bucket.
    type: str
  s3_ca_file:
    description:
      - File of the host with the CA of the S3 store, where the host does not trust it.
    type: path
  s3_access_key:
    description:
      - Access key. Without it those of the host's environment, or of its instance profile, are used.
    type: str
  s3_secret_key:
    description:
      - Secret key of O(s3_access_key).
    type: str
  service_s3_prefix:
    description:
      - What the keys of the backups begin with that the service's own scripts upload into the same bucket.
    type: str
    default: postgres
  transfer_timeout_s:
    description:
      - How many seconds one file may take to be moved or decrypted.
    type: int
    default: 21600
"""

    CRYPT = r"""
options:
  age_identity_file:
    description:
      - File of the host with the identity that decrypts what age encrypted. Only its owner may read it.
      - Not needed to encrypt. It should not be on the host but while it is needed.
    type: path
  gpg_passphrase_file:
    description:
      - File of the host with the passphrase for gpg, in its first line. Only its owner may read it.
    type: path
"""
