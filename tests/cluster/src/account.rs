//! What the API server would let an account do.

use anyhow::{Context, Result};
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use crate::cluster::{Cluster, groups};

/// A service account.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    /// The cluster that is asked.
    pub cluster: &'a Cluster,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// Something that an account might do.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// `get`, `create`, ….
    pub verb: &'a str,
    /// `jobs.batch`, `pods/exec`: plural, with its API group behind a dot.
    pub resource: &'a str,
    /// Where; empty for everywhere, and for what lies in no namespace.
    pub namespace: &'a str,
    /// Which; empty for all.
    pub name: &'a str,
}

impl Account<'_> {
    /// Whether it may.
    ///
    /// # Errors
    /// The API server's.
    pub async fn may(&self, question: Question<'_>) -> Result<bool> {
        let (resource, subresource) = question.resource.split_once('/').unwrap_or((question.resource, ""));
        let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
        let home = self.namespace;
        let review = json!({
            "spec": {
                "user": format!("system:serviceaccount:{home}:{}", self.name),
                "groups": groups(home),
                "resourceAttributes": {
                    "verb": question.verb,
                    "group": group,
                    "resource": resource,
                    "subresource": subresource,
                    "namespace": question.namespace,
                    "name": question.name,
                },
            },
        });
        let reviews: Api<SubjectAccessReview> = Api::all(self.cluster.client.clone());
        let answer = reviews.create(&PostParams::default(), &serde_json::from_value(review)?).await?;
        Ok(answer.status.context("an unanswered review")?.allowed)
    }
}
