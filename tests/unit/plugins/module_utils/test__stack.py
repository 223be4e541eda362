# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._compose import LABEL
from ansible_collections.rendiff.ops.plugins.module_utils._errors import OpsError
from ansible_collections.rendiff.ops.plugins.module_utils._stack import (
    check_roles,
    choose_project,
    container_of,
    find_hazards,
)

from .builders import replica, stack


def summaries(**projects):
    return [
        {"Labels": {f"{LABEL}.project": project, f"{LABEL}.service": service}, "Image": service}
        for project, services in projects.items()
        for service in services
    ]


def test_the_one_project_with_an_api_and_a_worker_is_taken():
    assert choose_project(summaries(mon=["grafana"], prod=["api", "worker-cpu", "redis"]), None) == "prod"


def test_several_are_an_error_that_lists_them():
    found = summaries(b=["api", "worker"], a=["api", "worker"], mon=["grafana"])
    with pytest.raises(OpsError, match="2 on this host look like it: 'a', 'b'. Pass one as project"):
        choose_project(found, None)


def test_a_name_settles_it_and_a_wrong_name_lists_what_there_is():
    found = summaries(b=["api", "worker"], a=["api", "worker"])
    assert choose_project(found, "b") == "b"
    with pytest.raises(OpsError, match="no container on this host carries its label. Compose projects here: 'a', 'b'"):
        choose_project(found, "c")


def test_a_worker_node_is_known_by_its_name():
    assert choose_project(summaries(rendiff=["worker-cpu"], other=["web"]), None) == "rendiff"


def test_services_of_other_names_are_recognised_when_their_roles_are_said():
    found = summaries(prod=["frontend", "transcoder"], mon=["grafana"])
    assert choose_project(found, None, {"frontend": "api", "transcoder": "worker"}) == "prod"


def test_a_role_or_a_service_that_does_not_exist_is_refused():
    check_roles({"transcoder": "worker"}, ["transcoder"])
    with pytest.raises(OpsError, match="'boss' is not one of api, worker"):
        check_roles({"transcoder": "boss"}, ["transcoder"])
    with pytest.raises(OpsError, match="the project has no service 'gone', only api, redis"):
        check_roles({"gone": "api"}, ["redis", "api"])


@pytest.mark.parametrize("found", [[], summaries(mon=["grafana"]), [{"Labels": None}]])
def test_none_is_an_error(found):
    with pytest.raises(OpsError, match="no Compose project on this host has an api and a worker"):
        choose_project(found, None)


def hazards(*replicas, images=None, **parts):
    return {found["id"]: found["subject"] for found in find_hazards(stack(*replicas, **parts), images or {})}


def test_a_sound_deployment_has_no_hazard():
    assert hazards(replica("api"), replica("worker"), images={"api:1": "sha256:a"}) == {}


def test_a_write_ahead_log_outside_every_volume_is_told():
    lost = replica("postgres", env=["POSTGRES_INITDB_WALDIR=/var/lib/postgresql/waldir"], mounts=[])
    assert hazards(lost) == {"wal_outside_volume": "rendiff-prod-postgres-1"}
    volume = [{"Type": "volume", "Source": "v", "Destination": "/var/lib/postgresql", "RW": True}]
    kept = replica("postgres", env=["POSTGRES_INITDB_WALDIR=/var/lib/postgresql/waldir"], mounts=volume)
    assert hazards(kept) == {}


def test_drift_differences_and_overrides_are_told():
    assert hazards(replica("redis"), images={"redis:1": "sha256:b"}) == {"image_drifted": "rendiff-prod-redis-1"}
    two = (replica("redis"), replica("redis", number=2, image_id="sha256:b"))
    assert hazards(*two) == {"replicas_differ": "redis"}
    assert hazards(replica("redis"), config_files=("/x/compose.override.yml",)) == {
        "override_merged": "/x/compose.override.yml"
    }


def test_storage_that_is_missing_or_not_shared_is_told():
    elsewhere = [{"Type": "bind", "Source": "/other", "Destination": "/storage", "RW": True}]
    assert hazards(replica("api"), replica("worker", mounts=elsewhere)) == {"storage_not_shared": "rendiff-prod"}
    assert hazards(replica("api", mounts=[])) == {"storage_not_mounted": "rendiff-prod-api-1"}


def test_storage_is_where_the_containers_have_it():
    assert stack(replica("api")).storage() == {"path": "/storage", "source": "/data", "type": "bind", "volume": None}
    assert stack(replica("api", mounts=[])).storage() is None


def test_the_container_is_the_one_that_is_reached():
    found = stack(
        replica("redis", address="10.0.0.5", ports={"6379/tcp": [{"HostIp": "0.0.0.0", "HostPort": "16379"}]}),
        replica("api"),
    )
    for login in (("10.0.0.5", 6379), ("127.0.0.1", 16379), ("localhost", 16379)):
        assert container_of(found, *login).name == "rendiff-prod-redis-1"
    for login in (("10.0.0.9", 6379), ("127.0.0.1", 6379), ("localhost", 6380)):
        assert container_of(found, *login) is None
