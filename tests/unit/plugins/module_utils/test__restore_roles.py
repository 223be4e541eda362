# Copyright: (c) 2026, Rendiff contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.rendiff.ops.plugins.module_utils._restore_roles import (
    absent_role,
    missing_roles,
    needed_roles,
    role_statements,
    roles_of,
)

SCHEMA = '''
--
-- Name: jobs; Type: TABLE; Schema: public; Owner: app
--

CREATE TABLE public.jobs (id uuid);
ALTER TABLE public.jobs OWNER TO app;

--
-- Name: f(); Type: FUNCTION; Schema: public; Owner: we ird
--

CREATE FUNCTION public.f() RETURNS void LANGUAGE sql AS '
GRANT ALL ON TABLE x TO nobody_at_all;
';

--
-- Name: plpgsql; Type: EXTENSION; Schema: -; Owner: -
--

--
-- Name: TABLE jobs; Type: ACL; Schema: public; Owner: app
--

GRANT SELECT ON TABLE public.jobs TO reader WITH GRANT OPTION;
GRANT SELECT(id) ON TABLE public.jobs TO "Odd ""one""";
GRANT SELECT ON TABLE public.jobs TO PUBLIC;

--
-- Name: DEFAULT PRIVILEGES FOR TABLES; Type: DEFAULT ACL; Schema: public; Owner: maker
--

ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA public GRANT SELECT ON TABLES  TO later;
'''
GLOBALS = '''
SET default_transaction_read_only = off;
CREATE ROLE app;
ALTER ROLE app WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$4096:a=$b=:c=';
CREATE ROLE "Odd ""one""";
ALTER ROLE "Odd ""one""" WITH NOSUPERUSER NOLOGIN;
CREATE ROLE postgres;
ALTER ROLE postgres WITH SUPERUSER;
ALTER ROLE app SET search_path TO 'x';
GRANT pg_monitor TO app WITH ADMIN OPTION, INHERIT TRUE GRANTED BY postgres;
GRANT app TO postgres GRANTED BY postgres;
GRANT gone TO app;
'''


def test_owners_and_those_with_rights_are_needed_and_what_a_function_says_is_not():
    needed = needed_roles(SCHEMA.splitlines(keepends=True))
    assert needed == {"app", "we ird", "reader", 'Odd "one"', "maker", "later"}
    assert missing_roles(needed, {"app", "reader", "maker", "later"}) == ('Odd "one"', "we ird")


def test_only_what_makes_a_wanted_role_is_run():
    statements = role_statements(GLOBALS, {"app"}, {"postgres", "pg_monitor"})
    assert statements == [
        "CREATE ROLE app;",
        "ALTER ROLE app WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$4096:a=$b=:c=';",
        "GRANT pg_monitor TO app WITH ADMIN OPTION, INHERIT TRUE;",
    ]
    assert roles_of(statements) == ("app",)
    assert roles_of(role_statements(GLOBALS, {'Odd "one"'}, ())) == ('Odd "one"',)


@pytest.mark.parametrize("text", [None, "", "DROP ROLE app;", "CREATE ROLE app; DROP DATABASE rendiff;"])
def test_nothing_else_is_run(text):
    assert role_statements(text, {"app"}, {"app"}) == []


def test_a_role_that_the_server_lacks_is_named():
    assert absent_role('pg_restore: error: could not execute query: ERROR:  role "we ird" does not exist') == "we ird"
    assert absent_role('ERROR:  relation "jobs" does not exist') == ""
