//! Labels and what they start, or why they do not.

use anyhow::Result;
use stories::Story;

#[tokio::test]
async fn a_label_by_a_member_starts_a_run() -> Result<()> {
    let mut t = Story::begin().await?;
    let before = t.github.deliveries(0).await?.len();
    let issue = t.github.open_issue("writer", "Add dark mode", "Please.").await?;
    t.github.label("writer", issue, "run:dev").await?;
    t.delivered(before + 2).await?;
    assert_eq!(t.runs().await?, [format!("#{issue} pending")]);
    insta::assert_snapshot!(t.ledger().await?, @r"
    issues.opened → ignored event_not_handled
    issues.labeled run:dev → accepted
    ");
    t.platform.still_runs()
}
