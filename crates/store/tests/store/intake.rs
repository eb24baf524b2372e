//! Taking deliveries in, one after the other and all at once.

use crate::support::{installation, issue_event, word};
use futures::future::join_all;
use sqlx::PgPool;

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_label_starts_a_run_and_its_repeats_do_not(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let event = it.labelled(7);
    assert_eq!(word(it.deliver("a", &event).await), "accepted");
    assert_eq!(word(it.deliver("a", &event).await), "duplicate");
    assert_eq!(word(it.deliver("b", &event).await), "duplicate", "the same body under a new id");
    let mut told_again = event.clone();
    told_again["sender"]["login"] = "ivan-renamed".into();
    assert_eq!(word(it.deliver("c", &told_again).await), "duplicate", "the same event in other bytes");
    let mut other = it.labelled(8);
    other["issue"]["title"] = "old id, new body".into();
    assert_eq!(word(it.deliver("a", &other).await), "duplicate");
    assert_eq!(it.count("SELECT count(*) FROM agent_runs").await?, 1);
    assert_eq!(it.count("SELECT duplicates FROM webhook_deliveries").await?, 4);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn of_many_labels_at_the_same_instant_one_starts_a_run(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    for issue in 1..=20 {
        // Different events: each has a time of its own.
        let events: Vec<_> = (0..8)
            .map(|n| {
                issue_event(
                    "labeled",
                    issue,
                    "run:dev",
                    &(chrono::Utc::now() - chrono::TimeDelta::seconds(n)).to_rfc3339(),
                )
            })
            .collect();
        let guids: Vec<_> = (0..8).map(|n| format!("{issue}-{n}")).collect();
        let taken = join_all(guids.iter().zip(&events).map(|(guid, event)| it.deliver(guid, event))).await;
        let mut words: Vec<_> = taken.into_iter().map(word).collect();
        words.sort();
        assert_eq!(words[0], "accepted");
        assert!(words[1..].iter().all(|word| word == "run_already_active"), "{words:?}");
    }
    assert_eq!(it.count("SELECT count(*) FROM agent_runs").await?, 20);
    assert_eq!(it.count("SELECT count(*) FROM webhook_deliveries").await?, 160);
    let told = it.count("SELECT count(*) FROM outbound_actions WHERE kind = 'refusal_comment'").await?;
    assert_eq!(told, 140, "each refused person is told");
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn of_the_same_event_many_times_at_once_one_is_stored(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    for issue in 1..=20 {
        let event = it.labelled(issue);
        let guids: Vec<_> = (0..8).map(|n| format!("{issue}-{n}")).collect();
        let taken = join_all(guids.iter().map(|guid| it.deliver(guid, &event))).await;
        let mut words: Vec<_> = taken.into_iter().map(word).collect();
        words.sort();
        assert_eq!(words[0], "accepted");
        assert!(words[1..].iter().all(|word| word == "duplicate"), "{words:?}");
    }
    assert_eq!(it.count("SELECT count(*) FROM agent_runs").await?, 20);
    assert_eq!(it.count("SELECT count(*) FROM webhook_deliveries").await?, 20);
    assert_eq!(it.count("SELECT sum(duplicates)::bigint FROM webhook_deliveries").await?, 140);
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_label_taken_off_before_the_claim_cancels_the_run(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    it.start(7).await?;
    let off = issue_event("unlabeled", 7, "run:dev", &chrono::Utc::now().to_rfc3339());
    assert_eq!(word(it.deliver("off", &off).await), "unlabelled");
    assert_eq!(it.count("SELECT count(*) FROM agent_runs WHERE status = 'cancelled'").await?, 1);
    it.wait(2).await?;
    let again =
        issue_event("labeled", 7, "run:dev", &(chrono::Utc::now() + chrono::TimeDelta::seconds(2)).to_rfc3339());
    assert_eq!(word(it.deliver("again", &again).await), "accepted");
    Ok(())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_end_of_an_issue_asks_its_claimed_run_to_stop(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    it.start(7).await?;
    store::runs::lease::claim(&it.db, "w1", std::time::Duration::from_secs(30)).await?;
    let closed = issue_event("closed", 7, "run:dev", &chrono::Utc::now().to_rfc3339());
    assert_eq!(word(it.deliver("closed", &closed).await), "issue_ended");
    let stopping = "SELECT count(*) FROM agent_runs WHERE status = 'running' AND cancel_requested_at IS NOT NULL";
    assert_eq!(it.count(stopping).await?, 1);
    Ok(())
}

/// The end of pull request 70, as it is told to workers that look at different moments.
fn merged(title: &str, at: &str) -> serde_json::Value {
    let here = serde_json::json!({ "id": 42 });
    serde_json::json!({
        "action": "closed",
        "pull_request": {
            "number": 70, "title": title, "body": "", "state": "closed", "merged": true, "labels": [],
            "html_url": "http://github.test/acme/app/pull/70", "updated_at": at,
            "head": { "ref": "codex/i7-x", "repo": here }, "base": { "ref": "main", "repo": here },
        },
        "repository": { "id": 42, "full_name": "acme/app" },
        "sender": { "id": 10137, "login": "ghost", "type": "User" },
    })
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_is_found_after_an_outage_counts_once_however_long_ago_it_was(db: PgPool) -> anyhow::Result<()> {
    let it = installation(db).await?;
    let run = it.start(7).await?;
    let handed_in = "UPDATE agent_runs SET status = 'waiting_owner_review', pr_number = 70";
    sqlx::query(handed_in).execute(&it.db).await?;
    let long_ago = (chrono::Utc::now() - chrono::TimeDelta::days(9)).to_rfc3339();
    let told = it.deliver_of("pull_request", "told", &merged("old", &long_ago)).await;
    assert_eq!(word(told), "stale_event", "such a delivery may be somebody's replay");
    let titles: Vec<_> = (0..8).map(|n| merged(&format!("title {n}"), &long_ago)).collect();
    let taken = join_all(titles.iter().map(|seen| it.find("pull_request", "found", seen))).await;
    let mut words: Vec<_> = taken.into_iter().map(word).collect();
    words.sort();
    assert_eq!(words[7], "pull_merged");
    assert!(words[..7].iter().all(|word| word == "duplicate"), "{words:?}");
    let flows = store::flow::of_run(&it.db, run, 0, 100).await?;
    let merges: Vec<_> = flows.iter().filter(|flow| flow.kind == "pr.merged").map(|flow| &flow.data).collect();
    let expected = serde_json::json!({
        "pull": 70, "status": "succeeded", "found": "after_outage", "channel": "github_api",
    });
    assert_eq!(merges, [&expected]);
    assert_eq!(it.count("SELECT count(*) FROM agent_runs WHERE status = 'succeeded'").await?, 1);
    Ok(())
}
