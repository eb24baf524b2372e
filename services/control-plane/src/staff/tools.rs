//! The catalogue of tools that agents act through. Which there are and who has them says [`domain::tools`], what each is
//! for the contract of agents; everybody may look.

use axum::Json;
use axum::extract::State;
use contract::gateway::{
    Tool, ToolAsks, ToolCategory, ToolHolders, ToolHoldersKindsItem, ToolHoldersModesItem, ToolLeave, ToolList,
};
use contract::problem::Problem;
use domain::stages::Mode;
use domain::tools::{self as rules, Asks, Category, HeldBy, RunKind};

use super::permit::Staff;
use super::requests::mode;
use crate::state::App;

/// Every tool that agents act through - what it is for, whether people are asked, and which runs have it
#[utoipa::path(get, path = "/api/v1/staff/tools",
    responses((status = 200, body = ToolList),
              (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_tools(State(app): State<App>, _: Staff) -> Json<ToolList> {
    let items = rules::Tool::ALL.iter().map(|&tool| shown(&app, tool)).collect();
    Json(ToolList { items })
}

fn shown(app: &App, tool: rules::Tool) -> Tool {
    let contract = app.tools.get(tool.as_str());
    Tool {
        name: tool.to_string(),
        category: match tool.category() {
            Category::Run => ToolCategory::Run,
            Category::Github => ToolCategory::Github,
            Category::Environment => ToolCategory::Environment,
            Category::Project => ToolCategory::Project,
            Category::People => ToolCategory::People,
        },
        description: contract.map(|told| told.description.trim().to_owned()).unwrap_or_default(),
        asks: match tool.asks() {
            Asks::Nobody => ToolAsks::Nobody,
            Asks::Sometimes => ToolAsks::Sometimes,
            Asks::Always => ToolAsks::Always,
        },
        held_by: holders(&HeldBy::of(tool)),
        may_be_off: !tool.is_always_had(),
        leave: tool.leave().map(|leave| ToolLeave { usual: mode(leave.usual), floor: mode(leave.floor) }),
    }
}

fn holders(held: &HeldBy) -> ToolHolders {
    let kind = |&kind: &RunKind| match kind {
        RunKind::Stage => ToolHoldersKindsItem::Stage,
        RunKind::Review => ToolHoldersKindsItem::Review,
        RunKind::Discussion => ToolHoldersKindsItem::Discussion,
    };
    let mode = |&mode: &Mode| match mode {
        Mode::CodeOnly => ToolHoldersModesItem::CodeOnly,
        Mode::FullEnv => ToolHoldersModesItem::FullEnv,
    };
    ToolHolders {
        kinds: held.kinds.iter().map(kind).collect(),
        stages: held.stages.iter().map(ToString::to_string).collect(),
        roles: held.roles.iter().map(ToString::to_string).collect(),
        modes: held.modes.iter().map(mode).collect(),
    }
}
