-- What agents are told: the parts of every run's prompt.

ALTER TABLE agent_runs
    ADD COLUMN prompt_segments jsonb;   -- in their order, with those that were kept from the agent
