-- The rights of a policy are read as words that the platform knows; another one would keep the agent's runs from being
-- read at all.
ALTER TABLE agent_policies
    ADD CONSTRAINT agent_policies_rights CHECK (rights <@ ARRAY['read', 'logs', 'exec', 'test_jobs']);
