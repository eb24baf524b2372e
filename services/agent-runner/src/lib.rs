//! The program in an agent's pod: proves that the pod has no way out but the gateway, clones through it, lets codex
//! work, streams what happens, keeps the session, pushes and reports. It decides nothing about the workflow and has no
//! credential but the run's token, which it keeps to itself (see [`relay`]).

pub mod agent_env;
pub mod api;
pub mod beat;
pub mod checkout;
pub mod children;
pub mod codex;
pub mod codex_config;
pub mod config;
pub mod egress;
pub mod events;
pub mod exit;
pub mod feed;
pub mod git;
pub mod keeper;
pub mod lines;
pub mod publish;
pub mod redact;
pub mod relay;
pub mod report;
pub mod resume;
pub mod run;
pub mod session;
pub mod stop;
pub mod work;
pub mod worktree;
