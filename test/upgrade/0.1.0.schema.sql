-- Schema of 0.1.0 as its migrations made it (pg_dump --no-owner --inserts), never changed.
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.catalog_revision (
    id smallint DEFAULT 1 NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT catalog_revision_single_row_check CHECK ((id = 1))
);
CREATE TABLE public.job_events (
    tenant_id text NOT NULL,
    job_id text NOT NULL,
    attempt integer NOT NULL,
    seq integer NOT NULL,
    type text NOT NULL,
    data jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.job_events FORCE ROW LEVEL SECURITY;
CREATE TABLE public.jobs (
    id text NOT NULL,
    tenant_id text NOT NULL,
    kind text NOT NULL,
    status text DEFAULT 'submitted'::text NOT NULL,
    spec jsonb NOT NULL,
    submitted_by text NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    released integer DEFAULT 0 NOT NULL,
    lease_until timestamp with time zone,
    claimed_at timestamp with time zone,
    worker text,
    cancel_requested_at timestamp with time zone,
    engine text NOT NULL,
    engine_job_id text,
    progress jsonb,
    metrics jsonb DEFAULT '{}'::jsonb NOT NULL,
    resources jsonb DEFAULT '{}'::jsonb NOT NULL,
    warnings jsonb DEFAULT '[]'::jsonb NOT NULL,
    result jsonb,
    error_code text,
    error_message text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT jobs_ended_check CHECK (((ended_at IS NOT NULL) = (status = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text])))),
    CONSTRAINT jobs_status_check CHECK ((status = ANY (ARRAY['submitted'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text])))
);
ALTER TABLE ONLY public.jobs FORCE ROW LEVEL SECURITY;
CREATE TABLE public.migrations (
    id integer NOT NULL,
    "timestamp" bigint NOT NULL,
    name character varying NOT NULL
);
CREATE SEQUENCE public.migrations_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.migrations_id_seq OWNED BY public.migrations.id;
CREATE TABLE public.model_versions (
    id uuid NOT NULL,
    tenant_id text NOT NULL,
    model_id uuid NOT NULL,
    major integer NOT NULL,
    minor integer NOT NULL,
    patch integer NOT NULL,
    stage text DEFAULT 'development'::text NOT NULL,
    artifact_sha256 text,
    artifact_size_bytes bigint,
    baseline_sha256 text,
    signature jsonb,
    metrics jsonb DEFAULT '{}'::jsonb NOT NULL,
    parameters jsonb DEFAULT '{}'::jsonb NOT NULL,
    data jsonb DEFAULT '{}'::jsonb NOT NULL,
    job_id text,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    filled_at timestamp with time zone,
    CONSTRAINT model_versions_filled_check CHECK ((((artifact_sha256 IS NULL) = (filled_at IS NULL)) AND ((signature IS NULL) = (filled_at IS NULL)) AND ((filled_at IS NOT NULL) OR (stage = 'development'::text)))),
    CONSTRAINT model_versions_stage_check CHECK ((stage = ANY (ARRAY['development'::text, 'staging'::text, 'production'::text, 'archived'::text])))
);
ALTER TABLE ONLY public.model_versions FORCE ROW LEVEL SECURITY;
CREATE TABLE public.models (
    id uuid NOT NULL,
    tenant_id text NOT NULL,
    name text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    model_type text NOT NULL,
    framework text NOT NULL,
    tags jsonb DEFAULT '{}'::jsonb NOT NULL,
    had_production boolean DEFAULT false NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT models_framework_check CHECK ((framework = ANY (ARRAY['sklearn'::text, 'xgboost'::text, 'lightgbm'::text, 'onnx'::text, 'tensorflow'::text]))),
    CONSTRAINT models_model_type_check CHECK ((model_type = ANY (ARRAY['classification'::text, 'regression'::text])))
);
ALTER TABLE ONLY public.models FORCE ROW LEVEL SECURITY;
CREATE TABLE public.stage_changes (
    id uuid NOT NULL,
    tenant_id text NOT NULL,
    model_id uuid NOT NULL,
    version text NOT NULL,
    from_stage text NOT NULL,
    to_stage text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.stage_changes FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY public.migrations ALTER COLUMN id SET DEFAULT nextval('public.migrations_id_seq'::regclass);
INSERT INTO public.catalog_revision VALUES (1, 0);
INSERT INTO public.migrations VALUES (1, 1760000000001, 'Jobs1760000000001');
INSERT INTO public.migrations VALUES (2, 1760000000002, 'Models1760000000002');
SELECT pg_catalog.setval('public.migrations_id_seq', 2, true);
ALTER TABLE ONLY public.migrations
    ADD CONSTRAINT "PK_8c82d7f526340ab734260ea46be" PRIMARY KEY (id);
ALTER TABLE ONLY public.catalog_revision
    ADD CONSTRAINT catalog_revision_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.job_events
    ADD CONSTRAINT job_events_pkey PRIMARY KEY (tenant_id, job_id, attempt, seq);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_tenant_id_id_key UNIQUE (tenant_id, id);
ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT model_versions_job_key UNIQUE (model_id, job_id);
ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT model_versions_number_key UNIQUE (tenant_id, model_id, major, minor, patch);
ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT model_versions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT model_versions_tenant_id_id_key UNIQUE (tenant_id, id);
ALTER TABLE ONLY public.models
    ADD CONSTRAINT models_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.models
    ADD CONSTRAINT models_tenant_id_id_key UNIQUE (tenant_id, id);
ALTER TABLE ONLY public.models
    ADD CONSTRAINT models_tenant_id_name_key UNIQUE (tenant_id, name);
ALTER TABLE ONLY public.stage_changes
    ADD CONSTRAINT stage_changes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.stage_changes
    ADD CONSTRAINT stage_changes_tenant_id_id_key UNIQUE (tenant_id, id);
CREATE INDEX jobs_list_idx ON public.jobs USING btree (tenant_id, kind, id);
CREATE INDEX jobs_open_idx ON public.jobs USING btree (kind, tenant_id) WHERE (ended_at IS NULL);
CREATE INDEX jobs_turn_idx ON public.jobs USING btree (kind, tenant_id, claimed_at);
CREATE INDEX model_versions_artifact_idx ON public.model_versions USING btree (tenant_id, artifact_sha256);
CREATE INDEX model_versions_baseline_idx ON public.model_versions USING btree (tenant_id, baseline_sha256);
CREATE UNIQUE INDEX model_versions_one_production_idx ON public.model_versions USING btree (tenant_id, model_id) WHERE (stage = 'production'::text);
CREATE INDEX models_tags_idx ON public.models USING gin (tags);
CREATE INDEX stage_changes_model_idx ON public.stage_changes USING btree (tenant_id, model_id, id);
ALTER TABLE ONLY public.job_events
    ADD CONSTRAINT job_events_job_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES public.jobs(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT model_versions_job_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES public.jobs(tenant_id, id);
ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT model_versions_model_fkey FOREIGN KEY (tenant_id, model_id) REFERENCES public.models(tenant_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY public.stage_changes
    ADD CONSTRAINT stage_changes_model_fkey FOREIGN KEY (tenant_id, model_id) REFERENCES public.models(tenant_id, id) ON DELETE CASCADE;
CREATE POLICY catalogue ON public.models FOR SELECT TO modelplane_system USING (true);
CREATE POLICY claims ON public.jobs TO modelplane_system USING (true) WITH CHECK (true);
ALTER TABLE public.job_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.model_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.models ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.stage_changes ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.job_events TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.jobs TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.model_versions TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.models TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
CREATE POLICY tenant_isolation ON public.stage_changes TO modelplane_app USING ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) WITH CHECK ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
GRANT USAGE ON SCHEMA public TO modelplane_app;
GRANT USAGE ON SCHEMA public TO modelplane_system;
GRANT SELECT,UPDATE ON TABLE public.catalog_revision TO modelplane_app;
GRANT SELECT ON TABLE public.catalog_revision TO modelplane_system;
GRANT SELECT,INSERT ON TABLE public.job_events TO modelplane_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.jobs TO modelplane_app;
GRANT SELECT(id) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(tenant_id) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(kind) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(status),UPDATE(status) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(attempt),UPDATE(attempt) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(released) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(lease_until),UPDATE(lease_until) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(claimed_at),UPDATE(claimed_at) ON TABLE public.jobs TO modelplane_system;
GRANT UPDATE(worker) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(cancel_requested_at) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(created_at) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(started_at),UPDATE(started_at) ON TABLE public.jobs TO modelplane_system;
GRANT UPDATE(updated_at) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT(ended_at) ON TABLE public.jobs TO modelplane_system;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.model_versions TO modelplane_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.models TO modelplane_app;
GRANT SELECT(id) ON TABLE public.models TO modelplane_system;
GRANT SELECT(tenant_id) ON TABLE public.models TO modelplane_system;
GRANT SELECT(revision) ON TABLE public.models TO modelplane_system;
GRANT SELECT,INSERT ON TABLE public.stage_changes TO modelplane_app;
