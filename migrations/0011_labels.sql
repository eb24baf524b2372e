-- The labels of repositories are made and kept right by the workers.

-- When a worker looks at them next. A repository that has just been stored is first checked.
ALTER TABLE repositories ADD COLUMN labels_due_at timestamptz NOT NULL DEFAULT app_now() + interval '1 minute';
CREATE INDEX repositories_labels_due ON repositories (labels_due_at) WHERE state <> 'disconnected';

-- Labels speak the project's language and offer the platform's models.
CREATE FUNCTION labels_are_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE repositories SET labels_due_at = app_now()
    WHERE state <> 'disconnected' AND (TG_TABLE_NAME = 'system_settings' OR project_id::text = to_jsonb(NEW) ->> 'id');
    RETURN NULL;
END $$;
CREATE TRIGGER labels_of_language AFTER UPDATE OF locale ON projects FOR EACH ROW
    WHEN (OLD.locale <> NEW.locale) EXECUTE FUNCTION labels_are_due();
CREATE TRIGGER labels_of_models AFTER UPDATE OF value ON system_settings FOR EACH ROW
    WHEN (NEW.key = 'models' AND OLD.value <> NEW.value) EXECUTE FUNCTION labels_are_due();
