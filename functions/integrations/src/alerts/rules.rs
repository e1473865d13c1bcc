use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::alert::AlertSetup;
use gatehouse::domain::{Error, IntegrationId};
use gatehouse::http::{ApiError, IfMatch, Json, PathId, etag};

use super::bodies::{IntegrationRulesChange, RulesChange, RulesView, wrong_rules};
use crate::State;
use crate::access::refuse;
use crate::integrations::find as find_integration;

/// The rules that hold for the organization.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    let setup = state.store.alert_setup(caller.organization_id).await?.item;
    Ok((etag(setup.rules_version), Json(RulesView::of(&setup, None))))
}

/// Has all rules as the body says, and the others as the defaults are.
pub(crate) async fn replace(
    Shared(state): Shared<State>,
    caller: Caller,
    IfMatch(expected): IfMatch,
    Json(body): Json<RulesChange>,
) -> Result<impl IntoResponse, ApiError> {
    body.check()?;
    let changed = state.alerts.change_setup(caller.organization_id, |setup| {
        if setup.rules_version != expected {
            return Err(Error::PreconditionFailed);
        }
        setup.rules_version += 1;
        setup.rules.clone_from(&body.rules);
        let default = AlertSetup::DEFAULT_GROUP_SECONDS;
        setup.group_seconds = body.group_seconds.unwrap_or(default);
        Ok(())
    });
    let ((), setup) = changed.await?;
    Ok((etag(setup.rules_version), Json(RulesView::of(&setup, None))))
}

/// The rules that hold for an integration.
pub(crate) async fn read_of(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<IntegrationId>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    find_integration(&state, organization, id).await?;
    let setup = state.store.alert_setup(organization).await?.item;
    let book = state.store.alert_book(organization, id).await?.item;
    let view = RulesView::of(&setup, Some(&book.changes));
    Ok((etag(book.changes_version), Json(view)))
}

/// Has the rules of an integration as the body says, and the others as its organization has them.
pub(crate) async fn replace_of(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<IntegrationId>,
    IfMatch(expected): IfMatch,
    Json(body): Json<IntegrationRulesChange>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    find_integration(&state, organization, id).await?;
    let setup = state.store.alert_setup(organization).await?.item;
    refuse(wrong_rules(&setup.rules, &body.rules))?;
    let owner = (organization, id);
    let book = state.alerts.change_rules(owner, &body.rules, expected);
    let book = book.await?;
    let view = RulesView::of(&setup, Some(&book.changes));
    Ok((etag(book.changes_version), Json(view)))
}
