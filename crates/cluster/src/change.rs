//! Changing objects of a run's namespace, as an account that may: one that only tries, for whoever asks people, and one
//! that does, for whoever carries out what they approved. Which of both a hand is, is decided where it is taken up.

use domain::environment::Kind;
use domain::environment::changes::RESTARTED_BY;
use kube::Client;
use kube::api::{DeleteParams, GetParams, Patch, PatchParams, Preconditions, PropagationPolicy};
use kube::core::Request as Asked;
use serde_json::{Value, json};

use crate::acting::act_as;
use crate::ask::{Cluster, ask, unless_gone};
use crate::error::{ClusterError, lacks_rights};
use crate::look::{Looker, place};
use crate::manifests::{CHANGING_ACCOUNT, TRYING_ACCOUNT};

/// Who says what stands in an object, for the API server's bookkeeping: others' words are never taken from them.
const MANAGER: &str = "codex-k8s-agent";

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The object, or the namespace around it, is not there, or is another one of the same name.
    #[error("{what} is not there")]
    Gone {
        /// Kind and name.
        what: String,
    },
    /// Somebody has changed it since it was read.
    #[error("{what} has changed since it was read")]
    Moved {
        /// Kind and name.
        what: String,
    },
    /// The API server says what is wrong with it.
    #[error("{0}")]
    Refused(String),
    /// The account's rights do not reach that far.
    #[error("the account may not change {what}")]
    NotAllowed {
        /// Kind and name.
        what: String,
    },
    /// The API server gives no answer, or no token. Whether something was changed is not known; all of it may be repeated.
    #[error("the cluster gives no answer")]
    Unavailable(#[source] ClusterError),
}

impl From<ClusterError> for ChangeError {
    fn from(error: ClusterError) -> Self {
        match error {
            ClusterError::Gone { what } => Self::Gone { what },
            ClusterError::Refused { message, .. } => Self::Refused(message),
            ClusterError::Unavailable { what, source } => match *source {
                kube::Error::Api(status) if lacks_rights(&status) => Self::NotAllowed { what },
                kube::Error::Api(status) if status.is_conflict() && is_outdated(&status.message) => {
                    Self::Moved { what }
                }
                kube::Error::Api(status) if [400, 409].contains(&status.code) => Self::Refused(status.message),
                other => Self::Unavailable(ClusterError::Unavailable { what, source: Box::new(other) }),
            },
            other => Self::Unavailable(other),
        }
    }
}

/// A version that was quoted is not the newest; the other conflict is one about whose words a field holds.
fn is_outdated(message: &str) -> bool {
    message.starts_with("Operation cannot be fulfilled")
}

/// Changes objects of one namespace, or tries to.
pub struct Hand {
    client: Client,
    namespace: String,
    tries: bool,
}

impl Looker {
    /// Takes on the account that tries changes in a run's namespace; the API server makes none of them.
    ///
    /// # Errors
    /// [`ChangeError::Gone`] when the namespace, or the account in it, is not there, else [`ChangeError::Unavailable`].
    pub async fn trying(&self, namespace: &str) -> Result<Hand, ChangeError> {
        let client = act_as(&self.own, &self.bare, namespace, TRYING_ACCOUNT).await?;
        Ok(Hand { client, namespace: namespace.to_owned(), tries: true })
    }
}

impl Cluster {
    /// Takes on the account that changes things in a run's namespace.
    ///
    /// # Errors
    /// As [`Looker::trying`].
    pub async fn changing(&self, namespace: &str) -> Result<Hand, ChangeError> {
        let client = act_as(&self.client, &self.bare, namespace, CHANGING_ACCOUNT).await?;
        Ok(Hand { client, namespace: namespace.to_owned(), tries: false })
    }
}

impl Hand {
    /// An object as it is now, if there is one.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn object(&self, kind: Kind, name: &str) -> Result<Option<Value>, ChangeError> {
        let asked = self.of(kind).get(name, &GetParams::default()).map_err(kube::Error::BuildRequest);
        let answer = ask(&format!("{kind} {name}"), async { self.client.request(asked?).await }).await;
        Ok(unless_gone(answer)?)
    }

    /// Has an object say what this manifest says, what others say of it aside; answers what it is then. With the version
    /// that it was read in, an object that has changed since is left alone.
    ///
    /// # Errors
    /// [`ChangeError::Refused`] also when others hold what the manifest would change.
    pub async fn apply(
        &self,
        kind: Kind,
        name: &str,
        manifest: &Value,
        read_in: Option<&str>,
    ) -> Result<Value, ChangeError> {
        let mut manifest = manifest.clone();
        if let Some(version) = read_in {
            manifest["metadata"]["resourceVersion"] = json!(version);
        }
        self.patch(kind, name, &Patch::Apply(manifest)).await
    }

    /// Has the pods of an object replaced, one after another; twice for the same cause is once. Answers what the object is
    /// then.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn restart(&self, kind: Kind, name: &str, read_in: &str, cause: &str) -> Result<Value, ChangeError> {
        let marked = json!({
            "metadata": { "resourceVersion": read_in },
            "spec": { "template": { "metadata": { "annotations": { RESTARTED_BY: cause } } } },
        });
        self.patch(kind, name, &Patch::Merge(marked)).await
    }

    /// Deletes the object of this UID, and what it has made with it.
    ///
    /// # Errors
    /// [`ChangeError::Gone`] when it is not there any more, or another one is.
    pub async fn delete(&self, kind: Kind, name: &str, uid: &str) -> Result<(), ChangeError> {
        let params = DeleteParams {
            dry_run: self.tries,
            propagation_policy: Some(PropagationPolicy::Background),
            preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            ..DeleteParams::default()
        };
        let asked = self.of(kind).delete(name, &params).map_err(kube::Error::BuildRequest);
        let answer = ask(&format!("{kind} {name}"), async { self.client.request::<Value>(asked?).await }).await;
        Ok(answer.map(drop)?)
    }

    async fn patch(&self, kind: Kind, name: &str, patch: &Patch<Value>) -> Result<Value, ChangeError> {
        let params =
            PatchParams { dry_run: self.tries, field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let asked = self.of(kind).patch(name, &params, patch).map_err(kube::Error::BuildRequest);
        Ok(ask(&format!("{kind} {name}"), async { self.client.request(asked?).await }).await?)
    }

    fn of(&self, kind: Kind) -> Asked {
        Asked::new(place(&self.namespace, kind))
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn answers_are_sorted_by_what_comes_of_them() {
        let sorted = |code, reason: &str, message: &str| {
            let status = Status { code, reason: reason.into(), message: message.into(), ..Status::default() };
            match ChangeError::from(ClusterError::from_kube("ConfigMap a", kube::Error::Api(Box::new(status)))) {
                ChangeError::Gone { .. } => "gone",
                ChangeError::Moved { .. } => "moved",
                ChangeError::Refused(words) if words == message => "refused",
                ChangeError::NotAllowed { .. } => "not allowed",
                ChangeError::Unavailable(_) => "unavailable",
                other @ ChangeError::Refused(_) => panic!("unexpected: {other}"),
            }
        };
        let outdated = "Operation cannot be fulfilled on configmaps \"a\": the object has been modified";
        let held = "Apply failed with 1 conflict: conflict with \"kubectl\" using apps/v1: .spec.replicas";
        let another = "Precondition failed: UID in precondition: a, UID in object meta: b";
        let policy = "configmaps \"a\" is forbidden: ValidatingAdmissionPolicy 'codex-k8s-run-changes' denied request";
        let table = [
            (404, "NotFound", "configmaps \"a\" not found", "gone"),
            (409, "Conflict", another, "gone"),
            (409, "Conflict", outdated, "moved"),
            (409, "Conflict", held, "refused"),
            (403, "Forbidden", policy, "refused"),
            (403, "Forbidden", "User \"x\" cannot patch resource \"configmaps\" in API group \"\"", "not allowed"),
            (422, "Invalid", "Deployment.apps \"a\" is invalid: spec.selector: required", "refused"),
            (400, "BadRequest", "strict decoding error: unknown field \"spec.x\"", "refused"),
            (429, "TooManyRequests", "slow down", "unavailable"),
            (500, "InternalError", "etcdserver: leader changed", "unavailable"),
        ];
        for (code, reason, message, expected) in table {
            assert_eq!(sorted(code, reason, message), expected, "{code} {message}");
        }
    }
}
