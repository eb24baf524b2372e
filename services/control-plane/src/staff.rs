//! What people do in the console. Each handler reads like a sentence: who asks, what they may, what is done.

mod agents;
mod approvals;
mod channels;
mod checks;
mod conversation;
mod deliveries;
mod egress_grants;
mod egress_requests;
mod environments;
mod integration_requests;
mod integrations;
mod let_ins;
mod members;
mod modes;
mod next_steps;
mod notifications;
mod permit;
mod projects;
mod prompts;
mod repositories;
mod requests;
mod runs;
mod streams;
mod templates;
mod tools;
mod users;
mod views;
mod workflows;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::App;

/// The staff API.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(users::get_me))
        .routes(routes!(users::list_users, users::create_user))
        .routes(routes!(users::delete_user))
        .routes(routes!(projects::list_projects, projects::create_project))
        .routes(routes!(projects::get_project, projects::update_project, projects::delete_project))
        .routes(routes!(members::list_members))
        .routes(routes!(members::set_member, members::remove_member))
        .routes(routes!(repositories::list_repositories, repositories::connect_repository))
        .routes(routes!(repositories::get_repository, repositories::disconnect_repository))
        .routes(routes!(repositories::check_repository))
        .routes(routes!(egress_grants::list_egress_grants, egress_grants::add_egress_grant))
        .routes(routes!(egress_grants::withdraw_egress_grant))
        .routes(routes!(egress_requests::list_egress_requests))
        .routes(routes!(egress_requests::decide_egress))
        .routes(routes!(channels::list_channels, channels::add_channel))
        .routes(routes!(channels::change_channel, channels::remove_channel))
        .routes(routes!(channels::try_channel))
        .merge(integrations::router())
        .merge(integration_requests::router())
        .routes(routes!(environments::list_project_environments, environments::add_project_environment))
        .routes(routes!(environments::change_project_environment, environments::remove_project_environment))
        .routes(routes!(agents::list_agents, agents::write::add_agent))
        .routes(routes!(agents::get_agent, agents::write::remove_agent))
        .routes(routes!(agents::write::change_agent))
        .routes(routes!(agents::write::roll_back_agent))
        .routes(routes!(tools::list_tools))
        .routes(routes!(deliveries::list_deliveries))
        .routes(routes!(deliveries::get_delivery))
        .routes(routes!(runs::list_runs))
        .routes(routes!(runs::list_waits))
        .routes(routes!(approvals::list_approvals))
        .routes(routes!(approvals::get_approval))
        .routes(routes!(approvals::answer_question))
        .routes(routes!(approvals::decide_action))
        .routes(routes!(notifications::list_notifications))
        .routes(routes!(notifications::read_notifications))
        .routes(routes!(notifications::get_notification_choices, notifications::choose_notifications))
        .routes(routes!(streams::stream_runs))
        .routes(routes!(runs::get_run))
        .routes(routes!(runs::cancel_run))
        .routes(routes!(conversation::get_run_conversation))
        .routes(routes!(next_steps::list_next_steps))
        .routes(routes!(next_steps::take_next_step))
        .routes(routes!(runs::get_run_timeline))
        .routes(routes!(runs::list_run_events))
        .routes(routes!(runs::download_run_log))
        .routes(routes!(prompts::get_run_prompt))
        .routes(routes!(let_ins::let_in_words))
        .routes(routes!(let_ins::list_let_ins))
        .routes(routes!(let_ins::withdraw_let_in))
        .routes(routes!(streams::stream_run))
        .routes(routes!(templates::list_prompt_templates, templates::write::create_prompt_template))
        .routes(routes!(templates::get_template_place))
        .routes(routes!(templates::preview::preview_prompt))
        .routes(routes!(templates::get_prompt_template, templates::write::edit_prompt_template))
        .routes(routes!(templates::write::activate_prompt_template))
        .routes(routes!(templates::write::roll_back_prompt_template))
        .routes(routes!(templates::write::archive_prompt_template))
}

#[cfg(test)]
mod tests {
    use contract::{Document, drift};

    #[test]
    fn the_handlers_are_what_the_document_says() {
        let code = super::router().into_openapi();
        assert_eq!(drift::compare(&Document::gateway().unwrap(), &code, &["staff"]), Vec::<String>::new());
    }
}
