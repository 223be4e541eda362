# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import types

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._credentials import PostgresLogin
from ansible_collections.rendiff.ops.plugins.module_utils._docker import DockerClient
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._restore import RESTORE_ARGUMENTS, Restore
from ansible_collections.rendiff.ops.plugins.module_utils._restore_marker import BEFORE

from .builders import replica, stack
from .test__restore_plan import KEPT, by_name, held, marker


def restore(tmp_path, databases, dropped, **options):
    """Return a restore on a server outside of the project, which has no database of its own and names no image."""
    defaults = {name: each.get("default") for name, each in RESTORE_ARGUMENTS.options.items()}
    given = {**defaults, "backup_dir": str(tmp_path), "state_dir": str(tmp_path), **options}
    server = types.SimpleNamespace(
        login=PostgresLogin("db.example", 5432, "app", "rendiff", "p"),
        databases=lambda: databases,
        drop=lambda gone: dropped.append(gone.name),
    )
    # Nothing listens there, so that a restore that asked Docker would fail.
    docker = DockerClient(f"unix://{tmp_path}/no.sock", 1)
    return Restore(server, stack(replica("api")), docker, lambda args, data=None: (0, "", ""), given)


def test_only_loading_needs_a_client_of_postgresql(tmp_path):
    dropped = []
    databases = by_name(held("rendiff"), held(KEPT, marker(BEFORE)))
    undone = restore(tmp_path, databases, dropped, state="undone", confirm="rendiff").run(False)
    assert not undone["changed"] and "nothing to undo" in undone["msg"]
    gone = restore(tmp_path, databases, dropped, state="dropped", previous=KEPT, confirm=KEPT).run(False)
    assert gone["changed"] and dropped == [KEPT]
    with pytest.raises(OpsError, match="the project has no database of its own. Pass client_image"):
        restore(tmp_path, databases, dropped, state="beside").run(True)
