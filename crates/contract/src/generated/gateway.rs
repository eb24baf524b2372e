//! Wire types of `openapi/gateway.yaml`, written by `cargo xtask codegen`; edit the document, not this file.

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
///`AccessToken`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct AccessToken {
    pub access_token: crate::Secret,
    ///Seconds
    pub expires_in: i64,
}
///`Check`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct Check {
    pub name: CheckName,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub needed_for: ::std::option::Option<::std::string::String>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub remedy: ::std::option::Option<::std::string::String>,
    pub state: CheckState,
}
///`CheckName`
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
pub enum CheckName {
    #[serde(rename = "admin_role")]
    AdminRole,
    #[serde(rename = "metadata_read")]
    MetadataRead,
    #[serde(rename = "contents_read")]
    ContentsRead,
    #[serde(rename = "contents_write")]
    ContentsWrite,
    #[serde(rename = "issues_write")]
    IssuesWrite,
    #[serde(rename = "pull_requests_write")]
    PullRequestsWrite,
    #[serde(rename = "webhooks_read")]
    WebhooksRead,
    #[serde(rename = "webhooks_write")]
    WebhooksWrite,
    #[serde(rename = "actions_read")]
    ActionsRead,
    #[serde(rename = "secrets_read")]
    SecretsRead,
    #[serde(rename = "secrets_write")]
    SecretsWrite,
    #[serde(rename = "variables_read")]
    VariablesRead,
    #[serde(rename = "variables_write")]
    VariablesWrite,
    #[serde(rename = "environments_write")]
    EnvironmentsWrite,
    #[serde(rename = "no_workflow_right")]
    NoWorkflowRight,
    #[serde(rename = "webhook_registered")]
    WebhookRegistered,
    #[serde(rename = "labels_made")]
    LabelsMade,
}
impl ::std::fmt::Display for CheckName {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        match *self {
            Self::AdminRole => f.write_str("admin_role"),
            Self::MetadataRead => f.write_str("metadata_read"),
            Self::ContentsRead => f.write_str("contents_read"),
            Self::ContentsWrite => f.write_str("contents_write"),
            Self::IssuesWrite => f.write_str("issues_write"),
            Self::PullRequestsWrite => f.write_str("pull_requests_write"),
            Self::WebhooksRead => f.write_str("webhooks_read"),
            Self::WebhooksWrite => f.write_str("webhooks_write"),
            Self::ActionsRead => f.write_str("actions_read"),
            Self::SecretsRead => f.write_str("secrets_read"),
            Self::SecretsWrite => f.write_str("secrets_write"),
            Self::VariablesRead => f.write_str("variables_read"),
            Self::VariablesWrite => f.write_str("variables_write"),
            Self::EnvironmentsWrite => f.write_str("environments_write"),
            Self::NoWorkflowRight => f.write_str("no_workflow_right"),
            Self::WebhookRegistered => f.write_str("webhook_registered"),
            Self::LabelsMade => f.write_str("labels_made"),
        }
    }
}
impl ::std::str::FromStr for CheckName {
    type Err = self::error::ConversionError;
    fn from_str(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        match value {
            "admin_role" => Ok(Self::AdminRole),
            "metadata_read" => Ok(Self::MetadataRead),
            "contents_read" => Ok(Self::ContentsRead),
            "contents_write" => Ok(Self::ContentsWrite),
            "issues_write" => Ok(Self::IssuesWrite),
            "pull_requests_write" => Ok(Self::PullRequestsWrite),
            "webhooks_read" => Ok(Self::WebhooksRead),
            "webhooks_write" => Ok(Self::WebhooksWrite),
            "actions_read" => Ok(Self::ActionsRead),
            "secrets_read" => Ok(Self::SecretsRead),
            "secrets_write" => Ok(Self::SecretsWrite),
            "variables_read" => Ok(Self::VariablesRead),
            "variables_write" => Ok(Self::VariablesWrite),
            "environments_write" => Ok(Self::EnvironmentsWrite),
            "no_workflow_right" => Ok(Self::NoWorkflowRight),
            "webhook_registered" => Ok(Self::WebhookRegistered),
            "labels_made" => Ok(Self::LabelsMade),
            _ => Err("invalid value".into()),
        }
    }
}
impl ::std::convert::TryFrom<&str> for CheckName {
    type Error = self::error::ConversionError;
    fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<&::std::string::String> for CheckName {
    type Error = self::error::ConversionError;
    fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<::std::string::String> for CheckName {
    type Error = self::error::ConversionError;
    fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
///`CheckState`
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
pub enum CheckState {
    #[serde(rename = "ok")]
    Ok,
    #[serde(rename = "failed")]
    Failed,
    #[serde(rename = "warning")]
    Warning,
    #[serde(rename = "unchecked")]
    Unchecked,
}
impl ::std::fmt::Display for CheckState {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        match *self {
            Self::Ok => f.write_str("ok"),
            Self::Failed => f.write_str("failed"),
            Self::Warning => f.write_str("warning"),
            Self::Unchecked => f.write_str("unchecked"),
        }
    }
}
impl ::std::str::FromStr for CheckState {
    type Err = self::error::ConversionError;
    fn from_str(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        match value {
            "ok" => Ok(Self::Ok),
            "failed" => Ok(Self::Failed),
            "warning" => Ok(Self::Warning),
            "unchecked" => Ok(Self::Unchecked),
            _ => Err("invalid value".into()),
        }
    }
}
impl ::std::convert::TryFrom<&str> for CheckState {
    type Error = self::error::ConversionError;
    fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<&::std::string::String> for CheckState {
    type Error = self::error::ConversionError;
    fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<::std::string::String> for CheckState {
    type Error = self::error::ConversionError;
    fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
///accepted: a run started; effected: an active run was touched; ignored: see the reason
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
pub enum Decision {
    #[serde(rename = "accepted")]
    Accepted,
    #[serde(rename = "ignored")]
    Ignored,
    #[serde(rename = "effected")]
    Effected,
}
impl ::std::fmt::Display for Decision {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        match *self {
            Self::Accepted => f.write_str("accepted"),
            Self::Ignored => f.write_str("ignored"),
            Self::Effected => f.write_str("effected"),
        }
    }
}
impl ::std::str::FromStr for Decision {
    type Err = self::error::ConversionError;
    fn from_str(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        match value {
            "accepted" => Ok(Self::Accepted),
            "ignored" => Ok(Self::Ignored),
            "effected" => Ok(Self::Effected),
            _ => Err("invalid value".into()),
        }
    }
}
impl ::std::convert::TryFrom<&str> for Decision {
    type Error = self::error::ConversionError;
    fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<&::std::string::String> for Decision {
    type Error = self::error::ConversionError;
    fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<::std::string::String> for Decision {
    type Error = self::error::ConversionError;
    fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
///`Delivery`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct Delivery {
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub action: ::std::option::Option<::std::string::String>,
    pub decision: Decision,
    pub delivery_guid: ::std::string::String,
    ///How often it came again
    pub duplicates: i64,
    pub event: ::std::string::String,
    pub id: ::uuid::Uuid,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub label: ::std::option::Option<::std::string::String>,
    ///Stable code
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub reason: ::std::option::Option<::std::string::String>,
    pub received_at: ::chrono::DateTime<::chrono::offset::Utc>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub repository_full_name: ::std::option::Option<::std::string::String>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub run_id: ::std::option::Option<::uuid::Uuid>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub sender_login: ::std::option::Option<::std::string::String>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub subject_number: ::std::option::Option<i64>,
}
///`DeliveryDetail`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct DeliveryDetail {
    pub delivery: Delivery,
    pub payload: ::serde_json::Map<::std::string::String, ::serde_json::Value>,
}
///`DeliveryPage`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct DeliveryPage {
    pub items: ::std::vec::Vec<Delivery>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub next_cursor: ::std::option::Option<::std::string::String>,
}
///`DeliveryReceipt`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct DeliveryReceipt {
    ///GitHub's id of the delivery
    pub delivery_id: ::std::string::String,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub reason: ::std::option::Option<::std::string::String>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub run_id: ::std::option::Option<::uuid::Uuid>,
    pub status: DeliveryReceiptStatus,
}
///`DeliveryReceiptStatus`
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
pub enum DeliveryReceiptStatus {
    #[serde(rename = "accepted")]
    Accepted,
    #[serde(rename = "duplicate")]
    Duplicate,
    #[serde(rename = "ignored")]
    Ignored,
}
impl ::std::fmt::Display for DeliveryReceiptStatus {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        match *self {
            Self::Accepted => f.write_str("accepted"),
            Self::Duplicate => f.write_str("duplicate"),
            Self::Ignored => f.write_str("ignored"),
        }
    }
}
impl ::std::str::FromStr for DeliveryReceiptStatus {
    type Err = self::error::ConversionError;
    fn from_str(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        match value {
            "accepted" => Ok(Self::Accepted),
            "duplicate" => Ok(Self::Duplicate),
            "ignored" => Ok(Self::Ignored),
            _ => Err("invalid value".into()),
        }
    }
}
impl ::std::convert::TryFrom<&str> for DeliveryReceiptStatus {
    type Error = self::error::ConversionError;
    fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<&::std::string::String> for DeliveryReceiptStatus {
    type Error = self::error::ConversionError;
    fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<::std::string::String> for DeliveryReceiptStatus {
    type Error = self::error::ConversionError;
    fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
///`EgressGrant`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct EgressGrant {
    pub created_at: ::chrono::DateTime<::chrono::offset::Utc>,
    pub created_by: ::std::string::String,
    pub host: ::std::string::String,
    pub id: ::uuid::Uuid,
    pub note: ::std::string::String,
}
///`EgressGrantList`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct EgressGrantList {
    pub items: ::std::vec::Vec<EgressGrant>,
}
///`FieldProblem`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct FieldProblem {
    ///JSON pointer into the body, or `query.name`, `header.name`, `path.name`
    pub field: ::std::string::String,
    ///What is wrong and what is expected
    pub message: ::std::string::String,
}
///`FlowEvent`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct FlowEvent {
    ///user:<login>, system:<part> or agent
    pub actor: ::std::string::String,
    pub at: ::chrono::DateTime<::chrono::offset::Utc>,
    pub data: ::serde_json::Map<::std::string::String, ::serde_json::Value>,
    ///Stable code, for example run.created, run.claimed, namespace.ready, job.created, pod.running, agent.started, branch.pushed, pr.opened, run.finished, egress.refused, git.refused, model.refused
    pub kind: ::std::string::String,
    pub seq: i64,
}
///`FlowEventList`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct FlowEventList {
    pub items: ::std::vec::Vec<FlowEvent>,
}
///`Locale`
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
pub enum Locale {
    #[serde(rename = "en")]
    En,
    #[serde(rename = "ru")]
    Ru,
}
impl ::std::fmt::Display for Locale {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        match *self {
            Self::En => f.write_str("en"),
            Self::Ru => f.write_str("ru"),
        }
    }
}
impl ::std::str::FromStr for Locale {
    type Err = self::error::ConversionError;
    fn from_str(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        match value {
            "en" => Ok(Self::En),
            "ru" => Ok(Self::Ru),
            _ => Err("invalid value".into()),
        }
    }
}
impl ::std::convert::TryFrom<&str> for Locale {
    type Error = self::error::ConversionError;
    fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<&::std::string::String> for Locale {
    type Error = self::error::ConversionError;
    fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<::std::string::String> for Locale {
    type Error = self::error::ConversionError;
    fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
///`Me`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct Me {
    pub email: ::std::string::String,
    pub id: ::uuid::Uuid,
    pub login: ::std::string::String,
    ///Platform-wide rights
    pub may: ::std::vec::Vec<MeMayItem>,
    pub name: ::std::string::String,
    pub platform_role: PlatformRole,
}
///`MeMayItem`
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
pub enum MeMayItem {
    #[serde(rename = "manage_users")]
    ManageUsers,
    #[serde(rename = "create_projects")]
    CreateProjects,
    #[serde(rename = "delete_projects")]
    DeleteProjects,
}
impl ::std::fmt::Display for MeMayItem {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        match *self {
            Self::ManageUsers => f.write_str("manage_users"),
            Self::CreateProjects => f.write_str("create_projects"),
            Self::DeleteProjects => f.write_str("delete_projects"),
        }
    }
}
impl ::std::str::FromStr for MeMayItem {
    type Err = self::error::ConversionError;
    fn from_str(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        match value {
            "manage_users" => Ok(Self::ManageUsers),
            "create_projects" => Ok(Self::CreateProjects),
            "delete_projects" => Ok(Self::DeleteProjects),
            _ => Err("invalid value".into()),
        }
    }
}
impl ::std::convert::TryFrom<&str> for MeMayItem {
    type Error = self::error::ConversionError;
    fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<&::std::string::String> for MeMayItem {
    type Error = self::error::ConversionError;
    fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<::std::string::String> for MeMayItem {
    type Error = self::error::ConversionError;
    fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
///`Member`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct Member {
    pub role: ProjectRole,
    pub user: User,
}
///`MemberChange`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct MemberChange {
    pub role: ProjectRole,
}
///`MemberList`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct MemberList {
    pub items: ::std::vec::Vec<Member>,
}
///`NewEgressGrant`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct NewEgressGrant {
    ///A host name in lower case; no address, no wildcard, no port
    pub host: ::std::string::String,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub note: ::std::option::Option<::std::string::String>,
}
///`NewProject`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub locale: ::std::option::Option<Locale>,
    pub name: ::std::string::String,
    ///2 to 30 of a-z, 0-9 and dashes; part of namespace names
    pub slug: ::std::string::String,
}
///`NewRepository`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct NewRepository {
    ///owner/name
    pub full_name: ::std::string::String,
    ///Fine-grained token of the platform's bot account
    pub token: crate::Secret,
}
///`NewUser`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    pub email: ::std::string::String,
    ///Numeric account id; else bound at the first sign-in
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub github_id: ::std::option::Option<i64>,
    #[serde(default = "defaults::new_user_platform_role")]
    pub platform_role: NewUserPlatformRole,
}
///`NewUserPlatformRole`
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
pub enum NewUserPlatformRole {
    #[serde(rename = "admin")]
    Admin,
    #[serde(rename = "member")]
    Member,
}
impl ::std::fmt::Display for NewUserPlatformRole {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        match *self {
            Self::Admin => f.write_str("admin"),
            Self::Member => f.write_str("member"),
        }
    }
}
impl ::std::str::FromStr for NewUserPlatformRole {
    type Err = self::error::ConversionError;
    fn from_str(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        match value {
            "admin" => Ok(Self::Admin),
            "member" => Ok(Self::Member),
            _ => Err("invalid value".into()),
        }
    }
}
impl ::std::convert::TryFrom<&str> for NewUserPlatformRole {
    type Error = self::error::ConversionError;
    fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<&::std::string::String> for NewUserPlatformRole {
    type Error = self::error::ConversionError;
    fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<::std::string::String> for NewUserPlatformRole {
    type Error = self::error::ConversionError;
    fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::default::Default for NewUserPlatformRole {
    fn default() -> Self {
        NewUserPlatformRole::Member
    }
}
///`PlatformRole`
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
pub enum PlatformRole {
    #[serde(rename = "owner")]
    Owner,
    #[serde(rename = "admin")]
    Admin,
    #[serde(rename = "member")]
    Member,
}
impl ::std::fmt::Display for PlatformRole {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        match *self {
            Self::Owner => f.write_str("owner"),
            Self::Admin => f.write_str("admin"),
            Self::Member => f.write_str("member"),
        }
    }
}
impl ::std::str::FromStr for PlatformRole {
    type Err = self::error::ConversionError;
    fn from_str(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        match value {
            "owner" => Ok(Self::Owner),
            "admin" => Ok(Self::Admin),
            "member" => Ok(Self::Member),
            _ => Err("invalid value".into()),
        }
    }
}
impl ::std::convert::TryFrom<&str> for PlatformRole {
    type Error = self::error::ConversionError;
    fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<&::std::string::String> for PlatformRole {
    type Error = self::error::ConversionError;
    fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<::std::string::String> for PlatformRole {
    type Error = self::error::ConversionError;
    fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
///RFC 9457 problem document.
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct Problem {
    ///Stable; clients branch on it
    pub code: ::std::string::String,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub correlation_id: ::std::option::Option<::std::string::String>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub detail: ::std::option::Option<::std::string::String>,
    #[serde(default, skip_serializing_if = "::std::vec::Vec::is_empty")]
    pub fields: ::std::vec::Vec<FieldProblem>,
    pub status: i32,
    pub title: ::std::string::String,
    #[serde(rename = "type")]
    pub type_: ::std::string::String,
}
///`Project`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct Project {
    pub active_runs: i64,
    pub created_at: ::chrono::DateTime<::chrono::offset::Utc>,
    pub id: ::uuid::Uuid,
    pub locale: Locale,
    ///Model that agents use unless a label says otherwise
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub model: ::std::option::Option<::std::string::String>,
    pub my_role: ProjectRole,
    pub name: ::std::string::String,
    pub repositories: i64,
    pub slug: ::std::string::String,
    ///For `If-Match`
    pub version: i64,
}
///`ProjectChange`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ProjectChange {
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub locale: ::std::option::Option<Locale>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub model: ::std::option::Option<::std::string::String>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub name: ::std::option::Option<::std::string::String>,
}
impl ::std::default::Default for ProjectChange {
    fn default() -> Self {
        Self { locale: Default::default(), model: Default::default(), name: Default::default() }
    }
}
///`ProjectPage`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct ProjectPage {
    pub items: ::std::vec::Vec<Project>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub next_cursor: ::std::option::Option<::std::string::String>,
}
///`ProjectRole`
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
pub enum ProjectRole {
    #[serde(rename = "admin")]
    Admin,
    #[serde(rename = "read_write")]
    ReadWrite,
    #[serde(rename = "read")]
    Read,
}
impl ::std::fmt::Display for ProjectRole {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        match *self {
            Self::Admin => f.write_str("admin"),
            Self::ReadWrite => f.write_str("read_write"),
            Self::Read => f.write_str("read"),
        }
    }
}
impl ::std::str::FromStr for ProjectRole {
    type Err = self::error::ConversionError;
    fn from_str(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        match value {
            "admin" => Ok(Self::Admin),
            "read_write" => Ok(Self::ReadWrite),
            "read" => Ok(Self::Read),
            _ => Err("invalid value".into()),
        }
    }
}
impl ::std::convert::TryFrom<&str> for ProjectRole {
    type Error = self::error::ConversionError;
    fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<&::std::string::String> for ProjectRole {
    type Error = self::error::ConversionError;
    fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<::std::string::String> for ProjectRole {
    type Error = self::error::ConversionError;
    fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
///`Repository`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct Repository {
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub bot_login: ::std::option::Option<::std::string::String>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub checked_at: ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
    pub checks: ::std::vec::Vec<Check>,
    pub connected_at: ::chrono::DateTime<::chrono::offset::Utc>,
    pub default_branch: ::std::string::String,
    pub full_name: ::std::string::String,
    pub id: ::uuid::Uuid,
    pub project_id: ::uuid::Uuid,
    pub state: RepositoryState,
    pub web_url: ::std::string::String,
}
///`RepositoryList`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct RepositoryList {
    pub items: ::std::vec::Vec<Repository>,
}
///`RepositoryState`
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
pub enum RepositoryState {
    #[serde(rename = "connected")]
    Connected,
    #[serde(rename = "broken")]
    Broken,
    #[serde(rename = "disconnected")]
    Disconnected,
}
impl ::std::fmt::Display for RepositoryState {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        match *self {
            Self::Connected => f.write_str("connected"),
            Self::Broken => f.write_str("broken"),
            Self::Disconnected => f.write_str("disconnected"),
        }
    }
}
impl ::std::str::FromStr for RepositoryState {
    type Err = self::error::ConversionError;
    fn from_str(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        match value {
            "connected" => Ok(Self::Connected),
            "broken" => Ok(Self::Broken),
            "disconnected" => Ok(Self::Disconnected),
            _ => Err("invalid value".into()),
        }
    }
}
impl ::std::convert::TryFrom<&str> for RepositoryState {
    type Error = self::error::ConversionError;
    fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<&::std::string::String> for RepositoryState {
    type Error = self::error::ConversionError;
    fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<::std::string::String> for RepositoryState {
    type Error = self::error::ConversionError;
    fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
///`Run`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct Run {
    ///Launches that failed
    pub attempts: i32,
    pub branch: ::std::string::String,
    pub cancel_requested: bool,
    pub created_at: ::chrono::DateTime<::chrono::offset::Utc>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub deadline_at: ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub effort: ::std::option::Option<::std::string::String>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub finished_at: ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
    pub id: ::uuid::Uuid,
    ///What the agent last said it was doing
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub last_words: ::std::option::Option<::std::string::String>,
    ///Jobs made so far
    pub launch: i32,
    pub may_cancel: bool,
    pub model: ::std::string::String,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub namespace: ::std::option::Option<::std::string::String>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub namespace_expires_at: ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub pr_number: ::std::option::Option<i64>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub pr_url: ::std::option::Option<::std::string::String>,
    pub project_id: ::uuid::Uuid,
    pub project_slug: ::std::string::String,
    ///Stable code of why it ended or waits
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub reason: ::std::option::Option<::std::string::String>,
    ///What was seen
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub reason_detail: ::std::option::Option<::std::string::String>,
    pub repository_full_name: ::std::string::String,
    pub repository_id: ::uuid::Uuid,
    pub role: ::std::string::String,
    pub stage: ::std::string::String,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub started_at: ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
    ///GitHub login
    pub started_by: ::std::string::String,
    pub status: RunStatus,
    pub subject_number: i64,
    pub subject_title: ::std::string::String,
    pub subject_url: ::std::string::String,
    ///What came out
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub summary: ::std::option::Option<::std::string::String>,
    pub usage: TokenUsage,
    ///Grows with every change; an older copy never replaces a newer one
    pub version: i64,
}
///`RunEvent`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct RunEvent {
    pub at: ::chrono::DateTime<::chrono::offset::Utc>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub exit_code: ::std::option::Option<i32>,
    ///Ties a command to its output and its end
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub item: ::std::option::Option<::std::string::String>,
    pub kind: RunEventKind,
    ///Grows along the whole run
    pub position: i64,
    ///May hold ANSI sequences
    pub text: ::std::string::String,
}
///`RunEventKind`
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
pub enum RunEventKind {
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
impl ::std::fmt::Display for RunEventKind {
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
impl ::std::str::FromStr for RunEventKind {
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
impl ::std::convert::TryFrom<&str> for RunEventKind {
    type Error = self::error::ConversionError;
    fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<&::std::string::String> for RunEventKind {
    type Error = self::error::ConversionError;
    fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<::std::string::String> for RunEventKind {
    type Error = self::error::ConversionError;
    fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
///`RunEventPage`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct RunEventPage {
    pub items: ::std::vec::Vec<RunEvent>,
    pub more: bool,
}
///`RunPage`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct RunPage {
    pub items: ::std::vec::Vec<Run>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub next_cursor: ::std::option::Option<::std::string::String>,
}
///`RunStatus`
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
pub enum RunStatus {
    #[serde(rename = "pending")]
    Pending,
    #[serde(rename = "running")]
    Running,
    #[serde(rename = "waiting_mcp")]
    WaitingMcp,
    #[serde(rename = "waiting_owner_review")]
    WaitingOwnerReview,
    #[serde(rename = "waiting_backpressure")]
    WaitingBackpressure,
    #[serde(rename = "succeeded")]
    Succeeded,
    #[serde(rename = "failed")]
    Failed,
    #[serde(rename = "timed_out")]
    TimedOut,
    #[serde(rename = "cancelled")]
    Cancelled,
}
impl ::std::fmt::Display for RunStatus {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        match *self {
            Self::Pending => f.write_str("pending"),
            Self::Running => f.write_str("running"),
            Self::WaitingMcp => f.write_str("waiting_mcp"),
            Self::WaitingOwnerReview => f.write_str("waiting_owner_review"),
            Self::WaitingBackpressure => f.write_str("waiting_backpressure"),
            Self::Succeeded => f.write_str("succeeded"),
            Self::Failed => f.write_str("failed"),
            Self::TimedOut => f.write_str("timed_out"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}
impl ::std::str::FromStr for RunStatus {
    type Err = self::error::ConversionError;
    fn from_str(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        match value {
            "pending" => Ok(Self::Pending),
            "running" => Ok(Self::Running),
            "waiting_mcp" => Ok(Self::WaitingMcp),
            "waiting_owner_review" => Ok(Self::WaitingOwnerReview),
            "waiting_backpressure" => Ok(Self::WaitingBackpressure),
            "succeeded" => Ok(Self::Succeeded),
            "failed" => Ok(Self::Failed),
            "timed_out" => Ok(Self::TimedOut),
            "cancelled" => Ok(Self::Cancelled),
            _ => Err("invalid value".into()),
        }
    }
}
impl ::std::convert::TryFrom<&str> for RunStatus {
    type Error = self::error::ConversionError;
    fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<&::std::string::String> for RunStatus {
    type Error = self::error::ConversionError;
    fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<::std::string::String> for RunStatus {
    type Error = self::error::ConversionError;
    fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
///`TokenUsage`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct TokenUsage {
    pub cached_input_tokens: i64,
    pub calls: i64,
    pub input_tokens: i64,
    pub output_tokens: i64,
}
///`User`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct User {
    pub created_at: ::chrono::DateTime<::chrono::offset::Utc>,
    pub email: ::std::string::String,
    pub id: ::uuid::Uuid,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub last_seen_at: ::std::option::Option<::chrono::DateTime<::chrono::offset::Utc>>,
    ///Known after the first sign-in
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub login: ::std::option::Option<::std::string::String>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub name: ::std::option::Option<::std::string::String>,
    pub platform_role: PlatformRole,
}
///`UserPage`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct UserPage {
    pub items: ::std::vec::Vec<User>,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub next_cursor: ::std::option::Option<::std::string::String>,
}
/// Generation of default values for serde.
pub mod defaults {
    pub(super) fn new_user_platform_role() -> super::NewUserPlatformRole {
        super::NewUserPlatformRole::Member
    }
}
