# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import uuid

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._job_send import Envelope, new_id
from ansible_collections.rendiff.ops.plugins.module_utils._message import make_message, parse_message


@pytest.mark.parametrize(
    "job", [str(uuid.UUID(int=7)), "short", 'odd "x"' + "y" * 29, "100% " + "z" * 31, "\u00e4" * 36]
)
def test_the_envelope_writes_what_the_api_would(job):
    identity = str(uuid.UUID(int=9))
    envelope = Envelope("worker.process_job", "default", 5)
    body, whole = envelope.write(job, identity)
    values = {"body": body, "job": job, "task": identity}
    pieces = [values[piece] if at % 2 else piece for at, piece in enumerate(envelope.pieces)]
    written = (body if whole else "".join(pieces)).encode()
    assert written == make_message("worker.process_job", identity, job, "default", 5, identity)
    assert parse_message(written).job_id == job and not parse_message(written).problems


def test_ids_of_tasks_are_uuids_and_differ():
    ids = {new_id() for _index in range(100)}
    assert len(ids) == 100 and all(str(uuid.UUID(each)) == each and uuid.UUID(each).version == 4 for each in ids)
