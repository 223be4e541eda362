# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("read x", "it is gone"), "Cannot read x: it is gone."),
        (("read x", "it is gone.", "Make it."), "Cannot read x: it is gone. Make it."),
    ],
)
def test_message_is_act_cause_remedy(arguments, text):
    assert str(OpsError(*arguments)) == text
