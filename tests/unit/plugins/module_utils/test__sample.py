# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import struct

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._sample import make_video


@pytest.mark.parametrize("frames", [1, 10])
def test_the_sizes_in_the_file_are_true(frames):
    video = make_video(width=8, height=4, frames=frames)
    assert video[:4] == b"RIFF" and video[8:12] == b"AVI "
    assert struct.unpack("<I", video[4:8])[0] == len(video) - 8
    assert video.count(b"00db") == frames
