//! Wire types of `openapi/internal.yaml`, written by `cargo xtask codegen`; edit the document, not this file.

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
///`BrokerEvent`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct BrokerEvent {
    pub data: ::serde_json::Map<::std::string::String, ::serde_json::Value>,
    pub event_id: ::uuid::Uuid,
    pub kind: BrokerEventKind,
}
///`BrokerEventKind`
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
pub enum BrokerEventKind {
    #[serde(rename = "egress.refused")]
    EgressRefused,
    #[serde(rename = "egress.opened")]
    EgressOpened,
    #[serde(rename = "git.refused")]
    GitRefused,
    #[serde(rename = "git.pushed")]
    GitPushed,
    #[serde(rename = "model.refused")]
    ModelRefused,
}
impl ::std::fmt::Display for BrokerEventKind {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        match *self {
            Self::EgressRefused => f.write_str("egress.refused"),
            Self::EgressOpened => f.write_str("egress.opened"),
            Self::GitRefused => f.write_str("git.refused"),
            Self::GitPushed => f.write_str("git.pushed"),
            Self::ModelRefused => f.write_str("model.refused"),
        }
    }
}
impl ::std::str::FromStr for BrokerEventKind {
    type Err = self::error::ConversionError;
    fn from_str(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        match value {
            "egress.refused" => Ok(Self::EgressRefused),
            "egress.opened" => Ok(Self::EgressOpened),
            "git.refused" => Ok(Self::GitRefused),
            "git.pushed" => Ok(Self::GitPushed),
            "model.refused" => Ok(Self::ModelRefused),
            _ => Err("invalid value".into()),
        }
    }
}
impl ::std::convert::TryFrom<&str> for BrokerEventKind {
    type Error = self::error::ConversionError;
    fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<&::std::string::String> for BrokerEventKind {
    type Error = self::error::ConversionError;
    fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<::std::string::String> for BrokerEventKind {
    type Error = self::error::ConversionError;
    fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
///`ForgeCredential`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct ForgeCredential {
    pub git_url: ::std::string::String,
    pub token: crate::Secret,
    pub username: ::std::string::String,
}
///`ModelCall`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ModelCall {
    pub cached_input_tokens: i64,
    ///Made by the gateway; recorded once
    pub call_id: ::uuid::Uuid,
    ///The upstream said nothing
    pub estimated: bool,
    pub input_tokens: i64,
    pub model: ::std::string::String,
    pub output_tokens: i64,
}
///`RunGrant`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct RunGrant {
    pub base_branch: ::std::string::String,
    pub branch: ::std::string::String,
    pub egress_hosts: ::std::vec::Vec<::std::string::String>,
    pub expires_at: ::chrono::DateTime<::chrono::offset::Utc>,
    pub launch: i32,
    pub models: ::std::vec::Vec<::std::string::String>,
    ///owner/name
    pub repository: ::std::string::String,
    pub run_id: ::uuid::Uuid,
    ///saving: only session, events, beat and result
    pub serves: RunGrantServes,
}
///saving: only session, events, beat and result
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
pub enum RunGrantServes {
    #[serde(rename = "all")]
    All,
    #[serde(rename = "saving")]
    Saving,
}
impl ::std::fmt::Display for RunGrantServes {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        match *self {
            Self::All => f.write_str("all"),
            Self::Saving => f.write_str("saving"),
        }
    }
}
impl ::std::str::FromStr for RunGrantServes {
    type Err = self::error::ConversionError;
    fn from_str(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        match value {
            "all" => Ok(Self::All),
            "saving" => Ok(Self::Saving),
            _ => Err("invalid value".into()),
        }
    }
}
impl ::std::convert::TryFrom<&str> for RunGrantServes {
    type Error = self::error::ConversionError;
    fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<&::std::string::String> for RunGrantServes {
    type Error = self::error::ConversionError;
    fn try_from(value: &::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
impl ::std::convert::TryFrom<::std::string::String> for RunGrantServes {
    type Error = self::error::ConversionError;
    fn try_from(value: ::std::string::String) -> ::std::result::Result<Self, self::error::ConversionError> {
        value.parse()
    }
}
///`RunTokenSecret`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct RunTokenSecret {
    pub token: crate::Secret,
}
///`Session`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct Session {
    pub expires_at: ::chrono::DateTime<::chrono::offset::Utc>,
    ///For the cookie; stored hashed
    pub secret: crate::Secret,
    pub session_id: ::uuid::Uuid,
    pub user_id: ::uuid::Uuid,
}
///`SessionRef`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
pub struct SessionRef {
    pub session_id: ::uuid::Uuid,
    pub user_id: ::uuid::Uuid,
}
///`SessionSecret`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct SessionSecret {
    pub secret: crate::Secret,
}
///`SignIn`
#[derive(::serde::Deserialize, ::serde::Serialize, ::utoipa::ToSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    ///The primary verified one
    pub email: ::std::string::String,
    pub github_id: i64,
    pub login: ::std::string::String,
    #[serde(default, skip_serializing_if = "::std::option::Option::is_none")]
    pub name: ::std::option::Option<::std::string::String>,
}
