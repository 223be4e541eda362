-- Copyright: (c) 2026, Rendiff contributors
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- The shape that the public project's migrations make at revision 005: ids are char(36), times of jobs are naive UTC.

CREATE TABLE alembic_version (
    version_num varchar(32) PRIMARY KEY
);
INSERT INTO alembic_version VALUES ('005');

CREATE TABLE jobs (
    id character(36) PRIMARY KEY,
    status varchar NOT NULL,
    priority varchar NOT NULL,
    input_path varchar NOT NULL,
    output_path varchar NOT NULL,
    input_metadata json,
    output_metadata json,
    options json,
    operations json,
    progress double precision,
    stage varchar,
    fps double precision,
    eta_seconds integer,
    vmaf_score double precision,
    psnr_score double precision,
    ssim_score double precision,
    created_at timestamp NOT NULL,
    started_at timestamp,
    completed_at timestamp,
    error_message varchar,
    error_details json,
    retry_count integer,
    worker_id varchar,
    processing_time double precision,
    api_key varchar,
    webhook_url varchar,
    webhook_events json,
    current_stage varchar DEFAULT 'queued',
    status_message varchar,
    updated_at timestamp,
    processing_stats json,
    batch_id varchar,
    batch_index integer
);
CREATE INDEX idx_job_api_key_created ON jobs (api_key, created_at);
CREATE INDEX idx_job_status_created ON jobs (status, created_at);
CREATE INDEX ix_jobs_api_key ON jobs (api_key);
CREATE INDEX ix_jobs_api_key_created_at ON jobs (api_key, created_at);
CREATE INDEX ix_jobs_batch_id ON jobs (batch_id);
CREATE INDEX ix_jobs_created_at ON jobs (created_at);
CREATE INDEX ix_jobs_status ON jobs (status);
CREATE INDEX ix_jobs_status_api_key ON jobs (status, api_key);

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    name varchar(255) NOT NULL,
    key_hash varchar(64) NOT NULL,
    key_prefix varchar(8) NOT NULL,
    user_id varchar(255),
    organization varchar(255),
    is_active boolean NOT NULL,
    is_admin boolean NOT NULL,
    max_concurrent_jobs integer NOT NULL,
    monthly_limit_minutes integer NOT NULL,
    total_requests integer NOT NULL,
    last_used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    description text,
    created_by varchar(255)
);
CREATE INDEX ix_api_keys_active_lookup ON api_keys (is_active, revoked_at, expires_at);
CREATE INDEX ix_api_keys_created_at ON api_keys (created_at);
CREATE INDEX ix_api_keys_expires_at ON api_keys (expires_at);
CREATE INDEX ix_api_keys_is_active ON api_keys (is_active);
CREATE UNIQUE INDEX ix_api_keys_key_hash ON api_keys (key_hash);
CREATE INDEX ix_api_keys_key_prefix ON api_keys (key_prefix);
CREATE INDEX ix_api_keys_organization ON api_keys (organization);
CREATE INDEX ix_api_keys_user_id ON api_keys (user_id);
