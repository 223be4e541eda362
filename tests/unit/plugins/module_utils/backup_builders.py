# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A manifest for the tests of backups."""

from __future__ import annotations

from ansible_collections.rendiff.ops.plugins.module_utils._backup_manifest import DUMP, GLOBALS, Manifest, StoredFile

FILES = (StoredFile(f"{DUMP}.age", 12, "aa", 10, "bb"), StoredFile(f"{GLOBALS}.age", 3, "cc", 2, "dd"))
MANIFEST = Manifest(
    name="rendiff-20260120T031500Z",
    database="rendiff",
    taken_at="2026-01-20T03:15:00Z",
    project="p",
    server_version="15.8",
    image="sha256:a",
    encryption="age",
    files=FILES,
    tables={"public.jobs": 5},
    schema_head=("003",),
    settings=({"role": "", "setting": "work_mem=4MB"},),
    roles=("rendiff_user",),
)
