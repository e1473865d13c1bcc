//! The description of this part of the API.

use gatehouse::domain::rotation::RotationPolicy;
use gatehouse::operations;
use utoipa::OpenApi;

use super::bodies::{RotateRequest, RotationPlanView, RotationView};
use super::data_keys::DataKeyView;
use super::emergency_bodies::{EmergencyReportView, EmergencyView, NewEmergency};
use crate::bodies::ListOf;

operations! {
    rotate_credentials: post "/portal/integrations/{integrationId}/credentials/rotate", tag = "rotations",
        summary = "Replace an integration's credentials; a rotation that is active is the answer. With `credentials`, these are tested and taken into use; with `emergency`, the old ones get no grace",
        params(("integrationId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        body = Option<RotateRequest>, 202 => RotationView;
    list_rotations: get "/portal/integrations/{integrationId}/rotations", tag = "rotations",
        summary = "List rotations, newest first",
        params(("integrationId" = String, Path), ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
        200 => ListOf<RotationView>;
    get_rotation: get "/portal/integrations/{integrationId}/rotations/{rotationId}", tag = "rotations",
        summary = "Read a rotation: its step, and what a person has to do",
        params(("integrationId" = String, Path), ("rotationId" = String, Path)), 200 => RotationView;
    cancel_rotation: post "/portal/integrations/{integrationId}/rotations/{rotationId}/cancel", tag = "rotations",
        summary = "End a rotation whose new credentials are not in use yet; what was made for it is deleted",
        params(("integrationId" = String, Path), ("rotationId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        200 => RotationView;
    clean_up_rotation: post "/portal/integrations/{integrationId}/rotations/{rotationId}/cleaned-up", tag = "rotations",
        summary = "Say that what a rotation has left at the provider is cleaned up",
        params(("integrationId" = String, Path), ("rotationId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
        200 => RotationView;
    pause_rotations: post "/portal/integrations/{integrationId}/rotations/pause", tag = "rotations",
        summary = "Hold back everything but emergencies; an active rotation stays where it is, its old credentials valid",
        params(("integrationId" = String, Path), ("Idempotency-Key" = Option<String>, Header)), 200 => RotationPlanView;
    resume_rotations: post "/portal/integrations/{integrationId}/rotations/resume", tag = "rotations",
        summary = "Let rotations go on",
        params(("integrationId" = String, Path), ("Idempotency-Key" = Option<String>, Header)), 200 => RotationPlanView;
    get_rotation_policy: get "/portal/integrations/{integrationId}/rotation-policy", tag = "rotations",
        summary = "See when credentials are replaced", params(("integrationId" = String, Path)), 200 => RotationPlanView;
    set_rotation_policy: put "/portal/integrations/{integrationId}/rotation-policy", tag = "rotations",
        summary = "Say when credentials are replaced by themselves; never, if the body says no day",
        params(("integrationId" = String, Path), ("If-Match" = Option<String>, Header)),
        body = RotationPolicy, 200 => RotationPlanView;
    get_data_keys: get "/portal/data-keys", tag = "rotations",
        summary = "See which data key the organization's data is sealed under, and how far older data is sealed anew",
        200 => DataKeyView;
    rotate_data_key: post "/portal/data-keys/rotate", tag = "rotations",
        summary = "Replace the organization's data key; what never expires is sealed anew in the background",
        params(("Idempotency-Key" = Option<String>, Header)), 202 => DataKeyView;
    start_emergency: post "/portal/rotations/emergency", tag = "rotations",
        summary = "Replace the credentials of one integration, of all of a provider, or of all, at once and without grace",
        params(("Idempotency-Key" = Option<String>, Header)), body = NewEmergency, 202 => EmergencyView;
    list_emergencies: get "/portal/rotations/emergency", tag = "rotations",
        summary = "List such emergencies, newest first",
        params(("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)), 200 => ListOf<EmergencyView>;
    get_emergency: get "/portal/rotations/emergency/{emergencyId}", tag = "rotations",
        summary = "See how far an emergency has come, and what has come of it for each integration",
        params(("emergencyId" = String, Path), ("limit" = Option<u16>, Query), ("cursor" = Option<String>, Query)),
        200 => EmergencyReportView;
}

/// The description of this part.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
