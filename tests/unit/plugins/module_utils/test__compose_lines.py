# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.rendiff.ops.plugins.module_utils._compose_lines import find_line, find_service

BASE = """\
# container_name: not this one
x-worker: &worker
  restart: always
  deploy: &many
    replicas: ${CPU_WORKERS:-2}
services:
  api:
    image: api
    # container_name: nor this
    container_name: rendiff_api
    ports:
    - "127.0.0.1:8000:8000"
    - 9000:9000
  api-admin:
    container_name: admin
  worker-cpu:
    <<: *worker
  worker-gpu: {container_name: gpu, image: x}
volumes:
  api:
    name: v
"""
OVERRIDE = """\
services:
    "api":
        container_name: other
"""


def test_a_line_is_found_in_its_own_service_and_not_in_a_comment():
    line = find_line({"/a": BASE}, "api", "container_name")
    assert str(line) == "line 10 of '/a' (container_name: rendiff_api)"
    assert find_line({"/a": BASE}, "api-admin", "container_name").number == 15


def test_a_line_of_a_list_is_found_by_what_it_holds():
    assert find_line({"/a": BASE}, "api", "ports", "8000").number == 12
    assert find_line({"/a": BASE}, "api", "ports", "9000").number == 13
    assert find_line({"/a": BASE}, "api", "ports", "7000") is None


def test_a_line_is_found_where_a_service_takes_it_from():
    assert find_line({"/a": BASE}, "worker-cpu", "replicas").text == "replicas: ${CPU_WORKERS:-2}"


def test_a_line_is_found_in_one_line():
    assert find_line({"/a": BASE}, "worker-gpu", "container_name").number == 18


def test_the_last_file_wins_as_in_compose():
    assert find_line({"/a": BASE, "/b": OVERRIDE}, "api", "container_name").path == "/b"
    assert find_line({"/a": BASE, "/b": OVERRIDE}, "api", "ports", "8000").path == "/a"


def test_what_is_not_there_is_not_found():
    assert find_line({"/a": BASE}, "api", "runtime") is None
    assert find_line({"/a": BASE}, "nobody", "image") is None
    assert find_line({"/a": "version: 3\n"}, "api", "image") is None
    assert find_line({}, "api", "image") is None
    assert find_service({"/a": BASE}, "worker-cpu").number == 16
    assert find_service({"/a": BASE}, "v") is None


def test_anchors_that_name_each_other_end():
    text = "services:\n  a: &a\n    <<: *b\n  b: &b\n    <<: *a\n"
    assert find_line({"/a": text}, "a", "replicas") is None
