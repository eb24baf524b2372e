//! What people run on a checkout: `cargo xtask up`, `down`, `status`, `test`.

mod checks;
mod cli;
mod command;
mod daemon;
mod gates;
mod network;
mod paths;
mod postgres;
mod prerequisites;
mod stack;
mod steps;
mod wheels;

fn main() -> std::process::ExitCode {
    cli::run()
}
