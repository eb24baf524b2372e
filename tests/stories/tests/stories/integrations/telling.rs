//! How systems of others are told what was decided, when they do not answer, do not want to know, or have forgotten.

use anyhow::Result;
use serde_json::{Value, json};
use stories::{Asker, Instead, Story, id_of};

use super::{decide, open, pending, request, said, told, with_asker, with_asker_alone};

/// Asks, has it approved, and answers the request's id.
async fn approved(t: &Story, asker: &Asker, correlation: &str) -> Result<String> {
    assert_eq!(said(&asker.asks(&asker.approval(correlation)).await?), pending());
    let id = id_of(&open(&t.owner).await?)?;
    decide(&t.owner, &id, &json!({ "decision": "approve" })).await?.ok()?;
    Ok(id)
}

/// Nobody waits between two tries.
async fn hurry(t: &Story) -> Result<()> {
    let sql = "UPDATE integration_requests SET not_before = app_now() WHERE telling = 'queued'";
    sqlx::query(sql).execute(&t.platform.db).await?;
    Ok(())
}

#[tokio::test]
async fn a_system_that_does_not_answer_is_told_again_and_not_for_ever() -> Result<()> {
    let (mut t, asker, _) = with_asker().await?;
    for instead in [Instead::Says(503, ""), Instead::Breaks, Instead::Nothing, Instead::Says(503, "")] {
        asker.answers(instead);
    }
    let id = approved(&t, &asker, "c-1").await?;
    for times in 1..=4 {
        asker.told_times(times).await?;
        stories::until("noted", async || Ok(request(&t, &id).await?["told"]["tries"] == times)).await?;
        assert_eq!(request(&t, &id).await?["told"]["state"], "queued");
        hurry(&t).await?;
    }
    assert_eq!(told(&t, &id, "told").await?, json!({ "state": "told", "tries": 4 }));
    assert!(asker.told().iter().all(|one| *one == asker.told()[0]) && asker.told().len() == 5);

    (0..domain::channels::MOST_TRIES).for_each(|_| asker.answers(Instead::Says(500, "")));
    let id = approved(&t, &asker, "c-2").await?;
    stories::until("given up", async || {
        hurry(&t).await?;
        Ok(request(&t, &id).await?["told"]["state"] == "failed")
    })
    .await?;
    let seen = request(&t, &id).await?;
    assert_eq!((&seen["state"], &seen["told"]["trouble"]), (&json!("approved"), &json!("it answered 500")));
    assert_eq!(asker.told().len(), 13);
    t.platform.still_runs()
}

#[tokio::test]
async fn a_system_that_does_not_want_to_know_is_left_alone_and_the_inbox_says_so() -> Result<()> {
    let (mut t, asker, _) = with_asker().await?;
    let refusals = [
        (Some(Instead::Says(400, "")), "it answered 400"),
        (Some(Instead::Leads("http://api-gateway.codex-k8s.svc:8080/")), "redirects are not followed"),
        (None, "it does not wait for this any more"),
    ];
    for (times, (instead, words)) in (1..).zip(refusals) {
        assert_eq!(said(&asker.asks(&asker.approval(&format!("c-{times}"))).await?), pending());
        match instead {
            Some(instead) => asker.answers(instead),
            None => asker.forgets(),
        }
        let id = id_of(&open(&t.owner).await?)?;
        decide(&t.owner, &id, &json!({ "decision": "deny" })).await?.ok()?;
        let failed = told(&t, &id, "failed").await?;
        assert!(failed["trouble"].as_str().is_some_and(|trouble| trouble.contains(words)), "{failed}");
        assert_eq!(request(&t, &id).await?["state"], "denied");
    }
    assert_eq!(asker.told().len(), 3);
    t.platform.still_runs()
}

#[tokio::test]
async fn a_system_that_forgot_and_asks_once_more_is_told_what_was_decided() -> Result<()> {
    let (mut t, asker, _) = with_asker().await?;
    let body = asker.approval("c-1");
    assert_eq!(said(&asker.asks(&body).await?), pending());
    asker.forgets();
    let id = id_of(&open(&t.owner).await?)?;
    decide(&t.owner, &id, &json!({ "decision": "approve" })).await?.ok()?;
    told(&t, &id, "failed").await?;
    assert_eq!(said(&asker.asks(&body).await?), pending());
    assert_eq!(asker.told_times(2).await?["decision"], "approve");
    told(&t, &id, "told").await?;
    // What was let happen once does not happen twice.
    assert_eq!(said(&asker.asks(&body).await?), (202, "error approval already exists".to_owned()));
    assert_eq!((asker.told().len(), open(&t.owner).await?), (2, Value::Null));
    t.platform.still_runs()
}

#[tokio::test]
async fn of_a_system_that_waits_no_more_after_an_answer_was_lost_nobody_says_that_it_does_not_know() -> Result<()> {
    let (mut t, asker, _) = with_asker_alone().await?;
    // A worker called it and died before it had noted the answer.
    let id = approved(&t, &asker, "c-1").await?;
    let died = "UPDATE integration_requests SET lease_token = 1, lease_expires_at = app_now() - interval '1 second'";
    sqlx::query(died).execute(&t.platform.db).await?;
    asker.forgets();
    t.platform.add_worker()?;
    let unclear = told(&t, &id, "unclear").await?;
    assert!(
        unclear["trouble"].as_str().is_some_and(|why| why.contains("does not wait for this any more")),
        "{unclear}"
    );

    for (number, lost) in (2..).zip([Instead::Nothing, Instead::Breaks]) {
        assert_eq!(said(&asker.asks(&asker.approval(&format!("c-{number}"))).await?), pending());
        asker.forgets();
        asker.answers(lost);
        let id = id_of(&open(&t.owner).await?)?;
        decide(&t.owner, &id, &json!({ "decision": "approve" })).await?.ok()?;
        stories::until("lost", async || Ok(request(&t, &id).await?["told"]["tries"] == 1)).await?;
        hurry(&t).await?;
        assert_eq!(told(&t, &id, "unclear").await?["tries"], 2);
    }
    t.platform.still_runs()
}
