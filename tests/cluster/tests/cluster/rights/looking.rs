//! What the control-plane may do: look at a namespace of a run as that run's own account, and nothing by itself.

use anyhow::{Result, ensure};
use cluster::{Listing, LookError, Looker, Printed};
use cluster_tests::{Account, Cluster, PLATFORM, Question, beside, surrounded};
use domain::environment::Kind;
use domain::stages::{Mode, Right, Role};
use domain::surroundings::Surroundings;

use super::exactly;
use super::of_runs::{agent, in_force, of};

async fn looker() -> Result<Looker> {
    Ok(Looker::new(Cluster::acting_as(PLATFORM, "control-plane").await?.client, Cluster::as_nobody().await?.client))
}

#[tokio::test]
async fn the_control_plane_may_ask_for_tokens_of_runs_and_nothing_else() -> Result<()> {
    beside(async |scene| {
        let cluster = &scene.stage.cluster;
        surrounded(cluster, of(Role::Dev), async |run| {
            let account = Account { cluster, namespace: PLATFORM, name: "control-plane" };
            for namespace in ["", PLATFORM, "kube-system", &run.namespace] {
                exactly(account, namespace, std::iter::empty()).await?;
            }
            for (name, expected) in [("agent", true), ("default", false), ("worker", false)] {
                let verb = "create";
                let token = Question { verb, resource: "serviceaccounts/token", namespace: &run.namespace, name };
                ensure!(account.may(token).await? == expected, "a token of {name}");
            }
            Ok(())
        })
        .await
    })
    .await
}

#[tokio::test]
async fn what_is_seen_is_what_the_runs_account_may_see() -> Result<()> {
    beside(async |scene| {
        let cluster = &scene.stage.cluster;
        let reads = Surroundings::of(Mode::FullEnv, [Right::Read]);
        surrounded(cluster, ("dev", reads), async |run| {
            in_force(agent(cluster, run), &["list pods".to_owned(), "get resourcequotas".to_owned()]).await?;
            let look = looker().await?.at(&run.namespace).await?;
            for &kind in Kind::ALL {
                let listed = look.list(kind, &Listing { limit: 10, ..Listing::default() }).await?;
                ensure!(listed["items"].is_array(), "{kind}: {listed}");
            }
            let quota = look.get(Kind::ResourceQuota, "run").await?;
            let metadata = &quota["object"]["metadata"];
            ensure!(metadata["namespace"] == run.namespace.as_str() && metadata["managedFields"].is_null(), "{quota}");
            ensure!(look.events(None, None, 10).await?["items"].is_array());
            let log = look.logs("web", &Printed { lines: 1, ..Printed::default() }).await;
            ensure!(matches!(log, Err(LookError::NotAllowed { .. })), "logs without the right: {log:?}");
            let elsewhere = looker().await?.at(PLATFORM).await;
            ensure!(elsewhere.is_err(), "a look at the platform's own namespace");
            Ok(())
        })
        .await
    })
    .await
}
