# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.rendiff.ops.plugins.module_utils._cgroup import Usage, parse_pairs, read_usage

V1 = {
    "/proc/7/cgroup": "4:memory:/docker/abc\n3:cpuacct,cpu:/docker/abc\n1:name=systemd:/docker/abc\n",
    "/sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes": "1000\n",
    "/sys/fs/cgroup/memory/docker/abc/memory.stat": "cache 400\ntotal_inactive_file 300\n",
    "/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "2000\n",
    "/sys/fs/cgroup/memory/docker/abc/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    "/sys/fs/cgroup/cpuacct/docker/abc/cpuacct.usage": "1500000000\n",
    "/sys/fs/cgroup/cpu/docker/abc/cpu.stat": "nr_throttled 4\n",
}
V2 = {
    "/proc/7/cgroup": "0::/docker/abc\n",
    "/sys/fs/cgroup/docker/abc/memory.current": "1000",
    "/sys/fs/cgroup/docker/abc/memory.stat": "inactive_file 300",
    "/sys/fs/cgroup/docker/abc/memory.max": "max",
    "/sys/fs/cgroup/docker/abc/memory.events": "oom 1\noom_kill 2\n",
    "/sys/fs/cgroup/docker/abc/cpu.stat": "usage_usec 1500000\nnr_throttled 4\n",
}


def test_both_versions_tell_the_same():
    assert read_usage(7, "abc", V1.get) == Usage(700, 2000, 2, 1.5, 4)
    assert read_usage(7, "abc", V2.get) == Usage(700, None, 2, 1.5, 4)


def test_a_strangers_process_of_the_same_number_is_not_looked_at():
    assert read_usage(7, "other", V1.get) is None
    assert read_usage(0, "abc", V1.get) is None


def test_what_cannot_be_read_is_none():
    assert read_usage(7, "abc", {"/proc/7/cgroup": V1["/proc/7/cgroup"]}.get) is None
    assert read_usage(7, "abc", {"/proc/7/cgroup": V2["/proc/7/cgroup"]}.get) is None
    assert parse_pairs(None) == {} and parse_pairs("a b\nc 1\n") == {"c": 1}
