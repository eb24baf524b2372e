-- Who approves what an agent's tool does, and which tools an agent has at all.

-- Tools by their names with who is asked. Only tools that ask for leave, and never less than each needs: `domain` checks
-- what is written, and passes over what it does not know.
ALTER TABLE agent_policies
    ADD COLUMN tool_modes jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(tool_modes) = 'object'),
    ADD COLUMN tools_off text[] NOT NULL DEFAULT '{}';      -- an agent of this policy does not have them
ALTER TABLE projects
    ADD COLUMN tool_modes jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(tool_modes) = 'object');

-- Of an action: who is asked and who says so, as it was when it was asked. NULL: asked before there were policies.
ALTER TABLE approvals ADD COLUMN ruling jsonb;

-- The label by which an issue has the owner asked is new; repositories get it soon.
UPDATE repositories SET labels_due_at = LEAST(labels_due_at, app_now() + interval '2 minutes')
WHERE state <> 'disconnected';
