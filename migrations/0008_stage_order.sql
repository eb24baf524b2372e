-- Whether a stage asks for accepted work of one of the stages that lead to it.
ALTER TABLE projects ADD COLUMN stage_order boolean NOT NULL DEFAULT false;
