//! Templates that people write, and the prompts that are made of them.

use domain::flow::FlowKind;
use domain::ids::{TemplateId, UserId};
use domain::locale::Locale;
use domain::templates::TemplateState;
use serde_json::json;
use sqlx::PgPool;
use store::flow::Entry;
use store::prompt_templates::{Decision, Place, Read, create, decide, versions};
use store::runs::prompt::{self, NewPrompt};

use crate::support::installation;

const PLACE: Place<'_> = Place { project: None, key: "task-dev-work", locale: Locale::En };

fn entry(kind: FlowKind) -> Entry {
    Entry::new(kind, "user:olga", json!({}))
}

async fn owner(db: &PgPool) -> sqlx::Result<UserId> {
    let id: uuid::Uuid = sqlx::query_scalar("SELECT id FROM users WHERE platform_role = 'owner'").fetch_one(db).await?;
    Ok(UserId(id))
}

fn to(state: TemplateState, by: UserId) -> Decision<'static> {
    Decision { state, reason: "because", by, flow: entry(FlowKind::TemplateActivated) }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn of_two_versions_at_once_one_comes_into_use(db: PgPool) -> anyhow::Result<()> {
    use TemplateState::{Active, Archived};
    let it = installation(db).await?;
    let by = owner(&it.db).await?;
    let mut all = Vec::new();
    for text in ["one", "two", "three"] {
        let id = TemplateId::new();
        create(&it.db, id, PLACE, text, by, &entry(FlowKind::TemplateDrafted)).await?;
        assert!(decide(&it.db, Read { id, revision: 1 }, &to(Active, by)).await?);
        all.push(id);
    }
    let archived = versions(&it.db, PLACE, 10).await?;
    let states: Vec<_> = archived.iter().map(|row| (row.version, row.state.0, row.revision)).collect();
    assert_eq!(states, [(3, Active, 2), (2, Archived, 3), (1, Archived, 3)]);

    let [first, second] = [all[0], all[1]].map(|id| {
        let db = it.db.clone();
        tokio::spawn(async move { decide(&db, Read { id, revision: 3 }, &to(Active, by)).await })
    });
    let outcomes = [first.await?, second.await?];
    let done = outcomes.iter().filter(|outcome| matches!(outcome, Ok(true))).count();
    let active = it.count("SELECT count(*) FROM prompt_templates WHERE state = 'active'").await?;
    assert!(done >= 1 && active == 1, "{outcomes:?}");
    let refused = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()?.as_database_error());
    assert!(refused.into_iter().all(|error| error.is_unique_violation()), "{outcomes:?}");
    let audited = it.count("SELECT count(*) FROM flow_events WHERE kind = 'template.activated'").await?;
    assert_eq!(audited, 3 + i64::try_from(done)?, "an act that did not happen leaves nothing");
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn there_is_one_draft_of_a_place(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let by = owner(&it.db).await?;
    let begin = async |locale| {
        let place = Place { locale, ..PLACE };
        create(&it.db, TemplateId::new(), place, "text", by, &entry(FlowKind::TemplateDrafted)).await
    };
    begin(Locale::En).await?;
    begin(Locale::Ru).await?;
    let again =
        begin(Locale::En).await.err().and_then(|error| error.as_database_error().map(|e| e.is_unique_violation()));
    assert_eq!(again, Some(true));
    assert_eq!(it.count("SELECT count(*) FROM flow_events WHERE kind = 'template.drafted'").await?, 2);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_first_prompt_of_a_run_stays(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let run = it.start(7).await?;
    let segments = [json!([{ "name": "one" }]), json!([{ "name": "two" }])];
    for (text, segments) in ["one", "two"].into_iter().zip(&segments) {
        let kept = prompt::keep(&it.db, run, &NewPrompt { text, sha256: text, version: text, segments }).await?;
        assert_eq!((kept.text.as_str(), kept.sha256.as_str()), ("one", "one"));
    }
    let row = prompt::get(&it.db, run).await?.ok_or_else(|| anyhow::anyhow!("the run is gone"))?;
    assert_eq!((row.version.as_deref(), row.segments.as_ref()), (Some("one"), Some(&segments[0])));
    assert!(prompt::issue_author(&it.db, run).await?.is_none(), "the event did not say who wrote the issue");
    Ok(())
}
