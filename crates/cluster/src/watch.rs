//! Which runs changed in the cluster. A hint when to look, never what to do: the worker rereads row and Job.

use domain::ids::RunId;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};

use crate::ask::Cluster;
use crate::labels;

impl Cluster {
    /// Yields the id of every run whose Job or pod changed, beginning with all there are. An expired watch (410) or a
    /// lost connection lists again by itself, after a wait that grows; the error is yielded only to be shown.
    pub fn changed_runs(&self) -> impl Stream<Item = Result<RunId, watcher::Error>> + Send + use<> {
        let config = watcher::Config::default().labels(&labels::selector());
        let jobs = watcher(Api::<PartialObjectMeta<Job>>::all(self.client.clone()), config.clone()).map_ok(touched);
        let pods = watcher(Api::<PartialObjectMeta<Pod>>::all(self.client.clone()), config).map_ok(touched);
        stream::select(jobs.default_backoff(), pods.default_backoff())
            .filter_map(|touched| std::future::ready(touched.transpose()))
    }
}

fn touched<K>(event: Event<PartialObjectMeta<K>>) -> Option<RunId> {
    match event {
        Event::Apply(object) | Event::InitApply(object) | Event::Delete(object) => labels::run_of(&object.metadata),
        Event::Init | Event::InitDone => None,
    }
}
