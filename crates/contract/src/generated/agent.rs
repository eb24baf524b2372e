//! Wire types of `openapi/agent.yaml`, written by `cargo xtask codegen`; edit the document, not this file.

/// Error types.
pub mod error {
    /// Error from a `TryFrom` or `FromStr` implementation.
    pub struct ConversionError(::std::borrow::Cow<'static, str>);
    impl ::std::error::Error for ConversionError {}
    impl ::std::fmt::Display for ConversionError {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> Result<(), ::std::fmt::Error> {
            ::std::fmt::Display::fmt(&self.0, f)
        }
    }
    impl ::std::fmt::Debug for ConversionError {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> Result<(), ::std::fmt::Error> {
            ::std::fmt::Debug::fmt(&self.0, f)
        }
    }
    impl From<&'static str> for ConversionError {
        fn from(value: &'static str) -> Self {
            Self(value.into())
        }
    }
    impl From<String> for ConversionError {
        fn from(value: String) -> Self {
            Self(value.into())
        }
    }
}
///`AgentEvent`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct AgentEvent {
    pub at: ::chrono::DateTime<::chrono::offset::Utc>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub exit_code: ::std::option::Option<i32>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub item: ::std::option::Option<::std::string::String>,
    pub kind: AgentEventKind,
    ///1, 2, 3 … within the launch, without gaps
    pub seq: i64,
    pub text: ::std::string::String,
}
///`AgentEventKind`
#[derive(
    ::serde::Deserialize,
    ::serde::Serialize,
    ::utoipa::ToSchema,
    Clone,
    Copy,
    Debug,
    Eq,
    Hash,
    Ord,
    PartialEq,
    PartialOrd,
)]
pub enum AgentEventKind {
    #[serde(rename = "step")]
    Step,
    #[serde(rename = "message")]
    Message,
    #[serde(rename = "reasoning")]
    Reasoning,
    #[serde(rename = "command")]
    Command,
    #[serde(rename = "output")]
    Output,
    #[serde(rename = "command_end")]
    CommandEnd,
    #[serde(rename = "patch")]
    Patch,
    #[serde(rename = "notice")]
    Notice,
    #[serde(rename = "error")]
    Error,
}
impl ::std::fmt::Display for AgentEventKind {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        match *self {
            Self::Step => f.write_str("step"),
            Self::Message => f.write_str("message"),
            Self::Reasoning => f.write_str("reasoning"),
            Self::Command => f.write_str("command"),
            Self::Output => f.write_str("output"),
            Self::CommandEnd => f.write_str("command_end"),
            Self::Patch => f.write_str("patch"),
            Self::Notice => f.write_str("notice"),
            Self::Error => f.write_str("error"),
        }
    }
}
impl ::std::str::FromStr for AgentEventKind {
    type Err = self::error::ConversionError;
    fn from_str(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        match value {
            "step" => Ok(Self::Step),
            "message" => Ok(Self::Message),
            "reasoning" => Ok(Self::Reasoning),
            "command" => Ok(Self::Command),
            "output" => Ok(Self::Output),
            "command_end" => Ok(Self::CommandEnd),
            "patch" => Ok(Self::Patch),
            "notice" => Ok(Self::Notice),
            "error" => Ok(Self::Error),
            _ => Err("invalid value".into()),
        }
    }
}
impl ::std::convert::TryFrom<&str> for AgentEventKind {
    type Error = self::error::ConversionError;
    fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<&::std::string::String> for AgentEventKind {
    type Error = self::error::ConversionError;
    fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<::std::string::String> for AgentEventKind {
    type Error = self::error::ConversionError;
    fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
///`Beat`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Beat {
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub last_words: ::std::option::Option<::std::string::String>,
    pub phase: BeatPhase,
}
///`BeatPhase`
#[derive(
    ::serde::Deserialize,
    ::serde::Serialize,
    ::utoipa::ToSchema,
    Clone,
    Copy,
    Debug,
    Eq,
    Hash,
    Ord,
    PartialEq,
    PartialOrd,
)]
pub enum BeatPhase {
    #[serde(rename = "checking")]
    Checking,
    #[serde(rename = "cloning")]
    Cloning,
    #[serde(rename = "working")]
    Working,
    #[serde(rename = "pushing")]
    Pushing,
    #[serde(rename = "reporting")]
    Reporting,
}
impl ::std::fmt::Display for BeatPhase {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        match *self {
            Self::Checking => f.write_str("checking"),
            Self::Cloning => f.write_str("cloning"),
            Self::Working => f.write_str("working"),
            Self::Pushing => f.write_str("pushing"),
            Self::Reporting => f.write_str("reporting"),
        }
    }
}
impl ::std::str::FromStr for BeatPhase {
    type Err = self::error::ConversionError;
    fn from_str(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        match value {
            "checking" => Ok(Self::Checking),
            "cloning" => Ok(Self::Cloning),
            "working" => Ok(Self::Working),
            "pushing" => Ok(Self::Pushing),
            "reporting" => Ok(Self::Reporting),
            _ => Err("invalid value".into()),
        }
    }
}
impl ::std::convert::TryFrom<&str> for BeatPhase {
    type Error = self::error::ConversionError;
    fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<&::std::string::String> for BeatPhase {
    type Error = self::error::ConversionError;
    fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<::std::string::String> for BeatPhase {
    type Error = self::error::ConversionError;
    fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
///`EventBatch`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct EventBatch {
    pub events: ::std::vec::Vec<AgentEvent>,
}
///`EventsStored`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct EventsStored {
    ///Greatest seq of this launch that is stored; send on from the next
    pub last_seq: i64,
}
///Codex's final message, as its output schema asks. All of it is the agent's claim.
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct LastWord {
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub branch: ::std::option::Option<::std::string::String>,
    #[serde(default, skip_serializing_if = "::std::vec::Vec::is_empty")]
    pub follow_ups: ::std::vec::Vec<::std::string::String>,
    #[serde(default, skip_serializing_if = "::std::vec::Vec::is_empty")]
    pub labels_suggested: ::std::vec::Vec<::std::string::String>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub pr_body: ::std::option::Option<::std::string::String>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub pr_title: ::std::option::Option<::std::string::String>,
    pub summary: ::std::string::String,
    #[serde(default, skip_serializing_if = "::std::vec::Vec::is_empty")]
    pub tool_gaps: ::std::vec::Vec<::std::string::String>,
}
///`Orders`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct Orders {
    ///Save the session and end; the token serves only that for a few seconds more
    pub stop: bool,
}
///`RunContext`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct RunContext {
    pub base_branch: ::std::string::String,
    ///The only branch that the run may push
    pub branch: ::std::string::String,
    pub commit_author_email: ::std::string::String,
    pub commit_author_name: ::std::string::String,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub effort: ::std::option::Option<::std::string::String>,
    ///Position of the last event that earlier launches stored; 0 at first
    pub last_position: i64,
    pub launch: i32,
    pub model: ::std::string::String,
    ///JSON schema of codex's last message
    pub output_schema: ::serde_json::Map<::std::string::String, ::serde_json::Value>,
    pub prompt: ::std::string::String,
    pub prompt_sha256: ::std::string::String,
    ///owner/name
    pub repository: ::std::string::String,
    pub run_id: ::uuid::Uuid,
}
///`RunResult`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct RunResult {
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub detail: ::std::option::Option<::std::string::String>,
    ///What was pushed
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub head_sha: ::std::option::Option<::std::string::String>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub last_word: ::std::option::Option<LastWord>,
    pub outcome: RunResultOutcome,
    ///Only with `failed`
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub reason: ::std::option::Option<RunResultReason>,
}
///`RunResultOutcome`
#[derive(
    ::serde::Deserialize,
    ::serde::Serialize,
    ::utoipa::ToSchema,
    Clone,
    Copy,
    Debug,
    Eq,
    Hash,
    Ord,
    PartialEq,
    PartialOrd,
)]
pub enum RunResultOutcome {
    #[serde(rename = "succeeded")]
    Succeeded,
    #[serde(rename = "failed")]
    Failed,
}
impl ::std::fmt::Display for RunResultOutcome {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        match *self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::Failed => f.write_str("failed"),
        }
    }
}
impl ::std::str::FromStr for RunResultOutcome {
    type Err = self::error::ConversionError;
    fn from_str(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        match value {
            "succeeded" => Ok(Self::Succeeded),
            "failed" => Ok(Self::Failed),
            _ => Err("invalid value".into()),
        }
    }
}
impl ::std::convert::TryFrom<&str> for RunResultOutcome {
    type Error = self::error::ConversionError;
    fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<&::std::string::String> for RunResultOutcome {
    type Error = self::error::ConversionError;
    fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<::std::string::String> for RunResultOutcome {
    type Error = self::error::ConversionError;
    fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
///Only with `failed`
#[derive(
    ::serde::Deserialize,
    ::serde::Serialize,
    ::utoipa::ToSchema,
    Clone,
    Copy,
    Debug,
    Eq,
    Hash,
    Ord,
    PartialEq,
    PartialOrd,
)]
pub enum RunResultReason {
    #[serde(rename = "agent_error")]
    AgentError,
    #[serde(rename = "egress_open")]
    EgressOpen,
    #[serde(rename = "infra_error")]
    InfraError,
    #[serde(rename = "write_scope")]
    WriteScope,
}
impl ::std::fmt::Display for RunResultReason {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        match *self {
            Self::AgentError => f.write_str("agent_error"),
            Self::EgressOpen => f.write_str("egress_open"),
            Self::InfraError => f.write_str("infra_error"),
            Self::WriteScope => f.write_str("write_scope"),
        }
    }
}
impl ::std::str::FromStr for RunResultReason {
    type Err = self::error::ConversionError;
    fn from_str(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        match value {
            "agent_error" => Ok(Self::AgentError),
            "egress_open" => Ok(Self::EgressOpen),
            "infra_error" => Ok(Self::InfraError),
            "write_scope" => Ok(Self::WriteScope),
            _ => Err("invalid value".into()),
        }
    }
}
impl ::std::convert::TryFrom<&str> for RunResultReason {
    type Error = self::error::ConversionError;
    fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<&::std::string::String> for RunResultReason {
    type Error = self::error::ConversionError;
    fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<::std::string::String> for RunResultReason {
    type Error = self::error::ConversionError;
    fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
