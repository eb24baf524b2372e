//! The MCP server of a run: its agent's tools, one more edge over what the platform does anyway. Rules are in
//! [`domain::tools`], what a tool takes is in the contract; here a call is checked, carried out, redacted and audited.
//!
//! Nothing is kept between two messages, so any replica answers any of them. A call leaves exactly one row in the run's
//! audit: in the transaction of its effect where it has one, else when its answer is known.

mod answer;
mod change_tools;
mod database_tools;
mod environment_tools;
mod forge_tools;
mod label_tools;
mod owner_tools;
mod people;
mod run_tools;
mod secret_tools;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use contract::agent::McpMessage;
use contract::problem::Problem;
use domain::flow::FlowKind;
use domain::tools::{Own, Tool};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ErrorData, Implementation, ListToolsResult, PaginatedRequestParams,
    ServerCapabilities, ServerConfig, Tool as Listed,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use store::flow;
use store::runs::report::{self, ContextRow};
use tokio::sync::OnceCell;

use self::answer::{Refused, clean};
use crate::internal::ForRun;
use crate::state::App;

/// One message of the Model Context Protocol
#[utoipa::path(post, path = "/mcp", request_body = McpMessage,
    responses((status = 200, content((McpMessage = "application/json"), (String = "text/event-stream"))), (status = 202),
              (status = "default", content((Problem = "application/problem+json"), (McpMessage = "application/json"),
                                           (String = "text/plain")))))]
pub(super) async fn call_mcp(State(app): State<App>, of: ForRun, request: Request) -> Response {
    let server = Server { app, of };
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_sse_keep_alive(None)
        // Who asks is known from the gateway's assertion, not from a host's name.
        .with_allowed_hosts(Vec::<String>::new());
    let sessions = Arc::new(NeverSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(server.clone()), sessions, config);
    service.handle(request).await.into_response()
}

/// The tools of one run.
#[derive(Clone)]
struct Server {
    app: App,
    of: ForRun,
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("codex-k8s", env!("CARGO_PKG_VERSION")))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let holder = self.row().await?.holder();
        let tools = Tool::ALL.iter().filter(|&&tool| holder.has(tool));
        Ok(ListToolsResult::with_all_items(tools.filter_map(|&tool| self.listed(tool)).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let row = self.row().await?;
        let tool = request.name.parse().ok().filter(|&tool| row.holder().has(tool));
        let tool = tool.ok_or_else(|| ErrorData::invalid_params("tool not found", None))?;
        let arguments = json!(request.arguments.unwrap_or_default());
        let call = Call { app: &self.app, of: self.of, row: &row, tool, arguments, labels: OnceCell::new() };
        Ok(answer::told(call.carried_out().await).into())
    }
}

impl Server {
    async fn row(&self) -> Result<ContextRow, ErrorData> {
        let row = report::context(&self.app.pool, self.of.run).await;
        let row = row.map_err(|error| Refused::broken(&error.into()))?;
        row.ok_or_else(|| run_over().into())
    }

    fn listed(&self, tool: Tool) -> Option<Listed> {
        let contract = self.app.tools.get(tool.as_str())?;
        Some(Listed::new(tool.as_str(), contract.description.clone(), contract.input.clone()))
    }
}

/// The actor in the audit.
const AGENT: &str = "agent";

/// One call of a tool that the run has.
struct Call<'a> {
    app: &'a App,
    of: ForRun,
    row: &'a ContextRow,
    tool: Tool,
    arguments: Value,
    /// On the run's subject, once GitHub has said them in this call.
    labels: OnceCell<Vec<String>>,
}

/// What a call came to.
enum Done {
    /// An answer; the audit does not know of the call yet.
    Read(Value),
    /// An effect, with the call in the audit.
    Made(Value),
}

impl Call<'_> {
    async fn carried_out(&self) -> Result<Value, Refused> {
        let outcome = match self.checked() {
            Ok(()) => self.act().await,
            Err(refused) => Err(refused),
        };
        match outcome {
            Ok(Done::Made(value)) => Ok(clean(value)),
            Ok(Done::Read(value)) => {
                self.audited("ok").await?;
                Ok(clean(value))
            }
            Err(refused) => {
                self.audited(refused.code).await?;
                Err(refused)
            }
        }
    }

    fn checked(&self) -> Result<(), Refused> {
        let problems = self.app.tools.get(self.tool.as_str()).map(|tool| tool.problems(&self.arguments));
        match problems {
            Some(problems) if problems.is_empty() => Ok(()),
            problems => Err(Refused::input(problems.unwrap_or_default())),
        }
    }

    async fn act(&self) -> Result<Done, Refused> {
        match self.tool {
            Tool::RunContextGet => Ok(Done::Read(run_tools::context(self.row))),
            Tool::RunStatusReport => run_tools::report(self).await,
            Tool::GithubIssueGet => forge_tools::issue(self).await,
            Tool::GithubPullRequestGet => forge_tools::pull(self).await,
            Tool::GithubCommentsList => forge_tools::comments(self).await,
            Tool::GithubLabelsList => forge_tools::labels(self).await,
            Tool::OwnerFeedbackRequest => owner_tools::ask(self).await,
            Tool::UserNotify => owner_tools::notify(self).await,
            Tool::GithubCommentAdd => forge_tools::comment(self).await,
            Tool::GithubLabelsAdd | Tool::GithubLabelsRemove | Tool::GithubLabelsTransition => {
                label_tools::change(self).await
            }
            Tool::K8sResourcesList => environment_tools::list(self).await,
            Tool::K8sResourceGet => environment_tools::get(self).await,
            Tool::K8sPodLogs => environment_tools::logs(self).await,
            Tool::K8sEvents => environment_tools::events(self).await,
            Tool::K8sExec => environment_tools::enter(self).await,
            Tool::K8sApply => change_tools::apply(self).await,
            Tool::K8sDelete => change_tools::delete(self).await,
            Tool::K8sRolloutRestart => change_tools::restart(self).await,
            Tool::DatabaseLifecycle => database_tools::lifecycle(self).await,
            Tool::SecretSync => secret_tools::sync(self).await,
        }
    }

    /// The arguments in their type; the contract has checked them before.
    fn input<T: serde::de::DeserializeOwned>(&self) -> Result<T, Refused> {
        Ok(serde_json::from_value(self.arguments.clone())?)
    }

    /// The call as the audit keeps it.
    fn entry(&self, outcome: &str) -> flow::Entry {
        let arguments = answer::short(&clean(self.arguments.clone()).to_string());
        let data = json!({ "tool": self.tool.as_str(), "outcome": outcome, "arguments": arguments });
        flow::Entry::new(FlowKind::ToolCalled, AGENT, data)
    }

    /// What the run works on.
    const fn own(&self) -> Own {
        Own { subject: self.row.subject_number, pull: self.row.pr_number }
    }

    /// An effect that was made, unless the launch is not the current one any more.
    fn made(&self, still: bool, answer: Value) -> Result<Done, Refused> {
        self.app.waker.run(self.of.run.into());
        if still { Ok(Done::Made(answer)) } else { Err(run_over()) }
    }

    async fn audited(&self, outcome: &str) -> Result<(), Refused> {
        flow::append(&self.app.pool, self.of.run, &self.entry(outcome)).await?;
        self.app.waker.run(self.of.run.into());
        Ok(())
    }
}

fn run_over() -> Refused {
    Refused::new("run_over", "The run is over; nothing was done.")
}
