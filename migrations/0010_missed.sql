-- When a worker last began to read GitHub's delivery log of the repository: all workers share one pace.
ALTER TABLE repositories ADD COLUMN log_read_at timestamptz;
