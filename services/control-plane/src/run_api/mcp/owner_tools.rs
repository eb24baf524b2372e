//! Tools that ask the people who answer for the run.

use contract::agent::ToolQuestion;
use domain::approvals::{ApprovalKind, Question};
use serde_json::json;

use super::answer::{Refused, clean};
use super::people::{self, Wanted};
use super::{Call, Done};

pub(super) async fn ask(call: &Call<'_>) -> Result<Done, Refused> {
    let ToolQuestion { question, context, options, allow_custom } = call.input()?;
    let asked = clean(json!(Question { question, context, options, allow_custom }));
    let told = json!({ "question": asked["question"] });
    let wanted = Wanted { kind: ApprovalKind::Question, leave: None, named: asked.to_string(), asked: &asked, told };
    people::ask(call, wanted).await
}
